"""An occurrence is a unique row: whoever is first decides, and an edition is made once. What staff
do with single occurrences, and the lease of the worker that ticks."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import pytest

from mailer import digests, editions
from mailer.app import Mailer
from mailer.digests import occurrences
from mailer.digests.calendar import LOOK_BACK, Calendar, Do, Planned
from mailer.editions import Appointment, Edition, EditionState, SendTime
from mailer.errors import InputError, Refused
from mailer.schedules import records
from mailer.schedules.free_days import OnFreeDay
from mailer.schedules.records import KeptOccurrence, NewSchedule, OccurrenceState
from mailer.store import Store, Transaction
from mailer.store.leases import Lease
from tests.integration import office
from tests.integration.office import DAY, HOUR, NOW

LONDON = "Europe/London"
ROUNDS = 20
PLANNED, SKIPPED = OccurrenceState.PLANNED, OccurrenceState.SKIPPED
MADE, HELD = OccurrenceState.MADE, OccurrenceState.HELD

T = TypeVar("T")


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


NAMED = wall("2026-11-24 09:00")
"""A Tuesday, four days from now."""


def schedule(tx: Transaction, slug: str = "weekly", zone: str = LONDON) -> None:
    timing = records.timing("weekly on Tue", "09:00", zone, NOW.date(), OnFreeDay.SKIP)
    records.schedule(tx.schedules, NewSchedule(slug, timing), {}, NOW)


@pytest.fixture
def ready(store: Store) -> Store:
    with store.begin() as tx:
        office.mailing_list(tx)
        for slug in ("weekly", "other"):
            office.digest(tx, slug)
            schedule(tx, slug)
    return store


def schedule_of(tx: Transaction, slug: str = "weekly") -> int:
    return next(one.id for one in tx.schedules.schedules() if one.new.digest == slug)


def take(
    tx: Transaction,
    named: datetime = NAMED,
    state: OccurrenceState = MADE,
    *,
    of: str = "weekly",
    zone: str = LONDON,
    **fields: Any,
) -> int | None:
    fields = {"schedule": schedule_of(tx, of)} | fields
    return tx.schedules.take(of, named, zone, state, NOW, **fields)


def decide(
    tx: Transaction,
    state: OccurrenceState = PLANNED,
    named: datetime = NAMED,
    *,
    seen: OccurrenceState | None = None,
    **fields: Any,
) -> KeptOccurrence | None:
    fields = {
        "schedule": schedule_of(tx),
        "moved_to": None,
        "reason": "",
        "actor": "Amina",
    } | fields
    return tx.schedules.decide("weekly", named, LONDON, state, NOW, seen=seen, **fields)


def row(tx: Transaction, named: datetime = NAMED) -> KeptOccurrence:
    (found,) = [one for one in tx.schedules.occurrences("weekly") if one.named == named]
    return found


def race(store: Store, *acts: Callable[[Transaction], T]) -> list[T]:
    """What transactions give that begin at once. On PostgreSQL all have begun and read before any
    writes; SQLite lets in one writer after the other, and so they start together."""
    together = threading.Barrier(len(acts), timeout=10)
    on_sqlite = store.engine.dialect.name == "sqlite"

    def run(act: Callable[[Transaction], T]) -> T:
        if on_sqlite:
            together.wait()
        with store.begin() as tx:
            if not on_sqlite:
                tx.schedules.occurrences("weekly")
                together.wait()
            return act(tx)

    with ThreadPoolExecutor(len(acts)) as pool:
        return [one.result() for one in [pool.submit(run, act) for act in acts]]


# ---- taking one -------------------------------------------------------------------------------


def test_an_occurrence_is_taken_once(ready: Store) -> None:
    with ready.begin() as tx:
        number = take(tx, reason="")
        assert number is not None
        assert [take(tx, state=state) for state in (MADE, SKIPPED, HELD)] == [None, None, None]
    with ready.begin() as tx:
        assert take(tx) is None
        kept = row(tx)
        assert (kept.id, kept.state, kept.schedule) == (number, MADE, schedule_of(tx))
        assert (kept.moved_to, kept.edition, kept.reason, kept.actor) == (None, None, "", "")


def test_another_digest_another_zone_and_another_time_are_others(ready: Store) -> None:
    with ready.begin() as tx:
        numbers = [
            take(tx),
            take(tx, of="other"),
            take(tx, zone="Europe/Berlin"),
            take(tx, NAMED + timedelta(minutes=1)),
        ]
        assert None not in numbers
        assert len({*numbers}) == 4


def test_a_taking_that_is_undone_leaves_it_to_others(ready: Store) -> None:
    with ready.begin() as tx:
        assert take(tx)
        tx.rollback()
    with ready.begin() as tx:
        assert take(tx)


def test_of_two_who_take_it_at_once_exactly_one_does(ready: Store) -> None:
    for number in range(ROUNDS):
        named = NAMED + number * DAY
        won = race(ready, partial(take, named=named), partial(take, named=named))
        assert won.count(None) == 1
        with ready.read() as tx:
            assert row(tx, named).id in won


def test_of_two_who_take_a_planned_one_at_once_exactly_one_does(ready: Store) -> None:
    for number in range(ROUNDS):
        named = NAMED + number * DAY
        with ready.begin() as tx:
            assert decide(tx, named=named, moved_to=named + HOUR)
        won = race(
            ready,
            partial(take, named=named, state=MADE),
            partial(take, named=named, state=HELD, reason="it was missed"),
        )
        assert won.count(None) == 1
        with ready.read() as tx:
            kept = row(tx, named)
            assert kept.state is (MADE if won[0] else HELD)
            assert kept.moved_to == named + HOUR


def test_of_a_worker_and_of_staff_at_once_exactly_one_decides(ready: Store) -> None:
    for number in range(ROUNDS):
        named = NAMED + number * DAY
        taken, skipped = race(
            ready, partial(take, named=named), partial(decide, state=SKIPPED, named=named)
        )
        assert (taken is None) is not (skipped is None)
        with ready.read() as tx:
            assert row(tx, named).state is (MADE if taken else SKIPPED)


def test_one_that_staff_have_moved_is_taken_as_they_have_left_it(ready: Store) -> None:
    with ready.begin() as tx:
        planned = decide(tx, moved_to=NAMED - 2 * HOUR, reason="a summit")
        assert planned
        assert take(tx) == planned.id
        kept = row(tx)
        assert (kept.state, kept.moved_to) == (MADE, NAMED - 2 * HOUR)
        assert (kept.reason, kept.actor) == ("a summit", "Amina")
        assert take(tx) is None


def test_why_the_worker_skips_or_holds_it_is_kept_instead(ready: Store) -> None:
    with ready.begin() as tx:
        decide(tx, moved_to=NAMED - 2 * HOUR, reason="a summit")
        assert take(tx, state=HELD, reason="it was missed by 9 h")
        assert (row(tx).state, row(tx).reason) == (HELD, "it was missed by 9 h")


def test_an_edition_is_attached_to_it(ready: Store) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        made = office.edition(tx, "boats")
        number = take(tx)
        assert number
        tx.schedules.attach(number, made.id)
        assert row(tx).edition == made.id


# ---- deciding ---------------------------------------------------------------------------------


def test_what_staff_decide_is_kept_with_its_reason_and_who_it_was(ready: Store) -> None:
    with ready.begin() as tx:
        kept = decide(tx, moved_to=NAMED + HOUR, reason="a summit")
        assert kept == row(tx)
        assert (kept.named, kept.zone, kept.state) == (NAMED, LONDON, PLANNED)
        assert (kept.moved_to, kept.reason, kept.actor) == (NAMED + HOUR, "a summit", "Amina")
        again = decide(tx, SKIPPED, seen=PLANNED, reason="no summit", actor="Zoe")
        assert again == row(tx)
        assert (again.id, again.state, again.moved_to) == (kept.id, SKIPPED, None)
        assert (again.reason, again.actor) == ("no summit", "Zoe")


@pytest.mark.parametrize("seen", [None, PLANNED, HELD, MADE])
def test_what_has_changed_meanwhile_is_not_overwritten(
    ready: Store, seen: OccurrenceState | None
) -> None:
    with ready.begin() as tx:
        take(tx, state=SKIPPED, reason="Christmas Day")
        before = row(tx)
        assert decide(tx, seen=seen, moved_to=NAMED + HOUR, reason="a summit") is None
        assert row(tx) == before


def test_of_two_who_decide_at_once_about_what_nobody_has_touched_one_is_told(
    ready: Store,
) -> None:
    for number in range(ROUNDS):
        named = NAMED + number * DAY
        one, other = race(
            ready,
            partial(decide, state=SKIPPED, named=named, actor="Amina"),
            partial(decide, state=PLANNED, named=named, moved_to=named + HOUR, actor="Zoe"),
        )
        assert (one is None) is not (other is None)
        with ready.read() as tx:
            assert row(tx, named) == (one or other)


def test_what_is_old_is_left_out_but_not_what_was_moved_and_is_to_come(ready: Store) -> None:
    with ready.begin() as tx:
        for days, state in ((-90, MADE), (-80, SKIPPED), (-70, HELD), (-1, MADE), (3, SKIPPED)):
            take(tx, NAMED + days * DAY, state)
        decide(tx, named=NAMED - 100 * DAY, moved_to=NAMED + 5 * DAY)
        take(tx, of="other")
        found = tx.schedules.kept_since(NOW - LOOK_BACK)
    assert {slug: [(one.named - NAMED).days for one in some] for slug, some in found.items()} == {
        "weekly": [-1, 3, -100],
        "other": [0],
    }
    with ready.read() as tx:
        assert tx.schedules.kept_since(NOW + 30 * DAY).keys() == {"weekly"}, "the moved one"


def test_those_held_are_told_until_a_later_one_is_made(ready: Store) -> None:
    def held(tx: Transaction) -> list[tuple[str, int]]:
        return [(one.digest, (one.named - NAMED).days) for one in tx.schedules.held()]

    with ready.begin() as tx:
        assert held(tx) == []
        take(tx, NAMED + 2 * DAY, HELD)
        take(tx, NAMED, HELD)
        take(tx, NAMED + DAY, HELD, of="other")
        take(tx, NAMED - DAY, MADE)
        take(tx, NAMED + 3 * DAY, SKIPPED)
        assert held(tx) == [("weekly", 0), ("other", 1), ("weekly", 2)]
        take(tx, NAMED + DAY, MADE)
        assert held(tx) == [("other", 1), ("weekly", 2)]
        take(tx, NAMED + 4 * DAY, MADE)
        assert held(tx) == [("other", 1)]


def test_what_was_decided_outlives_its_schedule(ready: Store) -> None:
    with ready.begin() as tx:
        take(tx, state=HELD)
        tx.schedules.remove(records.get(tx.schedules, schedule_of(tx)))
        assert (row(tx).state, row(tx).schedule) == (HELD, None)


# ---- what staff do ----------------------------------------------------------------------------


def calendar(tx: Transaction) -> Calendar:
    return Calendar(
        digests.get(tx.digests, "weekly"),
        tuple(one for one in tx.schedules.schedules() if one.new.digest == "weekly"),
        tuple(tx.schedules.kept_since(NOW - LOOK_BACK).get("weekly", ())),
        (),
        {},
    )


def planned(tx: Transaction, when: str = "2026-11-24") -> Planned:
    return calendar(tx).find(when, NOW)


def assembled(tx: Transaction) -> Edition:
    """Its edition, as the worker makes it at the cut-off."""
    one = planned(tx)
    number = take(tx)
    assert number
    when = occurrences.appointment(one, SendTime.OFFICE)
    made, _ = digests.assemble(tx.digests, "weekly", NOW, when)
    tx.schedules.attach(number, made.id)
    return made


def waiting(tx: Transaction) -> list[str]:
    """The stories that the digest's next edition would hold."""
    known = digests.get(tx.digests, "weekly")
    found = digests.choose(known.order, tx.digests.candidates(known), NOW)
    return [story.slug for story in found.stories]


