"""The effect of a bulk change on each member, compared with rules in plain sets."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.imports import bulk
from mailer.audience.imports.bulk import apply_change, change_members
from mailer.errors import InputError, NotFound, UsageError
from mailer.model.lists import Frequency, MailingList
from mailer.model.segments import BulkChange, BulkMember, BulkOutcome
from mailer.model.subscribers import ConsentAction, ConsentEntry, Membership, MembershipState
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.audience.test_lists import FakeListStore
from tests.unit.samples import DAY, NOW, make_mailing_list, make_topic

ALL = frozenset({"climate", "health", "work"})
NEWS = make_mailing_list("news", frequencies=(Frequency.EVERY, Frequency.WEEKLY))
JOINED = Membership("news", MembershipState.ACTIVE, ("health",), "fr", NOW - DAY)


def make_member(
    *topics: str, tags: tuple[str, ...] = (), number: int = 1, **fields: Any
) -> BulkMember:
    made = replace(JOINED, topics=topics, **fields)
    return BulkMember(number, f"r{number}@example.org", tags, made)


def make_change(**fields: Any) -> BulkChange:
    sets: dict[str, Any] = {
        key: frozenset(value) if isinstance(value, set) else value for key, value in fields.items()
    }
    return BulkChange(ALL, **sets)


topic_sets = st.frozensets(st.sampled_from(sorted(ALL)))


@given(topic_sets, topic_sets, topic_sets)
def test_bulk_change_removes_then_adds_topics(
    chosen: frozenset[str], add: frozenset[str], remove: frozenset[str]
) -> None:
    remove -= add
    result = apply_change(BulkChange(ALL, add, remove), make_member(*sorted(chosen)), NOW)
    follows = chosen or ALL
    expected_topics = (follows - remove) | add
    after = frozenset(result.after.membership.topics)
    if not expected_topics:
        assert result.outcome is BulkOutcome.SKIPPED
        assert after == chosen
        return
    assert (after or ALL) == expected_topics
    if after != chosen:
        assert result.outcome is BulkOutcome.CHANGED
    if not after:
        assert not chosen, "only who followed all follows all"
    if not chosen and not remove:
        assert result.outcome is BulkOutcome.UNCHANGED, "who follows all needs no more"


letters = st.frozensets(st.sampled_from("abc"))


@given(topic_sets, topic_sets, topic_sets, letters, letters)
def test_bulk_change_is_idempotent(
    chosen: frozenset[str],
    add: frozenset[str],
    remove: frozenset[str],
    tags: frozenset[str],
    without: frozenset[str],
) -> None:
    bulk_change = BulkChange(ALL, add, remove - add, False, tags, without - tags, "ar")
    once = apply_change(bulk_change, make_member(*sorted(chosen), tags=("b", "c")), NOW)
    again = apply_change(bulk_change, once.after, NOW)
    assert again.after == once.after
    assert again.outcome is not BulkOutcome.CHANGED


def test_bulk_change_sets_only_given_fields() -> None:
    before = make_member("health", tags=("donor",))
    bulk_change = make_change(
        add_tags={"vip"}, remove_tags={"donor"}, language="ar", frequency=Frequency.WEEKLY
    )
    assert apply_change(bulk_change, before, NOW).after == make_member(
        "health", tags=("vip",), language="ar", frequency=Frequency.WEEKLY
    )
    assert apply_change(make_change(language=""), before, NOW).after == replace(
        before, membership=replace(before.membership, language="")
    )
    assert apply_change(make_change(all_topics=True), before, NOW).after == make_member(
        tags=("donor",)
    )
    left = apply_change(make_change(unsubscribe=True), before, NOW).after.membership
    assert left == replace(before.membership, state=MembershipState.UNSUBSCRIBED, left_at=NOW)


# ---- what can be asked for --------------------------------------------------------------------


def check_change(**fields: Any) -> BulkChange:
    list_store = FakeListStore()
    list_store.saved_topics = [make_topic(slug) for slug in sorted(ALL)]
    return bulk.check_change(make_transaction(lists=list_store), make_change(**fields), NEWS)


def test_bulk_change_is_put_in_canonical_form() -> None:
    assert check_change(language="FR-ca", add_tags={" a  b "}) == make_change(
        language="fr-CA", add_tags={"a b"}
    )
    assert check_change(language="").language == ""


@pytest.mark.parametrize(
    ("fields", "kind", "says"),
    [
        ({}, UsageError, "nothing to change was given"),
        ({"add_topics": {"helth"}}, NotFound, "there is no topic 'helth'"),
        ({"remove_topics": {"helth"}}, NotFound, "there is no topic 'helth'"),
        ({"add_topics": {"work"}, "remove_topics": {"work"}}, UsageError, "'work' can't be added"),
        ({"add_tags": {"a"}, "remove_tags": {" a"}}, UsageError, "'a' can't be added and removed"),
        ({"all_topics": True, "add_topics": {"work"}}, UsageError, "all topics can.t be combined"),
        ({"frequency": Frequency.MONTHLY}, InputError, "no digest of the list 'news' is monthly"),
        ({"language": "klingon"}, InputError, "'klingon' is not a language tag"),
        ({"add_tags": {"a\x07"}}, InputError, "control characters"),
        ({"unsubscribe": True, "language": "fr"}, UsageError, "unsubscribing can.t be combined"),
    ],
)
def test_invalid_bulk_change_is_refused(fields: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        check_change(**fields)


# ---- carrying it out --------------------------------------------------------------------------


class FakeMemberStore:
    """A list's members in memory."""

    def __init__(self, *members: BulkMember) -> None:
        self.saved_members = {member.id: member for member in members}
        self.logged: list[ConsentEntry] = []

    def list_members(
        self, mailing_list: MailingList, subscriber_ids: Sequence[int]
    ) -> list[BulkMember]:
        return [self.saved_members[number] for number in subscriber_ids]

    def save_members(
        self,
        mailing_list: MailingList,
        changes: Sequence[tuple[BulkMember, BulkMember]],
        now: datetime,
    ) -> None:
        self.saved_members |= {after.id: after for _, after in changes}

    def log_consent(self, entries: Sequence[ConsentEntry]) -> None:
        self.logged += entries


