"""Editions: what may change, and that every change voids an approval."""

from collections.abc import Callable

import pytest

from mailer import articles, editions
from mailer.app import Mailer
from mailer.audience import segments
from mailer.errors import (
    ApprovalVoid,
    BadTransition,
    ComposeError,
    ConcurrencyError,
    InputError,
    NotFound,
    Refused,
)
from mailer.model.edition_states import EDITION_TRANSITIONS, EditionState, InDoubtPolicy
from mailer.model.editions import Edition
from mailer.store import SqlTransaction
from tests.actors import AMINA, STAFF
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
        return editions.approve_edition(
            tx, AMINA, made, mailer.renderer, mailer.clock(), comment="as agreed"
        )


def _article(tx: SqlTransaction, _: Edition) -> None:
    factories.add_story(tx, "boats", "health", body="Something else.")


def _fields(tx: SqlTransaction, _: Edition) -> None:
    articles.edit_article(tx, STAFF, "boats", "en", {"topics": ("climate",)}, NOW)


def _withdraw(tx: SqlTransaction, _: Edition) -> None:
    articles.withdraw_articles(tx, STAFF, "roads", None, NOW)


def _translation(tx: SqlTransaction, _: Edition) -> None:
    factories.add_story(tx, "boats", "health", language="fr")


def _arrange(tx: SqlTransaction, edition: Edition) -> None:
    editions.arrange_stories(tx, STAFF, edition, ["roads", "boats"], NOW)


def _subject(tx: SqlTransaction, edition: Edition) -> None:
    editions.edit_edition(tx, AMINA, edition, {"subject": "Another"}, NOW)


def _segment(tx: SqlTransaction, edition: Edition) -> None:
    editions.edit_edition(tx, STAFF, edition, {"segment": "gb"}, NOW)


def _opening(tx: SqlTransaction, edition: Edition) -> None:
    editions.edit_edition(tx, STAFF, edition, {"opening": {"en": "Dear all"}}, NOW)


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
            editions.start_edition(tx, STAFF, now, mailer.renderer, mailer.clock())
        again, _ = editions.compose_edition(tx, now, mailer.renderer)
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
        made = editions.edit_edition(tx, STAFF, approved, {"segment": "gb"}, NOW)
        made = editions.approve_edition(tx, AMINA, made, mailer.renderer, mailer.clock())
        segments.save_segment(tx, STAFF, "gb", "Britain", "country = FR", NOW)
        with pytest.raises(ApprovalVoid, match="was approved as"):
            editions.start_edition(tx, STAFF, made, mailer.renderer, mailer.clock())


