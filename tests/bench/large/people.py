"""The people of the large data set: with languages, countries, tags, consents and suppressions."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, case, func, insert, literal, select, text, update

from mailer.app import Mailer
from mailer.audience import lists
from mailer.model.contacts import FollowUp, Trust
from mailer.model.imports import ImportRow
from mailer.model.lists import Frequency
from mailer.model.signup import ConfirmationKind, ConfirmationState, SignUpWishes
from mailer.model.subscribers import ConsentAction, LawfulBasis, MembershipState
from mailer.model.suppressions import SuppressionReason
from mailer.store import SqlTransaction, schema
from tests.actors import STAFF
from tests.bench.delivery.readers import SOURCE, generate_rows, insert_readers
from tests.bench.large.row_copies import compute_moment, join_texts
from tests.bench.large.stories import LIST, PRESS_LIST

LANGUAGES = ("en", "fr", "es", "")
COUNTRIES = ("GB", "FR", "ES", "")
TIME_ZONES = ("Europe/London", "Europe/Paris", "", "", "")

_person = schema.subscriber.c
_member = schema.membership.c


def add_people(mailer: Mailer, count: int) -> None:
    """Add people to the list. One in 50 has left it, one in 100 is suppressed, one in 500 is a
    journalist. One in 20 has chosen another frequency, and one in 400 has done so since the newest
    stories were queued."""
    with mailer.store.begin() as tx:
        mailing_list = lists.get_list(tx, LIST)
        insert_readers(tx, mailing_list, count, mailer.clock(), _generate_rows(count))
        if tx.connection.dialect.name == "postgresql":
            tx.connection.execute(
                text("SELECT setval('subscriber_id_seq', max(id)) FROM subscriber")
            )
    with mailer.store.begin() as tx:
        _copy(tx, schema.subscriber_tag, _person.id % 10 == 0, tag=literal("donor"))
        _log_consents(tx, ConsentAction.ADDED, literal(value=True))
        has_left = _member.subscriber_id % 50 == 0
        tx.connection.execute(
            update(schema.membership)
            .where(has_left)
            .values(
                state=MembershipState.UNSUBSCRIBED.value,
                left_at=compute_moment(_member.subscriber_id % 1000),
            )
        )
        _log_consents(tx, ConsentAction.LEFT, _person.id % 50 == 0)
        _suppress_people(tx)
        _add_past_frequencies(tx, lists.get_list(tx, LIST).id, mailer.clock())
        _add_journalists(tx)
        _add_sign_ups(tx)


def _generate_rows(count: int) -> Iterator[ImportRow]:
    for row in generate_rows(count):
        number = row.line
        yield replace(
            row,
            person=replace(
                row.person,
                language=LANGUAGES[number % len(LANGUAGES)],
                country=COUNTRIES[number // 4 % len(COUNTRIES)],
                time_zone=TIME_ZONES[number % len(TIME_ZONES)],
            ),
        )


def _copy(
    tx: SqlTransaction,
    table: Table,
    condition: ColumnElement[bool],
    **values: ColumnElement[Any],
) -> None:
    """Insert a row for each person who meets the condition. It has the person's id, if the table
    has a column for it and the values do not."""
    if "subscriber_id" in table.c:
        values = {"subscriber_id": _person.id, **values}
    source = select(*(value.label(f"new_{name}") for name, value in values.items()))
    tx.connection.execute(insert(table).from_select([*values], source.where(condition)))


def _log_consents(tx: SqlTransaction, act: ConsentAction, condition: ColumnElement[bool]) -> None:
    _copy(
        tx,
        schema.consent,
        condition,
        at=_person.created_at,
        act=literal(act.value),
        list=literal(LIST),
        address_key=_person.address_key,
        address=_person.address,
        source=literal(SOURCE),
        basis=literal(LawfulBasis.CONSENT.value),
        detail=literal("topics: all"),
        actor_key=literal(STAFF.key),
    )


def _suppress_people(tx: SqlTransaction) -> None:
    reason = case(
        (_person.id % 300 == 1, SuppressionReason.COMPLAINT.value),
        else_=SuppressionReason.BOUNCE.value,
    )
    _copy(
        tx,
        schema.suppression,
        _person.id % 100 == 1,
        address_key=_person.address_key,
        address=_person.address,
        reason=reason,
        detail=literal("550 5.1.1 unknown"),
        created_at=compute_moment(_person.id % 10_000),
    )


def _add_past_frequencies(tx: SqlTransaction, list_id: int, now: datetime) -> None:
    tomorrow = literal(now + timedelta(days=1), schema.past_frequency.c.until.type)
    for has_changed, until in (
        (_person.id % 20 == 7, compute_moment(_person.id % 1000)),
        (_person.id % 400 == 9, tomorrow),
    ):
        _copy(
            tx,
            schema.past_frequency,
            has_changed,
            list_id=literal(list_id),
            frequency=literal(Frequency.WEEKLY.value),
            until=until,
        )


def _add_journalists(tx: SqlTransaction) -> None:
    press_list = lists.get_list(tx, PRESS_LIST)
    is_journalist = _person.id % 500 == 3
    _copy(
        tx,
        schema.membership,
        is_journalist,
        list_id=literal(press_list.id),
        state=literal(MembershipState.ACTIVE.value),
        joined_at=_person.created_at,
    )
    outlet = join_texts("The Example ", _person.id % 997)
    _copy(
        tx,
        schema.contact,
        is_journalist,
        outlet=outlet,
        outlet_key=func.lower(outlet),
        trust=case((_person.id % 1000 == 3, Trust.TRUSTED.value), else_=Trust.UNTRUSTED.value),
        follow_up=literal(FollowUp.WELCOME.value),
        note=literal(""),
        updated_at=_person.created_at,
    )
    for beat in ("health", "migration"):
        _copy(tx, schema.contact_beat, is_journalist, beat=literal(beat))


def _add_sign_ups(tx: SqlTransaction) -> None:
    """Add answered sign-ups of the last days, as the older ones have been deleted."""
    wishes = literal(SignUpWishes((LIST,)).to_plain(), schema.confirmation.c.wishes.type)
    _copy(
        tx,
        schema.confirmation,
        _person.id % 100 == 7,
        subscriber_id=literal(0),
        kind=literal(ConfirmationKind.SIGN_UP.value),
        state=literal(ConfirmationState.DONE.value),
        address=_person.address,
        address_key=_person.address_key,
        language=literal("en"),
        wishes=wishes,
        source=literal(SOURCE),
        asked_at=compute_moment(_person.id % 100),
        answered_at=compute_moment(_person.id % 100),
    )
