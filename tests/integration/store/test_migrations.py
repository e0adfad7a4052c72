"""A database of an earlier release, with people's work in it, is brought to this one's schema."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import DateTime, MetaData, Table, insert

from mailer.message import Slot, create_slot
from mailer.model.deliveries import IN_FLIGHT_STATES, Claim, DeliveryState
from mailer.model.edition_states import EditionState, Priority
from mailer.store import Store
from mailer.store.schema import REVISIONS
from mailer.words import split_query
from tests.conftest import KEY
from tests.integration import factories
from tests.integration.factories import NOW


@pytest.fixture
def old(empty_database: str) -> Iterator[Store]:
    """A database of revision 0001."""
    store = Store(empty_database, KEY)
    with store.begin() as tx:
        config = Config()
        config.set_main_option("script_location", "mailer.store:migrations")
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "0001")
    try:
        yield store
    finally:
        store.close()


class Rows:
    """Writes rows into a database of any revision, as its tables are there."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tables = MetaData()
        with store.read() as tx:
            self.tables.reflect(tx.connection)

    def add(self, into: str, /, **values: Any) -> int:
        """A row; what isn't given and must be is empty."""
        table = self.tables.tables[into]
        plain = {
            column.name: self._nothing(column.type.python_type)
            for column in table.columns
            if not (column.nullable or column.server_default is not None or column.primary_key)
        }
        given = plain | {key: self._fit(table, key, one) for key, one in values.items()}
        with self.store.begin() as tx:
            made = tx.connection.execute(insert(table).values(**given))
            assert made.inserted_primary_key is not None
            return int(made.inserted_primary_key[0])

    def _nothing(self, kind: type) -> Any:
        nothing = {
            str: "",
            int: 0,
            bool: False,
            datetime: self._moment(NOW),
            object: {},
        }  # JSON is any object
        return nothing[kind]

    def _fit(self, table: Table, key: str, value: Any) -> Any:
        return self._moment(value) if isinstance(table.c[key].type, DateTime) else value

    def _moment(self, value: datetime) -> datetime:
        """As the schema's own type writes it."""
        return value.replace(tzinfo=None) if self.store.engine.name == "sqlite" else value


def test_what_was_being_sent_when_0001_ended_is_as_after_a_crash(old: Store) -> None:
    rows = Rows(old)
    list_ = rows.add("mailing_list", slug="news", name="News", language="en", visibility="public")
    edition = rows.add(
        "edition", uid="5f1d2c", name="The week", list_id=list_, template="digest",
        language="en", state="sending", in_doubt="resend", planned_at=NOW,
    )  # fmt: skip
    before = {
        "queued": 0, "later": 2, "claimed": 1, "again": 3, "on_wire": 1, "sent": 1, "failed": 2,
        "in_doubt": 1,
    }  # fmt: skip
    states = {"later": "queued", "again": "claimed"}
    for number, (name, attempt) in enumerate(before.items()):
        state = states.get(name, name)
        held = {"owner": "somebody", "lease_until": NOW} if state in IN_FLIGHT_STATES else {}
        rows.add(
            "delivery", edition_id=edition, address=f"{name}@example.org", address_key=name,
            subscriber_id=number, language="en", stories=1, state=state, attempt=attempt,
            reply="250 ok" if name == "sent" else "", **held,
        )  # fmt: skip
    assert old.upgrade_schema() == ("0001", REVISIONS[-1])
    old.check_schema()
    with old.begin() as tx:
        (known,) = tx.editions.list_recent_editions([EditionState.SENDING], 9)
        found = {
            one.address.partition("@")[0]: (one.state.value, one.attempt, one.reply)
            for one in tx.outbox.list_deliveries(known)
        }
        assert found == {
            "queued": ("queued", 0, ""),
            "later": ("queued", 2, ""),
            "claimed": ("queued", 0, ""),
            "again": ("queued", 2, ""),
            "on_wire": ("in_doubt", 1, "the sender died after the message was let out"),
            "sent": ("sent", 1, "250 ok"),
            "failed": ("failed", 2, ""),
            "in_doubt": ("in_doubt", 1, ""),
        }
        # It goes on from there.
        taken = tx.outbox.claim_deliveries(known.id, factories.register_worker(tx), 9)
        assert {claim.attempt for claim in taken} == {1, 3}
        assert all(isinstance(claim, Claim) for claim in taken)
        assert tx.outbox.return_to_queue(known.id, [DeliveryState.IN_DOUBT]) == 2


