"""What sources bring: once, under what they are known by, and never over what staff have chosen."""

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


def feed(*entries: tuple[str, str, str]) -> bytes:
    """An Atom feed of (id, title, text)."""
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


def add(mailer: Mailer, place: str, kind: SourceKind = SourceKind.FEED, **fields: object) -> Source:
    with mailer.store.begin() as tx:
        order = replace(SourceSettings("theirs", kind, place), **fields)  # type: ignore[arg-type]
        return sources.add_source(tx, STAFF, order, mailer.clock())


def look(mailer: Mailer, site: LoopbackSite) -> ImportResult | None:
    with mailer.store.read() as tx:
        known = sources.get_source(tx, "theirs")
    reader = SourceReader(mailer.settings, site.create_guard())
    return sources.poll_source(mailer.store, STAFF, known, reader, mailer.clock)


def known(mailer: Mailer) -> Source:
    with mailer.store.read() as tx:
        return sources.get_source(tx, "theirs")


def shelf(mailer: Mailer) -> dict[str, Article]:
    with mailer.store.read() as tx:
        return {one.slug: one for one in tx.articles.find_articles(ArticleQuery())}


def test_entries_become_drafts_once(mailer: Mailer, site: LoopbackSite) -> None:
    add(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(feed(FIRST, SECOND)))
    first = look(mailer, site)
    assert first is not None
    assert [outcome for outcome, _, _ in first.imported] == [
        ArticleOutcome.ADDED,
        ArticleOutcome.ADDED,
    ]
    site.answer_with("/feed", build_answer(feed(FIRST, SECOND)))
    again = look(mailer, site)
    assert again is not None
    assert (again.imported, again.unchanged) == ([], 2)
    found = shelf(mailer)
    assert {one.state for one in found.values()} == {ArticleState.DRAFT}
    assert found["a-clinic-opens"].body == "Visitors are welcome."


def test_a_draft_is_in_no_digest_until_somebody_queues_it(
    mailer: Mailer, site: LoopbackSite
) -> None:
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
        digest = factories.add_digest(tx)
    add(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(feed(FIRST)))
    look(mailer, site)
    with mailer.store.begin() as tx:
        assert tx.digests.list_candidate_stories(digest) == []
        assert not tx.editions.find_queued_slugs(["a-clinic-opens"])
        (queued,) = articles.queue_articles(tx, STAFF, "a-clinic-opens", None, mailer.clock())
        assert queued.state is ArticleState.QUEUED
        assert [story.slug for story in tx.digests.list_candidate_stories(digest)] == [
            "a-clinic-opens"
        ]


def test_the_same_words_under_another_id_are_the_same_story(
    mailer: Mailer, site: LoopbackSite
) -> None:
    """Sites change their ids when they move."""
    add(mailer, site.build_url("/feed"))
    key, _, text = FIRST
    moved = feed(FIRST).replace(f"<id>{key}<".encode(), b"<id>tag:example.org,2026:9<")
    site.answer_with("/feed", build_answer(feed(FIRST)))
    look(mailer, site)
    site.answer_with("/feed", build_answer(moved))
    again = look(mailer, site)
    assert again is not None
    assert (again.imported, again.unchanged) == ([], 1)
    changed = moved.replace(text.encode(), b"Visitors are very welcome.")
    site.answer_with("/feed", build_answer(changed))
    third = look(mailer, site)
    assert third is not None
    assert [(outcome, one.slug) for outcome, one, _ in third.imported] == [
        (ArticleOutcome.REVISED, "a-clinic-opens")
    ]


def test_what_was_queued_stays_as_it_is_unless_the_source_may_queue(
    mailer: Mailer, site: LoopbackSite
) -> None:
    add(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(feed(FIRST)))
    look(mailer, site)
    with mailer.store.begin() as tx:
        articles.queue_articles(tx, STAFF, "a-clinic-opens", None, mailer.clock())
    changed = feed((FIRST[0], FIRST[1], "It is closed."))
    site.answer_with("/feed", build_answer(changed))
    kept = look(mailer, site)
    assert kept is not None
    assert kept.unchanged_queued == ["a-clinic-opens (en)"]
    assert shelf(mailer)["a-clinic-opens"].body == "Visitors are welcome."
    with mailer.store.begin() as tx:
        mine = sources.get_source(tx, "theirs")
        tx.sources.save_source(
            replace(mine, settings=replace(mine.settings, on_import=OnImport.QUEUE))
        )
    site.answer_with("/feed", build_answer(feed((FIRST[0], FIRST[1], "It is open again."))))
    look(mailer, site)
    revised = shelf(mailer)["a-clinic-opens"]
    assert (revised.body, revised.state) == ("It is open again.", ArticleState.QUEUED)


