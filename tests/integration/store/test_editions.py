"""Editions: what may change, and that every change voids an approval."""

from collections.abc import Callable

import pytest

from mailer import articles, editions
from mailer.app import Mailer
from mailer.audience import segments
from mailer.errors import ApprovalVoid, BadTransition, ComposeError, InputError, NotFound, Refused
from mailer.model.edition_states import EditionState, InDoubtPolicy
from mailer.model.editions import Edition
from mailer.store import SqlTransaction
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW

DRAFT, APPROVED = EditionState.DRAFT, EditionState.APPROVED


@pytest.fixture
def approved(mailer: Mailer) -> Edition:
    """An approved edition of two stories."""
    with mailer.store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        segments.save_segment(tx, STAFF, "gb", "Britain", "country = GB", NOW)
        factories.add_subscriber(tx, "ana@example.org")
        factories.add_subscriber(tx, "bo@example.org", language="fr")
        factories.add_story(tx, "boats", "health")
        factories.add_story(tx, "roads", "climate")
        factories.add_story(tx, "spare")
        made = factories.create_edition(tx, "boats", "roads")
        return mailer.approve_edition(tx, made, "Amina", comment="as agreed")


def _article(tx: SqlTransaction, _: Edition) -> None:
    factories.add_story(tx, "boats", "health", body="Something else.")


def _fields(tx: SqlTransaction, _: Edition) -> None:
    articles.edit_article(tx, STAFF, "boats", "en", {"topics": ("climate",)}, NOW)


def _withdraw(tx: SqlTransaction, _: Edition) -> None:
    articles.withdraw_articles(tx, STAFF, "roads", None, NOW)


def _translation(tx: SqlTransaction, _: Edition) -> None:
    factories.add_story(tx, "boats", "health", language="fr")


def _arrange(tx: SqlTransaction, edition: Edition) -> None:
    editions.arrange_stories(tx, edition, ["roads", "boats"], NOW)


def _subject(tx: SqlTransaction, edition: Edition) -> None:
    editions.edit_edition(tx, edition, {"subject": "Another"}, NOW, "Amina")


def _segment(tx: SqlTransaction, edition: Edition) -> None:
    editions.edit_edition(tx, edition, {"segment": "gb"}, NOW)


def _opening(tx: SqlTransaction, edition: Edition) -> None:
    editions.edit_edition(tx, edition, {"opening": {"en": "Dear all"}}, NOW)


@pytest.mark.parametrize(
    "change",
    [_article, _fields, _withdraw, _translation, _arrange, _subject, _segment, _opening],
)
def test_any_change_voids_the_approval(
    mailer: Mailer, approved: Edition, change: Callable[[SqlTransaction, Edition], None]
) -> None:
    with mailer.store.begin() as tx:
        change(tx, approved)
        now = factories.reload_edition(tx, approved)
        assert (now.state, now.approval, now.content_hash) == (DRAFT, None, "")
        assert tx.editions.list_bodies(now) == []
        with pytest.raises(Refused, match="is a draft, not approved"):
            mailer.start_edition(tx, now)
        again, _ = mailer.compose_edition(tx, now)
        assert again.content_hash != approved.content_hash
        last = tx.editions.list_events(now)[-1]
        assert last.what == "draft"
        assert last.detail


