"""Import from sources: each entry once, by its key, and never over the choices of staff."""

import os
import threading
import time
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path

from mailer import articles, sources
from mailer.app import Mailer
from mailer.intake import sources as sources_module
from mailer.intake.drafts import DraftDefaults
from mailer.intake.source_reader import SourceReader, build_entry
from mailer.intake.sources import load_word_file
from mailer.log import create_logger
from mailer.model.articles import ArticleKind, ArticleOutcome, ArticleState
from mailer.model.sources import OnImport, SourceKind
from mailer.worker.sources import SourcePoller
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.intake.factories import (
    FIRST,
    POSTS,
    SECOND,
    add_source,
    get_source,
    import_source,
    make_feed,
    make_posts,
    map_articles,
)
from tests.integration.intake.site import LoopbackSite, build_answer, build_redirect
from tests.unit.intake.factories import PNG, create_blank_document
from tests.unit.intake.word_files import build_word_file, make_paragraph


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
    assert result.changed_after_queueing == ["a-clinic-opens (en)"]
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
        "impossible date",
        "impossible date",
    ]


def test_word_file_that_staff_added_is_no_second_story(mailer: Mailer, tmp_path: Path) -> None:
    file = tmp_path / "report.docx"
    file.write_bytes(build_word_file(make_paragraph("Annual report") + make_paragraph("Words.")))
    os.utime(file, (1, 1))
    reader = SourceReader(mailer.settings)
    with mailer.store.begin() as tx:
        entry = build_entry(load_word_file(file, reader.make_defaults((), mailer.clock())))
        assert sources.describe_gaps(entry) == [
            f"no date was found: it counts as published {mailer.clock():%Y-%m-%d}",
            "it has no topic: readers of every topic get it",
        ]
        article, _ = sources.import_draft(tx, AMINA, entry, mailer.clock())
        articles.queue_articles(tx, AMINA, article.slug, None, mailer.clock())
        again, outcome = sources.import_draft(tx, AMINA, entry, mailer.clock())
        assert (again.slug, outcome) == (article.slug, ArticleOutcome.UNCHANGED)
    source = add_source(mailer, str(tmp_path), kind=SourceKind.FOLDER)
    for _ in range(2):
        result = sources.poll_source(mailer.store, STAFF, source, reader, mailer.clock)
        assert result is not None
        assert (result.imported, result.unchanged, result.problems) == ([], 1, [])
    assert set(map_articles(mailer)) == {article.slug}
    file.write_bytes(build_word_file(make_paragraph("Annual report") + make_paragraph("Other.")))
    os.utime(file, (1, 1))
    result = sources.poll_source(mailer.store, STAFF, source, reader, mailer.clock)
    assert result is not None
    assert result.changed_after_queueing == [f"{article.slug} (en)"]
