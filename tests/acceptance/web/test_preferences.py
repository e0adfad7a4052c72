"""The preferences pages, opened by the link in a mail's foot."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from mailer.model.lists import Frequency
from mailer.model.subscribers import MembershipState
from tests.acceptance.web.browser import BrowserReader


@pytest.fixture
def member(reader: BrowserReader) -> BrowserReader:
    """A member of the list news who has opened the preferences page."""
    office = reader.office
    office.subscribe_person(reader.address, language=reader.variant.language)
    reader.send_sign_up(email=reader.address)
    office.run_worker()
    reader.open_path(office.find_link(reader.address, "p"))
    return reader


def test_preferences_save_topics_lists_frequency_and_time_zone(member: BrowserReader) -> None:
    office, page = member.office, member.page
    assert not page.is_checked("#list-press")
    assert page.is_checked("#topic-news-diaspora"), "a membership without topics has all of them"
    page.uncheck("#topic-news-diaspora")
    page.check("#frequency-news-monthly")
    page.check("#list-press")
    for slug in ("diaspora", "integration", "migrants-day", "resettlement", "trafficking"):
        page.uncheck(f"#topic-press-{slug}")
    page.select_option("#time_zone", "Asia/Amman")
    member.activate_button(page.url.removeprefix(office.url))
    member.check_page("preferences-saved")
    assert member.status_message.count() == 1
    news, press = (
        office.find_membership(member.address, list_slug) for list_slug in ("news", "press")
    )
    assert news is not None
    assert press is not None
    assert "diaspora" not in news.topics
    assert len(news.topics) == 5
    assert news.frequency is Frequency.MONTHLY
    assert (press.state, press.topics) == (MembershipState.ACTIVE, ("labour-migration",))
    assert office.get_person(member.address).time_zone == "Asia/Amman"
    page.reload()
    assert page.input_value("#time_zone") == "Asia/Amman"


def test_preferences_language_applies_to_mails_and_pages(member: BrowserReader) -> None:
    page = member.page
    page.select_option("#language", "es")
    member.activate_button(page.url.removeprefix(member.office.url))
    assert member.office.get_person(member.address).language == "es"
    assert page.locator("html").get_attribute("lang") == "es"


def test_preferences_without_topics_are_refused_and_kept(member: BrowserReader) -> None:
    office, page = member.office, member.page
    for box in page.locator("[id^=topic-news-]").all():
        box.uncheck()
    page.check("#frequency-news-weekly")
    page.select_option("#time_zone", "Africa/Nairobi")
    member.activate_button(page.url.removeprefix(office.url))
    member.check_page("preferences-wrong")
    assert page.is_checked("#frequency-news-weekly")
    assert page.input_value("#time_zone") == "Africa/Nairobi"
    assert office.get_person(member.address).time_zone == "", "nothing is saved"
    page.check("#topic-news-integration")
    member.activate_button(page.url.removeprefix(office.url))
    membership = office.find_membership(member.address)
    assert membership is not None
    assert (membership.topics, membership.frequency) == (("integration",), Frequency.WEEKLY)
    assert office.get_person(member.address).time_zone == "Africa/Nairobi"


def test_pause_starts_and_can_be_ended(member: BrowserReader) -> None:
    office, page = member.office, member.page
    preferences_url = page.url
    member.follow_link("/pause")
    member.check_page("pause")
    page.select_option("#weeks", "8")
    member.activate_button("/pause")
    member.check_page("paused")
    membership = office.find_membership(member.address)
    assert membership is not None
    assert membership.paused_until is not None
    assert timedelta(weeks=7) < membership.paused_until - office.mailer.clock() < timedelta(weeks=9)
    member.open_path(preferences_url)
    member.check_page("preferences-paused")
    page.locator(".notice a").click()
    member.activate_button("/pause")
    member.check_page("resumed")
    membership = office.find_membership(member.address)
    assert membership is not None
    assert membership.paused_until is None


def test_address_change_is_confirmed_by_mail(member: BrowserReader) -> None:
    office, page = member.office, member.page
    new_address = f"new.{member.address}"
    member.follow_link("/address")
    member.check_page("address")
    page.fill("#email", "new address@example.org")
    member.activate_button("/address")
    member.check_page("address-wrong")
    assert page.input_value("#email") == "new address@example.org"
    page.fill("#email", new_address)
    member.activate_button("/address")
    member.check_page("address-asked")
    office.run_worker()
    assert office.is_known(member.address)
    member.open_path(office.find_link(new_address, "c"))
    member.check_page("confirm-address")
    assert office.is_known(member.address), "opening the link does nothing"
    member.activate_button()
    member.check_page("address-changed")
    assert office.is_known(new_address)
    assert not office.is_known(member.address)
    member.address = new_address


def test_personal_data_is_downloaded_as_a_file(member: BrowserReader, tmp_path: Path) -> None:
    office, page = member.office, member.page
    with page.expect_download() as download:
        member.follow_link("/about-me.json")
    assert download.value.suggested_filename == "about-me.json"
    download.value.save_as(tmp_path / "about-me.json")
    personal_data = json.loads((tmp_path / "about-me.json").read_text("utf-8"))
    assert personal_data["address"] == member.address
    assert personal_data["language"] == member.variant.language
    assert [one["list"] for one in personal_data["lists"]] == ["news"]
    assert [one["address"] for one in personal_data["waiting"]] == [member.address]
    assert {one["act"] for one in personal_data["consent"]} == {
        entry.act for entry in office.list_consent_entries(member.address)
    }
    assert len(personal_data["mails"]) == len(office.list_mails(member.address))


def test_stopping_all_mails_unsubscribes_from_every_list(member: BrowserReader) -> None:
    office = member.office
    member.follow_link("/leave")
    member.check_page("leave-all")
    member.activate_button("/leave")
    member.check_page("left-all")
    membership = office.find_membership(member.address)
    assert membership is not None
    assert membership.state is MembershipState.UNSUBSCRIBED
    member.open_path(f"{office.find_link(member.address, 'p')}/pause")
    member.check_page("pause-of-nothing")


def test_erasure_asks_twice_and_removes_the_subscriber(member: BrowserReader) -> None:
    office, page = member.office, member.page
    preferences_url = page.url
    member.follow_link("/erase")
    member.check_page("erase")
    member.activate_button("/erase")
    member.check_page("erase-unsure")
    assert office.is_known(member.address)
    page.check("#sure")
    member.activate_button("/erase")
    member.check_page("erased")
    assert not office.is_known(member.address)
    member.open_path(preferences_url)
    member.check_page("bad-link")
