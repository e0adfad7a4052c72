"""The past of the large data set: its stories, editions and releases, copied from models."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, insert, literal, select, update

from mailer import releases
from mailer.app import Mailer
from mailer.audience import lists
from mailer.model.edition_states import EditionKind, EditionRole, EditionState
from mailer.model.editions import Edition
from mailer.model.embargoes import EmbargoEventType
from mailer.model.schedules import OccurrenceState
from mailer.store import SqlTransaction, schema
from tests.actors import AMINA, STAFF
from tests.bench.large.row_copies import (
    compute_moment,
    copy_rows,
    create_numbers,
    drop_numbers,
    join_texts,
    n,
    numbers,
)
from tests.bench.large.stories import DIGEST, PAST_STORIES, PRESS_LIST, RELEASE, add_release_story

EDITIONS_FOR_A_RELEASE = 50
UID = "past"
"""Uids of past editions are this and their numbers."""

_article, _edition = schema.article.c, schema.edition.c


def add_past_stories(tx: SqlTransaction, count: int) -> None:
    """Add the stories of `count` past editions."""
    create_numbers(tx, count)
    copy_rows(
        tx,
        schema.article,
        and_(_article.slug.in_(PAST_STORIES), n > 0),
        {
            "slug": join_texts(_article.slug, "-", n),
            "title": join_texts(_article.title, " ", n),
            "search_text": join_texts(_article.search_text, "  ", n),
            "published_at": _compute_day(count),
            "created_at": _compute_day(count),
            "updated_at": _compute_day(count),
        },
    )
    model = schema.article.alias("model")
    is_copy = and_(
        model.c.slug.in_(PAST_STORIES), n > 0, _article.slug == join_texts(model.c.slug, "-", n)
    )
    for table in (schema.article_topic, schema.article_revision):
        others = [column for column in table.c if column.name != "article_id"]
        source = (
            select(
                _article.id,
                *(
                    _article.created_at if column.name == "created_at" else column
                    for column in others
                ),
            )
            .select_from(numbers, model, schema.article, table)
            .where(is_copy, table.c.article_id == model.c.id)
        )
        tx.connection.execute(
            insert(table).from_select(["article_id", *(column.name for column in others)], source)
        )
    drop_numbers(tx)


def _compute_day(count: int) -> ColumnElement[Any]:
    """Compute the day of past edition `n`: the last of them was two days ago."""
    return compute_moment((literal(count + 2) - n) * 24)


def add_past_editions(tx: SqlTransaction, model: Edition, count: int, now: datetime) -> None:
    """Add past editions until there are `count`, as copies of an approved one, and count that as
    sent, too. One in ten is a service mail's, one in 50 a notice to staff."""
    create_numbers(tx, count)
    kind = case(
        (n % 10 == 0, EditionKind.SERVICE.value),
        (n % 50 == 1, EditionKind.NOTICE.value),
        else_=EditionKind.MAILING.value,
    )
    sent = {"state": EditionState.SENT.value, "last_notified_state": EditionState.SENT.value}
    copy_rows(
        tx,
        schema.edition,
        and_(_edition.id == model.id, n > 0),
        {
            **sent,
            "uid": join_texts(UID, n),
            "name": join_texts(_edition.name, " ", n),
            "number": n + 1,
            "kind": kind,
            "digest_id": case((kind == EditionKind.MAILING.value, _edition.digest_id)),
            "last_notified_hash": _edition.content_hash,
            "created_at": _compute_day(count),
            "planned_at": _compute_day(count),
            "finished_at": _compute_day(count),
        },
    )
    drop_numbers(tx)
    first_day = now - timedelta(days=count + 2)
    tx.connection.execute(
        update(schema.edition)
        .where(_edition.id == model.id)
        .values(
            **sent, last_notified_hash=_edition.content_hash, planned_at=first_day,
            finished_at=first_day,
        )
    )  # fmt: skip
    _copy_parts(tx, model)
    _add_edition_stories(tx)
    _add_occurrences(tx, now)


def _copy_parts(tx: SqlTransaction, model: Edition) -> None:
    """Give each past edition the bodies, the approval and the events of the model."""
    for table in (
        schema.edition_body,
        schema.edition_words,
        schema.approval,
        schema.edition_event,
    ):
        others = [column for column in table.c if column.name not in {"id", "edition_id"}]
        source = (
            select(_edition.id, *others)
            .select_from(schema.edition.join(table, table.c.edition_id == model.id))
            .where(_edition.uid.like(f"{UID}%"))
            .order_by(_edition.id)
        )
        tx.connection.execute(
            insert(table).from_select(["edition_id", *(column.name for column in others)], source)
        )


