"""A simulated year of an office: what the calendar promises is kept, through holidays, absent
people and a week in which nothing runs."""

import io
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

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
def played(tmp_path_factory: pytest.TempPathFactory) -> OfficeSimulation:
    """The office at the end of its year."""
    home = tmp_path_factory.mktemp("year")
    store = Store(f"sqlite:///{home / 'subscribers.db'}", KEY)
    store.upgrade_schema()
    with Relay() as relay:
        office = _office(make_office_settings(home), store, relay)
        _script(office)
        office.run_year()
    return office


def _office(settings: Settings, store: Store, relay: Relay) -> OfficeSimulation:
    settings = settings.model_copy(
        update={
            "relay": settings.relay.model_copy(update={"port": relay.port}),
            "notices": NoticesSection(
                approvers=("approver@example.org",), watchers=("watcher@example.org",)
            ),
        }
    )
    holder: list[OfficeSimulation] = []
    mailer = Mailer(settings, store, lambda: holder[0].now)
    keeper = Scheduler(mailer, create_logger(io.StringIO()))
    office = OfficeSimulation(mailer, relay, keeper, random.Random(2027))
    holder.append(office)
    year_simulation.set_up_office(mailer, office.now)
    return office


def _script(office: OfficeSimulation) -> None:
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
                moment, _writing(office, f"story-{number:03}", topic, chance.random())
            )
        day += DAY
    # Between the mail that asks for approval and the approver who comes late.
    office.plan_action(
        to_moment(year_simulation.LATE, "12:30"), lambda: _correct_the_latest(office)
    )
    held = to_moment(year_simulation.OFF_AIR[1].astimezone(LONDON).date(), "15:00")
    office.plan_action(held, lambda: _send_what_is_held(office))


def _writing(office: OfficeSimulation, slug: str, topic: str, fate: float) -> Callable[[], None]:
    """Make an action that writes a story, and may withdraw or correct it within four days."""

    def write() -> None:
        written = office.write_article(slug, topic)
        later = office.now + timedelta(minutes=office.chance.randrange(5, 4 * 24 * 60))
        if fate < 0.08:
            office.plan_action(later, lambda: office.withdraw_article(written))
        elif fate < 0.2:
            office.plan_action(later, lambda: office.revise_article(written))

    return write


def _correct_the_latest(office: OfficeSimulation) -> None:
    """Correct the last story that came before this morning's cut-off."""
    cutoff = to_moment(year_simulation.LATE, "07:00")
    candidates = [
        article
        for article in office.written_articles
        if article.written_at < cutoff and article.withdrawn_at is None
    ]
    office.revise_article(candidates[-1])


def _send_what_is_held(office: OfficeSimulation) -> None:
    """A person takes what the worker has held for them."""
    with office.mailer.store.begin() as tx:
        for kept in tx.schedules.list_occurrences_on_hold():
            digest = digests.get_digest(tx, kept.digest_slug)
            planned = office.mailer.build_calendar(tx, digest).find_occurrence(
                f"{kept.rule_time:%Y-%m-%d}", office.now
            )
            occurrences.send_now(tx, create_local_actor("Ana"), planned, office.now)


def _ended(office: OfficeSimulation, slug: str) -> dict[str, tuple[OccurrenceState, S | None, str]]:
    """Return the final state of each occurrence, by the date that its rule names."""
    with office.mailer.store.read() as tx:
        found = {}
        for kept in tx.schedules.list_occurrences(slug, 1000):
            edition = tx.editions.find_edition(kept.edition_id) if kept.edition_id else None
            reason = edition.reason if edition else kept.reason
            found[f"{kept.rule_time:%m-%d}"] = (
                kept.state,
                edition.state if edition else None,
                reason,
            )
        return found


# ---- what is shown ----------------------------------------------------------------------------


@pytest.mark.slow
def test_each_rule_date_has_one_occurrence_with_edition_or_reason(
    played: OfficeSimulation,
) -> None:
    for slug in year_simulation.RULES:
        outcomes = _ended(played, slug)
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
    played: OfficeSimulation,
) -> None:
    runs = year_simulation.count_runs(played)
    assert max(runs.values()) == 1, "nobody got a story twice from a digest"
    sent = _cutoffs_of_what_was_sent(played)
    for slug, topics in year_simulation.OF_TOPICS.items():
        for reader, chosen in year_simulation.READERS.items():
            for written in played.written_articles:
                wanted = written.topic in (topics or year_simulation.TOPICS)
                wanted = wanted and written.topic in (chosen or year_simulation.TOPICS)
                got = runs[reader, slug, written.slug]
                if not wanted or _withdrawn_before(written, sent[slug]):
                    assert got == 0, (slug, reader, written)
                elif written.withdrawn_at is None and written.written_at < sent[slug][-1]:
                    assert got == 1, (slug, reader, written)


