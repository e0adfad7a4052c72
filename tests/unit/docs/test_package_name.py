"""The distribution is called pressmail; `mailer` on the package index is another project."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SPEAKING_FILES = sorted(
    file
    for pattern in ("mailer/**/*.py", "docs/**/*.md", "*.md", "config/*", "pyproject.toml")
    for file in ROOT.glob(pattern)
)


def test_distribution_name_is_pressmail() -> None:
    assert PROJECT["name"] == "pressmail"
    assert PROJECT["scripts"] == {"mailer": "mailer.cli:main"}


def test_named_extras_belong_to_pressmail() -> None:
    extras = set(PROJECT["optional-dependencies"])
    mentions = [
        (str(file.relative_to(ROOT)), project, extra)
        for file in SPEAKING_FILES
        for project, names in re.findall(
            r"\b(mailer|pressmail)\[([a-z, ]+)\]", file.read_text("utf-8")
        )
        for extra in names.replace(" ", "").split(",")
    ]
    assert len(mentions) > 10
    assert [m for m in mentions if m[1] != "pressmail" or m[2] not in extras] == []


def test_no_page_installs_the_other_project() -> None:
    texts = {file: file.read_text("utf-8") for file in SPEAKING_FILES}
    assert [file for file, text in texts.items() if re.search(r"install '?mailer\b", text)] == []
