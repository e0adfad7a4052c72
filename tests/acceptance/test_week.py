"""A press officer's week, by command: from articles, pictures and a spreadsheet to the run-up of
Migrants Day, with a test mail, approvals by link, a release, complaints and the boss's numbers."""

import csv
import io
import re
from collections import Counter
from email.message import EmailMessage

import pytest

from tests.acceptance.conftest import Shell
from tests.acceptance.week.material import (
    PeopleFile,
    WeekArticle,
    put_articles_on_desk,
    write_people_file,
)
from tests.acceptance.week.office import (
    EDITOR,
    OFFICER,
    WATCHER,
    Office,
    open_office,
    read_text,
    wait_for,
)
from tests.deciding import find_decision_path
from tests.fake_relay import Relay, Step
from tests.pictures import draw_logo

MOST_COMMANDS = 40
DAYS = (14, 15, 16, 17, 18)
STAFF = {EDITOR, WATCHER, OFFICER}
JOURNALISTS = {"ines@paper.example.org", "omar@radio.example.org"}


class Week:
    """The desk: the articles, the readers, and who got what on which day."""

    def __init__(self, office: Office, people: int) -> None:
        self.office = office
        self.articles = {a.slug: a for a in put_articles_on_desk(office.shell.folder / "stories")}
        path = office.shell.folder / "people.xlsx"
        self.people: PeopleFile = write_people_file(path, list(self.articles.values()), people)
        self.readers = dict(self.people.topics)
        """The topics of each address that gets mails now; none: all."""
        self.stories: dict[int, list[WeekArticle]] = {}
        self.recipients: dict[int, list[str]] = {}

    def release(self) -> WeekArticle:
        return next(a for a in self.articles.values() if a.kind == "press_release")

    def assemble(self, day: int) -> EmailMessage:
        """Let the day's cut-off come, and return the mail that asks the editor to approve."""
        request_count = len(list_requests(self.office))
        self.office.move_clock(f"2026-12-{day} 08:00:01")
        wait_for(lambda: len(list_requests(self.office)) > request_count)
        return list_requests(self.office)[-1]

    def approve(self, request: EmailMessage) -> None:
        """Approve an edition as the editor does: on the page of the link in the mail."""
        path = find_decision_path(request)
        assert 'value="approve"' in self.office.request("GET", path)
        form = {"decision": "approve", "comment": "read twice"}
        assert "is approved" in self.office.request("POST", path, form)

    def send(self, day: int, hour: int = 9) -> None:
        """Let the send time come, and note who got the edition."""
        office, sent = self.office, count_sent_notices(self.office)
        position = len(office.relay.received)
        office.move_clock(f"2026-12-{day} {hour:02}:00:01")
        wait_for(lambda: count_sent_notices(office) > sent)
        self.recipients[day] = [
            mail.recipient for mail in office.relay.received[position:] if mail.accepted
        ]
        rows = office.query(
            "SELECT slug FROM edition_story WHERE edition_id = ? ORDER BY position",
            self.edition_id(day),
        )
        self.stories[day] = [self.articles[slug] for (slug,) in rows]
        self.recipients[day] = [a for a in self.recipients[day] if a not in STAFF]
        assert set(self.recipients[day]) == self.expected_recipients(day)

    def edition_id(self, day: int) -> int:
        ((edition_id,),) = self.office.query(
            "SELECT edition_id FROM occurrence WHERE rule_time LIKE ?", f"2026-12-{day}%"
        )
        return int(edition_id)

    def expected_recipients(self, day: int) -> set[str]:
        """Return the readers who are interested in a story of the day's edition."""
        subjects = {topic for story in self.stories[day] for topic in story.topics}
        return {a for a, topics in self.readers.items() if not topics or topics & subjects}


def find_full_readers(week: Week) -> list[str]:
    """Return the readers who chose no topics, and so get each edition."""
    return sorted(address for address, topics in week.readers.items() if not topics)


def list_requests(office: Office) -> list[EmailMessage]:
    return [m for m in office.relay.list_mails(EDITOR) if find_decision_path(m)]


def count_sent_notices(office: Office) -> int:
    return sum(str(m["Subject"]).startswith("Sent: ") for m in office.relay.list_mails(WATCHER))


@pytest.mark.slow
@pytest.mark.parametrize("people", [300, pytest.param(2000, marks=pytest.mark.proof)])
def test_press_officers_week_takes_at_most_forty_commands(
    bare: Shell, relay: Relay, people: int
) -> None:
    office = open_office(bare, relay, "2026-12-11 10:00")
    week = Week(office, people)
    bring_in_people_and_stories(week)
    plan_run_up(week)
    with (
        office.run_in_background("serve", "--port", str(office.port)),
        office.run_in_background("worker"),
    ):
        send_first_day(week)
        answer_complaints(week)
        send_moved_occurrence(week)
        send_release(week)
        send_last_days(week)
    check_mailboxes(week)
    check_numbers(week)
    assert len(office.commands) <= MOST_COMMANDS


