"""A row resubscribes no person, and fields that a row lacks stay unchanged."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.imports.decisions import ImportDecision, KnownPerson, decide_row
from mailer.audience.imports.rows import ImportRow, RowOutcome, RowState
from mailer.model.lists import Frequency
from mailer.model.subscribers import ConsentAction, Membership, MembershipState, Person
from mailer.model.suppressions import SuppressionReason
from tests.unit.samples import DAY, NOW, make_mailing_list

NEWS = make_mailing_list("news", frequencies=(Frequency.EVERY, Frequency.WEEKLY))
ANA = Person("ana@example.org", name="Ana", tags=("donor",))
M, R, Out = MembershipState, RowState, RowOutcome


def row(person: Person = ANA, **fields: Any) -> ImportRow:
    return ImportRow(2, person, **fields)


def member(state: MembershipState = M.ACTIVE, **fields: Any) -> Membership:
    left = NOW - DAY if state is M.UNSUBSCRIBED else None
    made = Membership("news", state, ("health",), "fr", NOW - 9 * DAY, left, Frequency.WEEKLY)
    return replace(made, **fields)


def known(
    membership: Membership | None = None, person: Person = ANA, *, undated: bool = False
) -> KnownPerson:
    return KnownPerson(7, person, membership, undated)


def decided(
    what: ImportRow, there: KnownPerson | None = None, suppressed: str | None = None
) -> ImportDecision:
    return decide_row(what, there, suppressed, NEWS, NOW)


def said(decision: ImportDecision) -> tuple[RowOutcome, str]:
    return decision.result.outcome, decision.result.reason


rows = st.builds(
    ImportRow,
    st.just(2),
    st.sampled_from([ANA, Person("ana@example.org"), replace(ANA, name="Ana B.", tags=("vip",))]),
    topics=st.sampled_from([None, ("climate",), ("health",)]),
    joined_at=st.sampled_from([None, NOW - 20 * DAY]),
    language=st.sampled_from(["", "ar"]),
    frequency=st.sampled_from([None, *Frequency]),
    paused_until=st.sampled_from([None, NOW - DAY, NOW + DAY]),
    state=st.sampled_from(RowState),
    left_at=st.sampled_from([None, NOW - 15 * DAY, NOW - 2 * DAY]),
)
standing = st.sampled_from(
    [None, known(), known(member()), known(member(M.PENDING)), known(member(M.UNSUBSCRIBED))]
)


@given(rows, standing, st.sampled_from([None, "complaint"]))
def test_whatever_the_row_nobody_is_brought_back(
    what: ImportRow, there: KnownPerson | None, suppressed: str | None
) -> None:
    made = decided(what, there, suppressed)
    theirs = there.membership if there else None
    if suppressed or (theirs and theirs.state is not M.ACTIVE):
        assert made.membership is None or made.membership.state is not M.ACTIVE
    if suppressed:
        assert (made.person, made.membership, made.suppression) == (None, None, None)
    if made.membership and made.membership.state is M.ACTIVE:
        assert what.state is R.ACTIVE
    assert (made.membership is None) == (made.act is None)
    changes = (made.person, made.membership, made.suppression) != (None, None, None)
    quiet = {Out.UNCHANGED, Out.SKIPPED}
    assert changes == (made.result.outcome not in quiet)


@given(rows, standing)
def test_the_same_row_again_changes_nothing(what: ImportRow, there: KnownPerson | None) -> None:
    made = decided(what, there)
    if made.suppression:
        assert said(decided(what, there, made.suppression.reason))[0] is Out.UNCHANGED
        return
    after = made.person or (there.person if there else None)
    if after is None:
        return
    membership = made.membership or (there.membership if there else None)
    again = decided(what, known(membership, after))
    assert (again.person, again.membership, again.act) == (None, None, None)


def test_somebody_new_joins_with_what_their_row_tells() -> None:
    what = row(topics=("health",), joined_at=NOW - 50 * DAY, language="ar",
               frequency=Frequency.WEEKLY, paused_until=NOW + DAY, evidence="a card")  # fmt: skip
    made = decided(what)
    assert made.person == ANA
    assert made.membership == Membership(
        "news", M.ACTIVE, ("health",), "ar", NOW - 50 * DAY, None, Frequency.WEEKLY, NOW + DAY
    )
    assert (said(made), made.act) == ((Out.ADDED, ""), ConsentAction.IMPORTED)
    assert made.detail == (
        "topics: health; language: ar; frequency: weekly; since 2026-10-29; a card"
    )


def test_a_known_member_keeps_what_the_row_does_not_say() -> None:
    made = decided(row(Person(ANA.address)), known(member()))
    assert made == ImportDecision(made.result)
    assert said(made) == (Out.UNCHANGED, "")
    made = decided(row(replace(ANA, tags=("vip",)), topics=("climate",)), known(member()))
    assert made.person == replace(ANA, tags=("donor", "vip"))
    assert made.membership == member(topics=("climate",))
    assert (said(made)[0], made.act) == (Out.UPDATED, ConsentAction.CHANGED)


def test_how_often_the_list_does_not_serve_is_told_and_not_taken_over() -> None:
    made = decided(row(frequency=Frequency.MONTHLY))
    assert made.membership
    assert made.membership.frequency is Frequency.EVERY
    assert said(made) == (Out.ADDED, "no digest of the list is monthly")


def test_a_pause_that_is_over_is_none() -> None:
    made = decided(row(paused_until=NOW - DAY))
    assert made.membership
    assert made.membership.paused_until is None


@pytest.mark.parametrize(
    ("there", "left", "outcome"),
    [
        (None, NOW - 3 * DAY, (Out.LEFT, "")),
        (known(), NOW - 3 * DAY, (Out.LEFT, "")),
        (known(member()), NOW - 3 * DAY, (Out.LEFT, "")),
        (known(member()), None, (Out.LEFT, "")),
        (known(member(M.PENDING)), None, (Out.LEFT, "")),
        (known(member(M.UNSUBSCRIBED)), None, (Out.UNCHANGED, "had left already")),
        (
            known(member(joined_at=NOW - DAY)),
            NOW - 3 * DAY,
            (Out.SKIPPED, "left on 2026-12-15, and joined here on 2026-12-17"),
        ),
        (known(member(joined_at=NOW - DAY), undated=True), NOW - 3 * DAY, (Out.LEFT, "")),
    ],
)
def test_who_left_elsewhere_has_left_here_unless_they_joined_afterwards(
    there: KnownPerson | None, left: Any, outcome: tuple[RowOutcome, str]
) -> None:
    made = decided(row(state=R.UNSUBSCRIBED, left_at=left, evidence="too many"), there)
    assert said(made) == outcome
    if outcome[0] is Out.LEFT:
        assert made.membership
        assert (made.membership.state, made.membership.left_at) == (M.UNSUBSCRIBED, left or NOW)
        assert made.membership.joined_at <= (left or NOW)
        assert made.act is ConsentAction.LEFT
        assert made.detail == ("on 2026-12-15; too many" if left else "too many")
        assert (made.person is None) == (there is not None)


def test_a_suppressed_address_is_kept_as_one_and_nothing_else_of_its_person() -> None:
    what = row(state=R.SUPPRESSED, reason=SuppressionReason.BOUNCE, evidence="550")
    made = decided(what)
    assert made.suppression
    assert (made.suppression.address, made.suppression.reason) == (
        ANA.address,
        SuppressionReason.BOUNCE,
    )
    assert (made.suppression.detail, made.suppression.created_at) == ("550", NOW)
    assert (made.person, made.membership) == (None, None)
    assert said(made) == (Out.SUPPRESSED, "bounce")


@pytest.mark.parametrize(
    ("what", "there", "suppressed", "reason"),
    [
        (row(), known(member(M.UNSUBSCRIBED)), None, "left the list on 2026-12-17"),
        (row(), known(member(M.PENDING)), None, "has not confirmed yet"),
        (row(state=R.PENDING), None, None, "has not confirmed"),
        (row(), None, "complaint", "must not be mailed (complaint)"),
        (row(state=R.UNSUBSCRIBED), None, "erased", "must not be mailed (erased)"),
    ],
)
def test_who_is_skipped_is_told_with_the_reason(
    what: ImportRow, there: KnownPerson | None, suppressed: str | None, reason: str
) -> None:
    assert said(decided(what, there, suppressed)) == (Out.SKIPPED, reason)
