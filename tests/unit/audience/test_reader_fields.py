"""Values of the office's own fields: one spelling for each, or a reason why it is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience import filter_parser, reader_fields
from mailer.audience.imports.columns import ImportColumn
from mailer.audience.imports.dates import DateOrder
from mailer.audience.imports.field_columns import find_field_columns
from mailer.config import Settings
from mailer.config.reader_fields import RESERVED_NAMES, FieldSection
from mailer.errors import InputError
from mailer.field_types import FieldType
from mailer.model.reader_fields import ReaderField
from mailer.model.segments import FilterField, HasValue

TOWN = ReaderField("town", FieldType.TEXT, {"en": "Town", "fr": "Ville"}, (), {"fr": "ici"})
MEMBERS = ReaderField("members", FieldType.NUMBER, {})
SINCE = ReaderField("since", FieldType.DATE, {"en": "Day of honour"})
LEVEL = ReaderField("level", FieldType.CHOICE, {}, ("friend", "Great patron"))
FIELDS = {field.name: field for field in (TOWN, MEMBERS, SINCE, LEVEL)}


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (TOWN, "  Le   Havre ", "Le Havre"),
        (MEMBERS, "0.50", "0.5"),
        (MEMBERS, "+12.50", "12.5"),
        (MEMBERS, "-0.0", "0"),
        (MEMBERS, "100", "100"),
        (SINCE, "2026-12-18", "2026-12-18"),
        (LEVEL, "GREAT  patron", "Great patron"),
    ],
)
def test_value_has_one_stored_spelling(field: ReaderField, text: str, value: str) -> None:
    assert reader_fields.parse_value(field, text) == value
    assert reader_fields.parse_value(field, value) == value


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        (TOWN, "a\x00b", "control characters"),
        (TOWN, "\u200b", "no visible character"),
        (TOWN, "x" * 501, "longer than 500"),
        (MEMBERS, "1,5", "'1,5' is not a number"),
        (MEMBERS, "1e9", "is not a number"),
        (MEMBERS, "01234", "'01234' begins with a zero, which a number would lose"),
        (MEMBERS, "-007", "begins with a zero"),
        (MEMBERS, "٣", "is not a number"),
        (SINCE, "18/12/2026", "'18/12/2026' is not a date"),
        (SINCE, "46000", "'46000' is not a date"),
        (LEVEL, "gold", "'gold' is not one of friend, Great patron"),
    ],
)
def test_value_of_wrong_type_is_refused(field: ReaderField, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        reader_fields.parse_value(field, text)


def test_day_of_a_file_is_read_only_if_its_order_is_known() -> None:
    assert reader_fields.parse_day_of_file("18/12/2026", None) == "2026-12-18"
    assert reader_fields.parse_day_of_file("01/02/2026", DateOrder.DAY_FIRST) == "2026-02-01"
    with pytest.raises(InputError, match="day or the month first"):
        reader_fields.parse_day_of_file("01/02/2026", None)


def test_value_of_undeclared_field_is_refused() -> None:
    with pytest.raises(InputError, match="no field 'city'") as caught:
        reader_fields.parse_values(FIELDS, {"city": "Rome"})
    assert caught.value.hint == "use one of town, members, since, level"


@given(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2"])),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", "3"])),
)
def test_empty_new_value_removes_the_stored_one(
    stored: dict[str, str], new: dict[str, str]
) -> None:
    merged = reader_fields.merge_values(stored, new)
    for name in "abc":
        assert merged.get(name, "") == new.get(name, stored.get(name, ""))


def test_label_and_fallback_are_chosen_by_language() -> None:
    assert reader_fields.get_label(TOWN, "fr-CA") == "Ville"
    assert reader_fields.get_label(MEMBERS, "fr") == "members"
    assert reader_fields.get_fallback(TOWN, "fr") == "ici"
    assert reader_fields.get_fallback(TOWN, "en") == ""


# ---- columns ----------------------------------------------------------------------------------


def test_column_is_found_by_name_label_and_mapping() -> None:
    header = ["email", "VILLE", "day-of-honour", "Wohnort", "Grade"]
    columns = find_field_columns(header, {"Grade": "level"}, FIELDS)
    assert columns == {1: "town", 2: "since", 4: "level"}


def test_column_of_ambiguous_label_needs_a_mapping() -> None:
    country = ReaderField("home", FieldType.TEXT, {"fr": "Pays"})
    with pytest.raises(InputError, match="may hold the field home or the country"):
        find_field_columns(["email", "Pays"], {}, {"home": country})
    assert find_field_columns(["email", "Pays"], {"Pays": "country"}, {"home": country}) == {}
    assert find_field_columns(["email", "Pays"], {"Pays": "home"}, {"home": country}) == {1: "home"}


def test_two_columns_of_one_field_are_refused() -> None:
    with pytest.raises(InputError, match="two columns hold the field town"):
        find_field_columns(["Town", "Ville"], {}, FIELDS)


def test_label_of_two_fields_names_neither() -> None:
    other = ReaderField("home", FieldType.TEXT, {"en": "Town hall", "de": "Ort"})
    third = ReaderField("place", FieldType.TEXT, {"de": "Ort"})
    assert find_field_columns(["Ort"], {}, {"home": other, "place": third}) == {}


# ---- settings ---------------------------------------------------------------------------------


def test_reserved_names_cover_columns_and_filters() -> None:
    assert {*map(str, ImportColumn), *map(str, FilterField)} <= RESERVED_NAMES
    assert {"joined", "sent", "refused", "and", "or", "not", "in", "is"} <= RESERVED_NAMES
    assert filter_parser.parse_filter("town is set", FIELDS) == HasValue("town")


@pytest.mark.parametrize("name", ["Town", "2nd", "a b", "", "country", "x" * 41, "é"])
def test_unusable_field_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="fields"):
        Settings(fields={name: FieldSection()})


def test_choices_belong_to_fields_of_the_type_choice() -> None:
    with pytest.raises(ValueError, match="has choices"):
        FieldSection(choices=("a",))
    with pytest.raises(ValueError, match="has choices"):
        FieldSection(type=FieldType.CHOICE)
    with pytest.raises(ValueError, match="differ only in capitals"):
        FieldSection(type=FieldType.CHOICE, choices=("a", "A"))
    with pytest.raises(ValueError, match="20 is the most"):
        Settings(fields={f"field{number}": FieldSection() for number in range(21)})
