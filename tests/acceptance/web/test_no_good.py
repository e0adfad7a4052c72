"""Links and addresses that are no good: one page says so, whatever is wrong."""

from datetime import timedelta

from tests.acceptance.web.reader import Reader


def test_links_that_are_cut_forged_or_of_another_page_are_refused_alike(reader: Reader) -> None:
    office = reader.office
    office.join(reader.address, language=reader.kind.language)
    office.send_edition()
    leave = office.link(reader.address, "u")
    said = set()
    for link in (leave[:-4], leave[:-1] + ("a" if leave[-1] != "a" else "b"), "/c/x", "/p/x",
                 leave.replace("/u/", "/p/")):  # fmt: skip
        reader.open(link)
        said.add(reader.page.locator("main").inner_text())
    assert len(said) == 1
    reader.sees("bad-link")
    reader.follow("/subscribe")


def test_a_link_that_nobody_has_used_for_a_week_has_expired(reader: Reader) -> None:
    office = reader.office
    reader.send(email=reader.address)
    office.post()
    link = office.link(reader.address, "c")
    reader.open(link)
    office.later = timedelta(days=office.mailer.settings.retention.unconfirmed_days)
    try:
        reader.press()
        reader.sees("bad-link")
        reader.open(link)
        reader.sees("bad-link")
    finally:
        office.later = timedelta()
    assert not office.is_known(reader.address)


def test_a_page_that_is_not_there_leads_to_the_start(reader: Reader) -> None:
    reader.open("/nothing/here")
    reader.sees("not-found")
    reader.follow("/")
    assert reader.page.url == f"{reader.office.url}/"
