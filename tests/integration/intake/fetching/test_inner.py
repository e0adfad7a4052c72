"""No redirect leads inside: each form, from a real site."""

import pytest

from mailer.errors import FetchError
from mailer.intake.fetching import Guard, fetch
from tests.connects import watched
from tests.integration.intake.site import HOST, Site, redirect
from tests.unit.intake.fetching.forms import answers, hosts


def test_no_redirect_leads_to_an_inner_address_in_any_form(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    forms = [host for host in hosts() if host.isprintable()]
    for number, host in enumerate(forms):
        site.on(f"/{number}", redirect(f"//{host}/latest/meta-data/"))
    with watched() as seen:
        for number in range(len(forms)):
            with pytest.raises(FetchError) as raised:
                fetch(site.url(f"/{number}"), guard=site.guard())
            assert raised.value.lasting, forms[number]
    assert set(seen.connects) == {(HOST, site.port)}
    assert len(seen.connects) == len(forms) == site.connections
    assert len(forms) >= 300
    with capsys.disabled():
        print(f"\n{len(forms)} redirects inside, {len(seen.connects) - site.connections} followed")


def test_no_redirect_leads_to_a_name_that_leads_inside(site: Site) -> None:
    site.on("/", redirect(f"http://inner.example.org:{site.port}/"))
    inside = answers()
    for answer in inside:
        own = site.guard()

        def look_up(name: str, port: int, answer: str = answer) -> list[str]:
            return [answer] if name.startswith("inner") else [HOST]

        with watched() as seen, pytest.raises(FetchError, match="not public"):
            fetch(site.url(), guard=Guard(own.public, look_up, own.ports))
        assert seen.connects == [(HOST, site.port)]


def test_a_name_that_changes_its_answer_between_two_hops_gets_us_no_further(site: Site) -> None:
    site.on("/", redirect("/again"))
    told = iter([[HOST], ["127.0.0.1"]])
    own = site.guard()
    with watched() as seen, pytest.raises(FetchError, match="not public"):
        fetch(site.url(), guard=Guard(own.public, lambda name, port: next(told), own.ports))
    assert seen.connects == [(HOST, site.port)]


@pytest.mark.parametrize("to", ["https://example.org:25/", "http://example.org:22/"])
def test_no_redirect_leads_to_another_kind_of_server(site: Site, to: str) -> None:
    site.on("/", redirect(to))
    with watched() as seen, pytest.raises(FetchError, match="none that web sites are on"):
        fetch(site.url(), guard=site.guard())
    assert seen.connects == [(HOST, site.port)]
