"""TLS uses the host name for SNI and certificates, although the connection goes to an address."""

import pytest

from mailer.errors import FetchError
from mailer.intake.fetching import fetch_url
from tests.integration.intake.fetching.conftest import CertificateAuthority
from tests.integration.intake.site import HOST, NAME, LoopbackSite, build_answer, build_redirect


def test_tls_uses_host_name_for_sni_and_certificate(
    authority: CertificateAuthority,
) -> None:
    with LoopbackSite(tls=authority.create_server_context(f"DNS:{NAME}")) as site:
        site.answer_with("/", build_answer(b"safe"))
        result = fetch_url(
            site.build_url(), guard=site.create_guard(tls=authority.create_client_context())
        )
    assert (result.content, result.url) == (b"safe", site.build_url())
    (request,) = site.requests
    assert request.server_name == NAME
    assert request.fields["host"] == f"{NAME}:{site.port}"


@pytest.mark.parametrize(
    ("subject", "days", "message"),
    [
        ("DNS:other.example.org", "2", "Hostname mismatch"),
        (f"IP:{HOST}", "2", "Hostname mismatch"),
        (f"DNS:{NAME}", "-1", "expired"),
    ],
)
def test_tls_certificate_of_other_name_is_refused(
    authority: CertificateAuthority, subject: str, days: str, message: str
) -> None:
    with LoopbackSite(tls=authority.create_server_context(subject, "-days", days)) as site:
        site.answer_with("/", build_answer(b"false"))
        with pytest.raises(FetchError, match="no secure connection") as caught:
            fetch_url(
                site.build_url(), guard=site.create_guard(tls=authority.create_client_context())
            )
    assert message in caught.value.message
    assert not caught.value.is_permanent
    assert site.requests == []


def test_tls_untrusted_authority_is_refused(
    authority: CertificateAuthority,
) -> None:
    with LoopbackSite(tls=authority.create_server_context(f"DNS:{NAME}")) as site:
        site.answer_with("/", build_answer(b"false"))
        with pytest.raises(FetchError, match="no secure connection"):
            fetch_url(site.build_url(), guard=site.create_guard())
    assert site.requests == []


def test_tls_certificate_of_ip_address(authority: CertificateAuthority) -> None:
    with LoopbackSite(tls=authority.create_server_context(f"IP:{HOST}")) as site:
        site.answer_with("/", build_answer(b"safe"))
        result = fetch_url(
            site.build_url(name=HOST),
            guard=site.create_guard(tls=authority.create_client_context()),
        )
    assert result.content == b"safe"


def test_tls_with_plain_http_site_is_an_error(
    site: LoopbackSite, authority: CertificateAuthority
) -> None:
    url = site.build_url().replace("http:", "https:")
    with pytest.raises(FetchError, match="no secure connection"):
        fetch_url(url, guard=site.create_guard(tls=authority.create_client_context()))


def test_redirect_from_https_to_http_is_refused(
    authority: CertificateAuthority, site: LoopbackSite
) -> None:
    with LoopbackSite(tls=authority.create_server_context(f"DNS:{NAME}")) as https_site:
        https_site.answer_with("/", build_redirect(site.build_url()))
        guard = https_site.create_guard(tls=authority.create_client_context())
        with pytest.raises(FetchError, match="from https to http") as caught:
            fetch_url(https_site.build_url(), guard=guard)
    assert caught.value.is_permanent
    assert site.requests == []