def due(tx: Transaction, now: datetime) -> dict[str, Do]:
    return {
        f"{step.planned.occurrence.named:%d %b}": step.do
        for step in calendar(tx).due(now, LOOK_BACK)
    }


def test_one_that_is_moved_keeps_its_name_and_is_due_by_its_new_time(ready: Store) -> None:
    to = wall("2026-11-23 16:30")
    with ready.begin() as tx:
        kept = occurrences.move(tx, planned(tx), to, NOW, reason=" a  summit ", actor="Amina")
        assert (kept.named, kept.state, kept.moved_to) == (NAMED, PLANNED, to)
        assert (kept.reason, kept.actor) == ("a summit", "Amina")
    with ready.read() as tx:
        one = planned(tx)
        assert (one.kept, one.occurrence.wall, one.name) == (kept, to, (NAMED, LONDON))
        assert "24 Nov" not in due(tx, NOW + 3 * DAY + 5 * HOUR)
        assert due(tx, NOW + 3 * DAY + 6 * HOUR)["24 Nov"] is Do.ASSEMBLE


def test_one_is_moved_again_and_restored(ready: Store) -> None:
    with ready.begin() as tx:
        occurrences.move(tx, planned(tx), NAMED + HOUR, NOW)
        kept = occurrences.move(tx, planned(tx), NAMED + 2 * HOUR, NOW)
        assert kept.moved_to == NAMED + 2 * HOUR
        kept = occurrences.restore(tx, planned(tx), NOW, actor="Amina")
        assert (kept.state, kept.moved_to, kept.actor) == (PLANNED, None, "Amina")
        assert kept.reason == "as its rule has it"
        assert planned(tx).occurrence.wall == NAMED


