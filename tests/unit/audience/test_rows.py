"""A header is understood or refused, and a row says which column is wrong."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience import rows
from mailer.audience.rows import ALIASES, Column
from mailer.errors import InputError

TOPICS = frozenset({"health", "diaspora"})
THREE = [Column.ADDRESS, Column.TIME_ZONE, Column.COUNTRY]
ALL = dict(enumerate(Column))


@pytest.mark.parametrize(
    ("header", "mapping", "columns"),
    [
        (["email"], {}, {0: Column.ADDRESS}),
        (["Full Name", "E-Mail Address"], {}, {0: Column.NAME, 1: Column.ADDRESS}),
        (["shoe size", "e_mail"], {}, {1: Column.ADDRESS}),
        (["email", "Time Zone", "country_code"], {}, dict(enumerate(THREE))),
        (["Adresse", "Nom"], {"Adresse": "address", "Nom": "name"}, dict(enumerate(THREE[:1]))
         | {1: Column.NAME}),
        (["email", "work"], {"work": "address"}, {1: Column.ADDRESS}),
    ],
)  # fmt: skip
def test_a_header_is_understood(
    header: list[str], mapping: dict[str, str], columns: dict[int, Column]
) -> None:
    assert rows.map_columns(header, mapping) == columns


@pytest.mark.parametrize(
    ("header", "mapping", "says"),
    [
        (["name"], {}, "line 1: no column holds addresses"),
        ([], {}, "no column holds addresses"),
        (["email", "mail"], {}, "line 1: two columns hold the address"),
        (["email", "nom"], {"prenom": "name"}, "there is no column 'prenom'; the file has 'email'"),
        (["email", "nom"], {"nom": "surname"}, "--map nom=surname: 'surname' is nothing"),
        (["email", "a", "b"], {"a": "name", "b": "name"}, "two columns hold the name"),
    ],
)
def test_a_header_that_can_not_be_used_is_refused(
    header: list[str], mapping: dict[str, str], says: str
) -> None:
    with pytest.raises(InputError) as caught:
        rows.map_columns(header, mapping)
    assert says in str(caught.value)


@given(st.sampled_from(sorted(ALIASES)), st.sampled_from(["{}", " {} ", "{}:", "-{}-"]))
def test_spellings_differ_in_case_and_signs_only(alias: str, shape: str) -> None:
    header = ["email", shape.format(alias).upper()]
    if ALIASES[alias] is Column.ADDRESS:
        header[0] = "nothing"
    assert rows.map_columns(header, {})[1] is ALIASES[alias]


def test_a_full_row_is_read() -> None:
    fields = [" Ana@Example.ORG ", "Ana  Bo", "FR", "gb", "Europe/Paris", "health; diaspora|health",
              "donor, vip", "2026-01-31"]  # fmt: skip
    row = rows.read(7, fields, ALL, TOPICS)
    assert row.line == 7
    assert (row.person.address, row.person.name) == ("Ana@example.org", "Ana Bo")
    assert (row.person.language, row.person.country) == ("fr", "GB")
    assert (row.person.time_zone, row.person.tags) == ("Europe/Paris", ("donor", "vip"))
    assert row.topics == ("diaspora", "health")
    assert row.joined == datetime(2026, 1, 31, tzinfo=UTC)


def test_what_a_row_does_not_say_is_left_open() -> None:
    row = rows.read(2, ["ana@example.org"], ALL, TOPICS)
    assert (row.person.name, row.person.language) == ("", "")
    assert row.topics is None
    assert row.joined is None


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        (Column.ADDRESS, "", "is not a mail address"),
        (Column.ADDRESS, "ana", "is not a mail address"),
        (Column.NAME, "a\x1bb", "control characters"),
        (Column.NAME, "x" * 201, "longer than 200"),
        (Column.LANGUAGE, "english", "is not a language tag"),
        (Column.COUNTRY, "UK", "'UK' is not a country code"),
        (Column.TIME_ZONE, "CET/Mars", "is not a time zone"),
        (Column.TIME_ZONE, "../../etc/passwd", "is not a time zone"),
        (Column.TOPICS, "health;helth", "there is no topic 'helth'"),
        (Column.TAGS, "a\x00b", "control characters"),
        (Column.JOINED, "31/01/2026", "is not a date"),
        (Column.JOINED, "2026-02-30", "is not a date"),
    ],
)
def test_a_bad_field_names_its_column(column: Column, value: str, what: str) -> None:
    fields = ["ana@example.org"] + [""] * (len(Column) - 1)
    fields[list(Column).index(column)] = value
    with pytest.raises(InputError, match=what) as caught:
        rows.read(2, fields, ALL, TOPICS)
    assert caught.value.where == column.value


@pytest.mark.parametrize(
    ("written", "hour"),
    [("2026-01-31T12:00", 12), ("2026-01-31T12:00+02:00", 10), ("2026-01-31 12:00:00Z", 12)],
)
def test_a_moment_is_taken_as_utc_unless_it_says_otherwise(written: str, hour: int) -> None:
    row = rows.read(2, ["ana@example.org", written], {0: Column.ADDRESS, 1: Column.JOINED}, TOPICS)
    assert row.joined == datetime(2026, 1, 31, hour, tzinfo=UTC)
