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
from mailer.app import Mailer, arrivals
from mailer.app.arrivals import Brought
from mailer.articles import Article, ArticleState, Kind, Outcome, Query
from mailer.errors import FetchError, InputError, Refused
from mailer.intake import gathering
from mailer.intake.drafts import Defaults
from mailer.lines import holds_control
from mailer.log import logger
from mailer.sources import Arrival, Order, Source, SourceKind, SourceState
from mailer.worker.gathering import Gathering
from tests.integration import office
from tests.integration.intake.site import Site, answer, redirect
from tests.unit.intake.makers import blank
from tests.unit.intake.test_word import PNG

HOUR = timedelta(hours=1)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
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
        order = replace(Order("theirs", kind, place), **fields)  # type: ignore[arg-type]
        return sources.add(tx.sources, order, mailer.clock())


def look(mailer: Mailer, site: Site) -> Brought | None:
    with mailer.store.read() as tx:
        known = sources.get(tx.sources, "theirs")
    return arrivals.look(mailer, known, site.guard())


def known(mailer: Mailer) -> Source:
    with mailer.store.read() as tx:
        return sources.get(tx.sources, "theirs")


def shelf(mailer: Mailer) -> dict[str, Article]:
    with mailer.store.read() as tx:
        return {one.slug: one for one in tx.articles.matching(Query())}


def test_entries_become_drafts_once(mailer: Mailer, site: Site) -> None:
    add(mailer, site.url("/feed"))
    site.on("/feed", answer(feed(FIRST, SECOND)))
    first = look(mailer, site)
    assert first is not None
    assert [outcome for outcome, _, _ in first.taken] == [Outcome.ADDED, Outcome.ADDED]
    site.on("/feed", answer(feed(FIRST, SECOND)))
    again = look(mailer, site)
    assert again is not None
    assert (again.taken, again.unchanged) == ([], 2)
    found = shelf(mailer)
    assert {one.state for one in found.values()} == {ArticleState.DRAFT}
    assert found["a-clinic-opens"].body == "Visitors are welcome."


def test_a_draft_is_in_no_digest_until_somebody_queues_it(mailer: Mailer, site: Site) -> None:
    with mailer.store.begin() as tx:
        office.mailing_list(tx)
        digest = office.digest(tx)
    add(mailer, site.url("/feed"))
    site.on("/feed", answer(feed(FIRST)))
    look(mailer, site)
    with mailer.store.begin() as tx:
        assert tx.digests.candidates(digest) == []
        assert not tx.editions.known_stories(["a-clinic-opens"])
        (queued,) = articles.queue(tx.articles, "a-clinic-opens", None, mailer.clock())
        assert queued.state is ArticleState.QUEUED
        assert [story.slug for story in tx.digests.candidates(digest)] == ["a-clinic-opens"]


def test_the_same_words_under_another_id_are_the_same_story(mailer: Mailer, site: Site) -> None:
    """Sites change their ids when they move."""
    add(mailer, site.url("/feed"))
    key, _, text = FIRST
    moved = feed(FIRST).replace(f"<id>{key}<".encode(), b"<id>tag:example.org,2026:9<")
    site.on("/feed", answer(feed(FIRST)))
    look(mailer, site)
    site.on("/feed", answer(moved))
    again = look(mailer, site)
    assert again is not None
    assert (again.taken, again.unchanged) == ([], 1)
    changed = moved.replace(text.encode(), b"Visitors are very welcome.")
    site.on("/feed", answer(changed))
    third = look(mailer, site)
    assert third is not None
    assert [(outcome, one.slug) for outcome, one, _ in third.taken] == [
        (Outcome.REVISED, "a-clinic-opens")
    ]