@pytest.mark.parametrize("state", [SKIPPED, HELD])
def test_one_that_is_skipped_or_held_is_to_be_sent_again_when_it_is_moved(
    ready: Store, state: OccurrenceState
) -> None:
    with ready.begin() as tx:
        take(tx, state=state)
        kept = occurrences.move(tx, planned(tx), NAMED + HOUR, NOW)
        assert (kept.state, kept.moved_to) == (PLANNED, NAMED + HOUR)


def test_nothing_is_moved_into_the_past(ready: Store) -> None:
    with ready.begin() as tx:
        with pytest.raises(InputError, match="2026-11-20 09:28 in Europe/London is past") as it:
            occurrences.move(tx, planned(tx), wall("2026-11-20 09:28"), NOW)
        assert it.value.where == "--to"
        assert tx.schedules.occurrences("weekly") == []
        kept = occurrences.move(tx, planned(tx), wall("2026-11-20 09:29"), NOW)
        assert kept.moved_to == wall("2026-11-20 09:29"), "the minute that is running is not past"


def test_one_that_is_skipped_says_why_and_is_not_due(ready: Store) -> None:
    with ready.begin() as tx:
        kept = occurrences.skip(tx, planned(tx), NOW, reason="nobody is in", actor="Amina")
        assert (kept.state, kept.reason, kept.actor) == (SKIPPED, "nobody is in", "Amina")
        one = planned(tx)
        assert one.occurrence.skipped
        assert one.occurrence.note == "nobody is in"
        assert "24 Nov" not in due(tx, NOW + 4 * DAY)


