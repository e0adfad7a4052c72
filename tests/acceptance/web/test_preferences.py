"""The page of what somebody gets, from the link at the foot of their mails."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from mailer.model.lists import Frequency
from mailer.model.subscribers import MembershipState
from tests.acceptance.web.browser import BrowserReader


@pytest.fixture
def member(reader: BrowserReader) -> BrowserReader:
    """Somebody on the list of news who has opened the page of their mail's link."""
    office = reader.office
    office.subscribe_person(reader.address, language=reader.variant.language)
    reader.send_sign_up(email=reader.address)
    office.run_worker()
    reader.open_path(office.find_link(reader.address, "p"))
    return reader


def test_topics_lists_language_time_zone_and_frequency_are_chosen(member: BrowserReader) -> None:
    office, page = member.office, member.page
    assert not page.is_checked("#list-press")
    assert page.is_checked("#topic-news-diaspora"), "no topic chosen is all of them"
    page.uncheck("#topic-news-diaspora")
    page.check("#frequency-news-monthly")
    page.check("#list-press")
    for slug in ("diaspora", "integration", "migrants-day", "resettlement", "trafficking"):
        page.uncheck(f"#topic-press-{slug}")
    page.select_option("#time_zone", "Asia/Amman")
    member.activate_button(page.url.removeprefix(office.url))
    member.check_page("preferences-saved")
    assert member.status_message.count() == 1
    news, press = (office.find_membership(member.address, on) for on in ("news", "press"))
    assert news is not None
    assert press is not None
    assert "diaspora" not in news.topics
    assert len(news.topics) == 5
    assert news.frequency is Frequency.MONTHLY
    assert (press.state, press.topics) == (MembershipState.ACTIVE, ("labour-migration",))
    assert office.get_person(member.address).time_zone == "Asia/Amman"
    page.reload()
    assert page.input_value("#time_zone") == "Asia/Amman"


def test_another_language_is_that_of_mails_and_of_the_page(member: BrowserReader) -> None:
    page = member.page
    page.select_option("#language", "es")
    member.activate_button(page.url.removeprefix(member.office.url))
    assert member.office.get_person(member.address).language == "es"
    assert page.locator("html").get_attribute("lang") == "es"


def test_a_list_without_any_topic_is_a_mistake_and_nothing_is_lost(member: BrowserReader) -> None:
    office, page = member.office, member.page
    for box in page.locator("[id^=topic-news-]").all():
        box.uncheck()
    page.check("#frequency-news-weekly")
    page.select_option("#time_zone", "Africa/Nairobi")
    member.activate_button(page.url.removeprefix(office.url))
    member.check_page("preferences-wrong")
    assert page.is_checked("#frequency-news-weekly")
    assert page.input_value("#time_zone") == "Africa/Nairobi"
    assert office.get_person(member.address).time_zone == "", "nothing of it is saved"
    page.check("#topic-news-integration")
    member.activate_button(page.url.removeprefix(office.url))
    known = office.find_membership(member.address)
    assert known is not None
    assert (known.topics, known.frequency) == (("integration",), Frequency.WEEKLY)
    assert office.get_person(member.address).time_zone == "Africa/Nairobi"


def test_a_pause_begins_and_is_ended(member: BrowserReader) -> None:
    office, page = member.office, member.page
    centre = page.url
    member.follow_link("/pause")
    member.check_page("pause")
    page.select_option("#weeks", "8")
    member.activate_button("/pause")
    member.check_page("paused")
    known = office.find_membership(member.address)
    assert known is not None
    assert known.paused_until is not None
    assert timedelta(weeks=7) < known.paused_until - office.mailer.clock() < timedelta(weeks=9)
    member.open_path(centre)
    member.check_page("preferences-paused")
    page.locator(".notice a").click()
    member.activate_button("/pause")
    member.check_page("resumed")
    known = office.find_membership(member.address)
    assert known is not None
    assert known.paused_until is None


def test_another_address_is_proved_by_a_mail_to_it(member: BrowserReader) -> None:
    office, page = member.office, member.page
    new = f"new.{member.address}"
    member.follow_link("/address")
    member.check_page("address")
    page.fill("#email", "new address@example.org")
    member.activate_button("/address")
    member.check_page("address-wrong")
    assert page.input_value("#email") == "new address@example.org"
    page.fill("#email", new)
    member.activate_button("/address")
    member.check_page("address-asked")
    office.run_worker()
    assert office.is_known(member.address)
    member.open_path(office.find_link(new, "c"))
    member.check_page("confirm-address")
    assert office.is_known(member.address), "opening the link does nothing"
    member.activate_button()
    member.check_page("address-changed")
    assert office.is_known(new)
    assert not office.is_known(member.address)
    member.address = new


def test_a_copy_of_all_that_is_stored_is_a_file(member: BrowserReader, tmp_path: Path) -> None:
    office, page = member.office, member.page
    with page.expect_download() as download:
        member.follow_link("/about-me.json")
    assert download.value.suggested_filename == "about-me.json"
    download.value.save_as(tmp_path / "about-me.json")
    held = json.loads((tmp_path / "about-me.json").read_text("utf-8"))
    assert held["address"] == member.address
    assert held["language"] == member.variant.language
    assert [one["list"] for one in held["lists"]] == ["news"]
    assert [one["address"] for one in held["waiting"]] == [member.address]
    assert {one["act"] for one in held["consent"]} == {
        entry.act for entry in office.list_consent_entries(member.address)
    }
    assert len(held["mails"]) == len(office.list_mails(member.address))


def test_all_mails_are_stopped(member: BrowserReader) -> None:
    office = member.office
    member.follow_link("/leave")
    member.check_page("leave-all")
    member.activate_button("/leave")
    member.check_page("left-all")
    known = office.find_membership(member.address)
    assert known is not None
    assert known.state is MembershipState.UNSUBSCRIBED
    member.open_path(f"{office.find_link(member.address, 'p')}/pause")
    member.check_page("pause-of-nothing")


def test_an_erasure_is_asked_for_twice_and_leaves_nobody(member: BrowserReader) -> None:
    office, page = member.office, member.page
    centre = page.url
    member.follow_link("/erase")
    member.check_page("erase")
    member.activate_button("/erase")
    member.check_page("erase-unsure")
    assert office.is_known(member.address)
    page.check("#sure")
    member.activate_button("/erase")
    member.check_page("erased")
    assert not office.is_known(member.address)
    member.open_path(centre)
    member.check_page("bad-link")
