"""Files of addresses that must not be mailed, as people have them."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.imports.rows import RowResult
from mailer.errors import InputError
from mailer.intake import suppressions
from mailer.model.suppressions import Suppression, SuppressionReason
from tests.unit.intake.test_table import awkward
from tests.unit.samples import NOW

Rows = list[tuple[int, Suppression]]


def read(raw: str, size: int = 3) -> tuple[Rows, list[RowResult], dict[str, int]]:
    found = list(
        suppressions._read_batches(
            Path("x.csv"), io.BytesIO(raw.encode()), SuppressionReason.BOUNCE, NOW, size
        )
    )
    passed_over = {name: count for batch in found for name, count in batch.passed_over.items()}
    rows = [one for batch in found for one in batch.rows]
    return rows, [one for batch in found for one in batch.refused], passed_over


def blocked(
    address: str, reason: SuppressionReason = SuppressionReason.BOUNCE, detail: str = ""
) -> Suppression:
    return Suppression(address, reason, detail, NOW)


def test_an_address_a_line_is_enough() -> None:
    rows, refused, _ = read("# bounced in May\nana@EXAMPLE.org\n\n bo@example.org \nnobody\n")
    assert rows == [(2, blocked("ana@example.org")), (4, blocked("bo@example.org"))]
    assert [(one.line, one.address) for one in refused] == [(5, "nobody")]


def test_a_table_says_why_since_when_and_what_more() -> None:
    rows, refused, passed_over = read(
        "Mail;Reason;Detail;Since;Colour\n"
        'ana@example.org;Complaint;"by phone;\ntwice";2026-01-02;red\n'
        "bo@example.org\n"
        "cy@example.org;erased;;;\n"
        "di@example.org;;;soon;\n"
        "ed@example.org;;a\x1bb;;\n"
    )
    since = datetime(2026, 1, 2, tzinfo=UTC)
    complaint = Suppression(
        "ana@example.org", SuppressionReason.COMPLAINT, "by phone; twice", since
    )
    assert rows == [(2, complaint), (4, blocked("bo@example.org"))]
    assert [(one.line, one.reason.partition(":")[0]) for one in refused] == [
        (5, "reason"), (6, "since"), (7, "detail"),
    ]  # fmt: skip
    assert passed_over == {"Colour": 0}


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("reason,detail\n", r"x\.csv, line 1: no column holds addresses"),
        ("email,mail\n", r"x\.csv, line 1: two columns hold the address"),
    ],
)
def test_a_header_that_can_not_be_used_is_named(raw: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(raw)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it can't be read"):
        list(suppressions.read_suppressions(tmp_path / "x.csv", SuppressionReason.MANUAL, NOW))


made = st.builds(
    Suppression,
    st.sampled_from(["ana@example.org", "=x@example.org", "josé@bücher.example"]),
    st.sampled_from(suppressions.REASONS),
    awkward.filter(str.isprintable).map(lambda detail: " ".join(detail.split())),
    st.datetimes(timezones=st.just(UTC)),
)


@given(st.lists(made, max_size=7), st.integers(0, 2))
def test_what_goes_out_comes_in_again_but_for_hashes(some: list[Suppression], hashes: int) -> None:
    out = io.StringIO()
    erased = [Suppression("", SuppressionReason.ERASED, "", NOW)] * hashes
    assert suppressions.write_suppressions([*erased, *some], out) == (len(some), hashes)
    rows, refused, passed_over = read(out.getvalue())
    assert [one for _, one in rows] == some
    assert (refused, passed_over) == ([], {})
