"""Files as listmonk, Mailchimp and Mailman write them; names and addresses are made up."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailer.audience.imports.rows import ImportRow, RowOutcome, RowResult, RowState
from mailer.errors import InputError
from mailer.intake import table
from mailer.intake.exports import ExportOrigin, create_export_opener
from mailer.model.subscribers import Person
from mailer.model.suppressions import SuppressionReason

TOPICS = frozenset({"health", "work"})
S = RowState


class Read:
    """What a file gave."""

    def __init__(
        self, file: Path, origin: ExportOrigin, state: RowState | None, **mapping: str
    ) -> None:
        found = list(table.read_file(file, create_export_opener(origin, mapping, TOPICS, state), 2))
        self.rows: list[ImportRow] = [row for one in found for row in one.rows]
        self.others: list[RowResult] = [one for batch in found for one in batch.refused]
        self.passed_over: dict[str, int] = {}
        for batch in found:
            for name, count in batch.passed_over.items():
                self.passed_over[name] = self.passed_over.get(name, 0) + count

    @property
    def people(self) -> list[Person]:
        return [row.person for row in self.rows]

    @property
    def states(self) -> list[RowState]:
        return [row.state for row in self.rows]

    @property
    def said(self) -> list[tuple[int, RowOutcome, str, str]]:
        return [(one.line, one.outcome, one.address, one.reason) for one in self.others]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(file: Path, *lines: list[str]) -> Path:
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    file.write_text(out.getvalue())
    return file


# ---- listmonk ---------------------------------------------------------------------------------

LISTMONK = ["uuid", "email", "name", "attributes", "status", "created_at", "updated_at"]


def listmonk(folder: Path, *people: list[str], state: RowState | None = None, **how: str) -> Read:
    file = write(folder / "subscribers.csv", LISTMONK, *people)
    return Read(file, ExportOrigin.LISTMONK, state, **how)


def one(email: str, status: str = "enabled", attributes: str = "{}", **fields: str) -> list[str]:
    created = fields.get("created", "2024-03-05 08:09:10.123456 +0000 UTC")
    return ["5e1f", email, fields.get("name", "Ana Quay"), attributes, status, created, created]


def test_listmonks_statuses_are_kept_apart(folder: Path) -> None:
    found = listmonk(
        folder,
        one("ana@example.org"),
        one("off@example.org", "disabled"),
        one("no@example.org", "blocklisted"),
        one("odd@example.org", "archived"),
    )
    assert found.people[0] == Person("ana@example.org", "Ana Quay")
    assert found.states == [S.ACTIVE, S.SUPPRESSED]
    assert (found.rows[1].reason, found.rows[1].evidence) == (
        SuppressionReason.MANUAL, "blocklisted in listmonk",
    )  # fmt: skip
    assert found.said == [
        (3, RowOutcome.SKIPPED, "off@example.org", "disabled in listmonk"),
        (5, RowOutcome.REFUSED, "odd@example.org",
         "status: 'archived' is no status of listmonk's"),
    ]  # fmt: skip
    assert found.passed_over == {}


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
def test_listmonks_moments_are_read(folder: Path, created: str, hour: int) -> None:
    (row,) = listmonk(folder, one("ana@example.org", created=created)).rows
    assert row.joined_at
    assert (row.joined_at.date().isoformat(), row.joined_at.hour) == ("2024-03-05", hour)


def test_listmonks_attributes_are_taken_over_where_they_are_understood(folder: Path) -> None:
    found = listmonk(
        folder,
        one("a@example.org", attributes='{"lang": "fr", "country": "gb", "city": "Lyon"}'),
        one("b@example.org", attributes='{"tags": ["vip", "a, b"], "city": "Bath", "n": null}'),
        one("c@example.org", attributes='{"country": "United Kingdom", "timezone": "Asia/Tokyo"}'),
        one("d@example.org", attributes="{"),
        one("e@example.org", attributes="[]"),
        one("f@example.org", attributes=""),
    )
    assert found.people[:3] == [
        Person("a@example.org", "Ana Quay", language="fr", country="GB"),
        Person("b@example.org", "Ana Quay", tags=("a, b", "vip")),
        Person("c@example.org", "Ana Quay", time_zone="Asia/Tokyo"),
    ]
    assert found.passed_over == {
        "attributes.city": 2, "attributes.country 'United Kingdom'": 1,
    }  # fmt: skip
    broken, odd = (reason for *_, reason in found.said)
    assert broken.startswith("attributes: not JSON: ")
    assert odd == "attributes: it is no object in JSON"


def test_a_file_of_those_who_left_a_list_of_listmonks_is_said_to_be_one(folder: Path) -> None:
    people = (one("ana@example.org"), one("no@example.org", "blocklisted"))
    assert listmonk(folder, *people, state=S.UNSUBSCRIBED).states == [S.UNSUBSCRIBED, S.SUPPRESSED]


def test_what_is_not_listmonks_is_told(folder: Path) -> None:
    file = write(folder / "x.csv", ["email", "name"], ["ana@example.org", "Ana"])
    with pytest.raises(InputError, match="line 1: it is not listmonk's: it has no column 'status'"):
        Read(file, ExportOrigin.LISTMONK, None)


# ---- Mailchimp --------------------------------------------------------------------------------

TECHNICAL = ["LATITUDE", "LONGITUDE", "GMTOFF", "DSTOFF", "TIMEZONE", "CC", "REGION",
             "LAST_CHANGED", "LEID", "EUID", "NOTES", "TAGS"]  # fmt: skip
SUBSCRIBED = ["Email Address", "First Name", "Last Name", "Company", "MEMBER_RATING",
              "OPTIN_TIME", "OPTIN_IP", "CONFIRM_TIME", "CONFIRM_IP", *TECHNICAL]  # fmt: skip
UNSUBSCRIBED = [*SUBSCRIBED[:-4], "UNSUB_TIME", "UNSUB_CAMPAIGN_TITLE", "UNSUB_CAMPAIGN_ID",
                "UNSUB_REASON", "UNSUB_REASON_OTHER", *SUBSCRIBED[-4:]]  # fmt: skip
CLEANED = [*SUBSCRIBED[:-4], "CLEAN_TIME", "CLEAN_CAMPAIGN_TITLE", "CLEAN_CAMPAIGN_ID",
           *SUBSCRIBED[-4:]]  # fmt: skip


def mailchimp(
    file: Path,
    header: list[str],
    *people: dict[str, str],
    state: RowState | None = None,
    **mapping: str,
) -> Read:
    lines = [[one.get(head, "") for head in header] for one in people]
    return Read(write(file, header, *lines), ExportOrigin.MAILCHIMP, state, **mapping)


ANA = {
    "Email Address": "ana@example.org", "First Name": "Ana", "Last Name": "Quay",
    "Company": "Example Press", "MEMBER_RATING": "4", "OPTIN_TIME": "2020-02-03 04:05:06",
    "OPTIN_IP": "192.0.2.7", "CONFIRM_TIME": "2020-02-03 04:06:00", "CONFIRM_IP": "192.0.2.8",
    "CC": "us", "TIMEZONE": "America/New_York", "TAGS": '"Press","Blog, old"',
}  # fmt: skip


def test_mailchimps_subscribers_come_with_names_tags_and_evidence(folder: Path) -> None:
    file = folder / "subscribed_email_audience_export_0b1c.csv"
    bo = {"Email Address": "bo@example.org", "CC": "UK", "TAGS": "a, b"}
    found = mailchimp(file, SUBSCRIBED, ANA, bo)
    assert found.people == [
        Person("ana@example.org", "Ana Quay", country="US", time_zone="America/New_York",
               tags=("Blog, old", "Press")),
        Person("bo@example.org", tags=("a", "b")),
    ]  # fmt: skip
    first, second = found.rows
    assert first.joined_at == datetime(2020, 2, 3, 4, 6, tzinfo=UTC)
    assert first.evidence == (
        "opted in 2020-02-03 04:05:06 from 192.0.2.7; confirmed 2020-02-03 04:06:00 from 192.0.2.8"
    )
    assert (second.joined_at, second.evidence) == (None, "")
    assert found.states == [S.ACTIVE, S.ACTIVE]
    assert found.passed_over == {"Company": 0, "CC 'UK'": 1}


def test_who_left_or_bounced_at_mailchimp_is_remembered_as_that(folder: Path) -> None:
    left = ANA | {"UNSUB_TIME": "2022-01-02 03:04:05", "UNSUB_REASON": "NORMAL"}
    found = mailchimp(folder / "unsubscribed_email_audience_export.csv", UNSUBSCRIBED, left, ANA)
    assert found.states == [S.UNSUBSCRIBED, S.UNSUBSCRIBED]
    assert found.rows[0].left_at == datetime(2022, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.rows[0].evidence == "NORMAL"
    assert found.rows[1].left_at is None
    gone = ANA | {"CLEAN_TIME": "2023-01-02 03:04:05"}
    found = mailchimp(folder / "cleaned_email_audience_export.csv", CLEANED, gone, ANA)
    assert found.states == [S.SUPPRESSED, S.SUPPRESSED]
    assert {row.reason for row in found.rows} == {SuppressionReason.BOUNCE}
    assert [row.evidence for row in found.rows] == [
        "cleaned by Mailchimp 2023-01-02 03:04:05", "cleaned by Mailchimp",
    ]  # fmt: skip


def test_who_never_subscribed_at_mailchimp_is_left_out(folder: Path) -> None:
    found = mailchimp(folder / "nonsubscribed_email_audience_export.csv", SUBSCRIBED, ANA)
    assert found.rows == []
    assert found.said == [
        (2, RowOutcome.SKIPPED, "ana@example.org", "never subscribed, by what Mailchimp says")
    ]


def test_a_row_that_says_that_it_left_is_believed_in_any_file(folder: Path) -> None:
    left = ANA | {"UNSUB_TIME": "2022-01-02 03:04:05"}
    found = mailchimp(folder / "subscribed_x.csv", UNSUBSCRIBED, left, ANA)
    assert found.states == [S.UNSUBSCRIBED, S.ACTIVE]


def test_without_its_name_or_a_status_mailchimps_file_says_nothing(folder: Path) -> None:
    with pytest.raises(InputError, match="nothing says whether these people are subscribed") as at:
        mailchimp(folder / "contacts.csv", SUBSCRIBED, ANA)
    assert "--state" in at.value.hint
    assert mailchimp(folder / "x.csv", SUBSCRIBED, ANA, state=S.ACTIVE).states == [S.ACTIVE]
    with pytest.raises(InputError, match="of those who are unsubscribed, and --state says active"):
        mailchimp(folder / "unsubscribed_x.csv", SUBSCRIBED, ANA, state=S.ACTIVE)
    statuses = ("Subscribed", "cleaned", "Nonsubscribed", "vip")
    people = [ANA | {"Status": status} for status in statuses]
    found = mailchimp(folder / "all.csv", [*SUBSCRIBED, "Status"], *people)
    assert found.states == [S.ACTIVE, S.SUPPRESSED]
    assert [reason for *_, reason in found.said] == [
        "never subscribed, by what Mailchimp says", "status: 'vip' is no status of Mailchimp's",
    ]  # fmt: skip


def test_columns_in_another_language_are_named_by_hand(folder: Path) -> None:
    header = ["Adresse e-mail", "Prénom", "Sujets", "OPTIN_TIME"]
    person = dict(zip(header, ["ana@example.org", "Ana", "health, work", ""], strict=True))
    how: dict[str, Any] = {"Adresse e-mail": "address", "Prénom": "name", "Sujets": "topics"}
    (row,) = mailchimp(folder / "subscribed_x.csv", header, person, **how).rows
    assert (row.person, row.topics) == (Person("ana@example.org", "Ana"), ("health", "work"))


# ---- Mailman ----------------------------------------------------------------------------------


def mailman(folder: Path, text: str, state: RowState | None = None) -> Read:
    file = folder / "members.txt"
    file.write_text(text)
    return Read(file, ExportOrigin.MAILMAN, state)


def test_mailmans_lines_are_addresses_with_or_without_names(folder: Path) -> None:
    found = mailman(
        folder,
        "# members of news\n\nAnne Quay <anne@example.com>\nbart@example.com\n"
        '"Quay, Cy \\"the 3rd\\"" <cy@example.com>\n<di@example.com>\nnobody\nAB <no address>\n',
    )
    assert found.people == [
        Person("anne@example.com", "Anne Quay"),
        Person("bart@example.com"),
        Person("cy@example.com", 'Quay, Cy "the 3rd"'),
        Person("di@example.com"),
    ]
    assert [row.line for row in found.rows] == [3, 4, 5, 6]
    assert [(line, address) for line, _, address, _ in found.said] == [
        (7, "nobody"),
        (8, "AB <no address>"),
    ]
    assert mailman(folder, "anne@example.com\n", S.UNSUBSCRIBED).states == [S.UNSUBSCRIBED]


def test_mailmans_table_says_whose_delivery_is_off(folder: Path) -> None:
    found = mailman(
        folder,
        "Display Name,Address,Delivery Status,Delivery Mode,Shoe\n"
        "Anne Quay,anne@example.com,enabled,regular,38\n"
        "Bo,bo@example.com,by_bounces,regular,\n"
        "Cy,cy@example.com,by_user,regular,\n"
        "Di,di@example.com,by magic,regular,\n",
    )
    assert found.people[0] == Person("anne@example.com", "Anne Quay")
    assert found.states == [S.ACTIVE, S.SUPPRESSED]
    assert found.rows[1].reason is SuppressionReason.BOUNCE
    assert [reason for *_, reason in found.said] == [
        "delivery is disabled in Mailman (by user)",
        "status: 'bymagic' is no delivery status of Mailman's",
    ]
    assert found.passed_over == {"Shoe": 0}
