"""A header is understood or refused, and a row says which column is wrong."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.imports import columns, rows
from mailer.audience.imports.columns import ALIASES, ImportColumn, assign_fields
from mailer.audience.imports.rows import RowRules
from mailer.audience.imports.topic_names import index_topics
from mailer.errors import InputError
from mailer.model.imports import ImportRow, RowOutcome, RowResult, RowState
from mailer.model.lists import Frequency, Topic
from mailer.model.subscribers import Person
from mailer.model.suppressions import SuppressionReason

TOPICS = index_topics(
    [
        Topic(1, "health", {"en": "Health", "fr": "Santé", "ru": "Здоровье"}),
        Topic(2, "diaspora", {"en": "People abroad, and returning"}),
    ]
)
RULES = RowRules(TOPICS)
THREE = [ImportColumn.ADDRESS, ImportColumn.TIME_ZONE, ImportColumn.COUNTRY]
ADDRESS_AND_STATE = [ImportColumn.ADDRESS, ImportColumn.STATE]
NAME_PARTS = [ImportColumn.FIRST_NAME, ImportColumn.LAST_NAME, ImportColumn.ADDRESS]
ALL = dict(enumerate(ImportColumn))


@pytest.mark.parametrize(
    ("header", "mapping", "contents"),
    [
        (["email"], {}, {0: ImportColumn.ADDRESS}),
        (["Full Name", "E-Mail Address"], {}, {0: ImportColumn.NAME, 1: ImportColumn.ADDRESS}),
        (["shoe size", "e_mail"], {}, {1: ImportColumn.ADDRESS}),
        (["email", "Time Zone", "country_code"], {}, dict(enumerate(THREE))),
        (
            ["Adresse", "Nom"],
            {"Adresse": "address", "Nom": "name"},
            dict(enumerate(THREE[:1])) | {1: ImportColumn.NAME},
        ),
        (["email", "work"], {"work": "address"}, {1: ImportColumn.ADDRESS}),
        (["email", "State"], {}, {0: ImportColumn.ADDRESS, 1: ImportColumn.STATE}),
        (["Address", "E-mail 1 - Value"], {}, {1: ImportColumn.ADDRESS}),
        (["Adresse"], {}, {0: ImportColumn.ADDRESS}),
        (["mail", "Stufe"], {"Stufe": "status"}, dict(enumerate(ADDRESS_AND_STATE))),
        (["Vorname", "Name", "E-Mail"], {}, dict(enumerate(NAME_PARTS))),
        (["Prénom", "NOM", "Courriel"], {}, dict(enumerate(NAME_PARTS))),
        (["Nombre", "Apellidos", "Correo electrónico"], {}, dict(enumerate(NAME_PARTS))),
        (["Имя", "Фамилия", "Почта"], {}, dict(enumerate(NAME_PARTS))),
        (["Nom", "courriel"], {}, {0: ImportColumn.NAME, 1: ImportColumn.ADDRESS}),
        (["email", "created_at"], {}, {0: ImportColumn.ADDRESS, 1: ImportColumn.JOINED}),
        (
            ["email", "created_at", "Subscribed on"],
            {},
            {0: ImportColumn.ADDRESS, 2: ImportColumn.JOINED},
        ),
        (
            ["email", "State", "Left"],
            {"State": "ignored", "Left": "ignored"},
            {0: ImportColumn.ADDRESS},
        ),
    ],
)
def test_import_header_maps_columns(
    header: list[str], mapping: dict[str, str], contents: dict[int, ImportColumn]
) -> None:
    assert columns.map_columns(header, mapping) == contents


@pytest.mark.parametrize(
    ("header", "mapping", "says"),
    [
        (["name"], {}, "line 1: no column holds addresses"),
        ([], {}, "no column holds addresses"),
        (["email", "mail"], {}, "line 1: two columns hold the address"),
        (["email", "tags", "Etiquetas"], {}, "line 1: two columns hold the tags"),
        (["email", "nom"], {"prenom": "name"}, "there is no column 'prenom'; the file has 'email'"),
        (["email", "nom"], {"nom": "surname"}, "nom=surname: 'surname' is not the content"),
        (["email", "a", "b"], {"a": "name", "b": "name"}, "two columns hold the name"),
    ],
)
def test_invalid_import_header_is_refused(
    header: list[str], mapping: dict[str, str], says: str
) -> None:
    with pytest.raises(InputError) as caught:
        columns.map_columns(header, mapping)
    assert says in str(caught.value)


@given(st.lists(st.one_of(st.text('ab ,;|"', min_size=1), st.text(min_size=1)), max_size=4))
def test_joined_values_round_trip(values: list[str]) -> None:
    values = [" ".join(value.split()) for value in values]
    values = [value for value in values if value]
    assert rows.split_values(rows.join_values(values)) == values


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ('"VIP","Blog, old"', ["VIP", "Blog, old"]),
        ('"say ""hi""" ; b', ['say "hi"', "b"]),
        ('5" pipe;b', ['5" pipe', "b"]),
        ('"open;b', ['"open', "b"]),
        (" ; a ,, b|c ", ["a", "b", "c"]),
        ("", []),
    ],
)
def test_quoted_value_may_contain_separator(field: str, values: list[str]) -> None:
    assert rows.split_values(field) == values