def test_a_story_of_the_same_name_from_elsewhere_is_another(
    mailer: Mailer, site: LoopbackSite
) -> None:
    with mailer.store.begin() as tx:
        factories.add_story(tx, "a-clinic-opens")
    add(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(feed(FIRST)))
    look(mailer, site)
    assert sorted(shelf(mailer)) == ["a-clinic-opens", "a-clinic-opens-2"]


def test_the_server_is_asked_whether_anything_has_changed(
    mailer: Mailer, site: LoopbackSite
) -> None:
    add(mailer, site.build_url("/feed"))
    stamp = "Fri, 20 Nov 2026 09:00:00 GMT"
    site.answer_with("/feed", build_answer(feed(FIRST), 'ETag: "v1"', f"Last-Modified: {stamp}"))
    look(mailer, site)
    site.answer_with("/feed", build_answer(b"", status="304 Not Modified"))
    assert look(mailer, site) is None
    assert site.requests[-1].fields["if-none-match"] == '"v1"'
    assert site.requests[-1].fields["if-modified-since"] == stamp
    site.answer_with("/feed", build_answer(b"", status="304 Not Modified"))
    assert look(mailer, site) is None
    assert site.requests[-1].fields["if-none-match"] == '"v1"', "it is kept through a 304"


def test_a_feed_that_has_moved_for_good_is_asked_there_from_now_on(
    mailer: Mailer, site: LoopbackSite
) -> None:
    add(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_redirect(site.build_url("/new"), "301 Moved Permanently"))
    site.answer_with("/new", build_answer(feed(FIRST)))
    look(mailer, site)
    assert known(mailer).settings.place == site.build_url("/new")


def test_a_source_that_fails_is_asked_later_each_time_and_one_that_is_gone_no_more(
    mailer: Mailer, site: LoopbackSite
) -> None:
    add(mailer, site.build_url("/feed"), every=HOUR)
    waits = []
    for _ in range(3):
        site.answer_with("/feed", build_answer(b"", status="503 Service Unavailable"))
        with pytest.raises(FetchError):
            look(mailer, site)
        one = known(mailer)
        assert one.last_read_at is not None
        waits.append(one.next_at - one.last_read_at)
    assert waits == [HOUR, 2 * HOUR, 4 * HOUR]
    site.answer_with(
        "/feed", build_answer(b"", "Retry-After: 36000", status="429 Too Many Requests")
    )
    with pytest.raises(FetchError):
        look(mailer, site)
    one = known(mailer)
    assert one.last_read_at is not None
    assert one.next_at - one.last_read_at == 10 * HOUR
    site.answer_with("/feed", build_answer(b"", status="410 Gone"))
    with pytest.raises(FetchError):
        look(mailer, site)
    assert known(mailer).state is SourceState.STOPPED
    with mailer.store.begin() as tx:
        assert sources.list_due_sources(tx, mailer.clock() + 100 * HOUR) == []
        sources.resume_source(tx, STAFF, known(mailer), mailer.clock())
        assert sources.list_due_sources(tx, mailer.clock()) != []


def test_what_is_no_feed_is_said(mailer: Mailer, site: LoopbackSite) -> None:
    add(mailer, site.build_url("/feed"))
    site.answer_with(
        "/feed", build_answer(b"<html><body>Hello</body></html>", "Content-Type: text/html")
    )
    with pytest.raises(InputError):
        look(mailer, site)
    assert known(mailer).failures == 1
    assert "feed" in known(mailer).last_result


def test_a_wordpress_site_is_asked_for_its_posts(mailer: Mailer, site: LoopbackSite) -> None:
    add(mailer, site.build_url("/"), SourceKind.WORDPRESS)
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
    look(mailer, site)
    (made,) = shelf(mailer).values()
    assert (made.title, made.body) == ("A clinic’s door", "Open.")


