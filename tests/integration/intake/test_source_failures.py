"""Sources that fail, or whose content is invalid: the error is recorded, and nothing is lost."""

import json
import os
import threading
import time
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from mailer import articles, sources
from mailer.app import Mailer
from mailer.errors import FetchError, InputError, Refused
from mailer.intake import source_reader
from mailer.intake import sources as sources_module
from mailer.intake.drafts import DraftDefaults
from mailer.intake.source_reader import SourceReader
from mailer.lines import holds_control
from mailer.log import create_logger
from mailer.model.sources import SourceKind, SourceSettings, SourceState
from mailer.worker.sources import SourcePoller
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.intake.factories import (
    FIRST,
    HOUR,
    POSTS,
    SECOND,
    add_source,
    get_source,
    import_source,
    make_feed,
    map_articles,
)
from tests.integration.intake.site import LoopbackSite, build_answer


def test_source_failures_back_off_and_410_stops_it(mailer: Mailer, site: LoopbackSite) -> None:
    add_source(mailer, site.build_url("/feed"), every=HOUR)
    waits = []
    for _ in range(3):
        site.answer_with("/feed", build_answer(b"", status="503 Service Unavailable"))
        with pytest.raises(FetchError):
            import_source(mailer, site)
        source = get_source(mailer)
        assert source.last_read_at is not None
        waits.append(source.next_at - source.last_read_at)
    assert waits == [HOUR, 2 * HOUR, 4 * HOUR]
    site.answer_with(
        "/feed", build_answer(b"", "Retry-After: 36000", status="429 Too Many Requests")
    )
    with pytest.raises(FetchError):
        import_source(mailer, site)
    source = get_source(mailer)
    assert source.last_read_at is not None
    assert source.next_at - source.last_read_at == 10 * HOUR
    site.answer_with("/feed", build_answer(b"", status="410 Gone"))
    with pytest.raises(FetchError):
        import_source(mailer, site)
    assert get_source(mailer).state is SourceState.STOPPED
    with mailer.store.begin() as tx:
        assert sources.list_due_sources(tx, mailer.clock() + 100 * HOUR) == []
        sources.resume_source(tx, STAFF, get_source(mailer), mailer.clock())
        assert sources.list_due_sources(tx, mailer.clock()) != []


def test_source_without_feed_records_error(mailer: Mailer, site: LoopbackSite) -> None:
    add_source(mailer, site.build_url("/feed"))
    site.answer_with(
        "/feed", build_answer(b"<html><body>Hello</body></html>", "Content-Type: text/html")
    )
    with pytest.raises(InputError):
        import_source(mailer, site)
    assert get_source(mailer).failures == 1
    assert "feed" in get_source(mailer).last_result


def test_source_with_inner_address_is_not_fetched(mailer: Mailer, site: LoopbackSite) -> None:
    add_source(mailer, site.build_url("/feed"))
    with mailer.store.read() as tx:
        source = sources.get_source(tx, "theirs")
    with pytest.raises(FetchError, match=r"not public|not a port of web sites"):
        sources.poll_source(
            mailer.store, STAFF, source, SourceReader(mailer.settings), mailer.clock
        )
    assert site.requests == []


def test_source_word_file_with_entity_bomb_is_refused(tmp_path: Path) -> None:
    """The entities are in a part of a valid zip archive."""
    grown = '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><w>&b;</w>'
    with ZipFile(tmp_path / "bomb.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", grown)
    with pytest.raises(InputError, match=r"document\.xml"):
        sources_module.load_word_file(tmp_path / "bomb.docx", DraftDefaults(factories.NOW))


@pytest.mark.parametrize("code", ["a\0b", "a\ud800b", "\x1b]0;owned\x07"])
def test_source_error_is_stored_without_control_characters(
    mailer: Mailer, site: LoopbackSite, code: str
) -> None:
    add_source(mailer, site.build_url("/"), SourceKind.WORDPRESS)
    data = json.dumps({"code": code, "message": "No."}).encode()
    site.answer_with(POSTS, build_answer(data, "Content-Type: application/json"))
    with pytest.raises(InputError, match="WordPress says"):
        import_source(mailer, site)
    assert not holds_control(get_source(mailer).last_result)
    assert get_source(mailer).failures == 1