@given(st.sampled_from(sorted(ALIASES)), st.sampled_from(["{}", " {} ", "{}:", "-{}-"]))
def test_header_alias_ignores_case_and_punctuation(alias: str, shape: str) -> None:
    header = ["email", shape.format(alias).upper()]
    if ALIASES[alias] is ImportColumn.ADDRESS:
        header[0] = "nothing"
    assert columns.map_columns(header, {})[1] is ALIASES[alias]


def test_full_import_row_is_parsed() -> None:
    fields = [" Ana@Example.ORG ", "Ana  Bo", "FR", "gb", "Europe/Paris", "health; diaspora|health",
              "donor, vip", "2026-01-31", "AR", "Weekly", "2027-02-01", "unsubscribed",
              "2026-03-01", "bounce", "a card\nat the fair"]  # fmt: skip
    row = rows.parse_row(7, assign_fields(fields, ALL), RULES)
    assert row.line == 7
    assert (row.person.address, row.person.name) == ("ana@example.org", "Ana Bo")
    assert (row.person.language, row.person.country) == ("fr", "GB")
    assert (row.person.time_zone, row.person.tags) == ("Europe/Paris", ("donor", "vip"))
    assert row.topics == ("diaspora", "health")
    assert row.joined_at == datetime(2026, 1, 31, tzinfo=UTC)
    assert (row.language, row.frequency) == ("ar", Frequency.WEEKLY)
    assert row.paused_until == datetime(2027, 2, 1, tzinfo=UTC)
    assert (row.state, row.left_at) == (RowState.UNSUBSCRIBED, datetime(2026, 3, 1, tzinfo=UTC))
    assert (row.reason, row.evidence) == (SuppressionReason.BOUNCE, "a card at the fair")


def test_missing_import_fields_stay_unset() -> None:
    row = rows.parse_row(2, assign_fields(["ana@example.org"], ALL), RULES)
    assert row == ImportRow(2, Person("ana@example.org"))
    assert row.topics is None
    unsaid = rows.parse_row(
        2,
        {ImportColumn.ADDRESS: "a@b.org"},
        RowRules(TOPICS, default_state=RowState.UNSUBSCRIBED),
    )
    assert unsaid.state is RowState.UNSUBSCRIBED


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (ImportColumn.NAME, "a\x1bb", "control characters"),
        (ImportColumn.NAME, "x" * 201, "longer than 200"),
        (ImportColumn.LANGUAGE, "klingonese", "is not a language tag"),
        (ImportColumn.COUNTRY, "XX", "'XX' is not a country"),
        (ImportColumn.COUNTRY, "Atlantis", "'Atlantis' is not a country"),
        (ImportColumn.TIME_ZONE, "CET/Mars", "is not a time zone"),
        (ImportColumn.TIME_ZONE, "../../etc/passwd", "is not a time zone"),
        (ImportColumn.TOPICS, "helth", "there is no topic 'helth'"),
        (ImportColumn.TAGS, "a\x00b", "control characters"),
        (ImportColumn.JOINED, "01/02/2026", "may have the day or the month first"),
        (ImportColumn.JOINED, "2026-02-30", "is not a date"),
        (ImportColumn.LEFT, "yesterday", "'yesterday' is not a date"),
        (ImportColumn.PAUSED_UNTIL, "soon", "is not a date"),
        (ImportColumn.FREQUENCY, "yearly", "is not one of every, immediate, daily, weekly"),
        (ImportColumn.REASON, "rude", "is not one of manual, bounce, complaint, erased"),
        (ImportColumn.LIST_LANGUAGE, "frenchlike", "is not a language tag"),
        (ImportColumn.EVIDENCE, "a\x1bb", "control characters"),
    ],
)
def test_unreadable_field_is_left_out_and_named(
    column: ImportColumn, value: str, message: str
) -> None:
    fields = ["ana@example.org"] + [""] * (len(ImportColumn) - 1)
    fields[list(ImportColumn).index(column)] = value
    row = rows.parse_row(2, assign_fields(fields, ALL), RULES)
    (omitted,) = row.omitted
    assert omitted.column == column
    assert omitted.value in value
    assert message in omitted.reason
    unknown_topics = (value,) if column is ImportColumn.TOPICS else ()
    assert row == ImportRow(
        2, Person("ana@example.org"), omitted=row.omitted, unknown_topics=unknown_topics
    )


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (ImportColumn.ADDRESS, "", "is not a mail address"),
        (ImportColumn.ADDRESS, "ana", "is not a mail address"),
        (
            ImportColumn.STATE,
            "CA",
            "'CA' is not one of active, unsubscribed, pending, suppressed",
        ),
    ],
)
def test_invalid_address_or_state_refuses_row(
    column: ImportColumn, value: str, message: str
) -> None:
    fields = {ImportColumn.ADDRESS: "ana@example.org", column: value}
    with pytest.raises(InputError, match=message) as caught:
        rows.parse_row(2, fields, RULES)
    assert caught.value.field == column.value