def test_a_watched_folder_brings_what_is_written_and_names_what_is_wrong(
    mailer: Mailer, site: LoopbackSite, tmp_path: Path
) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    add(mailer, str(folder), SourceKind.FOLDER)
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
    brought = look(mailer, site)
    assert brought is not None
    assert [one.slug for _, one, _ in brought.imported] == ["a-clinic-opens"]
    (problem,) = brought.problems
    assert "wrong.md, line 1" in problem
    again = look(mailer, site)
    assert again is not None
    assert again.imported == []


def test_the_worker_looks_when_it_is_time_and_says_what_came(
    mailer: Mailer, site: LoopbackSite
) -> None:
    add(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(feed(FIRST)))
    lines = StringIO()
    poller = SourcePoller(mailer, create_logger(lines), lambda: True, site.create_guard())
    poller.poll_due_sources(threading.Event())
    assert "a-clinic-opens" in lines.getvalue()
    assert known(mailer).next_at > mailer.clock()
    poller.poll_due_sources(threading.Event())
    assert len(site.requests) == 1, "it is not due again"


def test_a_source_on_the_inside_is_never_fetched(mailer: Mailer, site: LoopbackSite) -> None:
    add(mailer, site.build_url("/feed"))
    with mailer.store.read() as tx:
        mine = sources.get_source(tx, "theirs")
    with pytest.raises(FetchError, match=r"not public|none that web sites are on"):
        sources.poll_source(mailer.store, STAFF, mine, SourceReader(mailer.settings), mailer.clock)
    assert site.requests == []


def test_a_word_file_brings_its_pictures_along(mailer: Mailer, tmp_path: Path) -> None:
    made = create_blank_document()
    made.add_paragraph("Ten towns open their doors", style="Title")
    made.add_paragraph("Ten towns will keep their halls open.")
    made.add_picture(BytesIO(PNG))
    made.inline_shapes[0]._inline.docPr.set("descr", "A quay at dusk")
    made.save(str(tmp_path / "towns.docx"))
    defaults = DraftDefaults(factories.NOW, kind=ArticleKind.PRESS_RELEASE)
    draft = sources_module.load_word_file(tmp_path / "towns.docx", defaults)
    with mailer.store.begin() as tx:
        article, _ = sources.import_draft(tx, AMINA, build_entry(draft), mailer.clock())
        again, outcome = sources.import_draft(tx, AMINA, build_entry(draft), mailer.clock())
        assert outcome is ArticleOutcome.UNCHANGED
        assert again.release == article.release
        assert article.release
        assert tx.releases.read_content(article.release.assets[0].file) == PNG
    assert build_entry(draft).omissions == ()


def test_a_word_file_is_looked_at_before_it_is_read(tmp_path: Path) -> None:
    """XML with entities that grow, in a part of a file that is a zip archive like any other."""
    grown = '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><w>&b;</w>'
    with ZipFile(tmp_path / "bomb.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", grown)
    with pytest.raises(InputError, match=r"document\.xml"):
        sources_module.load_word_file(tmp_path / "bomb.docx", DraftDefaults(factories.NOW))


# ---- what can't be -----------------------------------------------------------------------------

POSTS = "/wp-json/wp/v2/posts?_embed=1&per_page=20"


def posts(*dates: str) -> bytes:
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


def test_a_date_that_can_not_be_is_left_out_and_the_others_come_in(
    mailer: Mailer, site: LoopbackSite
) -> None:
    add(mailer, site.build_url("/"), SourceKind.WORDPRESS)
    some = posts("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-20T09:00:00")
    site.answer_with(POSTS, build_answer(some, "Content-Type: application/json"))
    brought = look(mailer, site)
    assert brought is not None
    assert len(brought.imported) == 3
    assert [one.what for _, _, dropped in brought.imported for one in dropped] == [
        "a date that can't be", "a date that can't be",
    ]  # fmt: skip


@pytest.mark.parametrize("code", ["a\0b", "a\ud800b", "\x1b]0;owned\x07"])
def test_what_a_site_says_is_kept_without_what_no_line_holds(
    mailer: Mailer, site: LoopbackSite, code: str
) -> None:
    add(mailer, site.build_url("/"), SourceKind.WORDPRESS)
    said = json.dumps({"code": code, "message": "No."}).encode()
    site.answer_with(POSTS, build_answer(said, "Content-Type: application/json"))
    with pytest.raises(InputError, match="WordPress says"):
        look(mailer, site)
    assert not holds_control(known(mailer).last_result)
    assert known(mailer).failures == 1