def test_composing_twice_gives_the_same_bytes(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        before = tx.editions.list_bodies(approved)
        made = tx.editions.set_state(approved, DRAFT, NOW, STAFF)
        again, composition = editions.compose_edition(tx, made, mailer.renderer)
        assert composition is not None
        assert tx.editions.list_bodies(again) == before
        assert again.content_hash == approved.content_hash
        assert tx.editions.fetch_story_bits(again) == {"boats": 0, "roads": 1}
        unchanged, composition = editions.compose_edition(tx, again, mailer.renderer)
        assert unchanged == again


def test_an_approval_says_who_when_and_what(mailer: Mailer, approved: Edition) -> None:
    assert approved.approval is not None
    assert (approved.approval.approver, approved.approval.comment) == ("Amina", "as agreed")
    assert approved.approval.content_hash == approved.content_hash
    with mailer.store.read() as tx:
        assert [one.what for one in tx.editions.list_events(approved)] == [
            "draft",
            "edited",
            "approved",
        ]


def test_what_the_approver_saw_must_be_what_is_approved(mailer: Mailer, approved: Edition) -> None:
    seen = approved.content_hash[:12]
    with mailer.store.begin() as tx:
        made = tx.editions.set_state(approved, DRAFT, NOW, STAFF)
        assert (
            editions.approve_edition(
                tx, AMINA, made, mailer.renderer, mailer.clock(), seen_hash=seen.upper()
            ).state
            is APPROVED
        )
        factories.add_story(tx, "boats", "health", body="Something else.")
        with pytest.raises(ApprovalVoid, match=f"not {seen}"):
            editions.approve_edition(
                tx,
                AMINA,
                factories.reload_edition(tx, approved),
                mailer.renderer,
                mailer.clock(),
                seen_hash=seen,
            )


def test_an_edition_starts_once(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        started, plan = editions.start_edition(tx, STAFF, approved, mailer.renderer, mailer.clock())
        assert plan is not None
        assert (started.state, plan.planned) == (EditionState.SENDING, 2)
        assert editions.start_edition(tx, STAFF, started, mailer.renderer, mailer.clock()) == (
            started,
            None,
        )
        with pytest.raises(BadTransition):
            editions.edit_edition(tx, STAFF, started, {"subject": "Too late"}, NOW)
        paused = editions.pause_edition(tx, STAFF, started, NOW, reason="a mistake")
        with pytest.raises(Refused, match="is paused \\(a mistake\\)"):
            editions.start_edition(tx, STAFF, paused, mailer.renderer, mailer.clock())


def test_a_running_edition_is_what_was_approved(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        started, _ = editions.start_edition(tx, STAFF, approved, mailer.renderer, mailer.clock())
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
        made = editions.edit_edition(tx, STAFF, approved, changes, NOW)
        assert (made.name, made.subject, made.opening) == ("The week", "Hello", {"en": "Dear all"})
        assert (made.segment, made.in_doubt) == ("gb", InDoubtPolicy.KEEP_IN_DOUBT)
        cleared = editions.edit_edition(tx, STAFF, made, {"segment": "", "opening": {}}, NOW)
        assert (cleared.segment, cleared.opening) == ("", {})


def test_stories_are_arranged(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        made = editions.arrange_stories(tx, STAFF, approved, ["spare", "roads"], NOW)
        assert made.stories == ("spare", "roads")
        assert editions.move_stories_first(made, ["roads"]) == ("roads", "spare")
        for slugs, said in ((["none"], "no queued story"), (["roads"] * 2, "twice"), ([], "needs")):
            with pytest.raises(InputError, match=said):
                editions.arrange_stories(tx, STAFF, made, slugs, NOW)


def test_an_edition_whose_stories_were_all_withdrawn_cannot_be_composed(
    mailer: Mailer, approved: Edition
) -> None:
    with mailer.store.begin() as tx:
        for slug in ("boats", "roads"):
            articles.withdraw_articles(tx, STAFF, slug, None, NOW)
        with pytest.raises(ComposeError, match="has no story"):
            editions.approve_edition(
                tx, AMINA, factories.reload_edition(tx, approved), mailer.renderer, mailer.clock()
            )


def test_editions_are_listed_newest_first(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx:
        second = factories.create_edition(tx, "spare")
        assert [one.id for one in tx.editions.list_recent_editions()] == [second.id, approved.id]
        assert tx.editions.list_recent_editions([APPROVED]) == [approved]
        with pytest.raises(NotFound, match="there is no edition 999"):
            editions.get_edition(tx, 999)


def find_path(target: EditionState) -> list[EditionState]:
    """The shortest way from approved to a state, by the transition table."""
    paths: list[list[EditionState]] = [[APPROVED]]
    while (path := paths.pop(0))[-1] is not target:
        paths += [[*path, state] for state in sorted(EDITION_TRANSITIONS[path[-1]])]
    return path[1:]


@pytest.mark.parametrize("source", sorted(EditionState))
def test_state_changes_in_sql_follow_the_transition_table(
    mailer: Mailer, approved: Edition, source: EditionState
) -> None:
    """SQL checks the state on disk, whatever state the edition was in when it was read."""
    with mailer.store.begin() as tx:
        for state in find_path(source):
            assert tx.editions.set_state(approved, state, NOW, STAFF).state is state
        for target in set(EditionState) - EDITION_TRANSITIONS[source] - {DRAFT}:
            with pytest.raises(ConcurrencyError, match="was changed by another process"):
                tx.editions.set_state(approved, target, NOW, STAFF)
        if DRAFT not in {source, *EDITION_TRANSITIONS[source]}:
            with pytest.raises(ConcurrencyError, match="was changed by another process"):
                tx.editions.set_state(approved, DRAFT, NOW, STAFF)
        assert factories.reload_edition(tx, approved).state is source


def test_change_of_state_checks_the_table_before_sql(mailer: Mailer, approved: Edition) -> None:
    with mailer.store.begin() as tx, pytest.raises(BadTransition):
        editions.change_state(tx, STAFF, approved, EditionState.SENT, NOW)
