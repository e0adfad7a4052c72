"""The pages of a closed list say politely that it has ended, and the links in its mails work."""

import pytest

from mailer import list_closing
from mailer.audience.signup.confirmations import compute_choices_fingerprint
from mailer.model.subscribers import MembershipState
from tests.actors import STAFF
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice

REASONS = {"en": "The project <ended>.", "fr": "Le projet est terminé.", "ar": "انتهى المشروع."}
TITLES = {
    "en": "“<bdi>News</bdi>” has ended",
    "fr": "«\u00a0<bdi>News</bdi>\u00a0» a pris fin",
    "es": "«<bdi>News</bdi>» ha llegado a su fin",
    "ru": "Рассылка «<bdi>News</bdi>» завершена",
    "ar": "انتهت قائمة «<bdi>News</bdi>»",
    "zh": "“<bdi>News</bdi>”已停止发送",
}


@pytest.fixture
def closed_office(seeded_office: SeededOffice) -> SeededOffice:
    with seeded_office.store.begin() as tx:
        list_closing.close_list(tx, STAFF, "news", REASONS, NOW, writer=None)
    return seeded_office


@pytest.mark.parametrize("language", TITLES)
def test_sign_up_page_of_closed_list_says_why_in_each_language(
    pages: AsgiClient, closed_office: SeededOffice, language: str
) -> None:
    answer = pages.get_page(f"/subscribe/news?lang={language}")
    assert answer.status == 410
    assert TITLES[language] in answer.text
    reason = REASONS.get(language, REASONS["en"]).replace("<", "&lt;").replace(">", "&gt;")
    assert reason in answer.text
    assert f'href="/subscribe/press?lang={language}"' in answer.text
    assert "/subscribe/staff" not in answer.text, "the other private list"
    assert f'href="/archive/news?lang={language}"' in answer.text
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in answer.text
    assert "<form" not in answer.text


def test_closed_list_is_not_offered(pages: AsgiClient, closed_office: SeededOffice) -> None:
    home_page = pages.get_page("/").text
    assert 'value="press"' in home_page
    assert 'value="news"' not in home_page
    assert pages.get_page("/embed/news").status == 410
    sitemap = pages.get_page("/sitemap.xml").text
    assert "/subscribe/news" not in sitemap
    assert "/archive/news" in sitemap


def test_form_sent_after_closing_signs_no_one_up(
    pages: AsgiClient, closed_office: SeededOffice
) -> None:
    fields = {"email": "late@readers.example.org", "list": ["news", "press"]}
    answer = pages.send_form("/subscribe", fields)
    assert answer.status == 410
    assert "has ended" in answer.text
    assert not closed_office.list_confirmations("late@readers.example.org")


def test_archive_of_closed_list_stays(pages: AsgiClient, closed_office: SeededOffice) -> None:
    answer = pages.get_page("/archive/news")
    assert answer.status == 200
    assert "has ended" in answer.text
    assert 'href="/subscribe/news' not in answer.text


def test_links_of_closed_list_still_unsubscribe_without_way_back(
    pages: AsgiClient, closed_office: SeededOffice
) -> None:
    subscriber = closed_office.find_subscriber(ADDRESSES["known"])
    assert subscriber is not None
    path = closed_office.build_unsubscribe_path(subscriber)
    assert "has ended" in pages.get_page(path).text
    left_page = pages.send_form(path, {"person": "1"}).text
    assert "You no longer get" in left_page
    assert "/undo" not in left_page
    assert closed_office.find_membership_state(ADDRESSES["known"]) is MembershipState.UNSUBSCRIBED
    assert pages.send_form(f"{path}/undo").status == 404
    assert closed_office.find_membership_state(ADDRESSES["known"]) is MembershipState.UNSUBSCRIBED


def test_preferences_show_closed_list_to_its_members_only(
    pages: AsgiClient, closed_office: SeededOffice
) -> None:
    member = closed_office.find_subscriber(ADDRESSES["known"])
    stranger = closed_office.add_person("other@readers.example.org", list_slug="press")
    assert member is not None
    member_page = pages.get_page(closed_office.build_preferences_path(member)).text
    assert 'id="list-news"' in member_page
    assert "has ended" in member_page
    path = closed_office.build_preferences_path(stranger)
    assert 'id="list-news"' not in pages.get_page(path).text
    saved = pages.send_form(
        path, {"list": ["news", "press"], "topic news": "health", "topic press": "health"}
    )
    assert saved.status == 200
    assert closed_office.find_membership_state("other@readers.example.org") is None


def test_confirming_closed_list_says_so(pages: AsgiClient, seeded_office: SeededOffice) -> None:
    only_id = seeded_office.add_sign_up("only@readers.example.org", "news")
    both_id = seeded_office.add_sign_up("both@readers.example.org", "news", "press")
    with seeded_office.store.begin() as tx:
        list_closing.close_list(tx, STAFF, "news", REASONS, NOW, writer=None)
        confirmation = tx.sign_ups.find_confirmation(both_id)
    assert confirmation is not None
    only_path = seeded_office.build_confirm_path(only_id)
    assert "You can no longer sign up" in pages.get_page(only_path).text
    assert pages.send_form(only_path).status == 410
    assert seeded_office.find_membership_state("only@readers.example.org") is None
    both_path = seeded_office.build_confirm_path(both_id)
    assert "has ended" in pages.get_page(both_path).text
    seen = compute_choices_fingerprint(confirmation)
    assert pages.send_form(both_path, {"seen": seen}).status == 200
    assert seeded_office.find_membership_state("both@readers.example.org") is None
    assert (
        seeded_office.find_membership_state("both@readers.example.org", "press")
        is MembershipState.ACTIVE
    )