def test_a_fault_of_ours_is_kept_and_those_behind_it_are_looked_at(
    mailer: Mailer, site: LoopbackSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(mailer, site.build_url("/feed"))
    with mailer.store.begin() as tx:
        sources.add_source(
            tx,
            STAFF,
            SourceSettings("behind", SourceKind.FEED, site.build_url("/other")),
            mailer.clock() + HOUR,
        )
    site.answer_with("/feed", build_answer(feed(FIRST)))
    site.answer_with("/other", build_answer(feed(SECOND)))
    clock = mailer.clock() + 2 * HOUR
    monkeypatch.setattr(mailer, "clock", lambda: clock)
    plain = sources_module.read_source

    def gather(order: SourceSettings, *args: Any, **named: Any) -> Any:
        if order.name == "theirs":
            raise RuntimeError("not foreseen")
        return plain(order, *args, **named)

    monkeypatch.setattr(source_reader, "read_source", gather)
    SourcePoller(
        mailer, create_logger(StringIO()), lambda: True, site.create_guard()
    ).poll_due_sources(threading.Event())
    assert "RuntimeError: not foreseen" in known(mailer).last_result
    assert known(mailer).failures == 1
    assert set(shelf(mailer)) == {"a-bridge-closes"}


def test_two_files_of_one_story_do_not_revise_each_other(mailer: Mailer, tmp_path: Path) -> None:
    add(mailer, str(tmp_path), SourceKind.FOLDER)
    for name in "ab":
        file = tmp_path / f"{name}.md"
        file.write_text(f"---\ntitle: Of {name}\nslug: same\n---\nText\n", "utf-8")
        os.utime(file, (time.time() - 100,) * 2)
    for _ in range(2):
        brought = sources.poll_source(
            mailer.store, STAFF, known(mailer), SourceReader(mailer.settings), mailer.clock
        )
        assert brought is not None
        (problem,) = brought.problems
        assert "b.md" in problem
        assert "a.md has same in en already" in problem
    assert shelf(mailer)["same"].revision == 1


def test_a_source_that_is_removed_while_it_is_looked_at_stays_removed(
    mailer: Mailer, site: LoopbackSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another has its number by now, as SQLite gives it again."""
    looked_at = add(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(feed(FIRST)))
    plain = sources_module.read_source

    def gather(*args: Any, **named: Any) -> Any:
        found = plain(*args, **named)
        with mailer.store.begin() as tx:
            tx.sources.remove_source(looked_at)
        with mailer.store.begin() as tx:
            order = SourceSettings("other", SourceKind.FEED, site.build_url("/other"))
            sources.add_source(tx, STAFF, order, mailer.clock() + HOUR)
        return found

    monkeypatch.setattr(source_reader, "read_source", gather)
    with pytest.raises(Refused, match="while it was being read"):
        look(mailer, site)
    with mailer.store.read() as tx:
        (left,) = tx.sources.list_sources()
    assert (left.settings.name, left.settings.place, left.last_read_at) == (
        "other",
        site.build_url("/other"),
        None,
    )
    assert shelf(mailer) == {}


def test_what_is_missing_for_a_fault_of_ours_is_asked_for_again(
    mailer: Mailer, site: LoopbackSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server would say that nothing has changed since."""
    add(mailer, site.build_url("/feed"))
    site.answer_with("/feed", build_answer(feed(FIRST, SECOND), 'ETag: "1"'))
    plain = articles.add_article

    def fails_for_one(tx: Any, actor: Any, content: Any, *args: Any, **named: Any) -> Any:
        if content.title == FIRST[1]:
            raise RuntimeError("not foreseen")
        return plain(tx, actor, content, *args, **named)

    monkeypatch.setattr(articles, "add_article", fails_for_one)
    brought = look(mailer, site)
    assert brought is not None
    assert "RuntimeError: not foreseen" in brought.problems[0]
    assert set(shelf(mailer)) == {"a-bridge-closes"}
    assert known(mailer).etag == ""
    monkeypatch.setattr(articles, "add_article", plain)
    look(mailer, site)
    assert set(shelf(mailer)) == {"a-bridge-closes", "a-clinic-opens"}
    assert known(mailer).etag == '"1"'
