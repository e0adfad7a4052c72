"""Pictures that the articles of a watched folder name by their files."""

import os
import time
from pathlib import Path

import pytest

from mailer import sources
from mailer.app import Mailer
from mailer.intake.source_reader import SourceReader
from mailer.model.sources import SourceKind
from mailer.sources import ImportResult
from tests.actors import STAFF
from tests.integration.intake.factories import add_source, get_source, map_articles

ARTICLE = "---\ntitle: {title}\nimage: {{file: {file}, alt: Boats}}\n---\nFrom Monday.\n"


def write_article(folder: Path, title: str, file: str) -> None:
    path = folder / f"{title}.md"
    path.write_text(ARTICLE.format(title=title, file=file), "utf-8")
    os.utime(path, (time.time() - 100,) * 2)


def poll(mailer: Mailer) -> ImportResult:
    reader = SourceReader(mailer.settings)
    result = sources.poll_source(mailer.store, STAFF, get_source(mailer), reader, mailer.clock)
    assert result is not None
    return result


@pytest.fixture
def folder(mailer: Mailer, tmp_path: Path) -> Path:
    path = tmp_path / "inbox"
    path.mkdir()
    add_source(mailer, str(path), SourceKind.FOLDER)
    return path


def test_file_name_that_leads_nowhere_refuses_its_article_only(
    mailer: Mailer, folder: Path
) -> None:
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    write_article(folder, "Loop", "loop.jpg")
    write_article(folder, "Name", "n" * 300)
    (folder / "Quay.md").write_text("---\ntitle: Quay\n---\nFrom Monday.\n", "utf-8")
    os.utime(folder / "Quay.md", (time.time() - 100,) * 2)
    result = poll(mailer)
    assert set(map_articles(mailer)) == {"quay"}
    assert len(result.problems) == 2
    assert "Loop.md, line 3: 'loop.jpg': the file can't be read" in result.problems[0]
    assert "Name.md, line 3: " in result.problems[1]
    assert not result.has_internal_errors
