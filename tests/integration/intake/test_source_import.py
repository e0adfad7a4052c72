"""Import from sources: each entry once, by its key, and never over the choices of staff."""

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO, StringIO
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
from mailer.intake.source_reader import SourceReader, build_entry
from mailer.lines import holds_control
from mailer.log import create_logger
from mailer.model.articles import Article, ArticleKind, ArticleOutcome, ArticleQuery, ArticleState
from mailer.model.sources import OnImport, Source, SourceKind, SourceSettings, SourceState
from mailer.sources import ImportResult
from mailer.worker.sources import SourcePoller
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.intake.site import LoopbackSite, build_answer, build_redirect
from tests.unit.intake.factories import create_blank_document
from tests.unit.intake.test_word import PNG

HOUR = timedelta(hours=1)


@pytest.fixture
def site() -> Iterator[LoopbackSite]:
    with LoopbackSite() as running:
        yield running


def make_feed(*entries: tuple[str, str, str]) -> bytes:
    """Make an Atom feed of (id, title, text)."""
    items = "".join(
        f"<entry><id>{key}</id><title>{title}</title><updated>2026-11-20T09:00:00Z</updated>"
        f'<content type="html">&lt;p&gt;{text}&lt;/p&gt;</content>'
        f'<link href="https://www.example.org/{key}"/></entry>'
        for key, title, text in entries
    )
    xmlns = "http://www.w3.org/2005/Atom"
    return f'<feed xmlns="{xmlns}"><id>f</id><title>News</title>{items}</feed>'.encode()


FIRST = ("one", "A clinic opens", "Visitors are welcome.")
SECOND = ("two", "A bridge closes", "For a week.")


def add_source(
    mailer: Mailer, place: str, kind: SourceKind = SourceKind.FEED, **fields: object
) -> Source:
    with mailer.store.begin() as tx:
        source_settings = replace(SourceSettings("theirs", kind, place), **fields)  # type: ignore[arg-type]
        return sources.add_source(tx, STAFF, source_settings, mailer.clock())


def import_source(mailer: Mailer, site: LoopbackSite) -> ImportResult | None:
    with mailer.store.read() as tx:
        source = sources.get_source(tx, "theirs")
    reader = SourceReader(mailer.settings, site.create_guard())
    return sources.poll_source(mailer.store, STAFF, source, reader, mailer.clock)


def get_source(mailer: Mailer) -> Source:
    with mailer.store.read() as tx:
        return sources.get_source(tx, "theirs")


def map_articles(mailer: Mailer) -> dict[str, Article]:
    with mailer.store.read() as tx:
        return {article.slug: article for article in tx.articles.find_articles(ArticleQuery())}


def test_source_entries_become_drafts_once(mailer: Mailer, site: LoopbackSite) -> None:
    add_source(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(make_feed(FIRST, SECOND)))
    first = import_source(mailer, site)
    assert first is not None
    assert [outcome for outcome, _, _ in first.imported] == [
        ArticleOutcome.ADDED,
        ArticleOutcome.ADDED,
    ]
    site.answer_with("/feed", build_answer(make_feed(FIRST, SECOND)))
    second = import_source(mailer, site)
    assert second is not None
    assert (second.imported, second.unchanged) == ([], 2)
    article_map = map_articles(mailer)
    assert {article.state for article in article_map.values()} == {ArticleState.DRAFT}
    assert article_map["a-clinic-opens"].body == "Visitors are welcome."


def test_source_draft_is_in_no_digest_until_queued(mailer: Mailer, site: LoopbackSite) -> None:
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
        digest = factories.add_digest(tx)
    add_source(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(make_feed(FIRST)))
    import_source(mailer, site)
    with mailer.store.begin() as tx:
        assert tx.digests.list_candidate_stories(digest) == []
        assert not tx.editions.find_queued_slugs(["a-clinic-opens"])
        (queued,) = articles.queue_articles(tx, STAFF, "a-clinic-opens", None, mailer.clock())
        assert queued.state is ArticleState.QUEUED
        assert [story.slug for story in tx.digests.list_candidate_stories(digest)] == [
            "a-clinic-opens"
        ]


