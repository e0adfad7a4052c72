"""Editions: what may change, and that every change voids an approval."""

from collections.abc import Callable
from datetime import timedelta

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
from mailer.model.edition_states import (
    EDITION_TRANSITIONS,
    EditionState,
    InDoubtPolicy,
    SendTimeBasis,
)
from mailer.model.editions import Edition
from mailer.store import SqlTransaction
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.factories import NOW

DRAFT, APPROVED = EditionState.DRAFT, EditionState.APPROVED


@pytest.fixture
def approved_edition(mailer: Mailer) -> Edition:
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
        edition = factories.create_edition(tx, "boats", "roads")
        return editions.approve_edition(
            tx, AMINA, edition, mailer.renderer, mailer.clock(), comment="as agreed"
        )


def _revise_article(tx: SqlTransaction, _: Edition) -> None:
    factories.add_story(tx, "boats", "health", body="Something else.")


def _edit_topics(tx: SqlTransaction, _: Edition) -> None:
    articles.edit_article(tx, STAFF, "boats", "en", {"topics": ("climate",)}, NOW)


def _withdraw_story(tx: SqlTransaction, _: Edition) -> None:
    articles.withdraw_articles(tx, STAFF, "roads", None, NOW)


def _add_translation(tx: SqlTransaction, _: Edition) -> None:
    factories.add_story(tx, "boats", "health", language="fr")


def _rearrange_stories(tx: SqlTransaction, edition: Edition) -> None:
    editions.arrange_stories(tx, STAFF, edition, ["roads", "boats"], NOW)


def _edit_subject(tx: SqlTransaction, edition: Edition) -> None:
    editions.edit_edition(tx, AMINA, edition, {"subject": "Another"}, NOW)


def _edit_segment(tx: SqlTransaction, edition: Edition) -> None:
    editions.edit_edition(tx, STAFF, edition, {"segment": "gb"}, NOW)


def _edit_opening(tx: SqlTransaction, edition: Edition) -> None:
    editions.edit_edition(tx, STAFF, edition, {"opening": {"en": "Dear all"}}, NOW)


@pytest.mark.parametrize(
    "change",
    [
        _revise_article,
        _edit_topics,
        _withdraw_story,
        _add_translation,
        _rearrange_stories,
        _edit_subject,
        _edit_segment,
        _edit_opening,
    ],
)
def test_content_change_voids_approval(
    mailer: Mailer, approved_edition: Edition, change: Callable[[SqlTransaction, Edition], None]
) -> None:
    with mailer.store.begin() as tx:
        change(tx, approved_edition)
        now = factories.reload_edition(tx, approved_edition)
        assert (now.state, now.approval, now.content_hash) == (DRAFT, None, "")
        assert tx.editions.list_bodies(now) == []
        with pytest.raises(Refused, match="is a draft, not approved"):
            editions.start_edition(tx, STAFF, now, mailer.renderer, mailer.clock())
        again, _ = editions.compose_edition(tx, STAFF, now, mailer.renderer)
        assert again.content_hash != approved_edition.content_hash
        last = tx.editions.list_events(now)[-1]
        assert last.event_type == "draft"
        assert last.detail


def test_unchanged_content_keeps_approval(mailer: Mailer, approved_edition: Edition) -> None:
    with mailer.store.begin() as tx:
        factories.add_story(tx, "boats", "health")
        factories.add_story(tx, "spare", body="Something else.")
        assert factories.reload_edition(tx, approved_edition) == approved_edition


def test_changed_segment_voids_approval_at_start(mailer: Mailer, approved_edition: Edition) -> None:
    with mailer.store.begin() as tx:
        edition = editions.edit_edition(tx, STAFF, approved_edition, {"segment": "gb"}, NOW)
        edition = editions.approve_edition(tx, AMINA, edition, mailer.renderer, mailer.clock())
        segments.save_segment(tx, STAFF, "gb", "Britain", "country = FR", NOW)
        with pytest.raises(ApprovalVoid, match="was approved as"):
            editions.start_edition(tx, STAFF, edition, mailer.renderer, mailer.clock())


