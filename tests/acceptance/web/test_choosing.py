"""The page of what somebody gets, from the link at the foot of their mails."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from mailer.audience.lists import Frequency
from mailer.audience.subscribers import MembershipState
from tests.acceptance.web.reader import Reader


@pytest.fixture
def member(reader: Reader) -> Reader:
    """Somebody on the list of news who has opened the page of their mail's link."""
    office = reader.office
    office.join(reader.address, language=reader.kind.language)
    reader.send(email=reader.address)
    office.post()
    reader.open(office.link(reader.address, "p"))
    return reader


def test_topics_lists_language_time_zone_and_frequency_are_chosen(member: Reader) -> None:
    office, page = member.office, member.page
    assert not page.is_checked("#list-press")
    assert page.is_checked("#topic-news-diaspora"), "no topic chosen is all of them"
    page.uncheck("#topic-news-diaspora")
    page.check("#frequency-news-monthly")
    page.check("#list-press")
    for slug in ("diaspora", "integration", "migrants-day", "resettlement", "trafficking"):
        page.uncheck(f"#topic-press-{slug}")
    page.select_option("#time_zone", "Asia/Amman")
    member.press(page.url.removeprefix(office.url))
    member.sees("preferences-saved")
    assert member.said.count() == 1
    news, press = (office.membership(member.address, on) for on in ("news", "press"))
    assert news is not None
    assert press is not None
    assert "diaspora" not in news.topics
    assert len(news.topics) == 5
    assert news.frequency is Frequency.MONTHLY
    assert (press.state, press.topics) == (MembershipState.ACTIVE, ("labour-migration",))
    assert office.person(member.address).time_zone == "Asia/Amman"
    page.reload()
    assert page.input_value("#time_zone") == "Asia/Amman"


def test_another_language_is_that_of_mails_and_of_the_page(member: Reader) -> None:
    page = member.page
    page.select_option("#language", "es")
    member.press(page.url.removeprefix(member.office.url))
    assert member.office.person(member.address).language == "es"
    assert page.locator("html").get_attribute("lang") == "es"


def test_a_list_without_any_topic_is_a_mistake_and_nothing_is_lost(member: Reader) -> None:
    office, page = member.office, member.page
    for box in page.locator("[id^=topic-news-]").all():
        box.uncheck()
    page.check("#frequency-news-weekly")
    page.select_option("#time_zone", "Africa/Nairobi")
    member.press(page.url.removeprefix(office.url))
    member.sees("preferences-wrong")
    assert page.is_checked("#frequency-news-weekly")
    assert page.input_value("#time_zone") == "Africa/Nairobi"
    assert office.person(member.address).time_zone == "", "nothing of it is saved"
    page.check("#topic-news-integration")
    member.press(page.url.removeprefix(office.url))
    known = office.membership(member.address)
    assert known is not None
    assert (known.topics, known.frequency) == (("integration",), Frequency.WEEKLY)
    assert office.person(member.address).time_zone == "Africa/Nairobi"


def test_a_pause_begins_and_is_ended(member: Reader) -> None:
    office, page = member.office, member.page
    centre = page.url
    member.follow("/pause")
    member.sees("pause")
    page.select_option("#weeks", "8")
    member.press("/pause")
    member.sees("paused")
    known = office.membership(member.address)
    assert known is not None
    assert known.paused_until is not None
    assert timedelta(weeks=7) < known.paused_until - office.mailer.clock() < timedelta(weeks=9)
    member.open(centre)
    member.sees("preferences-paused")
    page.locator(".notice a").click()
    member.press("/pause")
    member.sees("resumed")
    known = office.membership(member.address)
    assert known is not None
    assert known.paused_until is None


def test_another_address_is_proved_by_a_mail_to_it(member: Reader) -> None:
    office, page = member.office, member.page
    new = f"new.{member.address}"
    member.follow("/address")
    member.sees("address")
    page.fill("#email", "new address@example.org")
    member.press("/address")
    member.sees("address-wrong")
    assert page.input_value("#email") == "new address@example.org"
    page.fill("#email", new)
    member.press("/address")
    member.sees("address-asked")
    office.post()
    assert office.is_known(member.address)
    member.open(office.link(new, "c"))
    member.sees("confirm-address")
    assert office.is_known(member.address), "opening the link does nothing"
    member.press()
    member.sees("address-changed")
    assert office.is_known(new)
    assert not office.is_known(member.address)
    member.address = new


def test_a_copy_of_all_that_is_stored_is_a_file(member: Reader, tmp_path: Path) -> None:
    office, page = member.office, member.page
    with page.expect_download() as download:
        member.follow("/about-me.json")
    assert download.value.suggested_filename == "about-me.json"
    download.value.save_as(tmp_path / "about-me.json")
    held = json.loads((tmp_path / "about-me.json").read_text("utf-8"))
    assert held["address"] == member.address
    assert held["language"] == member.kind.language
    assert [one["list"] for one in held["lists"]] == ["news"]
    assert [one["address"] for one in held["waiting"]] == [member.address]
    assert {one["act"] for one in held["consent"]} == {
        entry.act for entry in office.history(member.address)
    }
    assert len(held["mails"]) == len(office.mails(member.address))


def test_all_mails_are_stopped(member: Reader) -> None:
    office = member.office
    member.follow("/leave")
    member.sees("leave-all")
    member.press("/leave")
    member.sees("left-all")
    known = office.membership(member.address)
    assert known is not None
    assert known.state is MembershipState.UNSUBSCRIBED
    member.open(f"{office.link(member.address, 'p')}/pause")
    member.sees("pause-of-nothing")


def test_an_erasure_is_asked_for_twice_and_leaves_nobody(member: Reader) -> None:
    office, page = member.office, member.page
    centre = page.url
    member.follow("/erase")
    member.sees("erase")
    member.press("/erase")
    member.sees("erase-unsure")
    assert office.is_known(member.address)
    page.check("#sure")
    member.press("/erase")
    member.sees("erased")
    assert not office.is_known(member.address)
    member.open(centre)
    member.sees("bad-link")