def test_source_entry_with_new_id_and_same_content_is_unchanged(
    mailer: Mailer, site: LoopbackSite
) -> None:
    """Sites change their ids when they move."""
    add_source(mailer, site.build_url("/feed"))
    key, _, text = FIRST
    moved = make_feed(FIRST).replace(f"<id>{key}<".encode(), b"<id>tag:example.org,2026:9<")
    site.answer_with("/feed", build_answer(make_feed(FIRST)))
    import_source(mailer, site)
    site.answer_with("/feed", build_answer(moved))
    second = import_source(mailer, site)
    assert second is not None
    assert (second.imported, second.unchanged) == ([], 1)
    changed = moved.replace(text.encode(), b"Visitors are very welcome.")
    site.answer_with("/feed", build_answer(changed))
    third = import_source(mailer, site)
    assert third is not None
    assert [(outcome, article.slug) for outcome, article, _ in third.imported] == [
        (ArticleOutcome.REVISED, "a-clinic-opens")
    ]


def test_source_change_leaves_queued_article_unless_source_queues(
    mailer: Mailer, site: LoopbackSite
) -> None:
    add_source(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(make_feed(FIRST)))
    import_source(mailer, site)
    with mailer.store.begin() as tx:
        articles.queue_articles(tx, STAFF, "a-clinic-opens", None, mailer.clock())
    changed = make_feed((FIRST[0], FIRST[1], "It is closed."))
    site.answer_with("/feed", build_answer(changed))
    result = import_source(mailer, site)
    assert result is not None
    assert result.unchanged_queued == ["a-clinic-opens (en)"]
    assert map_articles(mailer)["a-clinic-opens"].body == "Visitors are welcome."
    with mailer.store.begin() as tx:
        source = sources.get_source(tx, "theirs")
        tx.sources.save_source(
            replace(source, settings=replace(source.settings, on_import=OnImport.QUEUE))
        )
    site.answer_with("/feed", build_answer(make_feed((FIRST[0], FIRST[1], "It is open again."))))
    import_source(mailer, site)
    revised = map_articles(mailer)["a-clinic-opens"]
    assert (revised.body, revised.state) == ("It is open again.", ArticleState.QUEUED)


def test_source_entry_with_slug_of_other_story_gets_new_slug(
    mailer: Mailer, site: LoopbackSite
) -> None:
    with mailer.store.begin() as tx:
        factories.add_story(tx, "a-clinic-opens")
    add_source(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(make_feed(FIRST)))
    import_source(mailer, site)
    assert sorted(map_articles(mailer)) == ["a-clinic-opens", "a-clinic-opens-2"]


def test_source_poll_sends_validators(mailer: Mailer, site: LoopbackSite) -> None:
    add_source(mailer, site.build_url("/feed"))
    stamp = "Fri, 20 Nov 2026 09:00:00 GMT"
    site.answer_with(
        "/feed", build_answer(make_feed(FIRST), 'ETag: "v1"', f"Last-Modified: {stamp}")
    )
    import_source(mailer, site)
    site.answer_with("/feed", build_answer(b"", status="304 Not Modified"))
    assert import_source(mailer, site) is None
    assert site.requests[-1].fields["if-none-match"] == '"v1"'
    assert site.requests[-1].fields["if-modified-since"] == stamp
    site.answer_with("/feed", build_answer(b"", status="304 Not Modified"))
    assert import_source(mailer, site) is None
    assert site.requests[-1].fields["if-none-match"] == '"v1"', "a 304 keeps the validators"


def test_source_follows_permanent_redirect(mailer: Mailer, site: LoopbackSite) -> None:
    add_source(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_redirect(site.build_url("/new"), "301 Moved Permanently"))
    site.answer_with("/new", build_answer(make_feed(FIRST)))
    import_source(mailer, site)
    assert get_source(mailer).settings.place == site.build_url("/new")


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


def test_source_wordpress_imports_posts(mailer: Mailer, site: LoopbackSite) -> None:
    add_source(mailer, site.build_url("/"), SourceKind.WORDPRESS)
    post = (
        b'[{"id": 7, "status": "publish", "date_gmt": "2026-11-20T09:00:00", "slug": "clinic",'
        b'"link": "https://www.example.org/clinic", "title": {"rendered": "A clinic&#8217;s door"},'
        b'"content": {"rendered": "<p>Open.</p>", "protected": false},'
        b'"excerpt": {"rendered": ""}}]'
    )
    site.answer_with(
        "/wp-json/wp/v2/posts?_embed=1&per_page=20",
        build_answer(post, "Content-Type: application/json"),
    )
    import_source(mailer, site)
    (article,) = map_articles(mailer).values()
    assert (article.title, article.body) == ("A clinic’s door", "Open.")