def test_edition_scheduled_for_later_starts_only_ahead_of_time_on_request(
    mailer: Mailer, approved_edition: Edition
) -> None:
    with mailer.store.begin() as tx:
        now = mailer.clock()
        wall = (now + timedelta(days=2)).replace(tzinfo=None)
        appointment = editions.make_appointment(tx, wall, "UTC", SendTimeBasis.OFFICE, now)
        edition = editions.set_send_time(tx, STAFF, approved_edition, appointment, now)
        with pytest.raises(Refused, match=f"scheduled for {wall:%a %d %b %Y %H:%M} UTC") as caught:
            editions.start_edition(tx, STAFF, edition, mailer.renderer, now)
        assert [step.action for step in caught.value.next_steps] == [
            "send_edition_now",
            "clear_send_time",
        ]
        assert factories.reload_edition(tx, edition).state is EditionState.SCHEDULED
        started, _ = editions.start_edition(tx, STAFF, edition, mailer.renderer, appointment.moment)
        assert started.state is EditionState.SENDING


def test_edition_scheduled_for_later_is_sent_now_on_request(
    mailer: Mailer, approved_edition: Edition
) -> None:
    with mailer.store.begin() as tx:
        now = mailer.clock()
        wall = (now + timedelta(days=2)).replace(tzinfo=None)
        appointment = editions.make_appointment(tx, wall, "UTC", SendTimeBasis.OFFICE, now)
        edition = editions.set_send_time(tx, STAFF, approved_edition, appointment, now)
        started, plan = editions.start_edition(
            tx, STAFF, edition, mailer.renderer, now, ahead_of_time=True
        )
        assert started.state is EditionState.SENDING
        assert plan is not None


def test_edition_composed_twice_has_same_bytes(mailer: Mailer, approved_edition: Edition) -> None:
    with mailer.store.begin() as tx:
        before = tx.editions.list_bodies(approved_edition)
        edition = tx.editions.set_state(approved_edition, DRAFT, NOW, STAFF)
        again, composition = editions.compose_edition(tx, STAFF, edition, mailer.renderer)
        assert composition is not None
        assert tx.editions.list_bodies(again) == before
        assert again.content_hash == approved_edition.content_hash
        assert tx.editions.fetch_story_bits(again) == {"boats": 0, "roads": 1}
        unchanged, composition = editions.compose_edition(tx, STAFF, again, mailer.renderer)
        assert unchanged == again


def test_approval_records_approver_comment_and_hash(
    mailer: Mailer, approved_edition: Edition
) -> None:
    assert approved_edition.approval is not None
    assert (approved_edition.approval.approver, approved_edition.approval.comment) == (
        "Amina",
        "as agreed",
    )
    assert approved_edition.approval.content_hash == approved_edition.content_hash
    with mailer.store.read() as tx:
        assert [one.event_type for one in tx.editions.list_events(approved_edition)] == [
            "draft",
            "edited",
            "approved",
        ]


def test_approval_needs_hash_that_approver_saw(mailer: Mailer, approved_edition: Edition) -> None:
    seen = approved_edition.content_hash[:12]
    with mailer.store.begin() as tx:
        edition = tx.editions.set_state(approved_edition, DRAFT, NOW, STAFF)
        assert (
            editions.approve_edition(
                tx, AMINA, edition, mailer.renderer, mailer.clock(), seen_hash=seen.upper()
            ).state
            is APPROVED
        )
        factories.add_story(tx, "boats", "health", body="Something else.")
        with pytest.raises(ApprovalVoid, match=f"not {seen}"):
            editions.approve_edition(
                tx,
                AMINA,
                factories.reload_edition(tx, approved_edition),
                mailer.renderer,
                mailer.clock(),
                seen_hash=seen,
            )


def test_edition_starts_only_once(mailer: Mailer, approved_edition: Edition) -> None:
    with mailer.store.begin() as tx:
        started, plan = editions.start_edition(
            tx, STAFF, approved_edition, mailer.renderer, mailer.clock()
        )
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


def test_running_edition_keeps_approved_content(mailer: Mailer, approved_edition: Edition) -> None:
    with mailer.store.begin() as tx:
        started, _ = editions.start_edition(
            tx, STAFF, approved_edition, mailer.renderer, mailer.clock()
        )
        bodies = tx.editions.list_bodies(started)
        factories.add_story(tx, "boats", "climate", body="Something else.")
        articles.withdraw_articles(tx, STAFF, "roads", None, NOW)
        assert factories.reload_edition(tx, started) == started
        assert tx.editions.list_bodies(started) == bodies