def test_what_was_queued_stays_as_it_is_unless_the_source_may_queue(
    mailer: Mailer, site: Site
) -> None:
    add(mailer, site.url("/feed"))
    site.on("/feed", answer(feed(FIRST)))
    look(mailer, site)
    with mailer.store.begin() as tx:
        articles.queue(tx.articles, "a-clinic-opens", None, mailer.clock())
    changed = feed((FIRST[0], FIRST[1], "It is closed."))
    site.on("/feed", answer(changed))
    kept = look(mailer, site)
    assert kept is not None
    assert kept.kept == ["a-clinic-opens (en)"]
    assert shelf(mailer)["a-clinic-opens"].body == "Visitors are welcome."
    with mailer.store.begin() as tx:
        mine = sources.get(tx.sources, "theirs")
        tx.sources.keep(replace(mine, order=replace(mine.order, arrival=Arrival.QUEUE)))
    site.on("/feed", answer(feed((FIRST[0], FIRST[1], "It is open again."))))
    look(mailer, site)
    revised = shelf(mailer)["a-clinic-opens"]
    assert (revised.body, revised.state) == ("It is open again.", ArticleState.QUEUED)


def test_a_story_of_the_same_name_from_elsewhere_is_another(mailer: Mailer, site: Site) -> None:
    with mailer.store.begin() as tx:
        office.story(tx, "a-clinic-opens")
    add(mailer, site.url("/feed"))
    site.on("/feed", answer(feed(FIRST)))
    look(mailer, site)
    assert sorted(shelf(mailer)) == ["a-clinic-opens", "a-clinic-opens-2"]


def test_the_server_is_asked_whether_anything_has_changed(mailer: Mailer, site: Site) -> None:
    add(mailer, site.url("/feed"))
    stamp = "Fri, 20 Nov 2026 09:00:00 GMT"
    site.on("/feed", answer(feed(FIRST), 'ETag: "v1"', f"Last-Modified: {stamp}"))
    look(mailer, site)
    site.on("/feed", answer(b"", status="304 Not Modified"))
    assert look(mailer, site) is None
    assert site.asked[-1].fields["if-none-match"] == '"v1"'
    assert site.asked[-1].fields["if-modified-since"] == stamp
    site.on("/feed", answer(b"", status="304 Not Modified"))
    assert look(mailer, site) is None
    assert site.asked[-1].fields["if-none-match"] == '"v1"', "it is kept through a 304"


def test_a_feed_that_has_moved_for_good_is_asked_there_from_now_on(
    mailer: Mailer, site: Site
) -> None:
    add(mailer, site.url("/feed"))
    site.on("/feed", redirect(site.url("/new"), "301 Moved Permanently"))
    site.on("/new", answer(feed(FIRST)))
    look(mailer, site)
    assert known(mailer).order.place == site.url("/new")


def test_a_source_that_fails_is_asked_later_each_time_and_one_that_is_gone_no_more(
    mailer: Mailer, site: Site
) -> None:
    add(mailer, site.url("/feed"), every=HOUR)
    waits = []
    for _ in range(3):
        site.on("/feed", answer(b"", status="503 Service Unavailable"))
        with pytest.raises(FetchError):
            look(mailer, site)
        one = known(mailer)
        assert one.looked_at is not None
        waits.append(one.next_at - one.looked_at)
    assert waits == [HOUR, 2 * HOUR, 4 * HOUR]
    site.on("/feed", answer(b"", "Retry-After: 36000", status="429 Too Many Requests"))
    with pytest.raises(FetchError):
        look(mailer, site)
    one = known(mailer)
    assert one.looked_at is not None
    assert one.next_at - one.looked_at == 10 * HOUR
    site.on("/feed", answer(b"", status="410 Gone"))
    with pytest.raises(FetchError):
        look(mailer, site)
    assert known(mailer).state is SourceState.STOPPED
    with mailer.store.begin() as tx:
        assert sources.due(tx.sources, mailer.clock() + 100 * HOUR) == []
        sources.let_go_on(tx.sources, known(mailer), mailer.clock())
        assert sources.due(tx.sources, mailer.clock()) != []


def test_what_is_no_feed_is_said(mailer: Mailer, site: Site) -> None:
    add(mailer, site.url("/feed"))
    site.on("/feed", answer(b"<html><body>Hello</body></html>", "Content-Type: text/html"))
    with pytest.raises(InputError):
        look(mailer, site)
    assert known(mailer).failures == 1
    assert "feed" in known(mailer).said


