"""Texts are written ahead of an edition, and stay with their occurrence until it is assembled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from mailer import digests, editions
from mailer.actor import create_local_actor
from mailer.digests import occurrence_texts, occurrences, schedules
from mailer.digests.calendar import CalendarStep, OccurrenceAction
from mailer.errors import InputError, Refused
from mailer.model.digests import ApprovalRule
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.schedules import OccurrenceState, OccurrenceText
from mailer.render.localisation import choose_subject
from mailer.store import SqlTransaction, Store
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.store.occurrences.factories import (
    LONDON,
    RULE_TIME,
    build_calendar,
    find_planned,
    parse_wall_time,
)

WEEK = timedelta(days=7)


class AnyText:
    """Takes every text, since these tests are about the calendar."""

    def check_staff_text(self, text: str, field: str) -> None:
        del text, field


def write_text(
    tx: SqlTransaction, language: str = "en", when: str = "2026-11-24", **changes: str
) -> OccurrenceText:
    changes = changes or {"subject": "A day for migrants"}
    return digests.write_occurrence_text(
        tx, STAFF, find_planned(tx, when), language, changes, AnyText(), NOW
    )


def assemble_occurrence(tx: SqlTransaction, when: str = "2026-11-24") -> Edition:
    """Make the edition of an occurrence, as the worker does at the cut-off."""
    step = CalendarStep(find_planned(tx, when), OccurrenceAction.ASSEMBLE)
    digest = digests.get_digest(tx, "weekly")
    occurrence_id = digests.claim_step(tx, STAFF, digest, step, NOW)
    assert occurrence_id
    return digests.assemble_occurrence(tx, STAFF, digest, step, occurrence_id, {}, NOW).edition


def test_edition_gets_texts_written_ahead_in_each_language(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        write_text(tx, subject="A day for migrants", opening="Good *morning*.")
        write_text(tx, "fr", subject="Une journée", preheader="Trois récits")
        write_text(tx, "FR", preheader="Quatre récits")
        edition = assemble_occurrence(tx)
        assert edition.subject == "A day for migrants", "its own language"
        assert edition.subjects == {"fr": "Une journée"}
        assert edition.preheaders == {"fr": "Quatre récits"}
        assert edition.opening == {"en": "Good *morning*."}
        later = assemble_occurrence(tx, "2026-12-01")
        assert (later.subject, later.opening) == ("", {}), "another occurrence"


def test_subject_written_ahead_wins_over_the_subjects_of_the_digest(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        digests.edit_digest(tx, STAFF, "weekly", {"subjects": {"en": "Weekly", "fr": "Hebdo"}}, NOW)
        write_text(tx, subject="A day for migrants")
        edition = assemble_occurrence(tx)
    subjects = [choose_subject(edition, language) for language in ("en", "fr", "ru")]
    assert subjects == ["A day for migrants", "Hebdo", "A day for migrants"]


def test_text_is_changed_field_by_field_and_removed_by_empty_ones(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        write_text(tx, subject="A day", preheader="Three stories")
        assert write_text(tx, preheader="").fields == ("subject",)
        assert write_text(tx, subject=" ").fields == ()
        assert occurrence_texts.find_texts(tx, find_planned(tx)) == []


def test_text_stays_with_an_occurrence_that_is_moved(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        write_text(tx)
        moved_to = parse_wall_time("2026-12-02 16:00")
        occurrences.move_occurrence(tx, STAFF, find_planned(tx), moved_to, NOW)
        assert occurrence_texts.find_unplaced_texts(tx, build_calendar(tx), NOW) == []
        edition = assemble_occurrence(tx)
    assert edition.subject == "A day for migrants"
    assert edition.appointment
    assert edition.appointment.wall == moved_to


def test_writing_ahead_decides_nothing_about_the_occurrence(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        before = find_planned(tx)
        write_text(tx)
        assert find_planned(tx) == before
        assert tx.schedules.list_occurrences("weekly") == []


def test_skipping_keeps_the_text_for_a_restored_occurrence(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        write_text(tx)
        occurrences.skip_occurrence(tx, STAFF, find_planned(tx), NOW)
        with pytest.raises(Refused, match=r"is skipped: by .*restore or move it first"):
            write_text(tx, subject="Another")
        occurrences.restore_occurrence(tx, STAFF, find_planned(tx), NOW)
        assert assemble_occurrence(tx).subject == "A day for migrants"


def test_skipped_step_says_that_its_text_is_not_used(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        skipped = CalendarStep(find_planned(tx), OccurrenceAction.SKIP, "it was missed", True)
        assert digests.explain_unused_texts(tx, skipped) == skipped, "nothing was written"
        write_text(tx, "fr")
        step = digests.explain_unused_texts(tx, skipped)
    assert step.reason == "it was missed; the text written ahead for it (fr: subject) is not used"
    assert not step.is_quiet, "staff are told"


def test_edition_with_too_few_stories_says_that_its_text_is_not_used(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        write_text(tx)
        edition = assemble_occurrence(tx)
    assert edition.state is EditionState.SKIPPED
    assert edition.reason.endswith("the text written ahead for it (en: subject) is not used")


def test_text_after_the_edition_is_assembled_is_refused(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        planned = find_planned(tx)
        edition = assemble_occurrence(tx)
        with pytest.raises(Refused, match=f"has its edition already: edition {edition.id}"):
            write_text(tx)
        with pytest.raises(Refused, match="has its edition by now"):
            digests.write_occurrence_text(
                tx, STAFF, planned, "en", {"subject": "Late"}, AnyText(), NOW
            )
        assert tx.schedules.list_texts("weekly", NOW - WEEK) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "no text was given"),
        ({"subject": "a\x1bb"}, "subject: it holds control characters"),
        ({"preheader": "a\nb\x00"}, "preheader: it holds control characters"),
    ],
)
def test_invalid_text_is_refused(seeded_store: Store, changes: dict[str, str], words: str) -> None:
    with seeded_store.begin() as tx, pytest.raises(InputError, match=words):
        digests.write_occurrence_text(tx, STAFF, find_planned(tx), "en", changes, AnyText(), NOW)


def test_writers_count_as_authors_of_the_edition(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        digests.edit_digest(tx, STAFF, "weekly", {"approval": ApprovalRule.OTHER}, NOW)
        for actor, subject in ((AMINA, "A day"), (STAFF, "The day")):
            digests.write_occurrence_text(
                tx, actor, find_planned(tx), "en", {"subject": subject}, AnyText(), NOW
            )
        edition = assemble_occurrence(tx)
        for actor in (AMINA, STAFF):
            assert editions.needs_other_person(tx, actor, edition), actor
        assert not editions.needs_other_person(tx, create_local_actor("zoe"), edition)


def test_text_follows_its_day_to_the_new_time_of_a_schedule(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        write_text(tx)
        write_text(tx, when="2026-12-01", subject="Next week")
        schedule = next(
            one for one in tx.schedules.list_schedules() if one.settings.digest_slug == "weekly"
        )
        settings = schedules.change_settings(schedule.settings, NOW, at="17:30")
        schedules.edit_schedule(tx, STAFF, schedule.id, settings, {}, NOW)
        assert [text.subject for text in occurrence_texts.find_texts(tx, find_planned(tx))] == [
            "A day for migrants"
        ]
        assert occurrence_texts.find_unplaced_texts(tx, build_calendar(tx), NOW) == []
        settings = schedules.change_settings(settings, NOW, rule="weekly on Wed")
        schedules.edit_schedule(tx, STAFF, schedule.id, settings, {}, NOW)
        unplaced = occurrence_texts.find_unplaced_texts(tx, build_calendar(tx), NOW)
    assert [text.subject for text in unplaced] == ["A day for migrants", "Next week"], "told"


def test_text_written_while_the_edition_is_assembled_is_used_or_refused(
    seeded_store: Store,
) -> None:
    """The writer has read the calendar before the worker assembles the edition."""
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        planned = find_planned(tx)
    has_claimed = threading.Event()

    def assemble() -> Edition:
        with seeded_store.begin() as tx:
            edition = assemble_occurrence(tx)
            has_claimed.set()
            if tx_is_postgresql:
                writer_waits.wait(0.5)
            return edition

    def write() -> str:
        has_claimed.wait(10)
        with seeded_store.begin() as tx:
            try:
                digests.write_occurrence_text(
                    tx, STAFF, planned, "en", {"subject": "Late"}, AnyText(), NOW
                )
            except Refused as error:
                return error.message
            finally:
                writer_waits.set()
        return ""

    tx_is_postgresql = seeded_store.engine.dialect.name == "postgresql"
    writer_waits = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        assembled, written = pool.submit(assemble), pool.submit(write)
        edition, refusal = assembled.result(), written.result()
    assert edition.subject == ""
    assert refusal.endswith("has its edition by now"), "never saved and lost"


def test_texts_are_found_by_the_calendar_of_their_digest(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        write_text(tx)
        texts = occurrence_texts.list_texts(tx, build_calendar(tx), NOW)
        assert list(texts) == [(RULE_TIME, LONDON)]
        assert tx.schedules.list_texts("other", NOW - WEEK) == []
        assert find_planned(tx).saved is None
        assert OccurrenceState.MADE not in {
            saved.state for saved in tx.schedules.list_occurrences("weekly")
        }