@pytest.mark.parametrize(("actor", "reason"), [("Amina", "by Amina"), ("", "by somebody")])
def test_one_that_is_skipped_without_a_word_says_by_whom(
    ready: Store, actor: str, reason: str
) -> None:
    with ready.begin() as tx:
        assert occurrences.skip(tx, planned(tx), NOW, actor=actor).reason == reason


def test_one_that_is_skipped_is_restored(ready: Store) -> None:
    with ready.begin() as tx:
        occurrences.move(tx, planned(tx), NAMED + HOUR, NOW)
        occurrences.skip(tx, planned(tx), NOW)
        kept = occurrences.restore(tx, planned(tx), NOW)
        assert (kept.state, kept.moved_to) == (PLANNED, None)
        assert due(tx, NOW + 4 * DAY - 90 * timedelta(minutes=1))["24 Nov"] is Do.ASSEMBLE


def test_nothing_is_restored_that_is_as_its_rule_has_it_or_past(ready: Store) -> None:
    with ready.begin() as tx:
        with pytest.raises(Refused, match="as its rule has it"):
            occurrences.restore(tx, planned(tx), NOW)
        for state in (HELD, MADE):
            named = NAMED + (7 if state is HELD else 14) * DAY
            take(tx, named, state)
            with pytest.raises(Refused, match=f"is {state}"):
                occurrences.restore(tx, planned(tx, f"{named:%Y-%m-%d}"), NOW)
        occurrences.skip(tx, planned(tx), NOW)
        before = row(tx)
        with pytest.raises((Refused, InputError), match="is past"):
            occurrences.restore(tx, planned(tx), NOW + 10 * DAY)
        assert row(tx) == before


