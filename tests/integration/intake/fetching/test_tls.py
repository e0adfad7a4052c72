"""TLS asks for the name and checks the name, though the connection goes to an address."""

import pytest

from mailer.errors import FetchError
from mailer.intake.fetching import fetch_url
from tests.integration.intake.fetching.conftest import CertificateAuthority
from tests.integration.intake.site import HOST, NAME, LoopbackSite, build_answer, build_redirect


def test_a_site_is_asked_for_by_its_name_and_believed_by_it(
    authority: CertificateAuthority,
) -> None:
    with LoopbackSite(tls=authority.create_server_context(f"DNS:{NAME}")) as site:
        site.answer_with("/", build_answer(b"safe"))
        found = fetch_url(
            site.build_url(), guard=site.create_guard(tls=authority.create_client_context())
        )
    assert (found.content, found.url) == (b"safe", site.build_url())
    (asked,) = site.requests
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
    authority: CertificateAuthority, holds: str, days: str, said: str
) -> None:
    with LoopbackSite(tls=authority.create_server_context(holds, "-days", days)) as site:
        site.answer_with("/", build_answer(b"false"))
        with pytest.raises(FetchError, match="no safe connection") as raised:
            fetch_url(
                site.build_url(), guard=site.create_guard(tls=authority.create_client_context())
            )
    assert said in raised.value.message
    assert not raised.value.is_permanent
    assert site.requests == []


def test_an_authority_that_this_machine_does_not_trust_is_refused(
    authority: CertificateAuthority,
) -> None:
    with LoopbackSite(tls=authority.create_server_context(f"DNS:{NAME}")) as site:
        site.answer_with("/", build_answer(b"false"))
        with pytest.raises(FetchError, match="no safe connection"):
            fetch_url(site.build_url(), guard=site.create_guard())
    assert site.requests == []


def test_a_literal_address_is_checked_as_an_address(authority: CertificateAuthority) -> None:
    with LoopbackSite(tls=authority.create_server_context(f"IP:{HOST}")) as site:
        site.answer_with("/", build_answer(b"safe"))
        found = fetch_url(
            site.build_url(name=HOST),
            guard=site.create_guard(tls=authority.create_client_context()),
        )
    assert found.content == b"safe"


def test_a_site_that_speaks_no_tls_is_an_error(
    site: LoopbackSite, authority: CertificateAuthority
) -> None:
    url = site.build_url().replace("http:", "https:")
    with pytest.raises(FetchError, match="no safe connection"):
        fetch_url(url, guard=site.create_guard(tls=authority.create_client_context()))


def test_from_https_nothing_leads_back_to_http(
    authority: CertificateAuthority, site: LoopbackSite
) -> None:
    with LoopbackSite(tls=authority.create_server_context(f"DNS:{NAME}")) as safe:
        safe.answer_with("/", build_redirect(site.build_url()))
        guard = safe.create_guard(tls=authority.create_client_context())
        with pytest.raises(FetchError, match="from https to http") as raised:
            fetch_url(safe.build_url(), guard=guard)
    assert raised.value.is_permanent
    assert site.requests == []
