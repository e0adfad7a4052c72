"""The effect of a bulk change on each member, compared with rules in plain sets."""

from collections.abc import Sequence
from dataclasses import replace
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
from tests.unit.audience.test_lists import Register
from tests.unit.samples import DAY, NOW, make_mailing_list, make_topic

ALL = frozenset({"climate", "health", "work"})
NEWS = make_mailing_list("news", frequencies=(Frequency.EVERY, Frequency.WEEKLY))
JOINED = Membership("news", MembershipState.ACTIVE, ("health",), "fr", NOW - DAY)


def member(*topics: str, tags: tuple[str, ...] = (), number: int = 1, **fields: Any) -> BulkMember:
    made = replace(JOINED, topics=topics, **fields)
    return BulkMember(number, f"r{number}@example.org", tags, made)


def change(**fields: Any) -> BulkChange:
    sets: dict[str, Any] = {
        key: frozenset(one) if isinstance(one, set) else one for key, one in fields.items()
    }
    return BulkChange(ALL, **sets)


some = st.frozensets(st.sampled_from(sorted(ALL)))


@given(some, some, some)
def test_topics_are_taken_away_then_added_and_all_is_never_come_upon_by_accident(
    chosen: frozenset[str], add: frozenset[str], remove: frozenset[str]
) -> None:
    remove -= add
    result = apply_change(BulkChange(ALL, add, remove), member(*sorted(chosen)), NOW)
    follows = chosen or ALL
    wanted = (follows - remove) | add
    after = frozenset(result.after.membership.topics)
    if not wanted:
        assert result.outcome is BulkOutcome.SKIPPED
        assert after == chosen
        return
    assert (after or ALL) == wanted
    if after != chosen:
        assert result.outcome is BulkOutcome.CHANGED
    if not after:
        assert not chosen, "only who followed all follows all"
    if not chosen and not remove:
        assert result.outcome is BulkOutcome.UNCHANGED, "who follows all needs no more"


letters = st.frozensets(st.sampled_from("abc"))


@given(some, some, some, letters, letters)
def test_the_same_change_again_changes_nothing(
    chosen: frozenset[str],
    add: frozenset[str],
    remove: frozenset[str],
    tags: frozenset[str],
    without: frozenset[str],
) -> None:
    wanted = BulkChange(ALL, add, remove - add, False, tags, without - tags, "ar")
    once = apply_change(wanted, member(*sorted(chosen), tags=("b", "c")), NOW)
    again = apply_change(wanted, once.after, NOW)
    assert again.after == once.after
    assert again.outcome is not BulkOutcome.CHANGED


def test_each_field_is_changed_and_no_other() -> None:
    was = member("health", tags=("donor",))
    wanted = change(add_tags={"vip"}, remove_tags={"donor"}, language="ar",
                    frequency=Frequency.WEEKLY)  # fmt: skip
    assert apply_change(wanted, was, NOW).after == member(
        "health", tags=("vip",), language="ar", frequency=Frequency.WEEKLY
    )
    assert apply_change(change(language=""), was, NOW).after == replace(
        was, membership=replace(was.membership, language="")
    )
    assert apply_change(change(all_topics=True), was, NOW).after == member(tags=("donor",))
    left = apply_change(change(unsubscribe=True), was, NOW).after.membership
    assert left == replace(was.membership, state=MembershipState.UNSUBSCRIBED, left_at=NOW)


# ---- what can be asked for --------------------------------------------------------------------


def checked(**fields: Any) -> BulkChange:
    register = Register()
    register.topics_kept = [make_topic(slug) for slug in sorted(ALL)]
    return bulk.check_change(make_transaction(lists=register), change(**fields), NEWS)


def test_what_is_asked_for_is_put_in_canonical_form() -> None:
    assert checked(language="FR-ca", add_tags={" a  b "}) == change(
        language="fr-CA", add_tags={"a b"}
    )
    assert checked(language="").language == ""


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
def test_what_can_not_be_is_refused(fields: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        checked(**fields)


# ---- carrying it out --------------------------------------------------------------------------


class Members:
    """A list's members in memory."""

    def __init__(self, *members: BulkMember) -> None:
        self.kept = {one.id: one for one in members}
        self.logged: list[ConsentEntry] = []

    def list_members(
        self, mailing_list: MailingList, subscriber_ids: Sequence[int]
    ) -> list[BulkMember]:
        return [self.kept[number] for number in subscriber_ids]

    def save_members(
        self, mailing_list: MailingList, changes: Sequence[tuple[BulkMember, BulkMember]]
    ) -> None:
        self.kept |= {after.id: after for _, after in changes}

    def log_consent(self, entries: Sequence[ConsentEntry]) -> None:
        self.logged += entries


def test_each_whom_it_concerns_has_one_line_in_the_log() -> None:
    people = [
        member("health", number=1),
        member("work", number=2),
        member("health", "work", number=3, tags=("vip",)),
        member(number=4),
    ]
    wanted = change(remove_topics={"health"}, add_tags={"vip"})
    dry, wet = Members(*people), Members(*people)
    told = change_members(
        make_transaction(segments=dry),
        STAFF,
        NEWS,
        [1, 2, 3, 4],
        wanted,
        NOW,
        source="desk",
        write=False,
    )
    done = change_members(
        make_transaction(segments=wet), STAFF, NEWS, [1, 2, 3, 4], wanted, NOW, source="desk"
    )
    assert told == done
    assert dry.kept == {one.id: one for one in people}
    assert dry.logged == []
    assert [one.outcome.value for one in done] == ["skipped", "changed", "changed", "changed"]
    assert [one.membership.topics for one in wet.kept.values()] == [
        ("health",), ("work",), ("work",), ("climate", "work"),
    ]  # fmt: skip
    assert [(one.subscriber_id, one.detail) for one in wet.logged] == [
        (3, "topics: work; language: fr"),
        (4, "topics: climate, work; language: fr"),
    ], "a tag is no consent"
    assert {(one.act, one.source, one.list) for one in wet.logged} == {
        (ConsentAction.CHANGED, "desk", "news")
    }


def test_who_is_taken_off_is_logged_as_having_left() -> None:
    people = Members(member("health"))
    change_members(
        make_transaction(segments=people),
        STAFF,
        NEWS,
        [1],
        change(unsubscribe=True),
        NOW,
        source="list closes",
    )
    (entry,) = people.logged
    assert (entry.act, entry.source, entry.detail) == (ConsentAction.LEFT, "list closes", "")