def bring_in_people_and_stories(week: Week) -> None:
    """Friday before: lists, articles with pictures, a messy spreadsheet, journalists."""
    office, folder = week.office, week.office.shell.folder
    (folder / "logo.png").write_bytes(draw_logo())
    office("asset", "add", "logo.png", "--alt", "The office")
    office("list", "add", "news", "--name", "News from the harbour")
    office("list", "add", "press", "--name", "Press", "--visibility", "private")
    office("article", "add", "stories", "--create-topics")
    people, imported = week.people, office(
        "subscriber", "import", "people.xlsx", "--list", "news", "--source", "the office's sheet",
        "--basis", "consent", "--dates", "dmy", "--json", code=4,
    )  # fmt: skip
    report = imported.json
    assert (report["added"], report["left"], report["suppressed"], report["refused"]) == (
        len(people.topics), len(people.left), len(people.bounced), people.invalid_rows,
    )  # fmt: skip
    assert report["rows"][0]["line"] == 14
    assert "'by post' is not a mail address" in imported.err
    assert {a for (a,) in office.query("SELECT address FROM suppression")} == people.bounced
    rows = "".join(f"{address},Ines,The Example\n" for address in sorted(JOURNALISTS))
    (folder / "journalists.csv").write_text("email,name,outlet\n" + rows)
    office("contact", "import", "journalists.csv", "--list", "press", "--source", "their cards")


def plan_run_up(week: Week) -> None:
    """The calendar: five days whose editions share the sixteen stories."""
    office = week.office
    office("digest", "add", "week", "--list", "news", "--name", "The week", "--approval", "other")
    rule = "migrants-day: each weekday from 4 days before, then on the day"
    added = office("schedule", "add", "week", rule, "--zone", "Europe/London").out
    assert "its stories are spread over its days" in added
    planned = office("schedule", "preview", "week", "--count", "5", "--json").json
    assert [row["day"] for row in planned] == [f"2026-12-{day}" for day in DAYS]
    office("schedule", "write", "week", "2026-12-18", "--subject", "A day for migrants",
           "--opening", "Today is *Migrants Day*. Thank you for reading.")  # fmt: skip


def send_first_day(week: Week) -> None:
    """Monday: a mailbox that is gone, a test mail, an approval by the link, and the edition."""
    office, relay = week.office, week.office.relay
    dead_address = find_full_readers(week)[-1]
    relay.answer_always(Step.RCPT, "550 5.1.1 no such user", to=dead_address)
    request = week.assemble(14)
    number, sample = str(week.edition_id(14)), find_full_readers(week)[0]
    preview = office("edition", "preview", number, "--as", sample).out
    office("edition", "test", number, OFFICER, "--as", sample)
    (test_mail,) = relay.list_mails(OFFICER)
    assert str(test_mail["Subject"]).startswith("[Test] ")
    assert sample in read_text(test_mail)
    assert preview.splitlines()[2] in read_text(test_mail)
    week.approve(request)
    del week.readers[dead_address]
    week.send(14)


def answer_complaints(week: Week) -> None:
    """Monday afternoon: four readers write to the office."""
    office, relay = week.office, week.office.relay
    office.move_clock("2026-12-14 15:00")
    number = str(week.edition_id(14))
    missing, weary, leaving, moving = find_full_readers(week)[10:14]

    assert "got edition" in office("explain", number, missing).out
    office("edition", "resend", number, missing)
    wait_for(lambda: len(relay.list_mails(missing)) == 2)
    first, second = relay.list_mails(missing)
    assert first["Subject"] == second["Subject"]

    topic = min(week.release().topics)
    weekly = ("subscriber", "edit", weary, "--list", "news", "--frequency", "weekly")
    assert "no digest of the list 'news' is weekly" in office(*weekly, code=1).err
    office("subscriber", "edit", weary, "--list", "news", "--topic", topic)
    week.readers[weary] = frozenset({topic})

    office("subscriber", "unsubscribe", leaving, "--everywhere")
    del week.readers[leaving]

    new_address = "new.address@example.org"
    office("subscriber", "edit", moving, "--address", new_address, "--source", "a letter")
    wait_for(lambda: relay.list_mails(new_address))
    (mail,) = relay.list_mails(new_address)
    link = re.search(r"https?://\S+/c/\S+", read_text(mail))
    assert link
    assert "<form" in office.request("GET", link[0])
    office.request("POST", link[0], {})
    week.readers[new_address] = week.readers.pop(moving)


