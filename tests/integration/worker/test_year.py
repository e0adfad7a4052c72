"""A simulated year of an office: what the calendar promises is kept, through holidays, absent
people and a week in which nothing runs."""

import io
import random
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from mailer import digests
from mailer.actor import create_local_actor
from mailer.app import Mailer
from mailer.config import NoticesSection, Settings
from mailer.digests import occurrences
from mailer.log import create_logger
from mailer.model.edition_states import EditionState
from mailer.model.schedules import OccurrenceState
from mailer.store import Store
from mailer.worker import Scheduler
from tests.conftest import KEY, make_office_settings
from tests.fake_relay import Relay
from tests.integration.worker import year_simulation
from tests.integration.worker.year_simulation import (
    DAY,
    FIRST,
    LAST,
    LONDON,
    OfficeSimulation,
    WrittenArticle,
    to_moment,
)

S = EditionState


@pytest.fixture(scope="module")
def office_after_year(tmp_path_factory: pytest.TempPathFactory) -> OfficeSimulation:
    """The office at the end of its year."""
    home = tmp_path_factory.mktemp("year")
    store = Store(f"sqlite:///{home / 'subscribers.db'}", KEY)
    store.upgrade_schema()
    with Relay() as relay:
        office = _build_office(make_office_settings(home), store, relay)
        _plan_year(office)
        office.run_year()
    return office


def _build_office(settings: Settings, store: Store, relay: Relay) -> OfficeSimulation:
    settings = settings.model_copy(
        update={
            "relay": settings.relay.model_copy(update={"port": relay.port}),
            "notices": NoticesSection(
                approvers=("approver@example.org",), watchers=("watcher@example.org",)
            ),
        }
    )
    offices: list[OfficeSimulation] = []
    mailer = Mailer(settings, store, lambda: offices[0].now)
    scheduler = Scheduler(mailer, create_logger(io.StringIO()))
    office = OfficeSimulation(mailer, relay, scheduler, random.Random(2027))
    offices.append(office)
    year_simulation.set_up_office(mailer, office.now)
    return office


def _plan_year(office: OfficeSimulation) -> None:
    """Plan what staff write, correct and withdraw in the course of the year, at random."""
    chance = office.chance
    number = 0
    day = FIRST
    while day <= LAST:
        busy = day.month == 12 and day.day > 5
        quiet = year_simulation.QUIET[0] <= day < year_simulation.QUIET[1]
        for _ in range(
            0 if quiet else chance.choice((0, 0, 0, 1, 1, 2) if not busy else (1, 2, 3))
        ):
            number += 1
            topic = chance.choice(("migrants-day", "news") if busy else year_simulation.TOPICS[:2])
            moment = to_moment(day, "00:00") + timedelta(minutes=chance.randrange(6 * 60, 20 * 60))
            office.plan_action(
                moment, _plan_writing(office, f"story-{number:03}", topic, chance.random())
            )
        day += DAY
    # Between the mail that asks for approval and the approver who comes late; and between an
    # approval and the send time.
    late, corrected = year_simulation.LATE, year_simulation.CORRECTED
    office.plan_action(to_moment(late, "12:30"), lambda: _correct_latest_article(office, late))
    office.plan_action(
        to_moment(corrected, "08:10"), lambda: _correct_latest_article(office, corrected)
    )
    back_on_air = to_moment(year_simulation.OFF_AIR[1].astimezone(LONDON).date(), "15:00")
    office.plan_action(back_on_air, lambda: _send_held_occurrences(office))


def _plan_writing(
    office: OfficeSimulation, slug: str, topic: str, fate: float
) -> Callable[[], None]:
    """Make an action that writes a story, and may withdraw or correct it within four days."""

    def write_story() -> None:
        written = office.write_article(slug, topic)
        later = office.now + timedelta(minutes=office.chance.randrange(5, 4 * 24 * 60))
        if fate < 0.08:
            office.plan_action(later, lambda: office.withdraw_article(written))
        elif fate < 0.2:
            office.plan_action(later, lambda: office.revise_article(written))

    return write_story


