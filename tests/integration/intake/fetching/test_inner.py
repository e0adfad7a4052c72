"""No redirect leads inside: each form, from a real site."""

import pytest

from mailer.errors import FetchError
from mailer.intake.fetching import FetchGuard, fetch_url
from tests.integration.intake.site import HOST, LoopbackSite, build_redirect
from tests.loopback import watch_connections
from tests.unit.intake.fetching.address_forms import list_hosts, list_look_up_answers


def test_no_redirect_leads_to_an_inner_address_in_any_form(
    site: LoopbackSite, capsys: pytest.CaptureFixture[str]
) -> None:
    forms = [host for host in list_hosts() if host.isprintable()]
    for number, host in enumerate(forms):
        site.answer_with(f"/{number}", build_redirect(f"//{host}/latest/meta-data/"))
    with watch_connections() as seen:
        for number in range(len(forms)):
            with pytest.raises(FetchError) as raised:
                fetch_url(site.build_url(f"/{number}"), guard=site.create_guard())
            assert raised.value.is_permanent, forms[number]
    assert set(seen.connects) == {(HOST, site.port)}
    assert len(seen.connects) == len(forms) == site.connections
    assert len(forms) >= 300
    with capsys.disabled():
        print(f"\n{len(forms)} redirects inside, {len(seen.connects) - site.connections} followed")


def test_no_redirect_leads_to_a_name_that_leads_inside(site: LoopbackSite) -> None:
    site.answer_with("/", build_redirect(f"http://inner.example.org:{site.port}/"))
    inside = list_look_up_answers()
    for answer in inside:
        own = site.create_guard()

        def look_up(name: str, port: int, answer: str = answer) -> list[str]:
            return [answer] if name.startswith("inner") else [HOST]

        with watch_connections() as seen, pytest.raises(FetchError, match="not public"):
            fetch_url(site.build_url(), guard=FetchGuard(own.is_allowed, look_up, own.ports))
        assert seen.connects == [(HOST, site.port)]


def test_a_name_that_changes_its_answer_between_two_hops_gets_us_no_further(
    site: LoopbackSite,
) -> None:
    site.answer_with("/", build_redirect("/again"))
    told = iter([[HOST], ["127.0.0.1"]])
    own = site.create_guard()
    with watch_connections() as seen, pytest.raises(FetchError, match="not public"):
        fetch_url(
            site.build_url(),
            guard=FetchGuard(own.is_allowed, lambda name, port: next(told), own.ports),
        )
    assert seen.connects == [(HOST, site.port)]


@pytest.mark.parametrize("to", ["https://example.org:25/", "http://example.org:22/"])
def test_no_redirect_leads_to_another_kind_of_server(site: LoopbackSite, to: str) -> None:
    site.answer_with("/", build_redirect(to))
    with watch_connections() as seen, pytest.raises(FetchError, match="none that web sites are on"):
        fetch_url(site.build_url(), guard=site.create_guard())
    assert seen.connects == [(HOST, site.port)]