def test_what_is_the_same_voids_nothing(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        factories.add_story(tx, "boats", "health")
        factories.add_story(tx, "spare", body="Something else.")
        assert factories.reload_edition(tx, approved) == approved


def test_a_segment_changed_beneath_the_approval_is_found(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        made = editions.edit_edition(tx, approved, {"segment": "gb"}, NOW)
        made = mailer.approve_edition(tx, made, "Amina")
        segments.save_segment(tx, STAFF, "gb", "Britain", "country = FR", NOW)
        with pytest.raises(ApprovalVoid, match="was approved as"):
            mailer.start_edition(tx, made)


def test_composing_twice_gives_the_same_bytes(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        before = tx.editions.list_bodies(approved)
        made = tx.editions.set_state(approved, DRAFT, NOW)
        again, composition = mailer.compose_edition(tx, made)
        assert composition is not None
        assert tx.editions.list_bodies(again) == before
        assert again.content_hash == approved.content_hash
        assert tx.editions.fetch_story_bits(again) == {"boats": 0, "roads": 1}
        unchanged, composition = mailer.compose_edition(tx, again)
        assert unchanged == again


def test_an_approval_says_who_when_and_what(mailer: Mailer, approved: Edition) -> None:
    assert approved.approval is not None
    assert (approved.approval.approver, approved.approval.comment) == ("Amina", "as agreed")
    assert approved.approval.content_hash == approved.content_hash
    with mailer.store.read() as tx:
        assert [one.what for one in tx.editions.list_events(approved)] == ["draft", "approved"]


def test_what_the_approver_saw_must_be_what_is_approved(mailer: Mailer, approved: Edition) -> None:
    seen = approved.content_hash[:12]
    with mailer.store.begin() as tx:
        made = tx.editions.set_state(approved, DRAFT, NOW)
        assert mailer.approve_edition(tx, made, "Amina", seen_hash=seen.upper()).state is APPROVED
        factories.add_story(tx, "boats", "health", body="Something else.")
        with pytest.raises(ApprovalVoid, match=f"not {seen}"):
            mailer.approve_edition(
                tx, factories.reload_edition(tx, approved), "Amina", seen_hash=seen
            )


def test_an_edition_starts_once(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        started, plan = mailer.start_edition(tx, approved)
        assert plan is not None
        assert (started.state, plan.planned) == (EditionState.SENDING, 2)
        assert mailer.start_edition(tx, started) == (started, None)
        with pytest.raises(BadTransition):
            editions.edit_edition(tx, started, {"subject": "Too late"}, NOW)
        paused = editions.pause_edition(tx, started, NOW, reason="a mistake")
        with pytest.raises(Refused, match="is paused \\(a mistake\\)"):
            mailer.start_edition(tx, paused)


def test_a_running_edition_is_what_was_approved(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        started, _ = mailer.start_edition(tx, approved)
        bodies = tx.editions.list_bodies(started)
        factories.add_story(tx, "boats", "climate", body="Something else.")
        articles.withdraw_articles(tx, STAFF, "roads", None, NOW)
        assert factories.reload_edition(tx, started) == started
        assert tx.editions.list_bodies(started) == bodies


def test_all_fields_can_be_edited(mailer: Mailer, approved: Edition) -> None:
    changes = {
        "name": " The  week ",
        "subject": "Hello",
        "opening": {"EN": "Dear all", "fr": ""},
        "segment": "gb",
        "in_doubt": InDoubtPolicy.KEEP_IN_DOUBT,
    }
    with mailer.store.begin() as tx:
        made = editions.edit_edition(tx, approved, changes, NOW)
        assert (made.name, made.subject, made.opening) == ("The week", "Hello", {"en": "Dear all"})
        assert (made.segment, made.in_doubt) == ("gb", InDoubtPolicy.KEEP_IN_DOUBT)
        cleared = editions.edit_edition(tx, made, {"segment": "", "opening": {}}, NOW)
        assert (cleared.segment, cleared.opening) == ("", {})


def test_stories_are_arranged(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        made = editions.arrange_stories(tx, approved, ["spare", "roads"], NOW)
        assert made.stories == ("spare", "roads")
        assert editions.move_stories_first(made, ["roads"]) == ("roads", "spare")
        for slugs, said in ((["none"], "no queued story"), (["roads"] * 2, "twice"), ([], "needs")):
            with pytest.raises(InputError, match=said):
                editions.arrange_stories(tx, made, slugs, NOW)


def test_an_edition_whose_stories_were_all_withdrawn_cannot_be_composed(
    mailer: Mailer, approved: Edition
) -> None:
    with mailer.store.begin() as tx:
        for slug in ("boats", "roads"):
            articles.withdraw_articles(tx, STAFF, slug, None, NOW)
        with pytest.raises(ComposeError, match="has no story"):
            mailer.approve_edition(tx, factories.reload_edition(tx, approved), "Amina")


def test_editions_are_listed_newest_first(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        second = factories.create_edition(tx, "spare")
        assert [one.id for one in tx.editions.list_recent_editions()] == [second.id, approved.id]
        assert tx.editions.list_recent_editions([APPROVED]) == [approved]
        with pytest.raises(NotFound, match="there is no edition 999"):
            editions.get_edition(tx, 999)
