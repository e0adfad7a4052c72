"""Import and export of addresses that must not be mailed."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import InputError
from mailer.intake import suppressions
from mailer.model.imports import RowResult
from mailer.model.suppressions import Suppression, SuppressionReason
from tests.unit.intake.test_table import awkward
from tests.unit.samples import NOW

Rows = list[tuple[int, Suppression]]


def read_batches(raw: str, size: int = 3) -> tuple[Rows, list[RowResult], dict[str, int]]:
    batches = list(
        suppressions._read_batches(
            Path("x.csv"), io.BytesIO(raw.encode()), SuppressionReason.BOUNCE, NOW, size
        )
    )
    passed_over = {name: count for batch in batches for name, count in batch.passed_over.items()}
    rows = [row for batch in batches for row in batch.rows]
    return rows, [row for batch in batches for row in batch.refused], passed_over


def make_suppression(
    address: str, reason: SuppressionReason = SuppressionReason.BOUNCE, detail: str = ""
) -> Suppression:
    return Suppression(address, reason, detail, NOW)


def test_suppressions_from_address_lines() -> None:
    rows, refused, _ = read_batches(
        "# bounced in May\nana@EXAMPLE.org\n\n bo@example.org \nnobody\n"
    )
    assert rows == [
        (2, make_suppression("ana@example.org")),
        (4, make_suppression("bo@example.org")),
    ]
    assert [(result.line, result.address) for result in refused] == [(5, "nobody")]


UNREADABLE = [(4, "bo"), (5, "cy"), (6, "di"), (7, "ed")]
"""Lines whose reason, date or detail is left out: the address is suppressed all the same."""


def test_suppressions_name_values_left_out() -> None:
    (batch,) = suppressions._read_batches(
        Path("x.csv"),
        io.BytesIO(b"email,reason,since\na@example.org,rude,soon\nb@example.org,,\n"),
        SuppressionReason.MANUAL,
        NOW,
        9,
    )
    (values,) = batch.omitted.values()
    assert [(value.column, value.value) for value in values] == [
        ("reason", "rude"),
        ("since", "soon"),
    ]


def test_suppressions_from_table_with_all_columns() -> None:
    rows, refused, passed_over = read_batches(
        "Mail;Reason;Detail;Since;Colour\n"
        'ana@example.org;Complaint;"by phone;\ntwice";2026-01-02;red\n'
        "bo@example.org\n"
        "cy@example.org;erased;;;\n"
        "di@example.org;;;soon;\n"
        "ed@example.org;;a\x1bb;;\n"
        "fi@example.org, gi@example.org;Marked as spam;;;\n"
        "nobody;bounce;;;\n"
    )
    since = datetime(2026, 1, 2, tzinfo=UTC)
    complaint = Suppression(
        "ana@example.org", SuppressionReason.COMPLAINT, "by phone; twice", since
    )
    assert rows == [
        (2, complaint),
        *((line, make_suppression(f"{name}@example.org")) for line, name in UNREADABLE),
        (8, make_suppression("fi@example.org", SuppressionReason.COMPLAINT)),
        (8, make_suppression("gi@example.org", SuppressionReason.COMPLAINT)),
    ]
    assert [(result.line, result.reason.partition(":")[0]) for result in refused] == [
        (9, "address")
    ]
    assert passed_over == {"Colour": 0}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("reason,detail\n", r"x\.csv, line 1: no column holds addresses"),
        ("email,mail\n", r"x\.csv, line 1: two columns hold the address"),
    ],
)
def test_suppressions_header_error_names_line(raw: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_batches(raw)


def test_suppressions_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file can't be read"):
        list(suppressions.read_suppressions(tmp_path / "x.csv", SuppressionReason.MANUAL, NOW))


suppression_strategy = st.builds(
    Suppression,
    st.sampled_from(["ana@example.org", "=x@example.org", "josé@bücher.example"]),
    st.sampled_from(suppressions.REASONS),
    awkward.filter(str.isprintable).map(lambda detail: " ".join(detail.split())),
    st.datetimes(timezones=st.just(UTC)),
)


@given(st.lists(suppression_strategy, max_size=7), st.integers(0, 2))
def test_suppressions_export_and_import_round_trip(
    suppression_list: list[Suppression], hashes: int
) -> None:
    out = io.StringIO()
    erased = [Suppression("", SuppressionReason.ERASED, "", NOW)] * hashes
    assert suppressions.write_suppressions([*erased, *suppression_list], out) == (
        len(suppression_list),
        hashes,
    )
    rows, refused, passed_over = read_batches(out.getvalue())
    assert [suppression for _, suppression in rows] == suppression_list
    assert (refused, passed_over) == ([], {})