def test_edition_fields_can_be_edited(mailer: Mailer, approved_edition: Edition) -> None:
    changes = {
        "name": " The  week ",
        "subject": "Hello",
        "opening": {"EN": "Dear all", "fr": ""},
        "segment": "gb",
        "in_doubt": InDoubtPolicy.KEEP_IN_DOUBT,
    }
    with mailer.store.begin() as tx:
        edition = editions.edit_edition(tx, STAFF, approved_edition, changes, NOW)
        assert (edition.name, edition.subject, edition.opening) == (
            "The week",
            "Hello",
            {"en": "Dear all"},
        )
        assert (edition.segment, edition.in_doubt) == ("gb", InDoubtPolicy.KEEP_IN_DOUBT)
        cleared = editions.edit_edition(
            tx, STAFF, edition, {"segment": "", "opening": {"en": ""}}, NOW
        )
        assert (cleared.segment, cleared.opening) == ("", {})


def test_edition_stories_are_rearranged(mailer: Mailer, approved_edition: Edition) -> None:
    with mailer.store.begin() as tx:
        edition = editions.arrange_stories(tx, STAFF, approved_edition, ["spare", "roads"], NOW)
        assert edition.stories == ("spare", "roads")
        assert editions.move_stories_first(edition, ["roads"]) == ("roads", "spare")
        for slugs, error_text in (
            (["none"], "no queued story"),
            (["roads"] * 2, "twice"),
            ([], "needs"),
        ):
            with pytest.raises(InputError, match=error_text):
                editions.arrange_stories(tx, STAFF, edition, slugs, NOW)


def test_edition_with_all_stories_withdrawn_cannot_be_composed(
    mailer: Mailer, approved_edition: Edition
) -> None:
    with mailer.store.begin() as tx:
        for slug in ("boats", "roads"):
            articles.withdraw_articles(tx, STAFF, slug, None, NOW)
        with pytest.raises(ComposeError, match="has no story"):
            editions.approve_edition(
                tx,
                AMINA,
                factories.reload_edition(tx, approved_edition),
                mailer.renderer,
                mailer.clock(),
            )


def test_editions_are_listed_newest_first(mailer: Mailer, approved_edition: Edition) -> None:
    with mailer.store.begin() as tx:
        second = factories.create_edition(tx, "spare")
        assert [one.id for one in tx.editions.list_recent_editions()] == [
            second.id,
            approved_edition.id,
        ]
        assert tx.editions.list_recent_editions([APPROVED]) == [approved_edition]
        with pytest.raises(NotFound, match="there is no edition 999"):
            editions.get_edition(tx, 999)


def find_path(target: EditionState) -> list[EditionState]:
    """The shortest way from approved to a state, by the transition table."""
    paths: list[list[EditionState]] = [[APPROVED]]
    while (path := paths.pop(0))[-1] is not target:
        paths += [[*path, state] for state in sorted(EDITION_TRANSITIONS[path[-1]])]
    return path[1:]


@pytest.mark.parametrize("source", sorted(EditionState))
def test_edition_state_change_in_sql_follows_transition_table(
    mailer: Mailer, approved_edition: Edition, source: EditionState
) -> None:
    """SQL checks the state on disk, whatever state the edition was in when it was read."""
    with mailer.store.begin() as tx:
        for state in find_path(source):
            assert tx.editions.set_state(approved_edition, state, NOW, STAFF).state is state
        for target in set(EditionState) - EDITION_TRANSITIONS[source] - {DRAFT}:
            with pytest.raises(ConcurrencyError, match="was changed by another process"):
                tx.editions.set_state(approved_edition, target, NOW, STAFF)
        if DRAFT not in {source, *EDITION_TRANSITIONS[source]}:
            with pytest.raises(ConcurrencyError, match="was changed by another process"):
                tx.editions.set_state(approved_edition, DRAFT, NOW, STAFF)
        assert factories.reload_edition(tx, approved_edition).state is source


def test_edition_state_change_checks_transition_table_before_sql(
    mailer: Mailer, approved_edition: Edition
) -> None:
    with mailer.store.begin() as tx, pytest.raises(BadTransition):
        editions.change_state(tx, STAFF, approved_edition, EditionState.SENT, NOW)
