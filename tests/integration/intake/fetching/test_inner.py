"""No redirect of a real site leads to an inner address, in any form."""

import pytest

from mailer.errors import FetchError
from mailer.intake.fetching import FetchGuard, fetch_url
from tests.integration.intake.site import HOST, LoopbackSite, build_redirect
from tests.loopback import watch_connections
from tests.unit.intake.fetching.address_forms import list_hosts, list_look_up_answers


def test_redirect_to_inner_address_in_any_form_is_refused(
    site: LoopbackSite, capsys: pytest.CaptureFixture[str]
) -> None:
    forms = [host for host in list_hosts() if host.isprintable()]
    for number, host in enumerate(forms):
        site.answer_with(f"/{number}", build_redirect(f"//{host}/latest/meta-data/"))
    with watch_connections() as attempts:
        for number in range(len(forms)):
            with pytest.raises(FetchError) as caught:
                fetch_url(site.build_url(f"/{number}"), guard=site.create_guard())
            assert caught.value.is_permanent, forms[number]
    assert set(attempts.connects) == {(HOST, site.port)}
    assert len(attempts.connects) == len(forms) == site.connections
    assert len(forms) >= 300
    with capsys.disabled():
        print(
            f"\n{len(forms)} redirects inside, {len(attempts.connects) - site.connections} followed"
        )


def test_redirect_to_name_with_inner_address_is_refused(site: LoopbackSite) -> None:
    site.answer_with("/", build_redirect(f"http://inner.example.org:{site.port}/"))
    inner_answers = list_look_up_answers()
    for answer in inner_answers:
        site_guard = site.create_guard()

        def look_up(name: str, port: int, answer: str = answer) -> list[str]:
            return [answer] if name.startswith("inner") else [HOST]

        with watch_connections() as attempts, pytest.raises(FetchError, match="not public"):
            fetch_url(
                site.build_url(), guard=FetchGuard(site_guard.is_allowed, look_up, site_guard.ports)
            )
        assert attempts.connects == [(HOST, site.port)]


def test_dns_rebinding_between_redirects_is_refused(
    site: LoopbackSite,
) -> None:
    site.answer_with("/", build_redirect("/again"))
    answers = iter([[HOST], ["127.0.0.1"]])
    site_guard = site.create_guard()
    with watch_connections() as attempts, pytest.raises(FetchError, match="not public"):
        fetch_url(
            site.build_url(),
            guard=FetchGuard(
                site_guard.is_allowed, lambda name, port: next(answers), site_guard.ports
            ),
        )
    assert attempts.connects == [(HOST, site.port)]


@pytest.mark.parametrize("location", ["https://example.org:25/", "http://example.org:22/"])
def test_redirect_to_other_port_is_refused(site: LoopbackSite, location: str) -> None:
    site.answer_with("/", build_redirect(location))
    with (
        watch_connections() as attempts,
        pytest.raises(FetchError, match="not a port of web sites"),
    ):
        fetch_url(site.build_url(), guard=site.create_guard())
    assert attempts.connects == [(HOST, site.port)]
