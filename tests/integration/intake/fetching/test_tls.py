"""TLS asks for the name and checks the name, though the connection goes to an address."""

import pytest

from mailer.errors import FetchError
from mailer.intake.fetching import fetch
from tests.integration.intake.fetching.conftest import Authority
from tests.integration.intake.site import HOST, NAME, Site, answer, redirect


def test_a_site_is_asked_for_by_its_name_and_believed_by_it(authority: Authority) -> None:
    with Site(tls=authority.server(f"DNS:{NAME}")) as site:
        site.on("/", answer(b"safe"))
        found = fetch(site.url(), guard=site.guard(tls=authority.trusted()))
    assert (found.content, found.url) == (b"safe", site.url())
    (asked,) = site.asked
    assert asked.server_name == NAME
    assert asked.fields["host"] == f"{NAME}:{site.port}"


@pytest.mark.parametrize(
    ("holds", "days", "said"),
    [
        ("DNS:other.example.org", "2", "Hostname mismatch"),
        (f"IP:{HOST}", "2", "Hostname mismatch"),
        (f"DNS:{NAME}", "-1", "expired"),
    ],
)
def test_a_certificate_that_is_not_the_names_own_is_refused(
    authority: Authority, holds: str, days: str, said: str
) -> None:
    with Site(tls=authority.server(holds, "-days", days)) as site:
        site.on("/", answer(b"false"))
        with pytest.raises(FetchError, match="no safe connection") as raised:
            fetch(site.url(), guard=site.guard(tls=authority.trusted()))
    assert said in raised.value.what
    assert not raised.value.lasting
    assert site.asked == []


def test_an_authority_that_this_machine_does_not_trust_is_refused(authority: Authority) -> None:
    with Site(tls=authority.server(f"DNS:{NAME}")) as site:
        site.on("/", answer(b"false"))
        with pytest.raises(FetchError, match="no safe connection"):
            fetch(site.url(), guard=site.guard())
    assert site.asked == []


def test_a_literal_address_is_checked_as_an_address(authority: Authority) -> None:
    with Site(tls=authority.server(f"IP:{HOST}")) as site:
        site.on("/", answer(b"safe"))
        found = fetch(site.url(name=HOST), guard=site.guard(tls=authority.trusted()))
    assert found.content == b"safe"


def test_a_site_that_speaks_no_tls_is_an_error(site: Site, authority: Authority) -> None:
    url = site.url().replace("http:", "https:")
    with pytest.raises(FetchError, match="no safe connection"):
        fetch(url, guard=site.guard(tls=authority.trusted()))


def test_from_https_nothing_leads_back_to_http(authority: Authority, site: Site) -> None:
    with Site(tls=authority.server(f"DNS:{NAME}")) as safe:
        safe.on("/", redirect(site.url()))
        guard = safe.guard(tls=authority.trusted())
        with pytest.raises(FetchError, match="from https to http") as raised:
            fetch(safe.url(), guard=guard)
    assert raised.value.lasting
    assert site.asked == []
