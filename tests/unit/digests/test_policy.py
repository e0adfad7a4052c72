"""The policy of a digest: valid values, in one spelling."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import digests
from mailer.digests.settings import MAX_DURATION, MAX_REMINDERS
from mailer.errors import InputError, NotFound
from mailer.model.digests import ApprovalRule, DigestPolicy, WhenLate
from mailer.model.edition_states import SendTimeBasis
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.digests.factories import SETTINGS, FakeDigestStore
from tests.unit.samples import DAY, NOW

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def check_policy(**fields: Any) -> DigestPolicy:
    return digests.check_settings(replace(SETTINGS, policy=DigestPolicy(**fields))).policy


def test_default_policy_is_anyone_and_office_clock() -> None:
    assert check_policy() == DigestPolicy()
    assert DigestPolicy().approval is ApprovalRule.ANYONE
    assert DigestPolicy().when_late is WhenLate.WAIT
    assert DigestPolicy().send_time is SendTimeBasis.OFFICE
    assert DigestPolicy().grace == 6 * HOUR
    assert (DigestPolicy().reminders, DigestPolicy().approvers, DigestPolicy().watchers) == (
        (),
        (),
        (),
    )


@pytest.mark.parametrize("field", ["approvers", "watchers"])
def test_policy_addresses_are_normalised_and_distinct(field: str) -> None:
    entered = ("Zoe@EXAMPLE.org", " amina@example.org ", "Zoe@example.org", "zoe@example.org")
    normalised = getattr(check_policy(**{field: entered}), field)
    assert normalised == ("zoe@example.org", "amina@example.org")


@pytest.mark.parametrize("field", ["approvers", "watchers"])
@pytest.mark.parametrize(
    "address", ["", "amina", "Amina <amina@example.org>", "a@b@c", "a\n@b.org"]
)
def test_invalid_policy_address_names_field(field: str, address: str) -> None:
    with pytest.raises(InputError, match="is not a mail address") as refused:
        check_policy(**{field: ("zoe@example.org", address)})
    assert refused.value.field == field
    assert refused.value.hint


def test_reminders_are_distinct_and_sorted() -> None:
    entered = (HOUR, 2 * DAY, 4 * HOUR, 60 * MINUTE, DAY)
    assert check_policy(reminders=entered).reminders == (2 * DAY, DAY, 4 * HOUR, HOUR)


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"grace": -MINUTE}, "grace", "not between 0m and 14d"),
        ({"grace": MAX_DURATION + MINUTE}, "grace", "not between 0m and 14d"),
        ({"reminders": (timedelta(),)}, "reminders", "not between 1m and 14d"),
        ({"reminders": (HOUR, -HOUR)}, "reminders", "not between 1m and 14d"),
        ({"reminders": (HOUR, MAX_DURATION + MINUTE)}, "reminders", "not between 1m and 14d"),
        (
            {"reminders": tuple(n * HOUR for n in range(1, MAX_REMINDERS + 2))},
            "reminders",
            "more than 10 reminders",
        ),
    ],
)
def test_invalid_policy_names_field(fields: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as refused:
        check_policy(**fields)
    assert refused.value.field == field


def test_policy_bounds_are_inclusive() -> None:
    assert check_policy(grace=timedelta()).grace == timedelta()
    assert check_policy(grace=MAX_DURATION).grace == MAX_DURATION
    most = tuple(n * HOUR for n in range(MAX_REMINDERS, 0, -1))
    assert check_policy(reminders=most).reminders == most
    assert check_policy(reminders=(MAX_DURATION, MINUTE)).reminders == (MAX_DURATION, MINUTE)


lengths = st.integers(1, 14 * 24 * 60).map(lambda minutes: minutes * MINUTE)
addresses = st.sampled_from(["amina@example.org", "Zoe@Example.ORG", "li@bücher.example"])
policies = st.builds(
    DigestPolicy,
    approval=st.sampled_from(ApprovalRule),
    when_late=st.sampled_from(WhenLate),
    send_time=st.sampled_from(SendTimeBasis),
    grace=st.one_of(st.just(timedelta()), lengths),
    reminders=st.lists(lengths, max_size=MAX_REMINDERS).map(tuple),
    approvers=st.lists(addresses, max_size=4).map(tuple),
    watchers=st.lists(addresses, max_size=4).map(tuple),
)


@given(policies)
def test_checked_policy_is_unchanged_by_second_check(policy: DigestPolicy) -> None:
    once = digests.check_settings(replace(SETTINGS, policy=policy))
    assert digests.check_settings(once) == once
    assert {*once.policy.reminders} == {*policy.reminders}
    same = ("approval", "when_late", "send_time", "grace")
    assert all(getattr(once.policy, name) == getattr(policy, name) for name in same)


# ---- editing ----------------------------------------------------------------------------------


@pytest.fixture
def digest_store() -> FakeDigestStore:
    digest_store = FakeDigestStore()
    policy = DigestPolicy(reminders=(DAY,), approvers=("amina@example.org",), grace=HOUR)
    digests.add_digest(
        make_transaction(digests=digest_store), STAFF, replace(SETTINGS, policy=policy), NOW
    )
    return digest_store


def test_digest_is_added_with_checked_policy(digest_store: FakeDigestStore) -> None:
    policy = DigestPolicy(reminders=(HOUR, DAY), watchers=("Zoe@EXAMPLE.org",))
    digest = digests.add_digest(
        make_transaction(digests=digest_store),
        STAFF,
        replace(SETTINGS, slug="daily", policy=policy),
        NOW,
    )
    assert digest.settings.policy == DigestPolicy(
        reminders=(DAY, HOUR), watchers=("zoe@example.org",)
    )


def test_digest_edit_takes_policy_and_settings_fields(
    digest_store: FakeDigestStore,
) -> None:
    changes = {
        "most": 5,
        "approval": ApprovalRule.OTHER,
        "send_time": SendTimeBasis.READER,
        "reminders": (HOUR, 4 * HOUR),
        "watchers": ("Zoe@EXAMPLE.org",),
    }
    edited = digests.edit_digest(
        make_transaction(digests=digest_store), STAFF, "weekly", changes, NOW + DAY
    )
    assert edited.settings == replace(
        SETTINGS,
        most=5,
        policy=DigestPolicy(
            approval=ApprovalRule.OTHER,
            send_time=SendTimeBasis.READER,
            grace=HOUR,
            reminders=(4 * HOUR, HOUR),
            approvers=("amina@example.org",),
            watchers=("zoe@example.org",),
        ),
    )
    assert edited.updated_at == NOW + DAY
    assert digests.get_digest(make_transaction(digests=digest_store), "weekly") == edited


def test_digest_edit_removes_values(digest_store: FakeDigestStore) -> None:
    edited = digests.edit_digest(
        make_transaction(digests=digest_store),
        STAFF,
        "weekly",
        {"reminders": (), "approvers": ()},
        NOW + DAY,
    )
    assert edited.settings.policy == DigestPolicy(grace=HOUR)


def test_digest_edit_without_change_is_idempotent(digest_store: FakeDigestStore) -> None:
    digest = digests.get_digest(make_transaction(digests=digest_store), "weekly")
    changes = {"reminders": (DAY, DAY), "approvers": ("amina@EXAMPLE.org",), "grace": HOUR}
    assert (
        digests.edit_digest(
            make_transaction(digests=digest_store), STAFF, "weekly", changes, NOW + DAY
        )
        is digest
    )


def test_invalid_digest_edit_changes_nothing(digest_store: FakeDigestStore) -> None:
    digest = digests.get_digest(make_transaction(digests=digest_store), "weekly")
    for changes in ({"grace": -HOUR}, {"most": 9, "reminders": (timedelta(),)}):
        with pytest.raises(InputError):
            digests.edit_digest(
                make_transaction(digests=digest_store), STAFF, "weekly", changes, NOW + DAY
            )
    with pytest.raises(NotFound):
        digests.edit_digest(
            make_transaction(digests=digest_store), STAFF, "daily", {"grace": HOUR}, NOW + DAY
        )
    assert digests.get_digest(make_transaction(digests=digest_store), "weekly") is digest