def test_source_bug_is_recorded_and_other_sources_are_polled(
    mailer: Mailer, site: LoopbackSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_source(mailer, site.build_url("/feed"))
    with mailer.store.begin() as tx:
        sources.add_source(
            tx,
            STAFF,
            SourceSettings("behind", SourceKind.FEED, site.build_url("/other")),
            mailer.clock() + HOUR,
        )
    site.answer_with("/feed", build_answer(make_feed(FIRST)))
    site.answer_with("/other", build_answer(make_feed(SECOND)))
    clock = mailer.clock() + 2 * HOUR
    monkeypatch.setattr(mailer, "clock", lambda: clock)
    read_source = sources_module.read_source

    def fail_for_first(source_settings: SourceSettings, *args: Any, **kwargs: Any) -> Any:
        if source_settings.name == "theirs":
            raise RuntimeError("not foreseen")
        return read_source(source_settings, *args, **kwargs)

    monkeypatch.setattr(source_reader, "read_source", fail_for_first)
    SourcePoller(
        mailer, create_logger(StringIO()), lambda: True, site.create_guard()
    ).poll_due_sources(threading.Event())
    assert "RuntimeError: not foreseen" in get_source(mailer).last_result
    assert get_source(mailer).failures == 1
    assert set(map_articles(mailer)) == {"a-bridge-closes"}


def test_source_two_files_of_one_story_are_reported(mailer: Mailer, tmp_path: Path) -> None:
    add_source(mailer, str(tmp_path), SourceKind.FOLDER)
    for name in "ab":
        file = tmp_path / f"{name}.md"
        file.write_text(f"---\ntitle: Of {name}\nslug: same\n---\nText\n", "utf-8")
        os.utime(file, (time.time() - 100,) * 2)
    for _ in range(2):
        result = sources.poll_source(
            mailer.store, STAFF, get_source(mailer), SourceReader(mailer.settings), mailer.clock
        )
        assert result is not None
        (problem,) = result.problems
        assert "b.md" in problem
        assert "a.md has same in en already" in problem
    assert map_articles(mailer)["same"].revision == 1


def test_source_removed_during_import_stays_removed(
    mailer: Mailer, site: LoopbackSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another source may have its id by then, as SQLite reuses ids."""
    source = add_source(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(make_feed(FIRST)))
    read_source = sources_module.read_source

    def read_and_remove(*args: Any, **kwargs: Any) -> Any:
        content = read_source(*args, **kwargs)
        with mailer.store.begin() as tx:
            tx.sources.remove_source(source)
        with mailer.store.begin() as tx:
            source_settings = SourceSettings("other", SourceKind.FEED, site.build_url("/other"))
            sources.add_source(tx, STAFF, source_settings, mailer.clock() + HOUR)
        return content

    monkeypatch.setattr(source_reader, "read_source", read_and_remove)
    with pytest.raises(Refused, match="while it was being read"):
        import_source(mailer, site)
    with mailer.store.read() as tx:
        (remaining,) = tx.sources.list_sources()
    assert (remaining.settings.name, remaining.settings.place, remaining.last_read_at) == (
        "other",
        site.build_url("/other"),
        None,
    )
    assert map_articles(mailer) == {}


def test_source_entry_lost_to_a_bug_is_fetched_again(
    mailer: Mailer, site: LoopbackSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server would otherwise answer that nothing has changed."""
    add_source(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(make_feed(FIRST, SECOND), 'ETag: "1"'))
    add_article = articles.add_article

    def fail_for_first(tx: Any, actor: Any, content: Any, *args: Any, **kwargs: Any) -> Any:
        if content.title == FIRST[1]:
            raise RuntimeError("not foreseen")
        return add_article(tx, actor, content, *args, **kwargs)

    monkeypatch.setattr(articles, "add_article", fail_for_first)
    result = import_source(mailer, site)
    assert result is not None
    assert "RuntimeError: not foreseen" in result.problems[0]
    assert set(map_articles(mailer)) == {"a-bridge-closes"}
    assert get_source(mailer).etag == ""
    monkeypatch.setattr(articles, "add_article", add_article)
    import_source(mailer, site)
    assert set(map_articles(mailer)) == {"a-bridge-closes", "a-clinic-opens"}
    assert get_source(mailer).etag == '"1"'
