"""Immediate digests: an edition is assembled when a story is queued, after a quiet time."""

from datetime import UTC, date, datetime, timedelta

import pytest

from mailer import articles, digests
from mailer.digests import schedules
from mailer.errors import InputError, Refused
from mailer.model.digests import ApprovalRule, DigestPolicy, DigestSettings
from mailer.model.edition_states import EditionState
from mailer.model.lists import Frequency
from mailer.schedules.holidays import Blackout
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.worker.conftest import HOUR, MINUTE, WorkerHarness

MADE = datetime(2027, 3, 1, 6, tzinfo=UTC)


def add_immediate_digest(harness: WorkerHarness, **policy: object) -> None:
    policy_values = {"approval": ApprovalRule.NONE, **policy}
    with harness.mailer.store.begin() as tx:
        settings = DigestSettings(
            "flash",
            "News flash",
            "news",
            frequency=Frequency.IMMEDIATE,
            topics=("health",),
            policy=DigestPolicy(**policy_values),  # type: ignore[arg-type]
        )
        digests.add_digest(tx, STAFF, settings, MADE)


def queue_story(harness: WorkerHarness, slug: str, moment: datetime, topic: str = "health") -> None:
    with harness.mailer.store.begin() as tx:
        content = factories.make_content(slug, topic, published=MADE)
        articles.add_article(tx, STAFF, content, moment)


def list_stories(harness: WorkerHarness) -> list[tuple[str, ...]]:
    """Return the stories of each edition, the oldest first."""
    with harness.mailer.store.read() as tx:
        return [edition.stories for edition in tx.editions.list_recent_editions([], 9)][::-1]


def test_immediate_edition_waits_for_a_quiet_time(harness: WorkerHarness) -> None:
    add_immediate_digest(harness)
    harness.run_tick(MADE + HOUR)
    assert list_stories(harness) == [], "the story that was queued before the digest was made"
    queue_story(harness, "dam", MADE + HOUR)
    harness.run_tick(MADE + HOUR + 14 * MINUTE)
    queue_story(harness, "rain", MADE + HOUR + 14 * MINUTE)
    harness.run_tick(MADE + HOUR + 28 * MINUTE)
    assert list_stories(harness) == []
    harness.run_tick(MADE + HOUR + 29 * MINUTE)
    assert [set(slugs) for slugs in list_stories(harness)] == [{"dam", "rain"}]
    assert harness.get_edition().state is EditionState.SENDING
    harness.run_tick(MADE + 5 * HOUR)
    assert len(list_stories(harness)) == 1


def test_immediate_edition_waits_no_longer_than_its_longest_wait(harness: WorkerHarness) -> None:
    add_immediate_digest(harness, quiet=15 * MINUTE, longest_wait=40 * MINUTE)
    for number in range(5):
        moment = MADE + HOUR + number * 10 * MINUTE
        queue_story(harness, f"dam-{number}", moment)
        harness.run_tick(moment)
    assert [len(slugs) for slugs in list_stories(harness)] == [5]


def test_immediate_edition_needs_the_approval_of_its_digest(harness: WorkerHarness) -> None:
    add_immediate_digest(harness, approval=ApprovalRule.ANYONE)
    queue_story(harness, "dam", MADE + HOUR)
    harness.run_tick(MADE + 2 * HOUR)
    assert harness.get_edition().state is EditionState.IN_REVIEW
    queue_story(harness, "rain", MADE + 2 * HOUR)
    harness.run_tick(MADE + 3 * HOUR)
    assert list_stories(harness) == [("dam",), ("rain",)], "each is approved by itself"
    harness.approve_edition()
    harness.run_tick()
    assert harness.get_edition().state is EditionState.SENDING


@pytest.mark.parametrize("topic", ["housing", "health"])
def test_immediate_digest_makes_no_edition_without_a_story_for_it(
    harness: WorkerHarness, topic: str
) -> None:
    add_immediate_digest(harness)
    queue_story(harness, "dam", MADE + HOUR, topic)
    harness.run_tick(MADE + 2 * HOUR)
    assert len(list_stories(harness)) == (topic == "health")


def test_immediate_edition_waits_for_the_end_of_a_blackout(harness: WorkerHarness) -> None:
    add_immediate_digest(harness)
    with harness.mailer.store.begin() as tx:
        blackout = Blackout(date(2027, 3, 1), date(2027, 3, 1), "mourning")
        schedules.add_blackout(tx, STAFF, blackout, MADE)
    queue_story(harness, "dam", MADE + HOUR)
    harness.run_tick(MADE + 17 * HOUR)
    assert list_stories(harness) == []
    harness.run_tick(MADE + 18 * HOUR)
    assert list_stories(harness) == [("dam",)]


def test_immediate_digest_has_no_schedule(harness: WorkerHarness) -> None:
    add_immediate_digest(harness)
    with pytest.raises(Refused, match="is immediate, and sent when a story is queued"):
        harness.add_schedule("daily", slug="flash")
    harness.add_digest()
    harness.add_schedule("daily")
    with harness.mailer.store.begin() as tx, pytest.raises(Refused, match="has a schedule"):
        digests.edit_digest(tx, STAFF, "weekly", {"frequency": Frequency.IMMEDIATE}, MADE)


def test_quiet_time_is_not_longer_than_the_longest_wait(harness: WorkerHarness) -> None:
    with pytest.raises(InputError, match="a quiet time of 3h and a longest wait of 2h"):
        add_immediate_digest(harness, quiet=timedelta(hours=3))