def _cutoffs_of_what_was_sent(office: OfficeSimulation) -> dict[str, list[datetime]]:
    with office.mailer.store.read() as tx:
        found: dict[str, list[datetime]] = {}
        for edition in reversed(tx.editions.list_recent_editions([S.SENT], 10_000)):
            found.setdefault(edition.digest, []).append(edition.created_at)
        return found


def _withdrawn_before(written: WrittenArticle, cutoffs: list[datetime]) -> bool:
    """Check whether an article was withdrawn before the next edition was assembled."""
    first = next((one for one in cutoffs if one > written.written_at), None)
    return written.withdrawn_at is not None and (first is None or written.withdrawn_at < first)


@pytest.mark.slow
def test_no_mail_is_empty_and_none_comes_twice(played: OfficeSimulation) -> None:
    to_readers = [
        (reader, mail) for _, reader, mail in played.mails if reader in year_simulation.READERS
    ]
    assert len(to_readers) > 150
    assert len(played.written_articles) > 200
    assert all(year_simulation.find_slugs(mail) for _, mail in to_readers)
    ids = Counter(str(mail["Message-ID"]) for _, _, mail in played.mails)
    assert max(ids.values()) == 1


@pytest.mark.slow
def test_mails_leave_at_nine_in_london_except_for_expected_reasons(
    played: OfficeSimulation,
) -> None:
    early = {moment.astimezone(LONDON).time().hour for moment, reader, _ in played.mails
             if reader in year_simulation.READERS}  # fmt: skip
    assert min(early) == 9
    late = {
        moment.astimezone(LONDON).date()
        for moment, reader, _ in played.mails
        if reader in year_simulation.READERS and moment.astimezone(LONDON).time().hour >= 10
    }
    # The approver who came late, the bulletin that nobody approved in time, the week off the air.
    assert late == {
        year_simulation.LATE,
        year_simulation.FORGOTTEN + DAY,
        year_simulation.OFF_AIR[1].astimezone(LONDON).date(),
    }


@pytest.mark.slow
def test_skipped_and_held_occurrences_are_notified_with_reason(
    played: OfficeSimulation,
) -> None:
    told = Counter(
        str(mail["Subject"]).split(":")[0]
        for _, reader, mail in played.mails
        if reader == "watcher@example.org"
    )
    weekly = _ended(played, "weekly")
    skipped = [one for one in weekly.values() if one[0] is OccurrenceState.SKIPPED]
    holidays = [one for one in skipped if "missed" not in one[2]]
    assert len(holidays) == sum(day.weekday() == 0 for day in year_simulation.HOLIDAYS)
    empty = [one for slug in year_simulation.RULES for one in _ended(played, slug).values()
             if one[1] is S.SKIPPED]  # fmt: skip
    assert empty, "the quiet weeks of August"
    assert told["Skipped"] == len(holidays) + len(empty)
    assert told["Held"] >= 1
    sent = [one for slug in year_simulation.RULES for one in _ended(played, slug).values()
            if one[1] is S.SENT]  # fmt: skip
    assert told["Sent"] == len(sent)


@pytest.mark.slow
def test_edition_changed_after_approval_is_requested_again(
    played: OfficeSimulation,
) -> None:
    asked = [str(mail["Subject"]).split(":")[0] for _, reader, mail in played.mails
             if reader == "approver@example.org"]  # fmt: skip
    assert [one for one in asked if one.startswith("Approve again")], "approved, then corrected"
    again = [
        mail
        for _, reader, mail in played.mails
        if reader == "approver@example.org"
        and "has changed since you were asked"
        in " ".join(year_simulation.get_plain_text(mail).split())
    ]
    assert again, "asked for, then corrected"


@pytest.mark.slow
def test_approved_hash_is_the_hash_of_the_sent_edition(
    played: OfficeSimulation,
) -> None:
    with played.mailer.store.read() as tx:
        for edition in tx.editions.list_recent_editions([S.SENT], 10_000):
            assert edition.approval is not None
            assert edition.approval.content_hash == edition.content_hash
            by_rule = edition.digest == "run-up"
            assert edition.approval.approver == ("the rule of run-up" if by_rule else "Cleo")
