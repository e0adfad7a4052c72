"""Invalid links and addresses: the same page answers all of them."""

from datetime import timedelta

from tests.acceptance.web.browser import BrowserReader


def test_cut_forged_and_misused_links_get_the_same_page(
    reader: BrowserReader,
) -> None:
    office = reader.office
    office.subscribe_person(reader.address, language=reader.variant.language)
    office.send_edition()
    unsubscribe_url = office.find_link(reader.address, "u")
    page_texts = set()
    cut_url, last_letter = unsubscribe_url[:-1], unsubscribe_url[-1]
    forged_url = cut_url + ("a" if last_letter != "a" else "b")
    misused_url = unsubscribe_url.replace("/u/", "/p/")
    for link in (unsubscribe_url[:-4], forged_url, "/c/x", "/p/x", misused_url):
        reader.open_path(link)
        page_texts.add(reader.page.locator("main").inner_text())
    assert len(page_texts) == 1
    reader.check_page("bad-link")
    reader.follow_link("/subscribe")


def test_confirmation_link_expires_after_a_week(reader: BrowserReader) -> None:
    office = reader.office
    reader.send_sign_up(email=reader.address)
    office.run_worker()
    link = office.find_link(reader.address, "c")
    reader.open_path(link)
    office.clock_offset = timedelta(days=office.mailer.settings.retention.unconfirmed_days)
    try:
        reader.activate_button()
        reader.check_page("bad-link")
        reader.open_path(link)
        reader.check_page("bad-link")
    finally:
        office.clock_offset = timedelta()
    assert not office.is_known(reader.address)


def test_missing_page_links_to_the_home_page(reader: BrowserReader) -> None:
    reader.open_path("/nothing/here")
    reader.check_page("not-found")
    reader.follow_link("/")
    assert reader.page.url == f"{reader.office.url}/"
