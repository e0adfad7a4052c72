"""How a digest's editions come from the calendar to mailboxes is what staff can give, spelled one
way."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import digests
from mailer.digests import ApprovalRule, Policy, WhenLate
from mailer.digests.orders import LONGEST, MOST_REMINDERS
from mailer.editions import SendTime
from mailer.errors import InputError, NotFound
from tests.unit.digests.desk import ORDER, Desk
from tests.unit.samples import DAY, NOW

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def checked(**fields: Any) -> Policy:
    return digests.check(replace(ORDER, policy=Policy(**fields))).policy


def test_what_nobody_has_said_anything_about_is_approved_by_anyone_and_sent_by_our_clock() -> None:
    assert checked() == Policy()
    assert Policy().approval is ApprovalRule.ANYONE
    assert Policy().when_late is WhenLate.WAIT
    assert Policy().send_time is SendTime.OFFICE
    assert Policy().grace == 6 * HOUR
    assert (Policy().reminders, Policy().approvers, Policy().watchers) == ((), (), ())


@pytest.mark.parametrize("who", ["approvers", "watchers"])
def test_addresses_are_spelled_one_way_each_once_in_the_order_given(who: str) -> None:
    given = ("Zoe@EXAMPLE.org", " amina@example.org ", "Zoe@example.org", "zoe@example.org")
    kept = getattr(checked(**{who: given}), who)
    assert kept == ("zoe@example.org", "amina@example.org")


@pytest.mark.parametrize("who", ["approvers", "watchers"])
@pytest.mark.parametrize(
    "address", ["", "amina", "Amina <amina@example.org>", "a@b@c", "a\n@b.org"]
)
def test_what_is_no_address_is_refused_with_the_option(who: str, address: str) -> None:
    with pytest.raises(InputError, match="is not a mail address") as refused:
        checked(**{who: ("zoe@example.org", address)})
    assert refused.value.where == f"--{who.removesuffix('s')}"
    assert refused.value.hint


def test_reminders_are_each_once_the_longest_before_first() -> None:
    given = (HOUR, 2 * DAY, 4 * HOUR, 60 * MINUTE, DAY)
    assert checked(reminders=given).reminders == (2 * DAY, DAY, 4 * HOUR, HOUR)


@pytest.mark.parametrize(
    ("fields", "where", "said"),
    [
        ({"grace": -MINUTE}, "--grace", "not between 0m and 14d"),
        ({"grace": LONGEST + MINUTE}, "--grace", "not between 0m and 14d"),
        ({"reminders": (timedelta(),)}, "--remind", "not between 1m and 14d"),
        ({"reminders": (HOUR, -HOUR)}, "--remind", "not between 1m and 14d"),
        ({"reminders": (HOUR, LONGEST + MINUTE)}, "--remind", "not between 1m and 14d"),
        (
            {"reminders": tuple(n * HOUR for n in range(1, MOST_REMINDERS + 2))},
            "--remind",
            "more than 10 reminders",
        ),
    ],
)
def test_a_policy_that_can_not_be_names_the_option(
    fields: dict[str, Any], where: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as refused:
        checked(**fields)
    assert refused.value.where == where


def test_the_bounds_themselves_are_possible() -> None:
    assert checked(grace=timedelta()).grace == timedelta()
    assert checked(grace=LONGEST).grace == LONGEST
    most = tuple(n * HOUR for n in range(MOST_REMINDERS, 0, -1))
    assert checked(reminders=most).reminders == most
    assert checked(reminders=(LONGEST, MINUTE)).reminders == (LONGEST, MINUTE)


lengths = st.integers(1, 14 * 24 * 60).map(lambda minutes: minutes * MINUTE)
addresses = st.sampled_from(["amina@example.org", "Zoe@Example.ORG", "li@bücher.example"])
policies = st.builds(
    Policy,
    approval=st.sampled_from(ApprovalRule),
    when_late=st.sampled_from(WhenLate),
    send_time=st.sampled_from(SendTime),
    grace=st.one_of(st.just(timedelta()), lengths),
    reminders=st.lists(lengths, max_size=MOST_REMINDERS).map(tuple),
    approvers=st.lists(addresses, max_size=4).map(tuple),
    watchers=st.lists(addresses, max_size=4).map(tuple),
)


@given(policies)
def test_what_is_in_canonical_form_stays_as_it_is(policy: Policy) -> None:
    once = digests.check(replace(ORDER, policy=policy))
    assert digests.check(once) == once
    assert {*once.policy.reminders} == {*policy.reminders}
    same = ("approval", "when_late", "send_time", "grace")
    assert all(getattr(once.policy, name) == getattr(policy, name) for name in same)


# ---- editing ----------------------------------------------------------------------------------


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    policy = Policy(reminders=(DAY,), approvers=("amina@example.org",), grace=HOUR)
    digests.add(desk, replace(ORDER, policy=policy), NOW)
    return desk


def test_a_digest_is_added_with_its_policy_in_canonical_form(desk: Desk) -> None:
    policy = Policy(reminders=(HOUR, DAY), watchers=("Zoe@EXAMPLE.org",))
    made = digests.add(desk, replace(ORDER, slug="daily", policy=policy), NOW)
    assert made.order.policy == Policy(reminders=(DAY, HOUR), watchers=("zoe@example.org",))


def test_fields_of_the_policy_and_of_the_order_are_edited_by_their_names(desk: Desk) -> None:
    changes = {
        "most": 5,
        "approval": ApprovalRule.OTHER,
        "send_time": SendTime.READER,
        "reminders": (HOUR, 4 * HOUR),
        "watchers": ("Zoe@EXAMPLE.org",),
    }
    edited = digests.edit(desk, "weekly", changes, NOW + DAY)
    assert edited.order == replace(
        ORDER,
        most=5,
        policy=Policy(
            approval=ApprovalRule.OTHER,
            send_time=SendTime.READER,
            grace=HOUR,
            reminders=(4 * HOUR, HOUR),
            approvers=("amina@example.org",),
            watchers=("zoe@example.org",),
        ),
    )
    assert edited.updated_at == NOW + DAY
    assert digests.get(desk, "weekly") == edited


def test_what_is_taken_away_is_gone(desk: Desk) -> None:
    edited = digests.edit(desk, "weekly", {"reminders": (), "approvers": ()}, NOW + DAY)
    assert edited.order.policy == Policy(grace=HOUR)


def test_an_edit_to_what_it_is_already_changes_nothing(desk: Desk) -> None:
    known = digests.get(desk, "weekly")
    changes = {"reminders": (DAY, DAY), "approvers": ("amina@EXAMPLE.org",), "grace": HOUR}
    assert digests.edit(desk, "weekly", changes, NOW + DAY) is known


def test_an_edit_that_can_not_be_leaves_the_digest_as_it_was(desk: Desk) -> None:
    known = digests.get(desk, "weekly")
    for changes in ({"grace": -HOUR}, {"most": 9, "reminders": (timedelta(),)}):
        with pytest.raises(InputError):
            digests.edit(desk, "weekly", changes, NOW + DAY)
    with pytest.raises(NotFound):
        digests.edit(desk, "daily", {"grace": HOUR}, NOW + DAY)
    assert digests.get(desk, "weekly") is known
