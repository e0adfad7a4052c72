"""Records to test with, and texts that have broken mailers before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from mailer.model.articles import Article, ArticleKind, ArticleState, Content, Story
from mailer.model.edition_states import EditionState, InDoubtPolicy, Priority
from mailer.model.editions import Edition
from mailer.model.lists import MailingList, Topic, Visibility

NOW = datetime(2026, 12, 18, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def make_content(slug: str = "storm-relief", **fields: Any) -> Content:
    sample = Content(
        slug=slug,
        language="en",
        kind=ArticleKind.NEWS,
        title="Relief reaches the coast",
        published=NOW - DAY,
        body="Boats came in at dawn.",
        html="<p>Boats came in at dawn.</p>",
    )
    return replace(sample, **fields)


def make_article(slug: str = "storm-relief", **fields: Any) -> Article:
    own_fields = {
        name: fields.pop(name)
        for name in ("id", "state", "revision", "created_at", "updated_at")
        if name in fields
    }
    sample_content = make_content(slug, **fields)
    record_fields: dict[str, Any] = {
        "id": 1,
        "state": ArticleState.QUEUED,
        "revision": 1,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Article(
        **{f: getattr(sample_content, f) for f in Content.__dataclass_fields__},
        **(record_fields | own_fields),
    )


def make_story(slug: str = "storm-relief", **fields: Any) -> Story:
    return Story(slug, (make_article(slug, **fields),))


def make_edition(**fields: Any) -> Edition:
    sample = Edition(
        id=7,
        uid="5f1d2c",
        name="The week",
        digest="",
        list="news",
        segment="",
        template="digest",
        subject="",
        language="en",
        opening={},
        state=EditionState.DRAFT,
        reason="",
        in_doubt=InDoubtPolicy.RESEND,
        priority=Priority.NORMAL,
        stories=("storm-relief",),
        content_hash="",
        approval=None,
        created_at=NOW,
        planned_at=None,
        finished_at=None,
    )
    return replace(sample, **fields)


def make_mailing_list(slug: str = "news", **fields: Any) -> MailingList:
    sample = MailingList(
        id=3,
        slug=slug,
        name="News",
        description="",
        language="en",
        visibility=Visibility.PUBLIC,
        created_at=NOW,
    )
    return replace(sample, **fields)


def make_topic(slug: str, **names: str) -> Topic:
    return Topic(id=1, slug=slug, names=names)


CHARACTERS = st.characters(exclude_categories=())
"""Every code point, lone surrogates among them."""

AWKWARD = st.sampled_from(
    [
        '"', "\\", "\\\"", "'", ",", ";", ":", "<", ">", "<a@b.example>", "(", ")", "@", "[", "]",
        "=", "=?", "?=", "=?utf-8?q?=41?=", "=?utf-8?b?w6k=?=", "=?us-ascii?q?x?= =?x?q?y?=",
        "\r\n", "\r", "\n", "\n\r", "\r\nBcc: all@example.org\r\n", "\r\n\r\n", "\n.\n", ".", "..",
        "\n..\n", " ", "  ", " \n", "\t", "\t\n", "=\n", "=3D", "=0D=0A", "\nFrom here", "--",
        "\n--=_z\n", "\0", "\x0b", "\x0c", "\x1c", "\x1b", "\x7f", "\x85", "\xa0", "\u2028",
        "\u2029", "\u200b", "\u202e", "\ufeff", "\ud800", "\udfff", "é", "e\u0301",
        "移民", "🧑🏽‍🚒",
        "مرحبا", "&", "&amp;", "<b>", "%", "{{", "}}", "a" * 75, "b" * 77, "word " * 40, "é" * 60,
        "x" * 1100,
    ]
)  # fmt: skip


def generate_texts(max_pieces: int = 12) -> st.SearchStrategy[str]:
    """Any text at all, with more than its share of what is awkward."""
    piece = st.one_of(AWKWARD, st.text(CHARACTERS, max_size=8), st.text("abc =.\r\n", max_size=30))
    return st.lists(piece, max_size=max_pieces).map("".join)