def test_bulk_change_logs_consent_once_per_changed_member() -> None:
    members = [
        make_member("health", number=1),
        make_member("work", number=2),
        make_member("health", "work", number=3, tags=("vip",)),
        make_member(number=4),
    ]
    bulk_change = make_change(remove_topics={"health"}, add_tags={"vip"})
    dry_store, member_store = FakeMemberStore(*members), FakeMemberStore(*members)
    dry_run_results = change_members(
        make_transaction(segments=dry_store),
        STAFF,
        NEWS,
        [1, 2, 3, 4],
        bulk_change,
        NOW,
        source="desk",
        write=False,
    )
    results = change_members(
        make_transaction(segments=member_store),
        STAFF,
        NEWS,
        [1, 2, 3, 4],
        bulk_change,
        NOW,
        source="desk",
    )
    assert dry_run_results == results
    assert dry_store.saved_members == {member.id: member for member in members}
    assert dry_store.logged == []
    assert [result.outcome.value for result in results] == [
        "skipped",
        "changed",
        "changed",
        "changed",
    ]
    assert [member.membership.topics for member in member_store.saved_members.values()] == [
        ("health",),
        ("work",),
        ("work",),
        ("climate", "work"),
    ]
    assert [(entry.subscriber_id, entry.detail) for entry in member_store.logged] == [
        (3, "topics: work; language: fr"),
        (4, "topics: climate, work; language: fr"),
    ], "a tag is no consent"
    assert {(entry.act, entry.source, entry.list) for entry in member_store.logged} == {
        (ConsentAction.CHANGED, "desk", "news")
    }


def test_bulk_unsubscribe_is_logged_as_leaving() -> None:
    member_store = FakeMemberStore(make_member("health"))
    change_members(
        make_transaction(segments=member_store),
        STAFF,
        NEWS,
        [1],
        make_change(unsubscribe=True),
        NOW,
        source="list closes",
    )
    (entry,) = member_store.logged
    assert (entry.act, entry.source, entry.detail) == (ConsentAction.LEFT, "list closes", "")
