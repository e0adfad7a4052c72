"""A row resubscribes no person, and fields that a row lacks stay unchanged."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.imports.decisions import ImportDecision, KnownPerson, decide_row
from mailer.model.imports import ImportRow, RowOutcome, RowState
from mailer.model.lists import Frequency
from mailer.model.subscribers import ConsentAction, Membership, MembershipState, Person
from mailer.model.suppressions import SuppressionReason
from tests.unit.samples import DAY, NOW, make_mailing_list

NEWS = make_mailing_list("news", frequencies=(Frequency.EVERY, Frequency.WEEKLY))
ANA = Person("ana@example.org", name="Ana", tags=("donor",))
M, R, Out = MembershipState, RowState, RowOutcome


def make_row(person: Person = ANA, **fields: Any) -> ImportRow:
    return ImportRow(2, person, **fields)


def make_membership(state: MembershipState = M.ACTIVE, **fields: Any) -> Membership:
    left = NOW - DAY if state is M.UNSUBSCRIBED else None
    decision = Membership("news", state, ("health",), "fr", NOW - 9 * DAY, left, Frequency.WEEKLY)
    return replace(decision, **fields)


def make_known_person(
    membership: Membership | None = None, person: Person = ANA, *, undated: bool = False
) -> KnownPerson:
    return KnownPerson(7, person, membership, undated)


def decide(
    import_row: ImportRow, known_person: KnownPerson | None = None, suppressed: str | None = None
) -> ImportDecision:
    return decide_row(import_row, known_person, suppressed, NEWS, NOW)


def get_outcome(decision: ImportDecision) -> tuple[RowOutcome, str]:
    return decision.result.outcome, decision.result.reason


import_rows = st.builds(
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
known_persons = st.sampled_from(
    [
        None,
        make_known_person(),
        make_known_person(make_membership()),
        make_known_person(make_membership(M.PENDING)),
        make_known_person(make_membership(M.UNSUBSCRIBED)),
    ]
)


@given(import_rows, known_persons, st.sampled_from([None, "complaint"]))
def test_import_row_resubscribes_no_person(
    import_row: ImportRow, known_person: KnownPerson | None, suppressed: str | None
) -> None:
    decision = decide(import_row, known_person, suppressed)
    membership = known_person.membership if known_person else None
    if suppressed or (membership and membership.state is not M.ACTIVE):
        assert decision.membership is None or decision.membership.state is not M.ACTIVE
    if suppressed:
        assert (decision.person, decision.membership, decision.suppression) == (None, None, None)
    if decision.membership and decision.membership.state is M.ACTIVE:
        assert import_row.state is R.ACTIVE
    assert (decision.membership is None) == (decision.act is None)
    changes = (decision.person, decision.membership, decision.suppression) != (None, None, None)
    unchanged_outcomes = {Out.UNCHANGED, Out.SKIPPED}
    assert changes == (decision.result.outcome not in unchanged_outcomes)


@given(import_rows, known_persons)
def test_import_of_same_row_is_idempotent(
    import_row: ImportRow, known_person: KnownPerson | None
) -> None:
    decision = decide(import_row, known_person)
    if decision.suppression:
        assert (
            get_outcome(decide(import_row, known_person, decision.suppression.reason))[0]
            is Out.UNCHANGED
        )
        return
    after = decision.person or (known_person.person if known_person else None)
    if after is None:
        return
    membership = decision.membership or (known_person.membership if known_person else None)
    again = decide(import_row, make_known_person(membership, after))
    assert (again.person, again.membership, again.act) == (None, None, None)


def test_import_adds_new_person_with_fields_of_row() -> None:
    import_row = make_row(
        topics=("health",),
        joined_at=NOW - 50 * DAY,
        language="ar",
        frequency=Frequency.WEEKLY,
        paused_until=NOW + DAY,
        evidence="a card",
    )
    decision = decide(import_row)
    assert decision.person == ANA
    assert decision.membership == Membership(
        "news", M.ACTIVE, ("health",), "ar", NOW - 50 * DAY, None, Frequency.WEEKLY, NOW + DAY
    )
    assert (get_outcome(decision), decision.act) == ((Out.ADDED, ""), ConsentAction.IMPORTED)
    assert decision.detail == (
        "topics: health; language: ar; frequency: weekly; since 2026-10-29; a card"
    )


def test_import_keeps_fields_that_row_lacks() -> None:
    decision = decide(make_row(Person(ANA.address)), make_known_person(make_membership()))
    assert decision == ImportDecision(decision.result)
    assert get_outcome(decision) == (Out.UNCHANGED, "")
    decision = decide(
        make_row(replace(ANA, tags=("vip",)), topics=("climate",)),
        make_known_person(make_membership()),
    )
    assert decision.person == replace(ANA, tags=("donor", "vip"))
    assert decision.membership == make_membership(topics=("climate",))
    assert (get_outcome(decision)[0], decision.act) == (Out.UPDATED, ConsentAction.CHANGED)


def test_import_reports_frequency_without_digest() -> None:
    decision = decide(make_row(frequency=Frequency.MONTHLY))
    assert decision.membership
    assert decision.membership.frequency is Frequency.EVERY
    assert get_outcome(decision) == (Out.ADDED, "no digest of the list is monthly")


def test_import_ignores_past_pause() -> None:
    decision = decide(make_row(paused_until=NOW - DAY))
    assert decision.membership
    assert decision.membership.paused_until is None


@pytest.mark.parametrize(
    ("known_person", "left", "outcome"),
    [
        (None, NOW - 3 * DAY, (Out.LEFT, "")),
        (make_known_person(), NOW - 3 * DAY, (Out.LEFT, "")),
        (make_known_person(make_membership()), NOW - 3 * DAY, (Out.LEFT, "")),
        (make_known_person(make_membership()), None, (Out.LEFT, "")),
        (make_known_person(make_membership(M.PENDING)), None, (Out.LEFT, "")),
        (
            make_known_person(make_membership(M.UNSUBSCRIBED)),
            None,
            (Out.UNCHANGED, "had left already"),
        ),
        (
            make_known_person(make_membership(joined_at=NOW - DAY)),
            NOW - 3 * DAY,
            (Out.SKIPPED, "left on 2026-12-15, and joined here on 2026-12-17"),
        ),
        (
            make_known_person(make_membership(joined_at=NOW - DAY), undated=True),
            NOW - 3 * DAY,
            (Out.LEFT, ""),
        ),
    ],
)
def test_import_unsubscribes_unless_person_joined_afterwards(
    known_person: KnownPerson | None, left: Any, outcome: tuple[RowOutcome, str]
) -> None:
    decision = decide(
        make_row(state=R.UNSUBSCRIBED, left_at=left, evidence="too many"), known_person
    )
    assert get_outcome(decision) == outcome
    if outcome[0] is Out.LEFT:
        assert decision.membership
        assert (decision.membership.state, decision.membership.left_at) == (
            M.UNSUBSCRIBED,
            left or NOW,
        )
        assert decision.membership.joined_at <= (left or NOW)
        assert decision.act is ConsentAction.LEFT
        assert decision.detail == ("on 2026-12-15; too many" if left else "too many")
        assert (decision.person is None) == (known_person is not None)


def test_import_saves_only_suppression_of_suppressed_address() -> None:
    import_row = make_row(state=R.SUPPRESSED, reason=SuppressionReason.BOUNCE, evidence="550")
    decision = decide(import_row)
    assert decision.suppression
    assert (decision.suppression.address, decision.suppression.reason) == (
        ANA.address,
        SuppressionReason.BOUNCE,
    )
    assert (decision.suppression.detail, decision.suppression.created_at) == ("550", NOW)
    assert (decision.person, decision.membership) == (None, None)
    assert get_outcome(decision) == (Out.SUPPRESSED, "bounce")


@pytest.mark.parametrize(
    ("import_row", "known_person", "suppressed", "reason"),
    [
        (
            make_row(),
            make_known_person(make_membership(M.UNSUBSCRIBED)),
            None,
            "left the list on 2026-12-17",
        ),
        (make_row(), make_known_person(make_membership(M.PENDING)), None, "has not confirmed yet"),
        (make_row(state=R.PENDING), None, None, "has not confirmed"),
        (make_row(), None, "complaint", "must not be mailed (complaint)"),
        (make_row(state=R.UNSUBSCRIBED), None, "erased", "must not be mailed (erased)"),
    ],
)
def test_skipped_import_row_has_reason(
    import_row: ImportRow, known_person: KnownPerson | None, suppressed: str | None, reason: str
) -> None:
    assert get_outcome(decide(import_row, known_person, suppressed)) == (Out.SKIPPED, reason)
