"""The office's own fields of readers in the database: kept, merged, filtered, frozen, erased."""

import json
from threading import Event

import pytest

from mailer import editions, message
from mailer.app import Mailer
from mailer.audience import erasure, preferences, reader_fields, segments, subscribers
from mailer.audience.filter_parser import parse_filter
from mailer.config.reader_fields import FieldSection
from mailer.errors import ComposeError
from mailer.field_types import FieldType
from mailer.model.editions import Edition
from mailer.model.segments import All, Compared, Comparison, HasValue
from mailer.store import schema
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.delivery.delivery_runs import with_settings
from tests.integration.factories import NOW

SECTIONS = {
    "town": FieldSection(fallback={"en": "your town"}),
    "members": FieldSection(type=FieldType.NUMBER),
    "since": FieldSection(type=FieldType.DATE),
}


@pytest.fixture
def fields_mailer(mailer: Mailer) -> Mailer:
    """An office with three fields, and readers of which the last has no value."""
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.add_story(tx, "boats")
        for address, values in (
            ("ana@example.org", {"town": "Le Havre <1>", "members": "3", "since": "2020-05-01"}),
            ("ben@example.org", {"town": "Genève", "members": "-12.5", "since": "2026-01-01"}),
            ("cem@example.org", {"members": "Genève", "since": "1"}),
            ("dia@example.org", {}),
        ):
            factories.add_subscriber(tx, address, fields=values)
    return with_settings(mailer, fields=SECTIONS)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ('town = "Le Havre <1>"', "ana"),
        ("town != Genève", "ana cem dia"),
        ("town in (Genève, Rome)", "ben"),
        ("town is set", "ana ben"),
        ("members < 3", "ben"),
        ("members <= 3", "ana ben"),
        ("members > -12.5", "ana"),
        ("members >= -12.5", "ana ben"),
        ("not members < 3", "ana cem dia"),
        ("members = -12.50", "ben"),
        ("since before 2026-01-01", "ana"),
        ("since after 2026-01-01", "ben"),
        ("not since after 2026-01-01", "ana cem dia"),
    ],
)
def test_members_are_filtered_by_own_fields(fields_mailer: Mailer, line: str, names: str) -> None:
    """A value that was stored under another type, such as cem's number, matches no comparison."""
    tree = parse_filter(line, fields_mailer.reader_fields)
    with fields_mailer.store.read() as tx:
        news = factories.get_mailing_list(tx)
        sample = tx.segments.sample_members(news, tree, 10)
        assert sorted(member.address.partition("@")[0] for member in sample) == names.split()
        assert tx.segments.count_members(news, tree) == len(sample)


def test_saved_segment_of_own_fields_is_read_back(fields_mailer: Mailer) -> None:
    with fields_mailer.store.begin() as tx:
        line = "members >= 3 and town is set"
        fields = fields_mailer.reader_fields
        segments.save_segment(tx, STAFF, "big", "Big", line, NOW, fields)
        segment = segments.get_segment(tx, "big")
    assert segments.format_filter(segment.filter) == line
    number = Compared("members", Comparison.AT_LEAST, "3")
    assert segment.filter == All((number, HasValue("town")))


def test_merged_person_keeps_the_survivors_values(fields_mailer: Mailer) -> None:
    with fields_mailer.store.begin() as tx:
        duplicate = subscribers.get_subscriber(tx, "ana@example.org")
        stays = subscribers.get_subscriber(tx, "cem@example.org")
        merged = preferences.merge_subscribers(tx, STAFF, duplicate, stays, NOW)
        assert merged.person.fields == {"town": "Le Havre <1>", "members": "Genève", "since": "1"}
        assert subscribers.get_subscriber(tx, "cem@example.org") == merged


def test_changed_address_keeps_the_values(fields_mailer: Mailer) -> None:
    with fields_mailer.store.begin() as tx:
        subscriber = subscribers.get_subscriber(tx, "ana@example.org")
        moved = preferences.change_address(tx, STAFF, subscriber, "ana@example.net", NOW)
        assert moved.person.fields == subscriber.person.fields


