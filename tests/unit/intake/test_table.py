"""Import of people from CSV files, and export that spreadsheets can't run as formulas."""

import csv
import io
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.imports.topic_names import index_topics
from mailer.audience.subscribers import check_person
from mailer.errors import InputError
from mailer.intake import csv_reader, table
from mailer.intake.row_format import ImportChoices
from mailer.model.imports import ImportRow, OmittedValue, RowOutcome, RowResult, RowState
from mailer.model.lists import Frequency, Topic
from mailer.model.subscribers import ExportedSubscriber, Membership, MembershipState, Person
from tests.unit.samples import NOW

TOPICS = index_topics([Topic(1, "health", {"en": "Health"}), Topic(2, "diaspora", {})])


def import_csv(
    path: Path, raw: str | bytes, size: int = table.BATCH, **mapping: str
) -> tuple[list[ImportRow], list[RowResult]]:
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    batches = list(table.read_table_file(path, ImportChoices(mapping, TOPICS), size))
    return [r for batch in batches for r in batch.rows], [r for b in batches for r in b.refused]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


# ---- import ------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_delimiters_bom_and_line_ends(path: Path, delimiter: str, bom: bytes, end: str) -> None:
    lines = [["email", "name"], ["ana@example.org", "Ana Bo"], ["bo@example.org", "Bo"], [""]]
    raw = bom + end.join(delimiter.join(line) for line in lines).encode()
    rows, refused = import_csv(path, raw)
    assert [(row.line, row.person.address, row.person.name) for row in rows] == [
        (2, "ana@example.org", "Ana Bo"),
        (3, "bo@example.org", "Bo"),
    ]
    assert refused == []


def test_csv_line_numbers_with_line_breaks_in_fields(path: Path) -> None:
    raw = (
        'email,name\nana@example.org,"Ana\nBo\n"\nbo@example.org,Bo\n\nbad,"x\ny"\nc@example.org,C'
    )
    rows, refused = import_csv(path, raw)
    assert [(row.line, row.person.name) for row in rows] == [(2, "Ana Bo"), (5, "Bo"), (9, "C")]
    assert [result.line for result in refused] == [7]


def test_csv_unclosed_quote_is_refused(path: Path) -> None:
    raw = 'email,name\nana@example.org,"Ana\nbo@example.org,Bo\nc@example.org,C'
    rows, refused = import_csv(path, raw)
    assert not rows
    assert [result.line for result in refused] == [2]
    assert "contains the lines after it" in refused[0].reason


def test_csv_unknown_columns_can_be_mapped(path: Path) -> None:
    raw = "Adres;Nom;Pointure\nana@example.org;Ana;38\n"
    (row,), _ = import_csv(path, raw, Adres="address", Nom="name")
    assert row.person == Person("ana@example.org", name="Ana")
    with pytest.raises(InputError, match=rf"{path}, line 1: no column holds addresses"):
        import_csv(path, raw)
    with pytest.raises(InputError, match="there is no column 'Name'"):
        import_csv(path, raw, Name="name")


def test_csv_unknown_columns_are_reported(path: Path) -> None:
    path.write_text("email,Shoe size,name,,Room\nana@example.org,38,Ana,,7\n")
    first, *_ = table.read_table_file(path, ImportChoices({"Room": "ignored"}, TOPICS))
    assert first.passed_over == {"Shoe size": 0}


def test_csv_invalid_row_is_refused_with_line_and_reason(path: Path) -> None:
    raw = (
        "email,language,topics\n"
        "ana@example.org,fr,health\n"
        "not an address,fr,\n"
        "bo@example.org,klingon,\n"
        "cy@example.org,fr,helth; diaspora\n"
        ",,health\n"
        ",,\n"
        "di@example.org\n"
    )
    rows, refused = import_csv(path, raw)
    assert [row.person.address[:2] for row in rows] == ["an", "bo", "cy", "di"]
    assert [(r.line, r.outcome, r.address) for r in refused] == [
        (3, RowOutcome.REFUSED, "not an address"),
        (6, RowOutcome.REFUSED, ""),
    ]
    assert refused[0].reason.startswith("address: 'not an address' is not a mail address")
    assert rows[1].omitted == (
        OmittedValue("language", "klingon", "'klingon' is not a language tag"),
    )
    assert rows[2].topics == ("diaspora",)
    assert rows[2].omitted == (OmittedValue("topics", "helth", "there is no topic 'helth'"),)


