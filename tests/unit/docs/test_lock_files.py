"""The lock files pin every dependency with the hashes of its files, and name no index."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCK_FILES = ("requirements.lock", "requirements-run.lock")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)")


def read_pins(name: str) -> dict[str, tuple[str, str]]:
    """Return the version of each pinned package, and the rest of its entry."""
    text = (ROOT / name).read_text("utf-8")
    entries = re.split(r"\n(?=\S)", text[text.index("\n", text.rindex("\n#") + 1) + 1 :].strip())
    pins = {}
    for entry in entries:
        match = PIN.match(entry)
        assert match, entry
        pins[normalise_name(match[1])] = match[2], entry[match.end() :]
    return pins


def normalise_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCK_FILES)
def test_lock_file_has_hashes_and_names_no_index(name: str) -> None:
    pins = read_pins(name)
    assert len(pins) > 40
    for package, (_, rest) in pins.items():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", rest), package
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)


def test_lock_files_pin_the_same_versions() -> None:
    all_pins, run_pins = map(read_pins, LOCK_FILES)
    assert {name: all_pins.get(name) for name in run_pins} == run_pins


def test_lock_files_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    run_extras = ("postgresql", "intake", "web", "demo", "build")

    def list_names(lines: list[str]) -> set[str]:
        names = {normalise_name(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in lines}
        return names - {normalise_name(project["name"])}

    run_lines = project["dependencies"] + [line for extra in run_extras for line in extras[extra]]
    assert list_names(run_lines) <= {*read_pins("requirements-run.lock")}
    all_lines = run_lines + [line for lines in extras.values() for line in lines]
    assert list_names(all_lines) <= {*read_pins("requirements.lock")}
