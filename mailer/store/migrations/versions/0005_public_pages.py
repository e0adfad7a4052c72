"""Consent, sign-ups, frequencies, the archive

Revision: 0005, after 0004.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from mailer.archive import build_search_text
from mailer.languages import choose_language
from mailer.model.articles import ArticleState
from mailer.model.editions import EditionBody
from mailer.store.schema.consent import GUARDS

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def _word(name: str, length: int, default: str | None = None) -> "sa.Column[Any]":
    return sa.Column(name, sa.String(length=length), server_default=default, nullable=False)


def _text(name: str, default: str | None = None) -> "sa.Column[Any]":
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def upgrade() -> None:
    op.add_column(
        "mailing_list",
        sa.Column("welcome", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("membership", _word("frequency", 10, "every"))
    op.add_column("membership", sa.Column("paused_until", _MOMENT, nullable=True))
    op.add_column("edition", sa.Column("cleared_at", _MOMENT, nullable=True))
    for table in ("digest", "edition"):
        op.add_column(table, _word("frequency", 10, "every"))
        op.add_column(table, _word("archive", 10, "public"))
    op.add_column(
        "edition_body", sa.Column("titles", sa.JSON(), server_default="[]", nullable=False)
    )
    op.add_column("edition_body", _text("summary", ""))
    op.create_table(
        "edition_words",
        sa.Column("edition_id", _ID, nullable=False),
        _word("language", 35),
        _text("words"),
        sa.ForeignKeyConstraint(
            ["edition_id", "language"],
            ["edition_body.edition_id", "edition_body.language"],
            name=op.f("fk_edition_words_edition_body"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("edition_id", "language", name=op.f("pk_edition_words")),
        comment="what the archive's search looks in; by itself, as a search reads all of it",
    )
    _fill_bodies(op.get_bind())
    op.create_table(
        "wording",
        sa.Column("id", _ID, nullable=False),
        _word("key", 64),
        _word("language", 35),
        _text("text"),
        sa.Column("first_used_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wording")),
        sa.UniqueConstraint("key", name=op.f("uq_wording_key")),
        comment="what people were shown when they agreed; key: SHA-256 of language and text",
    )
    op.create_table(
        "consent",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        _word("act", 20),
        _word("list", 60, ""),
        sa.Column("subscriber_id", sa.BigInteger(), nullable=False),
        _word("address_key", 32),
        sa.Column("address", sa.Text(), nullable=True),
        _text("source"),
        _word("basis", 24, ""),
        sa.Column("wording_id", _ID, nullable=True),
        _text("detail", ""),
        sa.ForeignKeyConstraint(
            ["wording_id"], ["wording.id"], name=op.f("fk_consent_wording_id_wording")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sqlite_autoincrement=True,
        comment="append-only; address is null once it was erased",
    )
    op.create_table(
        "confirmation",
        sa.Column("id", _ID, nullable=False),
        _word("kind", 12),
        _word("state", 12),
        _text("address"),
        _word("address_key", 32),
        sa.Column("subscriber_id", sa.BigInteger(), nullable=False),
        _word("language", 35),
        sa.Column("wishes", sa.JSON(), nullable=False),
        sa.Column("wording_id", _ID, nullable=True),
        _text("source"),
        sa.Column("asked_at", _MOMENT, nullable=False),
        sa.Column("answered_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["wording_id"], ["wording.id"], name=op.f("fk_confirmation_wording_id_wording")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_confirmation")),
        sqlite_autoincrement=True,
        comment="sign-ups and new addresses, until their owner has answered a mail; "
        "ids stand in links",
    )
    op.create_table(
        "allowance",
        _word("key", 80),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_allowance")),
        comment="how often something was done in a window; key: what, and a keyed hash of by whom",
    )
    op.create_table(
        "subscriber_alias",
        sa.Column("old_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name=op.f("fk_subscriber_alias_subscriber_id_subscriber"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("old_id", name=op.f("pk_subscriber_alias")),
        comment="who was merged into whom: links in old mails carry the old number",
    )
    for table, column in (
        ("consent", "subscriber_id"),
        ("consent", "address_key"),
        ("confirmation", "state"),
        ("confirmation", "address_key"),
        ("confirmation", "asked_at"),
        ("allowance", "since"),
        ("subscriber_alias", "subscriber_id"),
    ):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    for table, column, name, where in (
        ("membership", "left_at", "ix_membership_left", "left_at IS NOT NULL"),
        ("consent", "at", "ix_consent_erased", "address IS NULL"),
    ):
        condition = sa.text(where)
        op.create_index(
            name, table, [column], unique=False, sqlite_where=condition, postgresql_where=condition
        )
    dialect = op.get_bind().dialect.name
    for statement in GUARDS[dialect]:
        op.execute(statement)
    if dialect == "postgresql":
        op.create_table_comment("edition_body", "titles, summary: for lists of editions")
        op.create_table_comment(
            "edition",
            "wall, zone: when send_at is, by the clock; told: what staff last heard; cleared_at: "
            "when addresses were taken out of its deliveries",
        )


_BODY = sa.table(
    "edition_body",
    *map(sa.column, ("edition_id", "language", "subject", "text", "html", "marker", "stories")),
    sa.column("titles", sa.JSON()),
    sa.column("summary"),
)
_WORDS = sa.table("edition_words", *map(sa.column, ("edition_id", "language", "words")))
_EDITION = sa.table("edition", sa.column("id"), sa.column("language"))
_STORY = sa.table("edition_story", *map(sa.column, ("edition_id", "slug", "bit")))
_ARTICLE = sa.table("article", *map(sa.column, ("slug", "language", "state", "title", "summary")))


def _fill_bodies(db: sa.Connection) -> None:
    """What lists of editions and the search want of bodies that were frozen before there were any,
    a few at a time. Titles and summary are as the articles have them now: those of an article that
    was withdrawn since are left out."""
    for number, default in db.execute(sa.select(_EDITION.c.id, _EDITION.c.language)).all():
        stories = _stories(db, number)
        for row in db.execute(sa.select(_BODY).where(_BODY.c.edition_id == number)).all():
            body = EditionBody(
                row.language, row.subject, row.text, row.html, row.marker, row.stories
            )
            texts: list[tuple[str, str]] = []
            for bit, texts_by_language in stories:
                tags = sorted(texts_by_language)
                tag = choose_language(row.language, tags, choose_language(default, tags, ""))
                if row.stories >> bit & 1 and tag in texts_by_language:
                    texts.append(texts_by_language[tag])
            db.execute(
                sa.update(_BODY)
                .where(_BODY.c.edition_id == number, _BODY.c.language == row.language)
                .values(
                    titles=[title for title, _ in texts],
                    summary=texts[0][1] if texts else "",
                )
            )
            words = build_search_text(body)
            db.execute(
                sa.insert(_WORDS).values(edition_id=number, language=row.language, words=words)
            )


def _stories(db: sa.Connection, number: int) -> list[tuple[int, dict[str, tuple[str, str]]]]:
    """The bit of each of an edition's stories, with its title and summary by language."""
    texts: dict[int, dict[str, tuple[str, str]]] = {}
    for row in db.execute(
        sa.select(_STORY.c.bit, _ARTICLE.c.language, _ARTICLE.c.title, _ARTICLE.c.summary)
        .join(_ARTICLE, _ARTICLE.c.slug == _STORY.c.slug)
        .where(
            _STORY.c.edition_id == number,
            _STORY.c.bit.is_not(None),
            _ARTICLE.c.state == ArticleState.QUEUED.value,
        )
    ):
        texts.setdefault(row.bit, {})[row.language] = (row.title, row.summary)
    return sorted(texts.items())