def _correct_latest_article(office: OfficeSimulation, day: date) -> None:
    """Correct the last story that came before the cut-off of `day`."""
    cutoff = to_moment(day, "07:00")
    candidates = [
        article
        for article in office.written_articles
        if article.written_at < cutoff and article.withdrawn_at is None
    ]
    office.revise_article(candidates[-1])


def _send_held_occurrences(office: OfficeSimulation) -> None:
    """A person takes what the worker has held for them."""
    with office.mailer.store.begin() as tx:
        for occurrence in tx.schedules.list_occurrences_on_hold():
            digest = digests.get_digest(tx, occurrence.digest_slug)
            planned = office.mailer.build_calendar(tx, digest).find_occurrence(
                f"{occurrence.rule_time:%Y-%m-%d}", office.now
            )
            occurrences.send_now(tx, create_local_actor("Ana"), planned, office.now)


def _load_outcomes(
    office: OfficeSimulation, slug: str
) -> dict[str, tuple[OccurrenceState, S | None, str]]:
    """Return the final state of each occurrence, by the date that its rule names."""
    with office.mailer.store.read() as tx:
        outcomes = {}
        for occurrence in tx.schedules.list_occurrences(slug, 1000):
            edition = (
                tx.editions.find_edition(occurrence.edition_id) if occurrence.edition_id else None
            )
            reason = edition.reason if edition else occurrence.reason
            outcomes[f"{occurrence.rule_time:%m-%d}"] = (
                occurrence.state,
                edition.state if edition else None,
                reason,
            )
        return outcomes


# ---- what is shown ----------------------------------------------------------------------------


@pytest.mark.slow
def test_each_rule_date_has_one_occurrence_with_edition_or_reason(
    office_after_year: OfficeSimulation,
) -> None:
    for slug in year_simulation.RULES:
        outcomes = _load_outcomes(office_after_year, slug)
        rule_days = [
            day - DAY if slug == "bulletin" and day - DAY in year_simulation.HOLIDAYS else day
            for day in year_simulation.compute_expected_days(slug)
        ]
        assert set(outcomes) == {f"{day:%m-%d}" for day in rule_days}
        for state, edition, reason in outcomes.values():
            assert state is not OccurrenceState.ON_HOLD
            assert edition in {None, S.SENT, S.SKIPPED, S.EXPIRED}
            assert edition is S.SENT or reason, "each that was not sent says why"


@pytest.mark.slow
def test_each_story_ran_once_per_digest_unless_withdrawn_before(
    office_after_year: OfficeSimulation,
) -> None:
    runs = year_simulation.count_runs(office_after_year)
    assert max(runs.values()) == 1, "nobody got a story twice from a digest"
    cutoffs = _list_sent_cutoffs(office_after_year)
    for slug, topics in year_simulation.OF_TOPICS.items():
        for reader, chosen in year_simulation.READERS.items():
            for written in office_after_year.written_articles:
                is_expected = written.topic in (topics or year_simulation.TOPICS)
                is_expected = is_expected and written.topic in (chosen or year_simulation.TOPICS)
                got = runs[reader, slug, written.slug]
                if not is_expected or _was_withdrawn_before(written, cutoffs[slug]):
                    assert got == 0, (slug, reader, written)
                elif written.withdrawn_at is None and written.written_at < cutoffs[slug][-1]:
                    assert got == 1, (slug, reader, written)


def _list_sent_cutoffs(office: OfficeSimulation) -> dict[str, list[datetime]]:
    with office.mailer.store.read() as tx:
        cutoffs: dict[str, list[datetime]] = {}
        for edition in reversed(tx.editions.list_recent_editions([S.SENT], 10_000)):
            cutoffs.setdefault(edition.digest, []).append(edition.created_at)
        return cutoffs


def _was_withdrawn_before(written: WrittenArticle, cutoffs: list[datetime]) -> bool:
    """Check whether an article was withdrawn before the next edition was assembled."""
    first = next((cutoff for cutoff in cutoffs if cutoff > written.written_at), None)
    return written.withdrawn_at is not None and (first is None or written.withdrawn_at < first)