@pytest.mark.parametrize("state", [None, SKIPPED, HELD])
def test_one_that_is_sent_now_is_assembled_at_the_next_tick(
    ready: Store, state: OccurrenceState | None
) -> None:
    with ready.begin() as tx:
        if state:
            take(tx, state=state)
        now = NOW + timedelta(seconds=42)
        kept = occurrences.send_now(tx, planned(tx), now, actor="Amina")
        assert (kept.state, kept.moved_to) == (PLANNED, wall("2026-11-20 09:30"))
        assert (kept.reason, kept.actor) == ("sent at once", "Amina")
        assert due(tx, now) == {"24 Nov": Do.ASSEMBLE}
        assert take(tx) == kept.id
        assert due(tx, now) == {}


def test_sent_now_is_by_the_clock_of_its_zone(ready: Store) -> None:
    with ready.begin() as tx:
        tx.schedules.remove(records.get(tx.schedules, schedule_of(tx)))
        schedule(tx, zone="Asia/Kathmandu")
        assert occurrences.send_now(tx, planned(tx), NOW).moved_to == wall("2026-11-20 15:15")


def test_the_verbs_refuse_what_has_changed_since_staff_looked(ready: Store) -> None:
    with ready.begin() as tx:
        seen = planned(tx)
        take(tx)
        for verb in (occurrences.skip, occurrences.send_now):
            with pytest.raises(Refused, match="has changed meanwhile") as refused:
                verb(tx, seen, NOW)
            assert "try again" in refused.value.hint
        assert row(tx).state is MADE


def test_a_reason_that_is_no_line_is_refused(ready: Store) -> None:
    with ready.begin() as tx:
        for verb in (occurrences.skip, occurrences.send_now):
            with pytest.raises(InputError, match="control characters"):
                verb(tx, planned(tx), NOW, reason="a\0b")
        assert tx.schedules.occurrences("weekly") == []


# ---- with its edition -------------------------------------------------------------------------


def test_skipping_one_cancels_its_edition_and_frees_its_stories(ready: Store) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        made = assembled(tx)
        assert waiting(tx) == []
        kept = occurrences.skip(tx, planned(tx), NOW, reason="nobody is in", actor="Amina")
        assert (kept.state, kept.edition) == (SKIPPED, made.id)
        cancelled = office.again(tx, made)
        assert (cancelled.state, cancelled.reason) == (EditionState.CANCELLED, "nobody is in")
        assert waiting(tx) == ["boats"]


