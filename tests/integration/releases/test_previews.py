"""Previewing a release, a correction or a kill, then confirming what was seen."""

import pytest

from mailer import articles, editions, releases
from mailer.actor import create_local_actor
from mailer.app import Mailer
from mailer.audience.lists import get_list
from mailer.errors import ApprovalVoid
from mailer.model.edition_states import EditionState
from mailer.model.editions import ChangeNote, NewEdition
from mailer.releases import CorrectionResult, KillPreview, ReleasePreview
from mailer.store import SqlTransaction
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.releases.factories import SLUG, create_office

BELA = create_local_actor("Bela")
CHANGE = ChangeNote({"": "Ten towns, not twelve."}, {"": "We miscounted."})


def preview_release(mailer: Mailer, tx: SqlTransaction) -> ReleasePreview:
    return releases.preview_release(
        tx,
        AMINA,
        SLUG,
        get_list(tx, "press"),
        mailer.renderer,
        mailer.clock(),
        default_language="en",
    )


def confirm_release(
    mailer: Mailer, tx: SqlTransaction, fingerprint: str
) -> releases.ReleaseEditions:
    return releases.confirm_release(
        tx,
        AMINA,
        SLUG,
        get_list(tx, "press"),
        mailer.renderer,
        mailer.clock(),
        fingerprint=fingerprint,
        default_language="en",
    )


def test_release_preview_leaves_no_edition(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        preview = preview_release(mailer, tx)
        assert [article.slug for article in preview.articles] == [SLUG]
        assert tx.editions.list_release_editions(SLUG) == []


def test_confirmed_release_starts_as_previewed(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        preview = preview_release(mailer, tx)
    with mailer.store.begin() as tx:
        confirmed = confirm_release(mailer, tx, preview.fingerprint)
        planned = [plan.planned for plan in confirmed.reaches.values()]
        assert planned == [plan.planned for plan in preview.editions.reaches.values()]
        assert confirmed.started == (confirmed.release,)


def test_release_with_changed_text_is_not_confirmed(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        preview = preview_release(mailer, tx)
    with mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, SLUG, "en", {"title": "Other lanterns"}, mailer.clock())
        with pytest.raises(ApprovalVoid, match="its text or its recipients have changed"):
            confirm_release(mailer, tx, preview.fingerprint)


def test_release_with_new_recipient_is_not_confirmed(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        preview = preview_release(mailer, tx)
    with mailer.store.begin() as tx:
        factories.add_subscriber(tx, "late@example.org", list_slug="press")
        with pytest.raises(ApprovalVoid, match="its text or its recipients have changed"):
            confirm_release(mailer, tx, preview.fingerprint)


def test_correction_is_confirmed_only_as_previewed(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_office(tx)
        confirm_release(mailer, tx, preview_release(mailer, tx).fingerprint)
    with mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, SLUG, "en", {"title": "Ten lanterns"}, mailer.clock())
        count_before = len(tx.editions.list_release_editions(SLUG))
        preview = releases.preview_correction(
            tx, AMINA, SLUG, CHANGE, mailer.renderer, mailer.clock()
        )
        assert len(tx.editions.list_release_editions(SLUG)) == count_before
        with pytest.raises(ApprovalVoid), tx.open_savepoint():
            releases.confirm_correction(
                tx, AMINA, SLUG, CHANGE, mailer.renderer, mailer.clock(), fingerprint="0" * 64
            )
        result = releases.confirm_correction(
            tx,
            AMINA,
            SLUG,
            CHANGE,
            mailer.renderer,
            mailer.clock(),
            fingerprint=preview.fingerprint,
        )
        assert len(result.begun) == len(preview.result.begun)


# ---- kills ------------------------------------------------------------------------------------


def request_kill(mailer: Mailer, tx: SqlTransaction, reason: str = "It is not true.") -> None:
    releases.request_kill(tx, AMINA, SLUG, {"": reason}, mailer.clock())


def preview_kill(mailer: Mailer, tx: SqlTransaction) -> KillPreview:
    return releases.preview_kill(tx, BELA, SLUG, mailer.renderer, mailer.clock())


def confirm_kill(mailer: Mailer, tx: SqlTransaction, fingerprint: str) -> CorrectionResult:
    return releases.confirm_kill(
        tx, BELA, SLUG, mailer.renderer, mailer.clock(), fingerprint=fingerprint
    )


def create_begun_release(mailer: Mailer, tx: SqlTransaction) -> None:
    create_office(tx)
    confirm_release(mailer, tx, preview_release(mailer, tx).fingerprint)


def test_kill_is_confirmed_as_previewed(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_begun_release(mailer, tx)
        request_kill(mailer, tx)
    with mailer.store.begin() as tx:
        preview = preview_kill(mailer, tx)
        assert [article.slug for article in preview.articles] == [SLUG]
        kill_request = tx.releases.find_kill(SLUG)
        assert kill_request == preview.request
        assert kill_request.confirmed_at is None
    with mailer.store.begin() as tx:
        result = confirm_kill(mailer, tx, preview.fingerprint)
        assert [(edition.id, edition.state) for edition in result.stopped] == [
            (edition.id, edition.state) for edition in preview.result.stopped
        ]
        assert [plan.planned for _, plan in result.begun] == [
            plan.planned for _, plan in preview.result.begun
        ]


def test_kill_is_refused_after_an_edition_of_its_story_began(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_begun_release(mailer, tx)
        newsletter = editions.create_edition(
            tx, STAFF, NewEdition("The week", "news", stories=(SLUG,)), mailer.clock()
        )
        newsletter = editions.approve_edition(
            tx, AMINA, newsletter, mailer.renderer, mailer.clock()
        )
        request_kill(mailer, tx)
    with mailer.store.begin() as tx:
        preview = preview_kill(mailer, tx)
        assert newsletter.id not in {edition.id for edition in preview.result.stopped}
    with mailer.store.begin() as tx:
        releases.withdraw_kill(tx, AMINA, SLUG, mailer.clock())
        editions.start_edition(tx, STAFF, newsletter, mailer.renderer, mailer.clock())
        request_kill(mailer, tx)
    with (
        pytest.raises(ApprovalVoid, match="its text or its recipients have changed"),
        mailer.store.begin() as tx,
    ):
        confirm_kill(mailer, tx, preview.fingerprint)
    with mailer.store.begin() as tx:
        assert editions.get_edition(tx, newsletter.id).state is EditionState.SENDING
        kill_request = tx.releases.find_kill(SLUG)
        assert kill_request is not None
        assert kill_request.confirmed_at is None, "nothing of the refused kill is saved"
        stopped = confirm_kill(mailer, tx, preview_kill(mailer, tx).fingerprint).stopped
        assert (newsletter.id, EditionState.PAUSED) in [
            (edition.id, edition.state) for edition in stopped
        ]


def test_kill_requested_for_another_reason_is_not_confirmed(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_begun_release(mailer, tx)
        request_kill(mailer, tx)
        preview = preview_kill(mailer, tx)
        releases.withdraw_kill(tx, AMINA, SLUG, mailer.clock())
        request_kill(mailer, tx, "It names a child.")
        with pytest.raises(ApprovalVoid):
            confirm_kill(mailer, tx, preview.fingerprint)


def test_kill_of_story_with_changed_text_is_not_confirmed(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        create_begun_release(mailer, tx)
        request_kill(mailer, tx)
        preview = preview_kill(mailer, tx)
        articles.edit_article(tx, STAFF, SLUG, "en", {"title": "Other lanterns"}, mailer.clock())
        with pytest.raises(ApprovalVoid):
            confirm_kill(mailer, tx, preview.fingerprint)