def test_csv_line_that_is_not_csv_is_refused(path: Path) -> None:
    raw = f"email\nana@example.org\n{'x' * (csv_reader.LONGEST_FIELD + 1)}\nbo@example.org\n"
    rows, refused = import_csv(path, raw)
    assert [(row.line, row.person.address) for row in rows] == [
        (2, "ana@example.org"),
        (4, "bo@example.org"),
    ]
    assert [(r.line, r.reason[:8]) for r in refused] == [(3, "not CSV:")]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "line 1: the file has no header"),
        (b"\n\n", "line 1: the file has no header"),
        (b"name\nAna\n", "line 1: no column holds addresses"),
        (b"email,mail\na@b.org,c@d.org\n", "line 1: two columns hold the address"),
        (
            "email,name\nana@example.org,Zoë\n".encode() + b"b@example.org,M\xfc\n",
            "line 3: byte 0xfc is not UTF-8, though line 2 is UTF-8",
        ),
        (b"sep=;\n\n", "line 2: the file has no header"),
        (b"email,name\rana@example.org,Ana\r", "line 1: the header is not CSV"),
    ],
)
def test_csv_unusable_file_is_refused_with_line(path: Path, raw: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        import_csv(path, raw)
    assert f"{path}, {message}" in str(caught.value)
    assert caught.value.hint


def test_csv_missing_file_is_named(path: Path) -> None:
    with pytest.raises(InputError, match=r"people\.csv: the file can't be read"):
        list(table.read_table_file(path, ImportChoices()))


@given(st.integers(1, 7), st.integers(0, 15))
def test_csv_batches_contain_every_row_once(size: int, count: int) -> None:
    raw = "email\n" + "".join(f"p{n}@example.org\n" if n % 3 else f"bad{n}\n" for n in range(count))
    open_file = table.create_table_opener(ImportChoices())
    batches = list(table._read_batches(Path("x.csv"), io.BytesIO(raw.encode()), open_file, size))
    lines = [sorted([r.line for r in b.rows] + [r.line for r in b.refused]) for b in batches]
    assert [line for batch in lines for line in batch] == list(range(2, count + 2))
    assert all(len(batch.rows) + len(batch.refused) <= size for batch in batches)
    assert batches[-1].bytes_read == len(raw)


# ---- export ------------------------------------------------------------------------------------

awkward = st.one_of(
    st.sampled_from(
        ["=1+1", "+44", "-x", "@x", "'", "'=x", "''+x", '"', ",", ";", "a;b", "été", "移"]
    ),
    st.text(st.characters(codec="utf-8"), max_size=12),
)
addresses = st.sampled_from(
    [
        "ana@example.org",
        "=cmd|x!a@example.org",
        "+44@example.org",
        "-a@example.org",
        "'a@example.org",
        "'=a@example.org",
        "josé@bücher.example",
    ]
)


@st.composite
def person_strategy(draw: st.DrawFn) -> Person:
    tags = st.lists(awkward.filter(str.strip), max_size=3)
    person = Person(
        draw(addresses),
        name=draw(awkward),
        language=draw(st.sampled_from(["", "fr", "pt-BR"])),
        country=draw(st.sampled_from(["", "GB"])),
        time_zone=draw(st.sampled_from(["", "Europe/London"])),
        tags=tuple(tag for tag in draw(tags) if tag.isprintable()),
    )
    try:
        return check_person(person)
    except InputError:
        return Person(person.address)


moments = st.datetimes(timezones=st.just(UTC))


def export_person(person: Person, membership: Membership | None = None) -> ExportedSubscriber:
    """Return a person as the store exports them."""
    exported = ExportedSubscriber(
        person.address, person.name, person.language, person.country, person.time_zone, person.tags
    )
    if membership is None:
        return exported
    return exported._replace(
        topics=membership.topics,
        joined_at=membership.joined_at.isoformat(),
        state=membership.state.value,
        left_at=membership.left_at.isoformat() if membership.left_at else "",
        list_language=membership.language,
        frequency=membership.frequency.value,
        paused_until=membership.paused_until.isoformat() if membership.paused_until else "",
    )


@given(
    person_strategy(),
    st.builds(
        Membership,
        st.just("news"),
        st.sampled_from(MembershipState),
        st.sets(st.sampled_from(sorted(TOPICS.slugs))).map(lambda chosen: tuple(sorted(chosen))),
        st.sampled_from(["", "ar"]),
        moments,
        st.none() | moments,
        st.sampled_from(Frequency),
        st.none() | moments,
    ),
)
def test_csv_export_and_import_round_trip(person: Person, membership: Membership) -> None:
    if membership.state is not MembershipState.UNSUBSCRIBED:
        membership = replace(membership, left_at=None)
    out = io.StringIO()
    assert table.write_subscribers([export_person(person, membership)], out) == 1
    raw = io.BytesIO(out.getvalue().encode())
    opener = table.create_table_opener(ImportChoices(topics=TOPICS))
    (batch,) = table._read_batches(Path("x.csv"), raw, opener, 10)
    assert batch.refused == ()
    (row,) = batch.rows
    every = Frequency.EVERY
    assert row == ImportRow(
        2,
        person,
        topics=membership.topics or None,
        joined_at=membership.joined_at,
        language=membership.language,
        frequency=membership.frequency if membership.frequency is not every else None,
        paused_until=membership.paused_until,
        state=RowState(membership.state.value),
        left_at=membership.left_at,
    )
    assert batch.passed_over == {}


@given(person_strategy())
def test_csv_export_has_no_formulas(person: Person) -> None:
    out = io.StringIO()
    table.write_subscribers([export_person(person)], out)
    header, cells = csv.reader(out.getvalue().splitlines())
    assert tuple(header) == table.EXPORT_HEADER
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


@given(awkward)
def test_csv_formula_escape_round_trip(value: str) -> None:
    assert csv_reader.unescape_formula(csv_reader.escape_formula(value)) == value
    assert not csv_reader.escape_formula(value).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_csv_export_has_list_language_and_reports_progress() -> None:
    out, progress = io.StringIO(), list[int]()
    ana = Person("ana@example.org", language="fr")
    membership = Membership(
        "news", MembershipState.UNSUBSCRIBED, (), "ar", NOW, NOW, Frequency.WEEKLY
    )
    people = [export_person(ana, membership)] * 2500
    assert table.write_subscribers(people, out, progress.append) == 2500
    assert progress == [1000, 2000]
    line = out.getvalue().splitlines()[1]
    assert line.startswith("ana@example.org,,fr,")
    assert line.endswith(f",unsubscribed,{NOW.isoformat()},ar,weekly,,")