@pytest.mark.parametrize(
    ("written", "hour"),
    [("2026-01-31T12:00", 12), ("2026-01-31T12:00+02:00", 10), ("2026-01-31 12:00:00Z", 12)],
)
def test_import_time_without_offset_is_utc(written: str, hour: int) -> None:
    row = rows.parse_row(
        2, {ImportColumn.ADDRESS: "ana@example.org", ImportColumn.JOINED: written}, RULES
    )
    assert row.joined_at == datetime(2026, 1, 31, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "topics"),
    [
        ("HEALTH", ("health",)),
        ("santé, diaspora", ("diaspora", "health")),
        ("здоровье", ("health",)),
        ("people abroad, and returning", ("diaspora",)),
        ('"People abroad, and returning"; Sante', ("diaspora", "health")),
    ],
)
def test_topics_are_read_by_name_in_any_language(written: str, topics: tuple[str, ...]) -> None:
    fields = {ImportColumn.ADDRESS: "a@example.org", ImportColumn.TOPICS: written}
    row = rows.parse_row(2, fields, RULES)
    assert (row.topics, row.omitted) == (topics, ())


def test_name_of_two_topics_is_not_guessed() -> None:
    names = index_topics([Topic(1, "a", {"en": "News"}), Topic(2, "b", {"fr": "news"})])
    fields = {ImportColumn.ADDRESS: "a@example.org", ImportColumn.TOPICS: "News"}
    row = rows.parse_row(2, fields, RowRules(names))
    assert row.topics is None
    assert "no other topic" in row.omitted[0].reason


def test_first_and_last_name_are_joined() -> None:
    fields = {
        ImportColumn.ADDRESS: "a@example.org",
        ImportColumn.FIRST_NAME: " Ana ",
        ImportColumn.LAST_NAME: "Quay",
    }
    assert rows.parse_row(2, fields, RULES).person.name == "Ana Quay"
    assert rows.parse_row(2, fields | {ImportColumn.NAME: "A. Q."}, RULES).person.name == "A. Q."


def test_two_addresses_in_one_cell_are_two_people() -> None:
    fields = {
        ImportColumn.ADDRESS: "Ana Quay <ana@example.org>; bo@example.org, nobody@",
        ImportColumn.NAME: "The Quays",
        ImportColumn.COUNTRY: "France",
    }
    ana, bo, refused = rows.parse_rows(2, fields, RULES)
    assert isinstance(ana, ImportRow)
    assert isinstance(bo, ImportRow)
    assert ana.person == Person("ana@example.org", "Ana Quay", country="FR")
    assert bo.person == Person("bo@example.org", country="FR")
    assert [(omitted.column, omitted.value) for omitted in bo.omitted] == [("name", "The Quays")]
    assert isinstance(refused, RowResult)
    assert (refused.outcome, refused.address) == (RowOutcome.REFUSED, "nobody@")