@pytest.mark.slow
def test_year_has_no_empty_or_duplicate_mail(office_after_year: OfficeSimulation) -> None:
    to_readers = [
        (reader, mail)
        for _, reader, mail in office_after_year.mails
        if reader in year_simulation.READERS
    ]
    assert len(to_readers) > 12 * year_simulation.MONTHS
    assert len(office_after_year.written_articles) > 16 * year_simulation.MONTHS
    assert all(year_simulation.find_slugs(mail) for _, mail in to_readers)
    ids = Counter(str(mail["Message-ID"]) for _, _, mail in office_after_year.mails)
    assert max(ids.values()) == 1


@pytest.mark.slow
def test_year_mails_leave_at_nine_except_for_expected_reasons(
    office_after_year: OfficeSimulation,
) -> None:
    early = {
        moment.astimezone(LONDON).time().hour
        for moment, reader, _ in office_after_year.mails
        if reader in year_simulation.READERS
    }
    assert min(early) == 9
    late = {
        moment.astimezone(LONDON).date()
        for moment, reader, _ in office_after_year.mails
        if reader in year_simulation.READERS and moment.astimezone(LONDON).time().hour >= 10
    }
    # The approver who came late, the bulletin without an approval in time, the week off the air.
    assert late == {
        year_simulation.LATE,
        year_simulation.FORGOTTEN + DAY,
        year_simulation.OFF_AIR[1].astimezone(LONDON).date(),
    }


@pytest.mark.slow
def test_skipped_and_held_occurrences_are_notified_with_reason(
    office_after_year: OfficeSimulation,
) -> None:
    notice_counts = Counter(
        str(mail["Subject"]).split(":")[0]
        for _, reader, mail in office_after_year.mails
        if reader == "watcher@example.org"
    )
    weekly = _load_outcomes(office_after_year, "weekly")
    skipped = [outcome for outcome in weekly.values() if outcome[0] is OccurrenceState.SKIPPED]
    holidays = [outcome for outcome in skipped if "missed" not in outcome[2]]
    assert len(holidays) == sum(day.weekday() == 0 for day in year_simulation.HOLIDAYS)
    outcomes = [
        outcome
        for slug in year_simulation.RULES
        for outcome in _load_outcomes(office_after_year, slug).values()
    ]
    empty = [outcome for outcome in outcomes if outcome[1] is S.SKIPPED]
    assert empty, "the quiet weeks of August"
    assert notice_counts["Skipped"] == len(holidays) + len(empty)
    assert notice_counts["Held"] >= 1
    sent = [outcome for outcome in outcomes if outcome[1] is S.SENT]
    assert notice_counts["Sent"] == len(sent)


@pytest.mark.slow
def test_edition_changed_after_approval_is_requested_again(
    office_after_year: OfficeSimulation,
) -> None:
    subjects = [
        str(mail["Subject"]).split(":")[0]
        for _, reader, mail in office_after_year.mails
        if reader == "approver@example.org"
    ]
    assert [subject for subject in subjects if subject.startswith("Approve again")], (
        "approved, then corrected"
    )
    repeated_requests = [
        mail
        for _, reader, mail in office_after_year.mails
        if reader == "approver@example.org"
        and "has changed since you were asked"
        in " ".join(year_simulation.get_plain_text(mail).split())
    ]
    assert repeated_requests, "asked for, then corrected"


@pytest.mark.slow
def test_approved_hash_is_the_hash_of_the_sent_edition(
    office_after_year: OfficeSimulation,
) -> None:
    with office_after_year.mailer.store.read() as tx:
        for edition in tx.editions.list_recent_editions([S.SENT], 10_000):
            assert edition.approval is not None
            assert edition.approval.content_hash == edition.content_hash
            by_rule = edition.digest == "run-up"
            assert edition.approval.approver == ("the rule of run-up" if by_rule else "Cleo")