def test_a_wordpress_site_is_asked_for_its_posts(mailer: Mailer, site: Site) -> None:
    add(mailer, site.url("/"), SourceKind.WORDPRESS)
    post = (
        b'[{"id": 7, "status": "publish", "date_gmt": "2026-11-20T09:00:00", "slug": "clinic",'
        b'"link": "https://www.example.org/clinic", "title": {"rendered": "A clinic&#8217;s door"},'
        b'"content": {"rendered": "<p>Open.</p>", "protected": false},'
        b'"excerpt": {"rendered": ""}}]'
    )
    site.on(
        "/wp-json/wp/v2/posts?_embed=1&per_page=20", answer(post, "Content-Type: application/json")
    )
    look(mailer, site)
    (made,) = shelf(mailer).values()
    assert (made.title, made.body) == ("A clinic’s door", "Open.")


def test_a_watched_folder_brings_what_is_written_and_names_what_is_wrong(
    mailer: Mailer, site: Site, tmp_path: Path
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
    assert [one.slug for _, one, _ in brought.taken] == ["a-clinic-opens"]
    (problem,) = brought.problems
    assert "wrong.md, line 1" in problem
    again = look(mailer, site)
    assert again is not None
    assert again.taken == []


def test_the_worker_looks_when_it_is_time_and_says_what_came(mailer: Mailer, site: Site) -> None:
    add(mailer, site.url("/feed"))
    site.on("/feed", answer(feed(FIRST)))
    lines = StringIO()
    gathering = Gathering(mailer, logger(lines), lambda: True, site.guard())
    gathering.look(threading.Event())
    assert "a-clinic-opens" in lines.getvalue()
    assert known(mailer).next_at > mailer.clock()
    gathering.look(threading.Event())
    assert len(site.asked) == 1, "it is not due again"


def test_a_source_on_the_inside_is_never_fetched(mailer: Mailer, site: Site) -> None:
    add(mailer, site.url("/feed"))
    with mailer.store.read() as tx:
        mine = sources.get(tx.sources, "theirs")
    with pytest.raises(FetchError, match=r"not public|none that web sites are on"):
        arrivals.look(mailer, mine)
    assert site.asked == []


def test_a_word_file_brings_its_pictures_along(mailer: Mailer, tmp_path: Path) -> None:
    made = blank()
    made.add_paragraph("Ten towns open their doors", style="Title")
    made.add_paragraph("Ten towns will keep their halls open.")
    made.add_picture(BytesIO(PNG))
    made.inline_shapes[0]._inline.docPr.set("descr", "A quay at dusk")
    made.save(str(tmp_path / "towns.docx"))
    defaults = Defaults(office.NOW, kind=Kind.PRESS_RELEASE)
    draft = gathering.word_file(tmp_path / "towns.docx", defaults)
    with mailer.store.begin() as tx:
        article, _, left_out = arrivals.add_draft(mailer, tx, draft, author="Amina")
        again, outcome, _ = arrivals.add_draft(mailer, tx, draft, author="Amina")
        assert outcome is Outcome.UNCHANGED
        assert again.release == article.release
        assert article.release
        assert tx.files.content(article.release.assets[0].file) == PNG
    assert left_out == ()


def test_a_word_file_is_looked_at_before_it_is_read(tmp_path: Path) -> None:
    """XML with entities that grow, in a part of a file that is a zip archive like any other."""
    grown = '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><w>&b;</w>'
    with ZipFile(tmp_path / "bomb.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", grown)
    with pytest.raises(InputError, match=r"document\.xml"):
        gathering.word_file(tmp_path / "bomb.docx", Defaults(office.NOW))


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
    mailer: Mailer, site: Site
) -> None:
    add(mailer, site.url("/"), SourceKind.WORDPRESS)
    some = posts("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-20T09:00:00")
    site.on(POSTS, answer(some, "Content-Type: application/json"))
    brought = look(mailer, site)
    assert brought is not None
    assert len(brought.taken) == 3
    assert [one.what for _, _, dropped in brought.taken for one in dropped] == [
        "a date that can't be", "a date that can't be",
    ]  # fmt: skip