def test_one_that_was_skipped_with_its_edition_is_restored_and_gets_another(ready: Store) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        first = assembled(tx)
        occurrences.skip(tx, planned(tx), NOW)
        kept = occurrences.restore(tx, planned(tx), NOW)
        assert kept.state is PLANNED
        second = assembled(tx)
        assert (second.stories, row(tx).edition) == (("boats",), second.id)
        assert office.again(tx, first).state is EditionState.CANCELLED


@pytest.mark.parametrize("approved", [True, False])
def test_moving_one_moves_its_edition_and_leaves_its_approval(
    mailer: Mailer, ready: Store, approved: bool
) -> None:
    to = wall("2026-11-25 16:30")
    with ready.begin() as tx:
        office.story(tx, "boats")
        made = assembled(tx)
        if approved:
            made = office.approved_by_hand(mailer, tx, made)
        kept = occurrences.move(tx, planned(tx), to, NOW, actor="Amina")
        assert (kept.state, kept.moved_to, kept.edition) == (MADE, to, made.id)
        moved = office.again(tx, made)
        assert moved.appointment == Appointment(NOW + 5 * DAY + 7 * HOUR, to, LONDON)
        assert moved.approval == made.approval
        assert moved.state is (EditionState.SCHEDULED if approved else EditionState.DRAFT)
        if approved:
            editions.check_approval(tx.editions, moved, mailer.settings.letterhead)
        assert tx.editions.events(moved)[-1].actor == "Amina"
        assert waiting(tx) == []
        assert "24 Nov" not in due(tx, NOW + 6 * DAY)


def test_what_was_made_already_is_sent_now_by_the_edition_that_there_is(
    mailer: Mailer, ready: Store
) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        made = office.approved_by_hand(mailer, tx, assembled(tx))
        occurrences.send_now(tx, planned(tx), NOW)
        moved = office.again(tx, made)
        assert moved.appointment == Appointment(NOW, wall("2026-11-20 09:30"), LONDON)
        assert (moved.state, moved.approval) == (EditionState.SCHEDULED, made.approval)
        assert due(tx, NOW) == {}


def test_a_moved_ones_edition_that_is_moved_back_is_sent_at_its_rules_time(ready: Store) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        made = assembled(tx)
        occurrences.move(tx, planned(tx), NAMED + DAY, NOW)
        kept = occurrences.move(tx, planned(tx), NAMED, NOW)
        assert (kept.state, kept.moved_to) == (MADE, None)
        assert office.again(tx, made).appointment == made.appointment


def _cancelled(mailer: Mailer, tx: Transaction, made: Edition) -> Edition:
    return editions.cancel(tx.editions, made, NOW)


def _sending(mailer: Mailer, tx: Transaction, made: Edition) -> Edition:
    office.person(tx, "reader@example.org")
    started, _ = mailer.start(tx, office.approved_by_hand(mailer, tx, made))
    return started


def _sent(mailer: Mailer, tx: Transaction, made: Edition) -> Edition:
    return tx.editions.set_state(_sending(mailer, tx, made), EditionState.SENT, NOW)


@pytest.mark.parametrize("over", [_cancelled, _sending, _sent])
def test_one_whose_edition_has_begun_or_is_over_stays_as_it_is(
    mailer: Mailer, ready: Store, over: Callable[[Mailer, Transaction, Edition], Edition]
) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        ended = over(mailer, tx, assembled(tx))
        before = row(tx), ended
        said = f"edition {ended.id} was made of it, and is {ended.state}"
        with pytest.raises(Refused, match=said):
            occurrences.move(tx, planned(tx), NAMED + HOUR, NOW)
        with pytest.raises(Refused, match=said):
            occurrences.skip(tx, planned(tx), NOW)
        with pytest.raises(Refused, match=said):
            occurrences.send_now(tx, planned(tx), NOW)
        with pytest.raises(Refused, match="is made"):
            occurrences.restore(tx, planned(tx), NOW)
        assert (row(tx), office.again(tx, ended)) == before


