"""After leaving, a reader may say why. Leaving never waits for it; an erasure removes the words."""

from datetime import timedelta

import pytest

from mailer.audience import erasure, leaving_reasons
from mailer.model.subscribers import ConsentAction, LeavingCount, LeavingReason, MembershipState
from tests.actors import STAFF
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice

QUESTIONS = {
    "en": "Would you tell us why?",
    "fr": "Voulez-vous nous dire pourquoi\u00a0?",
    "es": "¿Quiere decirnos por qué?",
    "ru": "Скажете, почему?",
    "ar": "هل تخبرنا عن السبب؟",
    "zh": "您愿意告诉我们原因吗？",
}
KNOWN = ADDRESSES["known"]
WORDS = "Three a day were two too many"


@pytest.fixture
def path(pages: AsgiClient, seeded_office: SeededOffice) -> str:
    """The unsubscribe link of a reader who has just left by one click."""
    subscriber = seeded_office.find_subscriber(KNOWN)
    assert subscriber is not None
    path = seeded_office.build_unsubscribe_path(subscriber)
    assert "/reason" not in pages.get_page(path).text, "a member is not asked"
    answer = pages.send_form(path, {"List-Unsubscribe": "One-Click"})
    assert (answer.status, answer.text) == (200, "unsubscribed\n")
    assert seeded_office.find_membership_state(KNOWN) is MembershipState.UNSUBSCRIBED
    return path


def count_reasons(seeded_office: SeededOffice) -> list[LeavingCount]:
    with seeded_office.store.read() as tx:
        return [*leaving_reasons.count_leaving_reasons(tx, NOW - timedelta(days=1))]


def list_details(seeded_office: SeededOffice) -> list[tuple[LeavingReason | None, str]]:
    with seeded_office.store.read() as tx:
        return [
            (entry.reason, entry.detail)
            for entry in tx.subscribers.list_consent_entries(KNOWN)
            if entry.act is ConsentAction.GAVE_REASON
        ]


@pytest.mark.parametrize("language", QUESTIONS)
def test_reader_who_left_is_asked_why_in_each_language(
    pages: AsgiClient, path: str, language: str
) -> None:
    text = pages.get_page(f"{path}?lang={language}").text
    assert QUESTIONS[language] in text
    assert text.count('type="radio"') == len(LeavingReason)
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in text


def test_reason_is_in_history_and_counted(
    pages: AsgiClient, seeded_office: SeededOffice, path: str
) -> None:
    answer = pages.send_form(f"{path}/reason", {"reason": "too_many", "comment": f" {WORDS}\n"})
    assert "Thank you" in answer.text
    assert "/reason" not in answer.text
    assert list_details(seeded_office) == [(LeavingReason.TOO_MANY, WORDS)]
    assert count_reasons(seeded_office) == [LeavingCount("news", LeavingReason.TOO_MANY, 1)]
    with seeded_office.store.read() as tx:
        press = seeded_office.press
        assert not leaving_reasons.count_leaving_reasons(tx, NOW - timedelta(days=1), press)
        assert not leaving_reasons.count_leaving_reasons(tx, NOW + timedelta(days=1))


def test_reason_counts_for_edition_whose_link_was_used(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    subscriber = seeded_office.find_subscriber(KNOWN)
    assert subscriber is not None
    path = seeded_office.build_unsubscribe_path(subscriber, edition_id=7)
    pages.send_form(path, {"person": "1"})
    pages.send_form(f"{path}/reason", {"reason": "too_many"})
    with seeded_office.store.read() as tx:
        counts = leaving_reasons.count_reasons_by_edition(tx, 7)
        assert not leaving_reasons.count_reasons_by_edition(tx, 8)
    assert [*counts] == [LeavingCount("news", LeavingReason.TOO_MANY, 1)]


def test_reason_is_taken_once_for_each_time_of_leaving(
    pages: AsgiClient, seeded_office: SeededOffice, path: str
) -> None:
    for _ in range(2):
        assert pages.send_form(f"{path}/reason", {"reason": "elsewhere"}).status == 200
    assert len(list_details(seeded_office)) == 1
    pages.send_form(f"{path}/undo")
    pages.send_form(f"{path}/reason", {"reason": "other"})
    assert len(list_details(seeded_office)) == 1, "a member has no reason to give"
    pages.send_form(path, {"person": "1"})
    pages.send_form(f"{path}/reason", {"reason": "other"})
    assert [reason for reason, _ in list_details(seeded_office)] == ["elsewhere", "other"]


def test_words_alone_are_another_reason_and_nothing_is_no_reason(
    pages: AsgiClient, seeded_office: SeededOffice, path: str
) -> None:
    assert "Thank you" not in pages.send_form(f"{path}/reason", {"comment": " "}).text
    assert not list_details(seeded_office)
    pages.send_form(f"{path}/reason", {"reason": "no such", "comment": WORDS})
    assert list_details(seeded_office) == [(LeavingReason.OTHER, WORDS)]


def test_long_words_are_refused_and_kept_in_the_form(
    pages: AsgiClient, seeded_office: SeededOffice, path: str
) -> None:
    words = "word " * 61
    answer = pages.send_form(f"{path}/reason", {"reason": "too_many", "comment": words})
    assert answer.status == 422
    assert words.strip() in answer.text
    assert "300" in answer.text
    assert not list_details(seeded_office)
    assert seeded_office.find_membership_state(KNOWN) is MembershipState.UNSUBSCRIBED


def test_erasure_removes_words_and_keeps_count(
    pages: AsgiClient, seeded_office: SeededOffice, path: str
) -> None:
    pages.send_form(f"{path}/reason", {"reason": "never_asked", "comment": WORDS})
    with seeded_office.store.begin() as tx:
        erasure.erase_person(tx, STAFF, KNOWN, NOW)
    assert list_details(seeded_office) == [(LeavingReason.NEVER_ASKED, "")]
    assert count_reasons(seeded_office) == [LeavingCount("news", LeavingReason.NEVER_ASKED, 1)]
    assert pages.send_form(f"{path}/reason", {"reason": "other"}).status == 404


def test_forged_link_gives_no_reason(pages: AsgiClient, path: str) -> None:
    assert pages.send_form(f"{path}x/reason", {"reason": "other"}).status == 404
