"""Imports of files as listmonk, Mailchimp and Mailman export them, with invented people."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailer.audience.imports.topic_names import index_topics
from mailer.errors import InputError
from mailer.intake import table
from mailer.intake.exports import ExportOrigin, create_export_opener
from mailer.intake.row_format import ImportChoices
from mailer.model.imports import ImportRow, RowOutcome, RowResult, RowState
from mailer.model.lists import Topic
from mailer.model.subscribers import Person
from mailer.model.suppressions import SuppressionReason

TOPICS = index_topics([Topic(1, "health", {}), Topic(2, "work", {})])
S = RowState


class ReadExport:
    """The rows, refusals and unknown columns of a file."""

    def __init__(
        self, file: Path, origin: ExportOrigin | None, state: RowState | None, **mapping: str
    ) -> None:
        batches = list(
            table.read_file(
                file, create_export_opener(origin, ImportChoices(mapping, TOPICS, state)), 2
            )
        )
        self.rows: list[ImportRow] = [row for batch in batches for row in batch.rows]
        self.others: list[RowResult] = [result for batch in batches for result in batch.refused]
        self.passed_over: dict[str, int] = {}
        for batch in batches:
            for name, count in batch.passed_over.items():
                self.passed_over[name] = self.passed_over.get(name, 0) + count

    @property
    def people(self) -> list[Person]:
        return [row.person for row in self.rows]

    @property
    def states(self) -> list[RowState]:
        return [row.state for row in self.rows]

    @property
    def refusals(self) -> list[tuple[int, RowOutcome, str, str]]:
        return [
            (result.line, result.outcome, result.address, result.reason) for result in self.others
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write_csv(file: Path, *lines: list[str]) -> Path:
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    file.write_text(out.getvalue())
    return file


# ---- listmonk ---------------------------------------------------------------------------------

LISTMONK = ["uuid", "email", "name", "attributes", "status", "created_at", "updated_at"]


def read_listmonk(
    folder: Path, *people: list[str], state: RowState | None = None, **mapping: str
) -> ReadExport:
    file = write_csv(folder / "subscribers.csv", LISTMONK, *people)
    return ReadExport(file, ExportOrigin.LISTMONK, state, **mapping)


def make_listmonk_row(
    email: str, status: str = "enabled", attributes: str = "{}", **fields: str
) -> list[str]:
    created = fields.get("created", "2024-03-05 08:09:10.123456 +0000 UTC")
    return ["5e1f", email, fields.get("name", "Ana Quay"), attributes, status, created, created]


def test_listmonk_statuses_become_states(folder: Path) -> None:
    export = read_listmonk(
        folder,
        make_listmonk_row("ana@example.org"),
        make_listmonk_row("off@example.org", "disabled"),
        make_listmonk_row("no@example.org", "blocklisted"),
        make_listmonk_row("odd@example.org", "archived"),
    )
    assert export.people[0] == Person("ana@example.org", "Ana Quay")
    assert export.states == [S.ACTIVE, S.SUPPRESSED]
    assert (export.rows[1].reason, export.rows[1].evidence) == (
        SuppressionReason.MANUAL,
        "blocklisted in listmonk",
    )
    assert export.refusals == [
        (3, RowOutcome.SKIPPED, "off@example.org", "disabled in listmonk"),
        (
            5,
            RowOutcome.REFUSED,
            "odd@example.org",
            "status: 'archived' is not a status of listmonk",
        ),
    ]
    assert export.passed_over == {"uuid": 0, "updated_at": 0}


@pytest.mark.parametrize(
    ("created", "hour"),
    [
        ("2024-03-05 08:09:10.123456 +0000 UTC", 8),
        ("2024-03-05 08:09:10.1234567 +0000 UTC", 8),
        ("2024-03-05 08:09:10 +0530 IST", 2),
        ("2024-03-05 08:09:10.5 -0300 -03", 11),
        ("2024-03-05T08:09:10Z", 8),
    ],
)
def test_listmonk_timestamps_are_read(folder: Path, created: str, hour: int) -> None:
    (row,) = read_listmonk(folder, make_listmonk_row("ana@example.org", created=created)).rows
    assert row.joined_at
    assert (row.joined_at.date().isoformat(), row.joined_at.hour) == ("2024-03-05", hour)


def test_listmonk_attributes_become_fields(folder: Path) -> None:
    export = read_listmonk(
        folder,
        make_listmonk_row(
            "a@example.org", attributes='{"lang": "fr", "country": "gb", "city": "Lyon"}'
        ),
        make_listmonk_row(
            "b@example.org", attributes='{"tags": ["vip", "a, b"], "city": "Bath", "n": null}'
        ),
        make_listmonk_row(
            "c@example.org", attributes='{"country": "United Kingdom", "timezone": "Asia/Tokyo"}'
        ),
        make_listmonk_row("d@example.org", attributes="{"),
        make_listmonk_row("e@example.org", attributes="[]"),
        make_listmonk_row("f@example.org", attributes=""),
    )
    assert export.people[:3] == [
        Person("a@example.org", "Ana Quay", language="fr", country="GB"),
        Person("b@example.org", "Ana Quay", tags=("a, b", "vip")),
        Person("c@example.org", "Ana Quay", country="GB", time_zone="Asia/Tokyo"),
    ]
    assert export.passed_over == {"uuid": 0, "updated_at": 0, "attributes.city": 2}
    not_json, not_object = (reason for *_, reason in export.refusals)
    assert not_json.startswith("attributes: not JSON: ")
    assert not_object == "attributes: not a JSON object"


def test_listmonk_file_with_state_unsubscribed(folder: Path) -> None:
    people = (
        make_listmonk_row("ana@example.org"),
        make_listmonk_row("no@example.org", "blocklisted"),
    )
    assert read_listmonk(folder, *people, state=S.UNSUBSCRIBED).states == [
        S.UNSUBSCRIBED,
        S.SUPPRESSED,
    ]


def test_listmonk_import_refuses_other_csv(folder: Path) -> None:
    file = write_csv(folder / "x.csv", ["email", "name"], ["ana@example.org", "Ana"])
    with pytest.raises(
        InputError, match="line 1: the file is not listmonk's: it has no column 'status'"
    ):
        ReadExport(file, ExportOrigin.LISTMONK, None)


# ---- Mailchimp --------------------------------------------------------------------------------

TECHNICAL = ["LATITUDE", "LONGITUDE", "GMTOFF", "DSTOFF", "TIMEZONE", "CC", "REGION",
             "LAST_CHANGED", "LEID", "EUID", "NOTES", "TAGS"]  # fmt: skip
SUBSCRIBED = ["Email Address", "First Name", "Last Name", "Company", "MEMBER_RATING",
              "OPTIN_TIME", "OPTIN_IP", "CONFIRM_TIME", "CONFIRM_IP", *TECHNICAL]  # fmt: skip
UNSUBSCRIBED = [*SUBSCRIBED[:-4], "UNSUB_TIME", "UNSUB_CAMPAIGN_TITLE", "UNSUB_CAMPAIGN_ID",
                "UNSUB_REASON", "UNSUB_REASON_OTHER", *SUBSCRIBED[-4:]]  # fmt: skip
CLEANED = [*SUBSCRIBED[:-4], "CLEAN_TIME", "CLEAN_CAMPAIGN_TITLE", "CLEAN_CAMPAIGN_ID",
           *SUBSCRIBED[-4:]]  # fmt: skip


def read_mailchimp(
    file: Path,
    header: list[str],
    *people: dict[str, str],
    state: RowState | None = None,
    **mapping: str,
) -> ReadExport:
    lines = [[person.get(head, "") for head in header] for person in people]
    return ReadExport(write_csv(file, header, *lines), ExportOrigin.MAILCHIMP, state, **mapping)


ANA = {
    "Email Address": "ana@example.org",
    "First Name": "Ana",
    "Last Name": "Quay",
    "Company": "Example Press",
    "MEMBER_RATING": "4",
    "OPTIN_TIME": "2020-02-03 04:05:06",
    "OPTIN_IP": "192.0.2.7",
    "CONFIRM_TIME": "2020-02-03 04:06:00",
    "CONFIRM_IP": "192.0.2.8",
    "CC": "us",
    "TIMEZONE": "America/New_York",
    "TAGS": '"Press","Blog, old"',
}


def test_mailchimp_subscribers_have_names_tags_and_evidence(folder: Path) -> None:
    file = folder / "subscribed_email_audience_export_0b1c.csv"
    bo = {"Email Address": "bo@example.org", "CC": "UK", "TAGS": "a, b"}
    export = read_mailchimp(file, SUBSCRIBED, ANA, bo)
    assert export.people == [
        Person(
            "ana@example.org",
            "Ana Quay",
            country="US",
            time_zone="America/New_York",
            tags=("Blog, old", "Press"),
        ),
        Person("bo@example.org", country="GB", tags=("a", "b")),
    ]
    first, second = export.rows
    assert first.joined_at == datetime(2020, 2, 3, 4, 6, tzinfo=UTC)
    assert first.evidence == (
        "opted in 2020-02-03 04:05:06 from 192.0.2.7; confirmed 2020-02-03 04:06:00 from 192.0.2.8"
    )
    assert (second.joined_at, second.evidence) == (None, "")
    assert export.states == [S.ACTIVE, S.ACTIVE]
    assert export.passed_over["Company"] == 0


def test_mailchimp_unsubscribed_and_cleaned_files(folder: Path) -> None:
    unsubscribed = ANA | {"UNSUB_TIME": "2022-01-02 03:04:05", "UNSUB_REASON": "NORMAL"}
    export = read_mailchimp(
        folder / "unsubscribed_email_audience_export.csv", UNSUBSCRIBED, unsubscribed, ANA
    )
    assert export.states == [S.UNSUBSCRIBED, S.UNSUBSCRIBED]
    assert export.rows[0].left_at == datetime(2022, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert export.rows[0].evidence == "NORMAL"
    assert export.rows[1].left_at is None
    cleaned = ANA | {"CLEAN_TIME": "2023-01-02 03:04:05"}
    export = read_mailchimp(folder / "cleaned_email_audience_export.csv", CLEANED, cleaned, ANA)
    assert export.states == [S.SUPPRESSED, S.SUPPRESSED]
    assert {row.reason for row in export.rows} == {SuppressionReason.BOUNCE}
    assert [row.evidence for row in export.rows] == [
        "cleaned by Mailchimp 2023-01-02 03:04:05",
        "cleaned by Mailchimp",
    ]


@pytest.mark.parametrize("reason", ["SPAM", "abuse", "Spam complaint", "ABUSE_COMPLAINT"])
def test_mailchimp_complaint_is_a_suppression(folder: Path, reason: str) -> None:
    person = ANA | {"UNSUB_TIME": "2022-01-02 03:04:05", "UNSUB_REASON": reason}
    (row,) = read_mailchimp(folder / "unsubscribed_x.csv", UNSUBSCRIBED, person).rows
    assert (row.state, row.reason) == (S.SUPPRESSED, SuppressionReason.COMPLAINT)
    assert row.evidence == f"{reason} 2022-01-02 03:04:05"


@pytest.mark.parametrize(
    ("name", "header", "state"),
    [
        ("Cleaned_members_export.csv", CLEANED, S.SUPPRESSED),
        ("cleaned_x.csv", ["Email Address", "CLEAN_TIME", "CLEAN_CAMPAIGN_TITLE"], S.SUPPRESSED),
        ("cleaned_x.csv", ["Email Address", "MEMBER_RATING", "OPTIN_TIME"], S.SUPPRESSED),
        ("unsubscribed_x.csv", ["Email Address", "UNSUB_TIME", "UNSUB_REASON"], S.UNSUBSCRIBED),
    ],
)
def test_mailchimp_file_of_each_state_is_recognised(
    folder: Path, name: str, header: list[str], state: RowState
) -> None:
    file = write_csv(folder / name, header, [ANA.get(head, "") for head in header])
    export = ReadExport(file, None, None)
    assert export.states == [state]


def test_export_lists_the_columns_that_it_ignores(folder: Path) -> None:
    export = read_mailchimp(folder / "subscribed_x.csv", SUBSCRIBED, ANA)
    assert {"MEMBER_RATING", "LATITUDE", "LEID", "Company"} <= set(export.passed_over)
    assert not {"OPTIN_TIME", "TAGS", "Email Address", "CC"} & set(export.passed_over)


def test_mailchimp_nonsubscribed_are_skipped(folder: Path) -> None:
    export = read_mailchimp(folder / "nonsubscribed_email_audience_export.csv", SUBSCRIBED, ANA)
    assert export.rows == []
    assert export.refusals == [
        (2, RowOutcome.SKIPPED, "ana@example.org", "never subscribed, according to Mailchimp")
    ]


def test_mailchimp_unsubscribe_time_outranks_file_name(folder: Path) -> None:
    unsubscribed = ANA | {"UNSUB_TIME": "2022-01-02 03:04:05"}
    export = read_mailchimp(folder / "subscribed_x.csv", UNSUBSCRIBED, unsubscribed, ANA)
    assert export.states == [S.UNSUBSCRIBED, S.ACTIVE]


def test_mailchimp_file_without_state_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="neither the file nor its name says whether") as caught:
        read_mailchimp(folder / "contacts.csv", SUBSCRIBED, ANA)
    assert caught.value.field == "state"
    assert "give the state" in caught.value.hint
    assert read_mailchimp(folder / "x.csv", SUBSCRIBED, ANA, state=S.ACTIVE).states == [S.ACTIVE]
    with pytest.raises(InputError, match="its people are unsubscribed, not active"):
        read_mailchimp(folder / "unsubscribed_x.csv", SUBSCRIBED, ANA, state=S.ACTIVE)
    statuses = ("Subscribed", "cleaned", "Nonsubscribed", "vip")
    people = [ANA | {"Status": status} for status in statuses]
    export = read_mailchimp(folder / "all.csv", [*SUBSCRIBED, "Status"], *people)
    assert export.states == [S.ACTIVE, S.SUPPRESSED]
    assert [reason for *_, reason in export.refusals] == [
        "never subscribed, according to Mailchimp",
        "status: 'vip' is not a status of Mailchimp",
    ]


def test_mailchimp_columns_in_other_language_are_mapped(folder: Path) -> None:
    header = ["Adresse e-mail", "Prénom", "Sujets", "OPTIN_TIME"]
    person = dict(zip(header, ["ana@example.org", "Ana", "health, work", ""], strict=True))
    mapping: dict[str, Any] = {"Adresse e-mail": "address", "Prénom": "name", "Sujets": "topics"}
    (row,) = read_mailchimp(folder / "subscribed_x.csv", header, person, **mapping).rows
    assert (row.person, row.topics) == (Person("ana@example.org", "Ana"), ("health", "work"))


# ---- Mailman ----------------------------------------------------------------------------------


def read_mailman(folder: Path, text: str, state: RowState | None = None) -> ReadExport:
    file = folder / "members.txt"
    file.write_text(text)
    return ReadExport(file, ExportOrigin.MAILMAN, state)


def test_mailman_lines_are_addresses_with_optional_names(folder: Path) -> None:
    export = read_mailman(
        folder,
        "# members of news\n\nAnne Quay <anne@example.com>\nbart@example.com\n"
        '"Quay, Cy \\"the 3rd\\"" <cy@example.com>\n<di@example.com>\nnobody\nAB <no address>\n',
    )
    assert export.people == [
        Person("anne@example.com", "Anne Quay"),
        Person("bart@example.com"),
        Person("cy@example.com", 'Quay, Cy "the 3rd"'),
        Person("di@example.com"),
    ]
    assert [row.line for row in export.rows] == [3, 4, 5, 6]
    assert [(line, address) for line, _, address, _ in export.refusals] == [
        (7, "nobody"),
        (8, "AB <no address>"),
    ]
    assert read_mailman(folder, "anne@example.com\n", S.UNSUBSCRIBED).states == [S.UNSUBSCRIBED]


def test_mailman_table_delivery_status(folder: Path) -> None:
    export = read_mailman(
        folder,
        "Display Name,Address,Delivery Status,Delivery Mode,Shoe\n"
        "Anne Quay,anne@example.com,enabled,regular,38\n"
        "Bo,bo@example.com,by_bounces,regular,\n"
        "Cy,cy@example.com,by_user,regular,\n"
        "Di,di@example.com,by magic,regular,\n",
    )
    assert export.people[0] == Person("anne@example.com", "Anne Quay")
    assert export.states == [S.ACTIVE, S.SUPPRESSED]
    assert export.rows[1].reason is SuppressionReason.BOUNCE
    assert [reason for *_, reason in export.refusals] == [
        "delivery is disabled in Mailman (by user)",
        "status: 'bymagic' is not a delivery status of Mailman",
    ]
    assert export.passed_over == {"Shoe": 0, "Delivery Mode": 0}
