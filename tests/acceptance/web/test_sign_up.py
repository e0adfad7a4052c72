"""Signing up: on a list's page, on the page of all lists, with mistakes, and twice."""

from mailer.model.lists import Frequency
from mailer.model.subscribers import MembershipState
from tests.acceptance.web.browser import BrowserReader


def test_sign_up_takes_effect_after_confirmation(reader: BrowserReader) -> None:
    office, page = reader.office, reader.page
    reader.open_path("/")
    reader.check_page("home")
    reader.open_path("/subscribe/news")
    reader.check_page("subscribe")
    page.fill("#email", reader.address)
    page.check("#topic-diaspora")
    page.check("#topic-integration")
    page.check("#frequency-weekly")
    page.select_option("#language", reader.variant.language)
    reader.activate_button("/subscribe")
    reader.check_page("subscribe-sent")
    assert page.locator("main .address").inner_text() == reader.address

    office.run_worker()
    (confirmation_mail,) = office.list_mails(reader.address)
    reader.open_path(office.find_link(reader.address, "c"))
    reader.check_page("confirm")
    assert not office.is_known(reader.address), "opening the link does nothing"
    reader.activate_button()
    reader.check_page("confirmed")
    membership = office.find_membership(reader.address)
    assert membership is not None
    assert membership.state is MembershipState.ACTIVE
    assert membership.topics == ("diaspora", "integration")
    assert membership.frequency is Frequency.WEEKLY

    office.run_worker()
    confirmation_mail, welcome = office.list_mails(reader.address)
    assert "List-Unsubscribe" in welcome
    assert "List-Unsubscribe" not in confirmation_mail, "there is no membership to end yet"
    reader.open_path(office.find_link(reader.address, "p"))
    assert page.is_checked("#topic-news-diaspora")
    assert not page.is_checked("#topic-news-resettlement")
    assert page.is_checked("#frequency-news-weekly")
    assert page.input_value("#language") == reader.variant.language


def test_sign_up_form_keeps_its_input_after_a_mistake(reader: BrowserReader) -> None:
    office, page = reader.office, reader.page
    reader.open_path("/subscribe/news")
    page.fill("#email", "nobody@nowhere@example")
    page.check("#topic-trafficking")
    page.check("#frequency-monthly")
    page.select_option("#language", reader.variant.language)
    reader.activate_button("/subscribe")
    reader.check_page("subscribe-wrong-address")
    assert page.title().startswith(
        reader.translate_text("There is a problem: %(title)s").partition("%")[0]
    )
    assert page.locator("#email").get_attribute("aria-invalid") == "true"
    assert page.input_value("#email") == "nobody@nowhere@example"
    assert page.is_checked("#topic-trafficking")
    assert page.is_checked("#frequency-monthly")
    reader.error_message.get_by_role("link").click()
    assert page.evaluate("document.activeElement.id") == "email", "the summary leads to the field"
    page.fill("#email", reader.address)
    reader.activate_button("/subscribe")
    office.run_worker()
    reader.open_path(office.find_link(reader.address, "c"))
    reader.activate_button()
    membership = office.find_membership(reader.address)
    assert membership is not None
    assert (membership.topics, membership.frequency) == (("trafficking",), Frequency.MONTHLY)


def test_confirmation_joins_only_the_ticked_lists(reader: BrowserReader) -> None:
    office, page = reader.office, reader.page
    reader.open_path("/subscribe")
    reader.check_page("subscribe-any")
    assert page.locator("#list-staff").count() == 0, "a private list offers no sign-up"
    page.fill("#email", reader.address)
    page.select_option("#language", reader.variant.language)
    reader.activate_button("/subscribe")
    reader.check_page("subscribe-no-list")
    assert page.input_value("#email") == reader.address
    page.check("#list-news")
    page.check("#list-press")
    reader.activate_button("/subscribe")
    office.run_worker()
    reader.open_path(office.find_link(reader.address, "c"))
    reader.check_page("confirm-several")
    page.uncheck("#list-news")
    page.uncheck("#list-press")
    reader.activate_button()
    reader.check_page("confirm-none")
    assert not office.is_known(reader.address)
    page.check("#list-press")
    reader.activate_button()
    assert office.find_membership(reader.address, "news") is None
    assert office.find_membership(reader.address, "press") is not None


def test_sign_up_of_a_subscriber_shows_the_same_page(
    reader: BrowserReader,
) -> None:
    office, page = reader.office, reader.page
    office.subscribe_person(reader.address, language=reader.variant.language)
    reader.open_path("/subscribe/news")
    page.fill("#email", reader.address)
    page.select_option("#language", reader.variant.language)
    reader.activate_button("/subscribe")
    reader.check_page("subscribe-sent")
    office.run_worker()
    reader.open_path(office.find_link(reader.address, "p"))
    reader.check_page("preferences")


def test_sign_up_beyond_the_network_limit_is_refused(reader: BrowserReader) -> None:
    for number in range(reader.office.mailer.settings.signup.per_client):
        reader.send_sign_up(email=f"{number}.{reader.address}")
    reader.open_path("/subscribe/press")
    reader.page.fill("#email", reader.address)
    reader.page.select_option("#language", reader.variant.language)
    reader.activate_button("/subscribe")
    reader.check_page("too-many")