def test_source_folder_imports_complete_files_and_names_errors(
    mailer: Mailer, site: LoopbackSite, tmp_path: Path
) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    add_source(mailer, str(folder), SourceKind.FOLDER)
    old = time.time() - 60
    for name, text in {
        "clinic.md": "---\ntitle: A clinic opens\n---\nVisitors are welcome.\n",
        "wrong.md": "no front matter\n",
        "~$clinic.md": "---\ntitle: A lock file\n---\nNo.\n",
        "half.md": "---\ntitle: Being written\n---\nJust now.\n",
    }.items():
        (folder / name).write_text(text, "utf-8")
        if name != "half.md":
            os.utime(folder / name, (old, old))
    result = import_source(mailer, site)
    assert result is not None
    assert [article.slug for _, article, _ in result.imported] == ["a-clinic-opens"]
    (problem,) = result.problems
    assert "wrong.md, line 1" in problem
    second = import_source(mailer, site)
    assert second is not None
    assert second.imported == []


def test_source_poller_imports_due_sources_and_logs(mailer: Mailer, site: LoopbackSite) -> None:
    add_source(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(make_feed(FIRST)))
    lines = StringIO()
    poller = SourcePoller(mailer, create_logger(lines), lambda: True, site.create_guard())
    poller.poll_due_sources(threading.Event())
    assert "a-clinic-opens" in lines.getvalue()
    assert get_source(mailer).next_at > mailer.clock()
    poller.poll_due_sources(threading.Event())
    assert len(site.requests) == 1, "the source is not due again"


def test_source_with_inner_address_is_not_fetched(mailer: Mailer, site: LoopbackSite) -> None:
    add_source(mailer, site.build_url("/feed"))
    with mailer.store.read() as tx:
        source = sources.get_source(tx, "theirs")
    with pytest.raises(FetchError, match=r"not public|not a port of web sites"):
        sources.poll_source(
            mailer.store, STAFF, source, SourceReader(mailer.settings), mailer.clock
        )
    assert site.requests == []


def test_source_word_file_imports_its_pictures(mailer: Mailer, tmp_path: Path) -> None:
    document = create_blank_document()
    document.add_paragraph("Ten towns open their doors", style="Title")
    document.add_paragraph("Ten towns will keep their halls open.")
    document.add_picture(BytesIO(PNG))
    document.inline_shapes[0]._inline.docPr.set("descr", "A quay at dusk")
    document.save(str(tmp_path / "towns.docx"))
    defaults = DraftDefaults(factories.NOW, kind=ArticleKind.PRESS_RELEASE)
    draft = sources_module.load_word_file(tmp_path / "towns.docx", defaults)
    with mailer.store.begin() as tx:
        article, _ = sources.import_draft(tx, AMINA, build_entry(draft), mailer.clock())
        second, outcome = sources.import_draft(tx, AMINA, build_entry(draft), mailer.clock())
        assert outcome is ArticleOutcome.UNCHANGED
        assert second.release == article.release
        assert article.release
        assert tx.releases.read_content(article.release.assets[0].file) == PNG
    assert build_entry(draft).omissions == ()


def test_source_word_file_with_entity_bomb_is_refused(tmp_path: Path) -> None:
    """The entities are in a part of a valid zip archive."""
    grown = '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><w>&b;</w>'
    with ZipFile(tmp_path / "bomb.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", grown)
    with pytest.raises(InputError, match=r"document\.xml"):
        sources_module.load_word_file(tmp_path / "bomb.docx", DraftDefaults(factories.NOW))


# ---- invalid content --------------------------------------------------------------------------

POSTS = "/wp-json/wp/v2/posts?_embed=1&per_page=20"


def make_posts(*dates: str) -> bytes:
    return json.dumps(
        [
            {
                "id": number, "slug": f"post-{number}", "status": "publish", "date_gmt": date,
                "link": f"https://www.example.org/{number}",
                "title": {"rendered": f"Post {number}"},
                "content": {"rendered": "<p>Text.</p>"},
            }
            for number, date in enumerate(dates)
        ]
    ).encode()  # fmt: skip


def test_source_impossible_date_is_left_out(mailer: Mailer, site: LoopbackSite) -> None:
    add_source(mailer, site.build_url("/"), SourceKind.WORDPRESS)
    data = make_posts(
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-20T09:00:00"
    )
    site.answer_with(POSTS, build_answer(data, "Content-Type: application/json"))
    result = import_source(mailer, site)
    assert result is not None
    assert len(result.imported) == 3
    assert [omission.kind for _, _, dropped in result.imported for omission in dropped] == [
        "impossible date", "impossible date",
    ]  # fmt: skip


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
