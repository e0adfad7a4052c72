"""An approver lets an edition go, and exactly the approved edition is sent."""

from dataclasses import replace
from typing import Any

import pytest

from mailer import editions
from mailer.actor import create_local_actor
from mailer.audience.filter_parser import parse_filter
from mailer.errors import ApprovalVoid, BadTransition, InputError, Refused
from mailer.model.digests import ApprovalRule
from mailer.model.editions import Approval, SendAppointment
from tests.fakes import FrozenRenderer
from tests.unit.editions.fakes import (
    EDITION_BODY,
    HASH,
    SENDER,
    WHEN,
    FakeEditionStore,
    S,
    make_edition_transaction,
    make_frozen_store,
)
from tests.unit.samples import NOW, make_edition, make_mailing_list

RENDERER = FrozenRenderer(SENDER)


@pytest.mark.parametrize("seen", ["", HASH, HASH[:8], HASH[:12].upper()])
def test_edition_is_approved_as_it_was_seen(seen: str) -> None:
    press = FakeEditionStore(make_edition(content_hash=HASH))
    done = editions.approve_edition(
        make_edition_transaction(editions=press),
        create_local_actor(" ana "),
        press.saved_edition,
        RENDERER,
        NOW,
        comment="fine",
        seen_hash=seen,
    )
    assert done.state is S.APPROVED
    assert done.approval == Approval("ana", NOW, HASH, "fine", "local:ana")


@pytest.mark.parametrize("seen", ["f" * 64, HASH[:7], HASH[1:20], HASH + "0"])
def test_approval_of_another_hash_is_refused(seen: str) -> None:
    press = FakeEditionStore(make_edition(content_hash=HASH))
    with pytest.raises(ApprovalVoid, match="edition 7 is now 0123456789ab, not"):
        editions.approve_edition(
            make_edition_transaction(editions=press),
            create_local_actor("ana"),
            press.saved_edition,
            RENDERER,
            NOW,
            seen_hash=seen,
        )
    assert press.saved_edition.state is S.DRAFT


@pytest.mark.parametrize("state", [S.DRAFT, S.IN_REVIEW])
def test_approved_edition_with_send_time_is_scheduled(state: S) -> None:
    press = FakeEditionStore(make_edition(state=state, content_hash=HASH, appointment=WHEN))
    assert (
        editions.approve_edition(
            make_edition_transaction(editions=press),
            create_local_actor("ana"),
            press.saved_edition,
            RENDERER,
            NOW,
        ).state
        is S.SCHEDULED
    )


@pytest.mark.parametrize("when", [None, WHEN])
@pytest.mark.parametrize("state", sorted(set(S) - {S.DRAFT, S.IN_REVIEW}))
def test_only_draft_or_edition_in_review_is_approved(
    state: S, when: SendAppointment | None
) -> None:
    press = FakeEditionStore(make_edition(state=state, content_hash=HASH, appointment=when))
    with pytest.raises(BadTransition):
        editions.approve_edition(
            make_edition_transaction(editions=press),
            create_local_actor("ana"),
            press.saved_edition,
            RENDERER,
            NOW,
        )
    assert press.saved_edition.approval is None


def test_approval_has_a_name() -> None:
    press = FakeEditionStore(make_edition(content_hash=HASH))
    with pytest.raises(InputError, match="approver: it is empty"):
        editions.approve_edition(
            make_edition_transaction(editions=press),
            create_local_actor(" "),
            press.saved_edition,
            RENDERER,
            NOW,
        )
    assert press.saved_edition.state is S.DRAFT


def test_author_can_not_approve_if_another_person_must() -> None:
    press = FakeEditionStore(make_edition(content_hash=HASH, digest="weekly"))
    press.article_authors = frozenset({create_local_actor("ben").key})
    tx = make_edition_transaction(editions=press, approval=ApprovalRule.OTHER)
    editions.edit_edition(tx, create_local_actor("ana"), press.saved_edition, {}, NOW)
    for name in ("ana", " Ana ", "ANA", "Ben"):
        with pytest.raises(Refused, match="has written or edited something in edition 7"):
            editions.approve_edition(
                tx, create_local_actor(name), press.saved_edition, RENDERER, NOW
            )
    assert press.saved_edition.approval is None
    approved = editions.approve_edition(
        tx, create_local_actor("cleo"), press.saved_edition, RENDERER, NOW
    )
    assert approved.approval


def test_approval_holds_while_nothing_changes() -> None:
    press = make_frozen_store()
    approved = editions.approve_edition(
        make_edition_transaction(editions=press),
        create_local_actor("ana"),
        press.saved_edition,
        RENDERER,
        NOW,
    )
    editions.check_approval(make_edition_transaction(editions=press), approved, RENDERER)


@pytest.mark.parametrize("part", ["subject", "text", "html", "language", "marker", "stories"])
def test_change_to_frozen_body_voids_approval(part: str) -> None:
    press = make_frozen_store()
    approved = editions.approve_edition(
        make_edition_transaction(editions=press),
        create_local_actor("ana"),
        press.saved_edition,
        RENDERER,
        NOW,
    )
    other: Any = 3 if part == "stories" else "other"
    press.frozen_bodies = [replace(EDITION_BODY, **{part: other})]
    with pytest.raises(ApprovalVoid, match="edition 7 was approved as"):
        editions.check_approval(make_edition_transaction(editions=press), approved, RENDERER)


def test_change_of_audience_or_sender_voids_approval() -> None:
    press = make_frozen_store()
    approved = editions.approve_edition(
        make_edition_transaction(editions=press),
        create_local_actor("ana"),
        press.saved_edition,
        RENDERER,
        NOW,
    )
    with pytest.raises(ApprovalVoid):
        editions.check_approval(
            make_edition_transaction(editions=press), approved, FrozenRenderer("other@example.org")
        )
    press.segment_filter = parse_filter("country = GB")
    with pytest.raises(ApprovalVoid):
        editions.check_approval(make_edition_transaction(editions=press), approved, RENDERER)


def test_change_of_the_lists_sender_voids_approval() -> None:
    press = make_frozen_store()
    approved = editions.approve_edition(
        make_edition_transaction(editions=press),
        create_local_actor("ana"),
        press.saved_edition,
        RENDERER,
        NOW,
    )
    by_sender = FrozenRenderer(SENDER, press="press@example.org")
    editions.check_approval(make_edition_transaction(editions=press), approved, by_sender)
    press.mailing_list = make_mailing_list(sender="press")
    with pytest.raises(ApprovalVoid):
        editions.check_approval(make_edition_transaction(editions=press), approved, by_sender)


def test_approval_does_not_pass_to_another_edition() -> None:
    press = make_frozen_store()
    other = replace(press.saved_edition, uid="another")
    assert press.compute_hash(other, [EDITION_BODY]) != press.saved_edition.content_hash


def test_content_hash_ignores_the_order_of_languages() -> None:
    press = make_frozen_store()
    french = replace(EDITION_BODY, language="fr")
    content_hash = press.compute_hash(press.saved_edition, [EDITION_BODY, french])
    assert content_hash == press.compute_hash(press.saved_edition, [french, EDITION_BODY])


def test_unapproved_edition_may_not_start() -> None:
    press = make_frozen_store()
    with pytest.raises(ApprovalVoid, match="is draft, not approved"):
        editions.check_approval(
            make_edition_transaction(editions=press), press.saved_edition, RENDERER
        )