# ---- mails ------------------------------------------------------------------------------------


def start_edition(mailer: Mailer, opening: str) -> Edition:
    with mailer.store.begin() as tx:
        edition = factories.create_edition(tx, "boats", template="digest", opening={"en": opening})
        approved = editions.approve_edition(tx, AMINA, edition, mailer.renderer, mailer.clock())
        started, _ = editions.start_edition(tx, STAFF, approved, mailer.renderer, mailer.clock())
    return started


def test_mail_prints_values_frozen_when_sending_began(fields_mailer: Mailer, relay: Relay) -> None:
    opening = "Dear {{ recipient.fields.town }}, {{ recipient.fields.since | default('a while') }}"
    started = start_edition(fields_mailer, opening)
    rows = factories.read_deliveries(fields_mailer.store, started)
    assert json.loads(rows["ana@example.org"].fields) == {
        "since": "2020-05-01",
        "town": "Le Havre <1>",
    }
    assert rows["dia@example.org"].fields == ""
    with fields_mailer.store.begin() as tx:
        ana = subscribers.get_subscriber(tx, "ana@example.org")
        changed = reader_fields.merge_values(ana.person.fields, {"town": "Rome"})
        subscribers.edit_subscriber(tx, STAFF, ana.address, {"fields": changed})
    fields_mailer.deliver_editions([started], Event())
    texts: dict[str, str] = {}
    htmls: dict[str, str] = {}
    for received in relay.received:
        for kind, parts in (("plain", texts), ("html", htmls)):
            part = received.message.get_body((kind,))
            assert part is not None
            parts[received.recipient] = " ".join(part.get_content().split())
    assert "Dear Le Havre <1>, 1 May 2020" in texts["ana@example.org"]
    assert "Dear Le Havre &lt;1&gt;, 1 May 2020" in htmls["ana@example.org"]
    assert "Dear your town, a while" in texts["dia@example.org"]
    assert "Dear your town, 1" in texts["cem@example.org"]


def test_edition_without_fields_copies_none(fields_mailer: Mailer) -> None:
    started = start_edition(fields_mailer, "Dear all")
    rows = factories.read_deliveries(fields_mailer.store, started)
    assert {delivery.fields for delivery in rows.values()} == {""}


def test_removed_field_stops_templates_and_segments_but_not_approved_mails(
    fields_mailer: Mailer,
) -> None:
    opening = "Dear {{ recipient.fields.town }}"
    with fields_mailer.store.begin() as tx:
        segments.save_segment(
            tx, STAFF, "big", "Big", "members >= 3", NOW, fields_mailer.reader_fields
        )
        draft = factories.create_edition(tx, "boats", template="digest", opening={"en": opening})
        segmented = factories.create_edition(tx, "boats", template="digest", segment="big")
    fewer = with_settings(fields_mailer, fields={})
    with fewer.store.begin() as tx:
        with pytest.raises(ComposeError, match="town"):
            editions.compose_edition(tx, STAFF, draft, fewer.renderer)
        with pytest.raises(ComposeError, match="'big' tests members"):
            editions.compose_edition(tx, STAFF, segmented, fewer.renderer)
        ana = subscribers.get_subscriber(tx, "ana@example.org")
        assert ana.person.fields["town"] == "Le Havre <1>"


def test_erasure_removes_values_from_people_and_deliveries(fields_mailer: Mailer) -> None:
    started = start_edition(fields_mailer, "Dear {{ recipient.fields.town }}")
    with fields_mailer.store.begin() as tx:
        data = erasure.collect_personal_data(tx, subscribers.get_subscriber(tx, "ana@example.org"))
        assert data["fields"]["town"] == "Le Havre <1>"
        erasure.erase_person(tx, STAFF, "ana@example.org", NOW)
        for table in (schema.subscriber, schema.delivery):
            texts = tx.connection.scalars(table.select().with_only_columns(table.c.fields))
            assert not any("Le Havre" in text for text in texts)
    with fields_mailer.store.read() as tx:
        assert message.find_field_names(tx.editions.list_bodies(started)) == {"town"}
