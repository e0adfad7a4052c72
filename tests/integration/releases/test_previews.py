"""Previewing a release or a correction, then confirming what was seen."""

import pytest

from mailer import articles, releases
from mailer.app import Mailer
from mailer.audience.lists import get_list
from mailer.errors import ApprovalVoid
from mailer.model.editions import ChangeNote
from mailer.releases import ReleasePreview
from mailer.store import SqlTransaction
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.releases.factories import SLUG, create_office

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
