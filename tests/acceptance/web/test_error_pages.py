"""Links and addresses that are no good: one page says so, whatever is wrong."""

from datetime import timedelta

from tests.acceptance.web.browser import BrowserReader


def test_links_that_are_cut_forged_or_of_another_page_are_refused_alike(
    reader: BrowserReader,
) -> None:
    office = reader.office
    office.subscribe_person(reader.address, language=reader.variant.language)
    office.send_edition()
    leave = office.find_link(reader.address, "u")
    said = set()
    for link in (leave[:-4], leave[:-1] + ("a" if leave[-1] != "a" else "b"), "/c/x", "/p/x",
                 leave.replace("/u/", "/p/")):  # fmt: skip
        reader.open_path(link)
        said.add(reader.page.locator("main").inner_text())
    assert len(said) == 1
    reader.check_page("bad-link")
    reader.follow_link("/subscribe")


def test_a_link_that_nobody_has_used_for_a_week_has_expired(reader: BrowserReader) -> None:
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


def test_a_page_that_is_not_there_leads_to_the_start(reader: BrowserReader) -> None:
    reader.open_path("/nothing/here")
    reader.check_page("not-found")
    reader.follow_link("/")
    assert reader.page.url == f"{reader.office.url}/"
