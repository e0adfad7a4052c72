"""An edition goes where the table lets it, and what is sent is what was approved."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import editions
from mailer.audience.lists import MailingList
from mailer.audience.segments import All, Filter, parse
from mailer.editions import (
    MOST_STORIES,
    OPEN,
    TRANSITIONS,
    Appointment,
    Approval,
    Body,
    Edition,
    EditionState,
    Event,
    InDoubt,
    Manuscript,
    NewEdition,
    Priority,
)
from mailer.errors import ApprovalVoid, BadTransition, InputError, NotFound, Refused
from tests.unit.samples import DAY, NOW, edition, mailing_list

S = EditionState
OVER = {S.SENT, S.CANCELLED, S.SKIPPED, S.EXPIRED}
"""What nobody waits for any more; what was sent can still be tried again."""
BODY = Body("en", "The week", "Hello\n", "<p>Hello</p>", "z0123456789abcde", stories=1)
SENDER = "news@example.org"
HASH = "0123456789abcdef" * 4
WHEN = Appointment(NOW + DAY, (NOW + DAY).replace(tzinfo=None), "UTC")


class Press:
    """One edition, in memory; queued stories are a to f."""

    def __init__(self, kept: Edition, *, tree: Filter | None = None) -> None:
        self.kept = kept
        self.tree = tree or All(())
        self.frozen = [BODY]
        self.released: list[str] = []
        self.reserved: list[str] = []
        self.said: list[Event] = []

    def find(self, edition_id: int) -> Edition | None:
        return self.kept if self.kept.id == edition_id else None

    def recent(
        self, states: Sequence[EditionState], limit: int, *, notices: bool = False
    ) -> list[Edition]:
        return [self.kept] if self.kept.state in states else []

    def create(self, new: NewEdition, now: datetime) -> Edition:
        fields = {name: getattr(new, name) for name in NewEdition.__dataclass_fields__}
        self.kept = edition(**fields | {"opening": new.opening or {}, "created_at": now})
        return self.kept

    def change(self, edition: Edition, changed: Edition) -> Edition:
        self.kept = changed
        return changed

    def set_state(
        self,
        edition: Edition,
        state: EditionState,
        now: datetime,
        *,
        reason: str = "",
        actor: str = "",
    ) -> Edition:
        self.said.append(Event(now, state.value, actor, reason))
        approval = edition.approval if state is not S.DRAFT else None
        self.kept = replace(edition, state=state, reason=reason, approval=approval)
        return self.kept

    def manuscript(self, edition: Edition) -> Manuscript:
        return Manuscript(edition, (), (), mailing_list(), self.tree, ("en",))

    def list_of(self, edition: Edition) -> MailingList:
        return mailing_list()

    def filter_of(self, edition: Edition) -> Filter:
        return self.tree

    def hash_of(self, edition: Edition, bodies: Sequence[Body]) -> str:
        return editions.content_hash(edition, mailing_list(), self.tree, SENDER, bodies)

    def bodies(self, edition: Edition) -> list[Body]:
        return self.frozen

    def freeze(
        self, edition: Edition, bodies: Sequence[Body], order: Sequence[str], content_hash: str
    ) -> Edition:
        self.frozen = list(bodies)
        self.kept = replace(edition, stories=tuple(order), content_hash=content_hash)
        return self.kept

    def approve(self, edition: Edition, approval: Approval) -> Edition:
        self.kept = replace(edition, approval=approval)
        return self.kept

    def appoint(self, edition: Edition, appointment: Appointment | None) -> Edition:
        self.kept = replace(edition, appointment=appointment)
        return self.kept

    def asked(self, edition: Edition, now: datetime) -> Edition:
        self.kept = replace(edition, asked_at=now, reminded_at=now)
        return self.kept

    def reminded(self, edition: Edition, now: datetime) -> None:
        self.kept = replace(edition, reminded_at=now)

    def authors(self, edition: Edition) -> frozenset[str]:
        return frozenset(one.actor for one in self.said if one.what == editions.EDITED)

    def release_stories(self, edition: Edition, slugs: Sequence[str]) -> None:
        self.released += slugs

    def reserve_stories(self, edition: Edition, slugs: Sequence[str]) -> None:
        self.reserved += slugs

    def known_stories(self, slugs: Sequence[str]) -> frozenset[str]:
        return frozenset(slug for slug in slugs if len(slug) == 1 or slug.startswith("s"))

    def note(
        self, edition: Edition, what: str, detail: str, now: datetime, actor: str = ""
    ) -> None:
        self.said.append(Event(now, what, actor, detail))

    def events(self, edition: Edition) -> list[Event]:
        return self.said


def frozen(**fields: Any) -> Press:
    """A draft whose hash is that of what is frozen."""
    press = Press(edition(**fields))
    hashed = press.hash_of(press.kept, press.frozen)
    press.kept = replace(press.kept, content_hash=hashed)
    return press


# ---- states -----------------------------------------------------------------------------------

WAYS = {
    (S.DRAFT, S.IN_REVIEW),
    (S.DRAFT, S.APPROVED),
    (S.DRAFT, S.SCHEDULED),
    (S.DRAFT, S.HELD),
    (S.DRAFT, S.SKIPPED),
    (S.DRAFT, S.EXPIRED),
    (S.DRAFT, S.CANCELLED),
    (S.IN_REVIEW, S.DRAFT),
    (S.IN_REVIEW, S.APPROVED),
    (S.IN_REVIEW, S.SCHEDULED),
    (S.IN_REVIEW, S.HELD),
    (S.IN_REVIEW, S.EXPIRED),
    (S.IN_REVIEW, S.CANCELLED),
    (S.HELD, S.DRAFT),
    (S.HELD, S.EXPIRED),
    (S.HELD, S.CANCELLED),
    (S.APPROVED, S.DRAFT),
    (S.APPROVED, S.SCHEDULED),
    (S.APPROVED, S.SENDING),
    (S.APPROVED, S.CANCELLED),
    (S.SCHEDULED, S.DRAFT),
    (S.SCHEDULED, S.APPROVED),
    (S.SCHEDULED, S.SENDING),
    (S.SCHEDULED, S.HELD),
    (S.SCHEDULED, S.CANCELLED),
    (S.SENDING, S.PAUSED),
    (S.SENDING, S.SENT),
    (S.SENDING, S.CANCELLED),
    (S.PAUSED, S.SENDING),
    (S.PAUSED, S.CANCELLED),
    (S.SENT, S.SENDING),
}


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_an_edition_goes_only_where_the_table_lets_it(before: S, after: S) -> None:
    if (before, after) in WAYS:
        editions.check_transition(edition(state=before), after)
    else:
        with pytest.raises(BadTransition, match=f"is {before}, which can't become {after}"):
            editions.check_transition(edition(state=before), after)


def test_every_state_has_its_row_and_final_ones_have_no_way_out() -> None:
    assert set(TRANSITIONS) == set(S)
    assert {state for state, ways in TRANSITIONS.items() if not ways} == {
        S.CANCELLED,
        S.SKIPPED,
        S.EXPIRED,
    }


def test_what_is_not_over_can_be_cancelled() -> None:
    assert {state for state, ways in TRANSITIONS.items() if S.CANCELLED in ways} == set(S) - OVER


def test_what_was_sent_goes_on_only_by_being_sent_again() -> None:
    assert TRANSITIONS[S.SENT] == {S.SENDING}


def test_nothing_that_was_sent_comes_back_to_be_edited() -> None:
    for state in {S.SENDING, S.PAUSED, *OVER}:
        assert not TRANSITIONS[state] & set(OPEN)


# ---- priorities -------------------------------------------------------------------------------


def test_the_more_urgent_an_edition_the_larger_its_share() -> None:
    weights = [one.weight for one in (Priority.URGENT, Priority.NORMAL, Priority.LOW)]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == len(Priority)
    assert min(weights) > 0, "each has a share"


def test_a_priority_is_kept_and_can_be_changed_while_the_edition_is_open() -> None:
    press = Press(edition())
    made = editions.create(press, new(priority=Priority.URGENT), NOW)
    assert made.priority is Priority.URGENT
    edited = editions.edit(press, made, {"priority": Priority.LOW}, NOW)
    assert edited.priority is Priority.LOW


# ---- making and arranging ---------------------------------------------------------------------


def new(**fields: Any) -> NewEdition:
    return replace(NewEdition(name="Statement", list="press", stories=("a",)), **fields)


def test_an_edition_is_made_by_itself_in_canonical_form() -> None:
    made = editions.create(Press(edition()), new(name=" A  statement ", language="EN-gb"), NOW)
    assert (made.name, made.language, made.state) == ("A statement", "en-GB", S.DRAFT)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"stories": ()}, "an edition needs a story"),
        ({"stories": ("a", "b", "a")}, "a story is named twice"),
        ({"stories": tuple(f"s{n}" for n in range(63))}, "63 stories are more than 62"),
        ({"stories": ("a", "unknown")}, "there is no queued story 'unknown'"),
        ({"name": " "}, "name: it is empty"),
        ({"name": "a\x1bb"}, "name: it holds control characters"),
        ({"subject": "a\x1bb"}, "subject: it holds control characters"),
        ({"language": "english"}, "not a language tag"),
    ],
)
def test_an_edition_that_can_not_be_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        editions.create(Press(edition()), new(**fields), NOW)


def test_a_mask_of_sixty_two_stories_is_a_signed_64_bit_integer() -> None:
    assert (1 << MOST_STORIES) - 1 < 2**63
    slugs = tuple(f"s{number}" for number in range(MOST_STORIES))
    assert editions.create(Press(edition()), new(stories=slugs), NOW).stories == slugs


def test_stories_left_out_go_back_and_new_ones_are_reserved() -> None:
    press = Press(edition(stories=("a", "b", "c")))
    arranged = editions.arrange(press, press.kept, ["c", "d", "a"], NOW)
    assert arranged.stories == ("c", "d", "a")
    assert (press.released, press.reserved) == (["b"], ["d"])


@given(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1), st.data())
def test_named_stories_come_first_and_the_others_keep_their_order(
    there: list[str], data: st.DataObject
) -> None:
    named = data.draw(st.permutations(there).flatmap(lambda p: st.just(p[: len(p) // 2])))
    ordered = editions.order_first(edition(stories=tuple(there)), named)
    assert list(ordered[: len(named)]) == named
    assert list(ordered[len(named) :]) == [slug for slug in there if slug not in named]


def test_a_story_that_is_not_there_can_not_come_first() -> None:
    with pytest.raises(InputError, match="edition 7 has no story 'z'; it has a, b"):
        editions.order_first(edition(stories=("a", "b")), ["z"])


@pytest.mark.parametrize("state", OPEN)
def test_an_edit_puts_an_open_edition_back_to_draft(state: S) -> None:
    press = Press(edition(state=state))
    changes = {"subject": " New  words ", "in_doubt": InDoubt.HOLD, "opening": {"FR": "Salut"}}
    edited = editions.edit(press, press.kept, changes, NOW, actor="ana")
    assert edited.state is S.DRAFT
    assert (edited.subject, edited.in_doubt) == ("New words", InDoubt.HOLD)
    assert edited.opening == {"fr": "Salut"}
    said = "in_doubt, opening, subject edited"
    assert press.said[0] == Event(NOW, "edited", "ana", said)
    assert press.said[1:] == ([] if state is S.DRAFT else [Event(NOW, "draft", "ana", said)])


@pytest.mark.parametrize("state", sorted(set(S) - set(OPEN)))
def test_what_is_no_longer_open_can_not_be_edited(state: S) -> None:
    press = Press(edition(state=state))
    with pytest.raises(BadTransition):
        editions.edit(press, press.kept, {"name": "Other"}, NOW)
    with pytest.raises(BadTransition):
        editions.arrange(press, press.kept, ["a"], NOW)
    assert press.kept == edition(state=state)


def test_an_opening_taken_away_is_gone() -> None:
    press = Press(edition(opening={"en": "Hello"}))
    assert editions.edit(press, press.kept, {"opening": {"en": ""}}, NOW).opening == {}


# ---- approving --------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", ["", HASH, HASH[:8], HASH[:12].upper()])
def test_an_edition_is_approved_as_it_was_seen(seen: str) -> None:
    press = Press(edition(content_hash=HASH))
    done = editions.approve(press, press.kept, " ana ", NOW, comment="fine", seen=seen)
    assert done.state is S.APPROVED
    assert done.approval == Approval("ana", NOW, HASH, "fine")


@pytest.mark.parametrize("state", [S.DRAFT, S.IN_REVIEW])
def test_what_is_approved_and_has_a_time_is_scheduled(state: S) -> None:
    press = Press(edition(state=state, content_hash=HASH, appointment=WHEN))
    assert editions.approve(press, press.kept, "ana", NOW).state is S.SCHEDULED


def test_who_has_written_it_can_not_approve_it_where_another_person_must() -> None:
    press = Press(edition(content_hash=HASH))
    for name in ("ana", " Ana ", "ANA"):
        with pytest.raises(Refused, match="has written or edited what edition 7 holds"):
            editions.approve(press, press.kept, name, NOW, not_by=frozenset({"ben", "ana"}))
    assert press.kept.approval is None
    assert editions.approve(press, press.kept, "cleo", NOW, not_by=frozenset({"ana"})).approval


def test_whoever_makes_or_edits_an_edition_is_among_its_authors() -> None:
    press = Press(edition())
    made = editions.create(press, new(), NOW, actor="ana")
    editions.edit(press, made, {"name": "Other"}, NOW, actor="ben")
    editions.arrange(press, press.kept, ["b"], NOW, actor="cleo")
    assert press.authors(press.kept) == {"ana", "ben", "cleo"}


# ---- a time to be sent at ---------------------------------------------------------------------


def test_an_approved_edition_that_gets_a_time_is_scheduled_and_keeps_its_approval() -> None:
    press = Press(edition(content_hash=HASH))
    editions.approve(press, press.kept, "ana", NOW)
    done = editions.appoint(press, press.kept, WHEN, NOW, actor="ben")
    assert (done.state, done.appointment) == (S.SCHEDULED, WHEN)
    assert done.approval is not None
    done = editions.appoint(press, done, None, NOW)
    assert (done.state, done.appointment) == (S.APPROVED, None)


@pytest.mark.parametrize("state", [S.DRAFT, S.IN_REVIEW, S.HELD])
def test_a_time_alone_lets_nothing_go(state: S) -> None:
    press = Press(edition(state=state))
    assert editions.appoint(press, press.kept, WHEN, NOW).state is state


@pytest.mark.parametrize("state", sorted(set(S) - set(OPEN)))
def test_what_has_begun_or_is_over_has_no_time_any_more(state: S) -> None:
    press = Press(edition(state=state))
    with pytest.raises(BadTransition, match="it has no time to be sent any more"):
        editions.appoint(press, press.kept, WHEN, NOW)


@pytest.mark.parametrize("verb", [editions.skip, editions.expire])
def test_what_is_skipped_or_expires_gives_its_stories_back(verb: Any) -> None:
    press = Press(edition(stories=("a", "b")))
    done = verb(press, press.kept, NOW, reason="nothing left")
    assert press.released == ["a", "b"]
    assert done.reason == "nothing left"


@pytest.mark.parametrize("seen", ["f" * 64, HASH[:7], HASH[1:20], HASH + "0"])
def test_what_the_approver_saw_must_be_what_is_frozen(seen: str) -> None:
    press = Press(edition(content_hash=HASH))
    with pytest.raises(ApprovalVoid, match="edition 7 is now 0123456789ab, not"):
        editions.approve(press, press.kept, "ana", NOW, seen=seen)
    assert press.kept.state is S.DRAFT


@pytest.mark.parametrize("when", [None, WHEN])
@pytest.mark.parametrize("state", sorted(set(S) - {S.DRAFT, S.IN_REVIEW}))
def test_only_a_draft_or_what_is_in_review_is_approved(state: S, when: Appointment | None) -> None:
    press = Press(edition(state=state, content_hash=HASH, appointment=when))
    with pytest.raises(BadTransition):
        editions.approve(press, press.kept, "ana", NOW)
    assert press.kept.approval is None


def test_an_approval_has_a_name() -> None:
    press = Press(edition(content_hash=HASH))
    with pytest.raises(InputError, match="approver: it is empty"):
        editions.approve(press, press.kept, " ", NOW)
    assert press.kept.state is S.DRAFT


def test_an_approval_holds_while_nothing_changes() -> None:
    press = frozen()
    approved = editions.approve(press, press.kept, "ana", NOW)
    editions.check_approval(press, approved, SENDER)


@pytest.mark.parametrize("part", ["subject", "text", "html", "language", "marker", "stories"])
def test_any_change_to_a_frozen_body_voids_the_approval(part: str) -> None:
    press = frozen()
    approved = editions.approve(press, press.kept, "ana", NOW)
    other: Any = 3 if part == "stories" else "other"
    press.frozen = [replace(BODY, **{part: other})]
    with pytest.raises(ApprovalVoid, match="edition 7 was approved as"):
        editions.check_approval(press, approved, SENDER)


def test_a_change_of_audience_or_sender_voids_the_approval() -> None:
    press = frozen()
    approved = editions.approve(press, press.kept, "ana", NOW)
    with pytest.raises(ApprovalVoid):
        editions.check_approval(press, approved, "other@example.org")
    press.tree = parse("country = GB")
    with pytest.raises(ApprovalVoid):
        editions.check_approval(press, approved, SENDER)


def test_an_approval_does_not_pass_to_another_edition() -> None:
    press = frozen()
    other = replace(press.kept, uid="another")
    assert press.hash_of(other, [BODY]) != press.kept.content_hash


def test_a_hash_does_not_depend_on_the_order_of_languages() -> None:
    press = frozen()
    french = replace(BODY, language="fr")
    one = press.hash_of(press.kept, [BODY, french])
    assert one == press.hash_of(press.kept, [french, BODY])


def test_what_was_never_approved_may_not_go() -> None:
    press = frozen()
    with pytest.raises(ApprovalVoid, match=r"is draft, not approved; approve it with"):
        editions.check_approval(press, press.kept, SENDER)


# ---- stopping ---------------------------------------------------------------------------------


def test_an_edition_is_paused_and_resumed() -> None:
    press = Press(edition(state=S.SENDING))
    paused = editions.pause(press, press.kept, NOW, reason="a typo", actor="ana")
    assert (paused.state, paused.reason) == (S.PAUSED, "a typo")
    assert editions.resume(press, paused, NOW).state is S.SENDING


@pytest.mark.parametrize("state", sorted(set(S) - {S.PAUSED}))
def test_only_what_is_paused_is_resumed(state: S) -> None:
    with pytest.raises(BadTransition, match=f"edition 7 is {state}"):
        editions.resume(Press(edition()), edition(state=state), NOW)


def test_stories_of_an_edition_cancelled_unsent_go_back() -> None:
    press = Press(edition(state=S.APPROVED, stories=("a", "b")))
    assert editions.cancel(press, press.kept, NOW).state is S.CANCELLED
    assert press.released == ["a", "b"]


def test_stories_of_an_edition_that_was_begun_do_not_go_back() -> None:
    press = Press(edition(state=S.SENDING, planned_at=NOW - DAY))
    editions.cancel(press, press.kept, NOW)
    assert press.released == []


@pytest.mark.parametrize("state", sorted(OVER))
def test_what_is_over_can_not_be_cancelled(state: S) -> None:
    press = Press(edition(state=state))
    with pytest.raises(BadTransition):
        editions.cancel(press, press.kept, NOW)
    assert press.released == []


def test_an_edition_is_found_by_its_number() -> None:
    assert editions.get(Press(edition()), 7) == edition()
    with pytest.raises(NotFound, match="there is no edition 8; see `mailer edition list`"):
        editions.get(Press(edition()), 8)
