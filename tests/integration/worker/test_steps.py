"""From an occurrence to mailboxes, step by step: what a tick does, and what it leaves alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailer import articles, editions
from mailer.config import Organisation, Paths
from mailer.digests import ApprovalRule, WhenEmpty, WhenLate
from mailer.editions import EditionState, Kind, SendTime
from mailer.errors import Refused
from mailer.schedules.records import OccurrenceState
from tests.integration import office
from tests.integration.worker.conftest import HOUR, READERS, START, Desk

S = EditionState
NINE = datetime(2027, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def occurrences(desk: Desk, slug: str = "weekly") -> list[tuple[OccurrenceState, str]]:
    with desk.mailer.store.read() as tx:
        return [(one.state, one.reason) for one in tx.schedules.occurrences(slug, 100)]


# ---- the whole way ----------------------------------------------------------------------------


def test_an_edition_is_assembled_approved_and_sent_and_staff_hear_of_each(desk: Desk) -> None:
    desk.digest()
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR - MINUTE)
    assert occurrences(desk) == []
    desk.tick(NINE - HOUR)
    assert desk.edition().state is S.IN_REVIEW
    desk.deliver()
    (asked,) = desk.mails("approver@example.org")
    assert asked["Subject"] == "Approve by Tue 2 Mar 09:00: The week"
    assert asked["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in asked
    assert f"--hash {desk.edition().content_hash[:12]}" in str(asked.get_body(("plain",)))
    desk.approve()
    assert desk.edition().state is S.SCHEDULED
    desk.tick(NINE - MINUTE)
    assert desk.edition().state is S.SCHEDULED
    desk.tick(NINE)
    assert desk.edition().state is S.SENDING
    desk.deliver()
    assert desk.edition().state is S.SENT
    desk.tick()
    desk.deliver()
    assert desk.got() == sorted(READERS)
    assert desk.subjects("watcher@example.org") == [
        "Approved for Tue 2 Mar 09:00: The week",
        "Sent: The week (2)",
    ]
    desk.tick(NINE + HOUR)
    desk.deliver()
    assert len(desk.relay.accepted) == 6, "asked, approved twice over, sent, and two readers"
    assert occurrences(desk) == [(OccurrenceState.MADE, "")]


def test_where_nobody_has_to_approve_one_tick_does_it_all(desk: Desk) -> None:
    desk.digest(approval=ApprovalRule.NONE)
    desk.schedule("2027-03-02", cutoff="0m")
    desk.tick(NINE)
    desk.deliver()
    assert desk.got() == sorted(READERS)
    approval = desk.edition().approval
    assert approval is not None
    assert approval.approver == "the rule of weekly"
    assert not desk.mails("approver@example.org")


def test_an_author_can_not_approve_where_another_person_must(desk: Desk) -> None:
    desk.digest(approval=ApprovalRule.OTHER)
    desk.schedule("2027-03-02")
    with desk.mailer.store.begin() as tx:
        articles.edit(tx.articles, "boats", "en", {"title": "Boats"}, START, author="Ana")
    desk.tick(NINE - HOUR)
    with pytest.raises(Refused, match=r"Ana has written or edited what edition \d+ holds"):
        desk.approve("Ana")
    with desk.mailer.store.begin() as tx:
        changes = {"subject": "News"}
        editions.edit(tx.editions, tx.editions.recent([], 1)[0], changes, desk.now, "Ben")
    desk.tick()
    with pytest.raises(Refused):
        desk.approve("ben")
    assert desk.approve("Cleo").state is S.SCHEDULED


# ---- nobody approves --------------------------------------------------------------------------


def test_an_edition_waits_for_its_approver_who_is_reminded_and_goes_as_soon_as_approved(
    desk: Desk,
) -> None:
    desk.digest(reminders=(timedelta(minutes=30), timedelta(minutes=10)))
    desk.schedule("2027-03-02")
    for minutes in (-60, -31, -30, -29, -10, 0, 1, 120):
        desk.tick(NINE + minutes * MINUTE)
    desk.deliver()
    assert desk.edition().state is S.IN_REVIEW
    subjects = desk.subjects("approver@example.org")
    assert len(subjects) == 4, "asked, 30 and 10 minutes before, and at the time"
    assert sum(one.startswith("Still to approve") for one in subjects) == 3
    desk.approve()
    desk.tick()
    desk.deliver()
    assert desk.got() == sorted(READERS)
    desk.tick()
    desk.deliver()
    assert "Approved for Tue 2 Mar 09:00: The week" in desk.subjects("watcher@example.org")


def test_several_reminders_that_were_missed_are_one(desk: Desk) -> None:
    desk.digest(reminders=(timedelta(minutes=30), timedelta(minutes=10)))
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR)
    desk.tick(NINE + HOUR)
    desk.deliver()
    assert len(desk.mails("approver@example.org")) == 2


def test_an_edition_that_may_not_wait_is_a_draft_again_and_staff_are_told(desk: Desk) -> None:
    desk.digest(when_late=WhenLate.DRAFT)
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR)
    desk.tick(NINE)
    found = desk.edition()
    assert (found.state, found.appointment) == (S.DRAFT, None)
    desk.deliver()
    assert "Not approved in time: The week" in desk.subjects("approver@example.org")
    desk.tick(NINE + HOUR)
    assert desk.approve().state is S.APPROVED, "it goes when a person sends it"
    desk.tick(NINE + 2 * HOUR)
    assert desk.edition().state is S.APPROVED


def test_what_nobody_approved_expires_and_its_stories_are_in_the_next_edition(desk: Desk) -> None:
    desk.digest()
    desk.schedule("daily")
    desk.tick(NINE - HOUR)
    first = desk.edition()
    with desk.mailer.store.begin() as tx:
        office.story(tx, "wells", "health")
    desk.tick(NINE + timedelta(hours=23))
    assert desk.edition(first.id).state is S.EXPIRED
    second = desk.edition()
    assert second.id != first.id
    assert set(second.stories) == {"boats", "wells"}
    desk.deliver()
    assert "Never approved: The week" in desk.subjects("watcher@example.org")


# ---- what changes meanwhile -------------------------------------------------------------------


def test_a_change_voids_the_approval_and_it_is_asked_for_again(desk: Desk) -> None:
    desk.digest()
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR)
    approved = desk.approve()
    desk.tick()
    with desk.mailer.store.begin() as tx:
        articles.edit(tx.articles, "boats", "en", {"title": "Ships"}, desk.now)
    desk.tick(NINE)
    found = desk.edition()
    assert found.state is S.IN_REVIEW
    assert found.content_hash != approved.content_hash
    desk.deliver()
    assert "Approve again by Tue 2 Mar 09:00: The week" in desk.subjects("approver@example.org")
    assert desk.got() == []


def test_an_editor_s_changes_are_told_once_when_they_have_settled(desk: Desk) -> None:
    desk.digest()
    desk.schedule("2027-03-02", cutoff="5h")
    desk.tick(NINE - 5 * HOUR)
    for minute in range(0, 60, 5):
        with desk.mailer.store.begin() as tx:
            known = tx.editions.recent([], 1)[0]
            editions.edit(tx.editions, known, {"name": f"Week {minute}"}, desk.now, "Ben")
        desk.tick(NINE - 5 * HOUR + minute * MINUTE)
    desk.deliver()
    assert len(desk.mails("approver@example.org")) == 1
    desk.tick(NINE - 3 * HOUR)
    desk.deliver()
    assert len(desk.mails("approver@example.org")) == 2
    desk.tick(NINE - 2 * HOUR)
    desk.deliver()
    assert len(desk.mails("approver@example.org")) == 2


def test_an_edition_whose_stories_were_all_withdrawn_is_skipped_with_its_reason(
    desk: Desk,
) -> None:
    desk.digest()
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR)
    desk.approve()
    with desk.mailer.store.begin() as tx:
        articles.withdraw(tx.articles, "boats", None, desk.now)
    desk.tick(NINE)
    found = desk.edition()
    assert found.state is S.SKIPPED
    assert "only 0 of its stories are left" in found.reason
    desk.deliver()
    assert "Skipped: The week" in desk.subjects("watcher@example.org")
    assert desk.got() == []


def test_too_few_stories_are_held_where_the_digest_says_so(desk: Desk) -> None:
    with desk.mailer.store.begin() as tx:
        office.digest(tx, "weekly", fewest=2, when_empty=WhenEmpty.HOLD)
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR)
    desk.deliver()
    assert desk.edition().state is S.HELD
    assert "Held: The week" in desk.subjects("watcher@example.org")


# ---- what goes wrong --------------------------------------------------------------------------


def test_what_can_not_be_composed_is_held_and_goes_when_it_is_mended(desk: Desk) -> None:
    desk.digest(approval=ApprovalRule.NONE)
    desk.schedule("2027-03-02")
    whole = desk.mailer.settings
    desk.mailer.settings = whole.model_copy(update={"organisation": Organisation(name="Office")})
    desk.tick(NINE - HOUR)
    found = desk.edition()
    assert found.state is S.HELD
    assert "organisation.postal_address is empty" in found.reason
    desk.deliver()
    assert desk.subjects("watcher@example.org") == ["Held: The week"]
    desk.mailer.settings = whole
    with desk.mailer.store.begin() as tx:
        editions.reopen(tx.editions, editions.get(tx.editions, found.id), desk.now, actor="Ana")
    desk.tick(NINE)
    desk.deliver()
    assert desk.got() == sorted(READERS)


def test_a_broken_notice_does_not_stop_the_calendar(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "own/email/notice"
    broken.mkdir(parents=True)
    (broken / "body.html").write_text("{% if %}")
    desk.mailer.settings = desk.mailer.settings.model_copy(
        update={"paths": Paths(templates=tmp_path / "own")}
    )
    desk.digest(approval=ApprovalRule.NONE)
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR)
    desk.tick(NINE)
    desk.deliver()
    assert desk.got() == sorted(READERS)


def test_an_edition_that_comes_later_than_its_grace_is_held(desk: Desk) -> None:
    desk.digest(grace=timedelta(hours=2))
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR)
    desk.approve()
    desk.tick(NINE + 2 * HOUR + MINUTE)
    found = desk.edition()
    assert found.state is S.HELD
    assert found.reason == "it was to be sent 2h 1m ago, and may be late by 2h"


def test_an_occurrence_that_was_missed_is_run_within_its_grace_and_held_after_it(
    desk: Desk,
) -> None:
    desk.digest("weekly", grace=timedelta(hours=2))
    desk.digest("other", grace=timedelta(hours=2))
    desk.schedule("2027-03-02", "09:00", "weekly")
    desk.schedule("2027-03-02", "06:00", "other")
    desk.tick(NINE + HOUR)
    assert occurrences(desk) == [(OccurrenceState.MADE, "")]
    ((state, reason),) = occurrences(desk, "other")
    assert state is OccurrenceState.HELD
    assert reason == "it was missed by 4h; this digest may be late by 2h"
    desk.deliver()
    assert "Held: The week" in desk.subjects("watcher@example.org")


def test_a_paused_edition_is_told_with_its_reason(desk: Desk) -> None:
    desk.digest(approval=ApprovalRule.NONE)
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR)
    desk.tick(NINE)
    with desk.mailer.store.begin() as tx:
        known = editions.get(tx.editions, desk.edition().id)
        editions.pause(tx.editions, known, desk.now, reason="wrong picture", actor="Ana")
    desk.tick()
    desk.deliver()
    (told,) = desk.mails("watcher@example.org")
    assert told["Subject"] == "Paused: The week (0 of 2)"
    assert "wrong picture" in str(told.get_body(("plain",)))


@pytest.mark.parametrize(("later", "told"), [(HOUR, 1), (25 * HOUR, 0)])
def test_what_was_sent_by_hand_long_ago_is_no_news(desk: Desk, later: timedelta, told: int) -> None:
    with desk.mailer.store.begin() as tx:
        desk.mailer.start(tx, office.approved_by_hand(desk.mailer, tx, office.edition(tx, "boats")))
    desk.deliver()
    desk.tick(desk.now + later)
    desk.deliver()
    assert len(desk.mails("watcher@example.org")) == told


def test_nobody_is_told_where_nobody_is_named(desk: Desk) -> None:
    whole = desk.mailer.settings
    desk.mailer.settings = whole.model_copy(update={"notices": type(whole.notices)()})
    desk.digest()
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR)
    with desk.mailer.store.read() as tx:
        assert [one.kind for one in tx.editions.recent([], 9, notices=True)] == [Kind.MAILING]


def test_what_a_person_takes_back_or_edits_is_not_told_as_late(desk: Desk) -> None:
    desk.digest()
    desk.schedule("2027-03-02")
    desk.tick(NINE - HOUR)
    with desk.mailer.store.begin() as tx:
        editions.reopen(tx.editions, tx.editions.recent([], 1)[0], desk.now, actor="Ana")
    desk.tick()
    assert desk.edition().appointment is None, "off the calendar"
    with desk.mailer.store.begin() as tx:
        made = office.edition(tx, "boats")
        made, _ = desk.mailer.composed(tx, made)
        editions.submit(tx.editions, made, desk.now, actor="Ana")
    desk.tick()
    with desk.mailer.store.begin() as tx:
        known = editions.get(tx.editions, made.id)
        editions.edit(tx.editions, known, {"name": "Other"}, desk.now, "Ana")
    desk.tick()
    desk.deliver()
    subjects = desk.subjects("approver@example.org")
    assert len(subjects) == 2
    assert all(one.startswith("Approve") for one in subjects)


# ---- by itself --------------------------------------------------------------------------------


def test_an_edition_by_itself_that_has_a_time_is_asked_for_and_sent_then(desk: Desk) -> None:
    with desk.mailer.store.begin() as tx:
        made = office.edition(tx, "boats")
        when = desk.mailer.appointment(tx, NINE.replace(tzinfo=None), "UTC", SendTime.OFFICE)
        editions.appoint(tx.editions, made, when, desk.now)
    desk.tick()
    assert desk.edition().state is S.IN_REVIEW
    desk.approve()
    desk.tick(NINE)
    desk.deliver()
    assert desk.got() == sorted(READERS)
