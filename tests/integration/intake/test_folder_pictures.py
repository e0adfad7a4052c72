"""Pictures that the articles of a watched folder name by their files."""

import os
import time
import tracemalloc
from pathlib import Path

import pytest

from mailer import articles, sources
from mailer.app import Mailer
from mailer.audience.lists import add_topic
from mailer.intake import picture_files
from mailer.intake import sources as sources_module
from mailer.intake.renditions import make_renditions
from mailer.intake.source_reader import SourceReader
from mailer.model.assets import Rendition
from mailer.model.sources import SourceKind
from mailer.sources import ImportResult
from tests.actors import STAFF
from tests.integration.intake.factories import add_source, get_source, map_articles
from tests.pictures import draw_photo
from tests.unit.intake.word_files import build_word_file, make_paragraph

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


def test_large_pictures_of_a_folder_are_not_held_together(mailer: Mailer, folder: Path) -> None:
    """Memory allocated by Python while 20 pictures of 4 MB are imported."""
    for number in range(20):
        photo = draw_photo(64, 48 + number)
        (folder / f"{number}.jpg").write_bytes(photo + bytes(4_000_000))
        write_article(folder, f"Story {number}", f"{number}.jpg")
    tracemalloc.start()
    try:
        assert str(poll(mailer)) == "20 added"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40_000_000


def test_word_files_beyond_a_total_are_read_one_by_one(
    mailer: Mailer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        path = folder / f"{number}.docx"
        path.write_bytes(build_word_file(make_paragraph(f"Story {number}")))
        os.utime(path, (time.time() - 100,) * 2)
    size = (folder / "0.docx").stat().st_size
    monkeypatch.setattr(sources_module, "MAX_HELD_BYTES", size + 10)
    reader = SourceReader(mailer.settings)
    reading = reader.read_source(get_source(mailer), (), mailer.clock())
    assert [entry.origin for entry in reading.entries] == [str(folder / "0.docx")]
    assert reading.long_files == (str(folder / "1.docx"), str(folder / "2.docx"))
    assert len(poll(mailer).imported) == 3


def make_broken_photo() -> bytes:
    """A photograph whose first bytes are right, and which ends in the middle."""
    return draw_photo()[:2000]


def test_database_can_be_written_while_pictures_are_decoded(
    mailer: Mailer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "boats.jpg").write_bytes(draw_photo(640, 480))
    (folder / "broken.jpg").write_bytes(make_broken_photo())
    write_article(folder, "Boats", "boats.jpg")
    write_article(folder, "Broken", "broken.jpg")
    decoded: list[str] = []

    def decode(content: bytes, media_type: str, suffix: str, where: str) -> list[Rendition]:
        with mailer.store.begin() as tx:  # another connection; SQLite would wait, and fail
            add_topic(tx, STAFF, f"topic-{len(decoded)}", {}, mailer.clock())
        decoded.append(where.rpartition("/")[2])
        return make_renditions(content, media_type, suffix, where)

    monkeypatch.setattr(picture_files, "make_renditions", decode)
    result = poll(mailer)
    assert decoded == ["Boats.md, line 3", "Broken.md, line 3"]
    assert [article.slug for _, article, _ in result.imported] == ["boats"]
    (problem,) = result.problems
    assert "Broken.md, line 3: the picture is broken" in problem
    assert poll(mailer).unchanged == 1
    assert decoded[2:] == ["Broken.md, line 3"], "a stored picture is not decoded again"


def test_picture_of_an_entry_that_is_not_imported_is_not_decoded(
    mailer: Mailer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_article(folder, "Boats", "boats.jpg")
    (folder / "boats.jpg").write_bytes(draw_photo(640, 480))
    poll(mailer)
    with mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, "boats", "en", {"title": "Ships"}, mailer.clock())
    (folder / "boats.jpg").write_bytes(make_broken_photo())
    monkeypatch.setattr(picture_files, "make_renditions", None)
    result = poll(mailer)
    assert (len(result.changed_after_queueing), result.problems) == (1, [])
