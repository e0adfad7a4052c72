"""Commands without the packages of an extra: Markdown needs none, the others name the extra."""

import subprocess
import sys
from pathlib import Path

import pytest

BLOCKED = ("feedparser", "httpcore", "mammoth", "trafilatura")

_RUN_WITHOUT_PACKAGES = """
import sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(","), None))
from mailer.cli import main
main()
"""

_STORY = "---\ntitle: Open day\nslug: open-day\nsummary: Doors open at nine.\n---\nCome and see.\n"


@pytest.fixture
def office(tmp_path: Path) -> Path:
    assert run_without_packages(tmp_path, "init").returncode == 0
    return tmp_path


def run_without_packages(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _RUN_WITHOUT_PACKAGES, ",".join(BLOCKED), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        input="<h1>Open day</h1><p>Come and see.</p>",
    )


def test_folder_of_markdown_is_polled_without_extra(office: Path) -> None:
    drop = office / "drop"
    drop.mkdir()
    (drop / "open-day.md").write_text(_STORY)
    run_without_packages(office, "source", "add", "drop", "--folder", "drop")
    polled = run_without_packages(office, "source", "poll", "drop")
    assert polled.returncode == 0, polled.stderr


def test_pasted_text_is_imported_without_extra(office: Path) -> None:
    pasted = run_without_packages(office, "article", "paste")
    assert pasted.returncode == 0, pasted.stderr
    assert "open-day" in pasted.stdout


@pytest.mark.parametrize(
    "command",
    [
        "article add report.docx",
        "article fetch https://www.example.org/",
        "source add theirs --feed https://www.example.org/feed.xml",
    ],
)
def test_missing_extra_is_named_with_its_command(office: Path, command: str) -> None:
    from docx import Document

    document = Document()
    document.add_paragraph("The report of the year.")
    document.save(str(office / "report.docx"))
    outcome = run_without_packages(office, *command.split())
    assert "pip install 'pressmail[intake]'" in outcome.stderr
    assert "internal error" not in outcome.stderr
    assert outcome.returncode in {1, 3}
