"""Long and hostile files in a watched folder: no other entry waits for them."""

import os
import threading
import time
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from mailer import sources
from mailer.app import Mailer
from mailer.errors import InputError
from mailer.intake import sources as sources_module
from mailer.intake import word_process
from mailer.intake.drafts import DraftDefaults
from mailer.intake.source_reader import SourceReader
from mailer.intake.word_process import WordFileReading
from mailer.log import create_logger
from mailer.model.sources import SourceKind, SourceReading
from mailer.worker.sources import SourcePoller
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.intake.bombs.files import ZIPS
from tests.integration.intake.factories import add_source, get_source, map_articles
from tests.unit.intake.word_files import build_word_file, make_paragraph

DEFAULTS = DraftDefaults(factories.NOW)
GOOD = "---\ntitle: The ferry sails again\n---\nFrom Monday, at eight.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "inbox"
    path.mkdir()
    return path


def write_long_file(path: Path, paragraph_count: int = 2600) -> None:
    """Write a Word file that is long: it has more than 12,000 tags."""
    path.write_bytes(build_word_file(make_paragraph("Some words.") * paragraph_count))


def make_settled(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (time.time() - 100,) * 2, follow_symlinks=False)


def test_good_article_comes_at_once_beside_hostile_files(mailer: Mailer, folder: Path) -> None:
    (folder / "zz-good.md").write_text(GOOD, "utf-8")
    for name in ("a.md", "a.docx"):
        os.mkfifo(folder / name)
        (folder / f"b{name}").symlink_to("/dev/zero")
        with (folder / f"c{name}").open("wb") as file:
            file.truncate(1_000_000_000)
    for number, make_bomb in enumerate(ZIPS.values()):
        (folder / f"d{number}.docx").write_bytes(make_bomb())
    with ZipFile(folder / "e.docx", "w", ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "<w>" * 1_000_000)
    write_long_file(folder / "f.docx")
    make_settled(folder)
    add_source(mailer, str(folder), SourceKind.FOLDER)
    poller = SourcePoller(mailer, create_logger(StringIO()), lambda: True)
    seconds: list[float] = []

    def poll_sources() -> None:
        start = time.thread_time()
        poller.poll_due_sources(threading.Event())
        seconds.append(time.thread_time() - start)

    thread = threading.Thread(target=poll_sources, daemon=True)
    thread.start()
    thread.join(30)
    poller.stop_reading()
    assert seconds, "a file stopped the poll"
    assert "the-ferry-sails-again" in map_articles(mailer)
    assert seconds[0] < 1


def test_long_file_is_imported_after_other_sources(mailer: Mailer, folder: Path) -> None:
    write_long_file(folder / "a-report.docx")
    (folder / "good.md").write_text(GOOD, "utf-8")
    make_settled(folder)
    add_source(mailer, str(folder), SourceKind.FOLDER)
    poller = SourcePoller(mailer, create_logger(StringIO()), lambda: True)
    poller.poll_due_sources(threading.Event())
    assert set(map_articles(mailer)) == {"the-ferry-sails-again"}
    assert get_source(mailer).last_result == "1 added, 1 still being read"
    deadline = time.monotonic() + 60
    while len(map_articles(mailer)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
        poller.poll_due_sources(threading.Event())
    assert len(map_articles(mailer)) == 2
    assert get_source(mailer).last_result.endswith("; read by itself: a-report.docx, 1 added")


def test_poll_that_waits_imports_long_files_too(mailer: Mailer, folder: Path) -> None:
    write_long_file(folder / "a-report.docx")
    make_settled(folder)
    add_source(mailer, str(folder), SourceKind.FOLDER)
    reader = SourceReader(mailer.settings)
    results = [
        sources.poll_source(mailer.store, STAFF, get_source(mailer), reader, mailer.clock)
        for _ in range(2)
    ]
    assert [str(result) for result in results] == ["1 added", "1 unchanged"]


def test_long_file_is_read_alike_in_its_own_process(tmp_path: Path) -> None:
    path = tmp_path / "report.docx"
    write_long_file(path, 5)
    assert WordFileReading(path, DEFAULTS).wait() == sources_module.load_word_file(path, DEFAULTS)
    path.write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(InputError, match="not a zip archive") as refused:
        WordFileReading(path, DEFAULTS).wait()
    assert refused.value.where == str(path)


def test_file_that_takes_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_process, "MAX_WALL_SECONDS", 0.0)
    path = tmp_path / "report.docx"
    write_long_file(path)
    reading = WordFileReading(path, DEFAULTS)
    with pytest.raises(InputError, match="takes more than 20 seconds"):
        reading.wait()
    assert reading._process.returncode is not None


def test_slow_source_holds_up_no_other(
    mailer: Mailer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "good.md").write_text(GOOD, "utf-8")
    make_settled(folder)
    add_source(mailer, "https://slow.example/feed")
    add_source(mailer, str(folder), SourceKind.FOLDER, name="office")
    read_source = SourceReader.read_source
    release = threading.Event()

    def read_slowly(*arguments: Any) -> SourceReading:
        if arguments[1].settings.kind is SourceKind.FEED:
            release.wait(30)
            return SourceReading(unchanged=True)
        return read_source(*arguments)

    monkeypatch.setattr(SourceReader, "read_source", read_slowly)
    poller = SourcePoller(mailer, create_logger(StringIO()), lambda: True)
    stop = threading.Event()
    poller.start_polls(stop)
    deadline = time.monotonic() + 20
    while not map_articles(mailer) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert set(map_articles(mailer)) == {"the-ferry-sails-again"}
    assert len(poller._polls) == 2
    release.set()
    poller.poll_due_sources(stop)


def test_word_file_added_by_hand_is_read_in_a_process_with_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.docx"
    path.write_bytes(build_word_file(make_paragraph("The quay opens.")))
    assert word_process.read_word_file(path, DEFAULTS).content.body == "The quay opens."
    path.write_bytes(build_word_file(make_paragraph("The quay opens.") * 3000))
    monkeypatch.setattr(word_process, "MAX_WALL_SECONDS", 0.0)
    with pytest.raises(InputError, match="takes more than"):
        word_process.read_word_file(path, DEFAULTS)
