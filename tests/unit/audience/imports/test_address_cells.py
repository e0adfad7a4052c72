"""Addresses as they stand in the cells of office files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.imports.address_cells import split_addresses

ANA = ("ana@example.net", "")


@pytest.mark.parametrize(
    "cell",
    [
        "ana@example.net", " ana@example.net\t", "\u200bana@example.net", "ana@example.net\ufeff",
        "\xa0ana@example.net\xa0", "\u202aana@example.net\u202c", "\xadana@example.net",
        "mailto:ana@example.net", "MAILTO:ana@example.net?subject=Hi", "<ana@example.net>",
        "'ana@example.net'", "‘ana@example.net’", "ana@example.net;", "ana@example.net,\n",
        "<mailto:ana@example.net>",
    ],
)  # fmt: skip
def test_signs_around_address_are_removed(cell: str) -> None:
    assert split_addresses(cell) == [ANA]


@pytest.mark.parametrize(
    ("cell", "people"),
    [
        ("Ana Quay <ana@example.net>", [("ana@example.net", "Ana Quay")]),
        ('"Quay, Ana" <ana@example.net>', [("ana@example.net", "Quay, Ana")]),
        ("Quay, Ana <ana@example.net>", [("ana@example.net", "Quay, Ana")]),
        ('"Ana \\"A\\" Quay" <ana@example.net>', [("ana@example.net", 'Ana "A" Quay')]),
        ("a@example.net;b@example.net", [("a@example.net", ""), ("b@example.net", "")]),
        ("a@example.net b@example.net", [("a@example.net", ""), ("b@example.net", "")]),
        ("a@example.net\nb@example.net", [("a@example.net", ""), ("b@example.net", "")]),
        ("A <a@example.net>, B <b@example.net>", [("a@example.net", "A"), ("b@example.net", "B")]),
    ],
)
def test_names_and_several_addresses_are_read(cell: str, people: list[tuple[str, str]]) -> None:
    assert split_addresses(cell) == people


@pytest.mark.parametrize("cell", ["ana", "", "ana@exam\u00adple.net", "ana@example.net (work)"])
def test_other_text_stays_and_is_refused_later(cell: str) -> None:
    assert split_addresses(cell) == [(cell, "")]


@given(st.text('ab@.<>"\\;, \n', max_size=20))
def test_any_cell_gives_at_least_one_text(cell: str) -> None:
    assert split_addresses(cell)