def send_moved_occurrence(week: Week) -> None:
    """Tuesday, and Wednesday's edition in the afternoon instead of the morning."""
    office = week.office
    week.approve(week.assemble(15))
    week.send(15)
    office("schedule", "move", "week", "2026-12-16", "--to", "2026-12-16 15:00",
           "--reason", "the minister speaks at two")  # fmt: skip
    office.move_clock("2026-12-16 08:00:01")
    office.move_clock("2026-12-16 13:30")
    accepted = len(office.relay.accepted)
    assert "Wed 16 Dec 15:00 Europe/London" in office("status").out
    assert len(office.relay.accepted) == accepted
    request_count = len(list_requests(office))
    office.move_clock("2026-12-16 14:00:01")
    wait_for(lambda: len(list_requests(office)) > request_count)
    week.approve(list_requests(office)[-1])
    week.send(16, hour=15)


def send_release(week: Week) -> None:
    """Wednesday evening: a press release to the journalists, and to no reader."""
    office, slug = week.office, week.release().slug
    position = len(office.relay.received)
    office("release", "send", slug, "--to", "press", "--dry-run")
    office("release", "send", slug, "--to", "press", "--yes", "--progress", "none")
    received = [m for m in office.relay.received[position:] if m.recipient not in STAFF]
    assert {mail.recipient for mail in received} == JOURNALISTS
    assert len(received) == len(JOURNALISTS)
    assert week.release().title in str(received[0].message["Subject"])
    assert len(office("release", "follow-up", slug, "--json").json) == len(JOURNALISTS)


def send_last_days(week: Week) -> None:
    """Thursday, after which a reader leaves by the mail's own link; and the day itself."""
    office = week.office
    week.approve(week.assemble(17))
    week.send(17)
    leaving = week.recipients[17][0]
    header = str(office.relay.list_mails(leaving)[-1]["List-Unsubscribe"])
    link = re.search(r"<(http[^>]+)>", header)
    assert link
    office.request("POST", link[1], {"List-Unsubscribe": "One-Click"})
    del week.readers[leaving]
    week.approve(week.assemble(18))
    week.send(18)


def check_mailboxes(week: Week) -> None:
    """Each edition reached each reader of its subjects once, and each story was sent on one day."""
    for day in DAYS:
        repeated = [a for a, count in Counter(week.recipients[day]).items() if count > 1]
        assert repeated == [], day
    sent_stories = [story.slug for stories in week.stories.values() for story in stories]
    releases = {a.slug for a in week.articles.values() if a.kind == "press_release"}
    assert sorted(sent_stories) == sorted(week.articles.keys() - releases)
    assert min(len(stories) for stories in week.stories.values()) >= 2
    (subject,) = {
        str(m["Subject"]) for m in week.office.relay.list_mails(week.recipients[18][0])[-1:]
    }
    assert subject == "A day for migrants"


def check_numbers(week: Week) -> None:
    """The boss's numbers, against the database and the mailboxes."""
    office = week.office
    office.move_clock("2026-12-18 17:00")
    since = ("--since", "2026-12-11")
    report = office("report", "list", "news", *since, "--json").json
    readers = report["readers"]
    ((members,),) = office.query(
        "SELECT count(*) FROM membership JOIN mailing_list ON mailing_list.id = list_id"
        " WHERE slug = 'news' AND state = 'active'"
    )
    assert readers["with_topics"] + readers["all_topics"] + readers["suppressed"] == members
    refused_mailbox = 1  # one refusal does not end a membership
    assert members == len(week.readers) + refused_mailbox
    ((sent,),) = office.query(
        "SELECT count(*) FROM delivery JOIN edition ON edition.id = edition_id"
        " WHERE digest_id IS NOT NULL AND kind = 'mailing' AND delivery.state = 'sent'"
    )
    assert report["mails"]["sent"] == sent == sum(map(len, week.recipients.values()))
    assert report["mails"]["editions"] == len(DAYS)
    assert sum(report["mails"]["failed"].values()) == len(DAYS) * refused_mailbox
    (leavers,) = report["left_by_edition"]
    assert (leavers["edition_id"], leavers["people"]) == (week.edition_id(17), 1)
    edition = office("report", "edition", str(week.edition_id(17)), "--json").json
    assert edition["mails"]["sent"] == len(week.recipients[17])
    assert sum(way["people"] for way in edition["left"]) == 1
    topics = office("report", "topics", "news", *since, "--json").json
    assert topics["all_topics"] == readers["all_topics"]
    header, *rows = csv.reader(io.StringIO(office("report", "growth", *since, "--csv").out))
    news_rows = [dict(zip(header, row, strict=True)) for row in rows if row[0] == "news"]
    assert sum(int(row["sent"]) for row in news_rows) == sent
    assert int(news_rows[-1]["readers_at_end"]) == members
    history = office("schedule", "history", "week", "--json").json
    assert [row["outcome"] for row in history] == ["sent"] * len(DAYS)