def _add_edition_stories(tx: SqlTransaction) -> None:
    """Give each past edition its two stories, and write them into the digest's ledger."""
    for bit, slug in enumerate(PAST_STORIES):
        is_past = _edition.uid.like(f"{UID}%")
        own_slug = join_texts(slug, "-", _edition.number - 1).label("own_slug")
        tx.connection.execute(
            insert(schema.edition_story).from_select(
                ["edition_id", "slug", "position", "bit"],
                select(_edition.id, own_slug, literal(bit), literal(bit).label("bit")).where(
                    is_past
                ),
            )
        )
        digest_id = select(schema.digest.c.id).where(schema.digest.c.slug == DIGEST)
        tx.connection.execute(
            insert(schema.digest_story).from_select(
                ["digest_id", "slug", "edition_id"],
                select(digest_id.scalar_subquery(), own_slug, _edition.id).where(is_past),
            )
        )


def _add_occurrences(tx: SqlTransaction, now: datetime) -> None:
    rows = tx.connection.execute(
        select(_edition.id, _edition.digest_id, _edition.planned_at).where(
            _edition.uid.like(f"{UID}%"), _edition.digest_id.is_not(None)
        )
    ).all()
    tx.connection.execute(
        insert(schema.occurrence).values(
            zone="UTC",
            state=OccurrenceState.MADE.value,
            reason="",
            actor="",
            created_at=now,
            updated_at=now,
        ),
        [
            {
                "digest_id": row.digest_id,
                "edition_id": row.id,
                "rule_time": f"{row.planned_at:%Y-%m-%dT%H:%M}",
            }
            for row in rows
        ],
    )


# ---- press releases ----------------------------------------------------------------------------


def publish_release(tx: SqlTransaction, mailer: Mailer) -> Edition:
    """Send a release to the press list. Its deliveries stay queued in an edition that is sent."""
    add_release_story(tx, mailer.clock())
    press_list = lists.get_list(tx, PRESS_LIST)
    prepared = releases.prepare_release(
        tx, STAFF, RELEASE, press_list, mailer.renderer, mailer.clock(), default_language="en"
    )
    release = releases.begin_release(tx, AMINA, prepared, mailer.renderer, mailer.clock()).release
    tx.outbox.cancel_unsent_deliveries(release.id)
    return tx.editions.set_state(release, EditionState.SENT, mailer.clock(), STAFF)


def add_past_embargoes(tx: SqlTransaction, count: int) -> None:
    """Add an ended embargo on a story of each :data:`EDITIONS_FOR_A_RELEASE` past editions."""
    create_numbers(tx, count)
    is_chosen = n % EDITIONS_FOR_A_RELEASE == 3
    values = {
        "slug": join_texts(PAST_STORIES[1], "-", n),
        "wall": literal("2026-01-02T09:00"),
        "zone": literal("UTC"),
        "until": _compute_day(count),
        "set_at": _compute_day(count),
        "set_by": literal("Amina"),
        "reason": literal(""),
    }
    tx.connection.execute(
        insert(schema.embargo).from_select(
            [*values],
            select(*(value.label(f"new_{name}") for name, value in values.items())).where(
                is_chosen
            ),
        )
    )
    values = {
        "slug": join_texts(PAST_STORIES[1], "-", n),
        "at": _compute_day(count),
        "event_type": literal(EmbargoEventType.SET.value),
        "actor": literal("Amina"),
        "detail": literal(""),
    }
    tx.connection.execute(
        insert(schema.embargo_event).from_select(
            [*values],
            select(*(value.label(f"new_{name}") for name, value in values.items())).where(
                is_chosen
            ),
        )
    )
    drop_numbers(tx)


def add_past_releases(tx: SqlTransaction, model: Edition, edition_count: int) -> None:
    """Add a release for each :data:`EDITIONS_FOR_A_RELEASE` past editions, as copies of one."""
    count = edition_count // EDITIONS_FOR_A_RELEASE + 1
    create_numbers(tx, count)
    copy_rows(
        tx,
        schema.article,
        and_(_article.slug == RELEASE, n > 0),
        {"slug": join_texts(_article.slug, "-", n)},
    )
    copy_rows(
        tx,
        schema.edition,
        and_(_edition.id == model.id, n > 0),
        {
            "uid": join_texts("release", n),
            "number": n,
            "created_at": compute_moment(n * 24 * EDITIONS_FOR_A_RELEASE),
            "planned_at": compute_moment(n * 24 * EDITIONS_FOR_A_RELEASE),
            "finished_at": compute_moment(n * 24 * EDITIONS_FOR_A_RELEASE),
        },
    )
    drop_numbers(tx)
    is_copy = and_(_edition.role == EditionRole.RELEASE.value, _edition.id != model.id)
    body = schema.edition_body
    others = [column for column in body.c if column.name != "edition_id"]
    tx.connection.execute(
        insert(body).from_select(
            ["edition_id", *(column.name for column in others)],
            select(_edition.id, *others)
            .select_from(schema.edition.join(body, body.c.edition_id == model.id))
            .where(is_copy),
        )
    )
    tx.connection.execute(
        insert(schema.edition_story).from_select(
            ["edition_id", "slug", "position", "bit"],
            select(
                _edition.id,
                join_texts(RELEASE, "-", _edition.number),
                literal(0),
                literal(0).label("bit"),
            ).where(is_copy),
        )
    )