# ---- the lease of the worker that ticks -------------------------------------------------------


def lease(tx: Transaction, holder: str, seen: Lease | None) -> int | None:
    return tx.leases.take("tick", holder, seen, NOW)


def beat(tx: Transaction, epoch: int) -> int:
    return tx.leases.beat("tick", epoch, NOW)


def test_a_lease_that_nobody_has_is_taken_once(store: Store) -> None:
    with store.begin() as tx:
        assert tx.leases.find("tick") is None
        assert tx.leases.take("tick", "one", None, NOW) == 1
        assert tx.leases.take("tick", "other", None, NOW) is None
        assert tx.leases.find("tick") == Lease(1, "one", 0, NOW)
        assert tx.leases.take("another", "other", None, NOW) == 1


def test_a_beat_shows_that_its_holder_lives(store: Store) -> None:
    with store.begin() as tx:
        tx.leases.take("tick", "one", None, NOW)
        assert tx.leases.beat("tick", 1, NOW + HOUR)
        assert tx.leases.beat("tick", 1, NOW + 2 * HOUR)
        assert tx.leases.find("tick") == Lease(1, "one", 2, NOW + 2 * HOUR)
        assert not tx.leases.beat("another", 1, NOW)


def test_a_lease_is_taken_over_only_when_it_has_not_moved_since_it_was_seen(store: Store) -> None:
    with store.begin() as tx:
        tx.leases.take("tick", "one", None, NOW)
        seen = tx.leases.find("tick")
        tx.leases.beat("tick", 1, NOW)
        assert tx.leases.take("tick", "other", seen, NOW) is None
        seen = tx.leases.find("tick")
        assert tx.leases.take("tick", "other", seen, NOW + HOUR) == 2
        assert tx.leases.find("tick") == Lease(2, "other", 0, NOW + HOUR)
        assert tx.leases.take("tick", "third", seen, NOW) is None


def test_whoever_has_lost_the_lease_finds_so_at_its_next_beat(store: Store) -> None:
    with store.begin() as tx:
        tx.leases.take("tick", "one", None, NOW)
        tx.leases.take("tick", "other", tx.leases.find("tick"), NOW)
        before = tx.leases.find("tick")
        assert not tx.leases.beat("tick", 1, NOW + HOUR)
        tx.leases.give_up("tick", 1)
        assert tx.leases.find("tick") == before, "nor can it give up what is another's"
        assert tx.leases.beat("tick", 2, NOW)


def test_a_lease_that_is_given_up_has_no_holder_and_anyone_takes_it(store: Store) -> None:
    with store.begin() as tx:
        tx.leases.take("tick", "one", None, NOW)
        tx.leases.give_up("tick", 1)
        found = tx.leases.find("tick")
        assert found == Lease(1, "", 0, NOW)
        assert tx.leases.take("tick", "other", found, NOW) == 2


def test_of_two_who_take_a_lease_at_once_exactly_one_does(store: Store) -> None:
    seen: Lease | None = None
    for number in range(1, ROUNDS + 1):
        won = race(
            store,
            partial(lease, holder="one", seen=seen),
            partial(lease, holder="other", seen=seen),
        )
        assert sorted(won, key=str) == [number, None]
        with store.read() as tx:
            seen = tx.leases.find("tick")
        assert seen == Lease(number, "one" if won[0] else "other", 0, NOW)


def test_of_a_holder_that_beats_and_one_that_takes_over_exactly_one_goes_on(store: Store) -> None:
    with store.begin() as tx:
        tx.leases.take("tick", "one", None, NOW)
    for _ in range(ROUNDS):
        with store.read() as tx:
            seen = tx.leases.find("tick")
        assert seen is not None
        beaten, taken = race(
            store,
            partial(beat, epoch=seen.epoch),
            partial(lease, holder="other", seen=seen),
        )
        assert bool(beaten) is not bool(taken)