def test_press_releases_of_0001_go_first(old: Store) -> None:
    rows = Rows(old)
    list_ = rows.add("mailing_list", slug="press", name="Press", language="en", visibility="public")
    for number, template in enumerate(("digest", "press-release")):
        rows.add(
            "edition", uid=str(number), name=template, list_id=list_, template=template,
            language="en", state="approved", in_doubt="resend",
        )  # fmt: skip
    old.upgrade_schema()
    with old.read() as tx:
        found = {
            one.name: one.priority
            for one in tx.editions.list_recent_editions([EditionState.APPROVED], 9)
        }
    assert found == {"digest": Priority.NORMAL, "press-release": Priority.URGENT}


def test_press_releases_that_are_out_can_be_corrected(old: Store) -> None:
    rows = Rows(old)
    list_ = rows.add("mailing_list", slug="press", name="Press", language="en", visibility="public")
    for name, template, stories, out in (
        ("out", "press-release", 1, True), ("two", "press-release", 2, True),
        ("not yet", "press-release", 1, False), ("letter", "digest", 1, True),
    ):  # fmt: skip
        moment = {"planned_at": NOW} if out else {}
        edition = rows.add(
            "edition", uid=name, name=name, list_id=list_, template=template, language="en",
            state="sent" if out else "draft", in_doubt="resend", **moment,
        )  # fmt: skip
        for bit, slug in enumerate(("boats", "roads")[:stories]):
            rows.add("edition_story", edition_id=edition, slug=slug, position=bit, bit=bit)
    old.upgrade_schema()
    with old.begin() as tx:
        assert [one.name for one in tx.editions.list_release_editions("boats")] == ["out"]


def test_what_was_sent_by_0001_can_be_found_in_the_archive(old: Store) -> None:
    rows = Rows(old)
    list_ = rows.add("mailing_list", slug="news", name="News", language="en", visibility="public")
    for slug, tag, state in (
        ("boats", "en", "queued"), ("boats", "fr", "queued"), ("roads", "en", "queued"),
        ("gone", "en", "withdrawn"), ("other", "en", "queued"),
    ):  # fmt: skip
        rows.add(
            "article", slug=slug, language=tag, state=state, kind="news", title=f"{slug} {tag}",
            summary=f"{slug} in short, {tag}",
        )  # fmt: skip
    link = create_slot(factories.MARKER, Slot.UNSUBSCRIBE)
    for number in range(3):
        edition = rows.add(
            "edition", uid=f"5f1d2{number}", name=f"No {number}", list_id=list_, template="digest",
            language="en", state="sent", in_doubt="resend", planned_at=NOW + number * factories.DAY,
        )  # fmt: skip
        for bit, slug in enumerate(("boats", "gone", "roads")):
            rows.add("edition_story", edition_id=edition, slug=slug, position=bit, bit=bit)
        for tag, text in (("en", "Boats came in"), ("fr", "Déjà à l’aube")):
            rows.add(
                "edition_body", edition_id=edition, language=tag, subject=f"The week {tag}",
                text=f"{text}, no {number}\n{link}\n", html=f'<a href="{link}">Leave</a>',
                marker=factories.MARKER, stories=0b111 if tag == "en" else 0b011,
            )  # fmt: skip
    old.upgrade_schema()
    with old.read() as tx:
        found = tx.editions.find_entries("news")
        assert [one.name for one in found] == ["No 2", "No 1", "No 0"]
        english, french = found[0].versions
        assert (english.titles, english.summary) == (
            ("boats en", "roads en"), "boats in short, en",
        )  # fmt: skip
        assert (french.titles, french.summary) == (("boats fr",), "boats in short, fr")
        for typed, names in (("boats 1", ["No 1"]), ("deja AUBE 2", ["No 2"]), ("leave", [])):
            some = tx.editions.find_entries("news", split_query(typed, 8))
            assert [one.name for one in some] == names