@pytest.mark.parametrize("code", ["a\0b", "a\ud800b", "\x1b]0;owned\x07"])
def test_what_a_site_says_is_kept_without_what_no_line_holds(
    mailer: Mailer, site: Site, code: str
) -> None:
    add(mailer, site.url("/"), SourceKind.WORDPRESS)
    said = json.dumps({"code": code, "message": "No."}).encode()
    site.on(POSTS, answer(said, "Content-Type: application/json"))
    with pytest.raises(InputError, match="WordPress says"):
        look(mailer, site)
    assert not holds_control(known(mailer).said)
    assert known(mailer).failures == 1


def test_a_fault_of_ours_is_kept_and_those_behind_it_are_looked_at(
    mailer: Mailer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(mailer, site.url("/feed"))
    with mailer.store.begin() as tx:
        sources.add(
            tx.sources, Order("behind", SourceKind.FEED, site.url("/other")), mailer.clock() + HOUR
        )
    site.on("/feed", answer(feed(FIRST)))
    site.on("/other", answer(feed(SECOND)))
    clock = mailer.clock() + 2 * HOUR
    monkeypatch.setattr(mailer, "clock", lambda: clock)
    plain = gathering.gather

    def gather(order: Order, *args: Any, **named: Any) -> Any:
        if order.name == "theirs":
            raise RuntimeError("not foreseen")
        return plain(order, *args, **named)

    monkeypatch.setattr(arrivals, "gather", gather)
    Gathering(mailer, logger(StringIO()), lambda: True, site.guard()).look(threading.Event())
    assert "RuntimeError: not foreseen" in known(mailer).said
    assert known(mailer).failures == 1
    assert set(shelf(mailer)) == {"a-bridge-closes"}


def test_two_files_of_one_story_do_not_revise_each_other(mailer: Mailer, tmp_path: Path) -> None:
    add(mailer, str(tmp_path), SourceKind.FOLDER)
    for name in "ab":
        file = tmp_path / f"{name}.md"
        file.write_text(f"---\ntitle: Of {name}\nslug: same\n---\nText\n", "utf-8")
        os.utime(file, (time.time() - 100,) * 2)
    for _ in range(2):
        brought = arrivals.look(mailer, known(mailer))
        assert brought is not None
        (problem,) = brought.problems
        assert "b.md" in problem
        assert "a.md tells same in en already" in problem
    assert shelf(mailer)["same"].revision == 1


def test_a_source_that_is_removed_while_it_is_looked_at_stays_removed(
    mailer: Mailer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another has its number by now, as SQLite gives it again."""
    looked_at = add(mailer, site.url("/feed"))
    site.on("/feed", answer(feed(FIRST)))
    plain = gathering.gather

    def gather(*args: Any, **named: Any) -> Any:
        found = plain(*args, **named)
        with mailer.store.begin() as tx:
            tx.sources.remove(looked_at)
        with mailer.store.begin() as tx:
            order = Order("other", SourceKind.FEED, site.url("/other"))
            sources.add(tx.sources, order, mailer.clock() + HOUR)
        return found

    monkeypatch.setattr(arrivals, "gather", gather)
    with pytest.raises(Refused, match="while it was looked at"):
        look(mailer, site)
    with mailer.store.read() as tx:
        (left,) = tx.sources.sources()
    assert (left.order.name, left.order.place, left.looked_at) == (
        "other",
        site.url("/other"),
        None,
    )
    assert shelf(mailer) == {}


def test_what_is_missing_for_a_fault_of_ours_is_asked_for_again(
    mailer: Mailer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server would say that nothing has changed since."""
    add(mailer, site.url("/feed"))
    site.on("/feed", answer(feed(FIRST, SECOND), 'ETag: "1"'))
    plain = articles.add

    def fails_for_one(store: Any, content: Any, *args: Any, **named: Any) -> Any:
        if content.title == FIRST[1]:
            raise RuntimeError("not foreseen")
        return plain(store, content, *args, **named)

    monkeypatch.setattr(articles, "add", fails_for_one)
    brought = look(mailer, site)
    assert brought is not None
    assert "RuntimeError: not foreseen" in brought.problems[0]
    assert set(shelf(mailer)) == {"a-bridge-closes"}
    assert known(mailer).etag == ""
    monkeypatch.setattr(articles, "add", plain)
    look(mailer, site)
    assert set(shelf(mailer)) == {"a-bridge-closes", "a-clinic-opens"}
    assert known(mailer).etag == '"1"'
