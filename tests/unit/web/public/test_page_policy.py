"""The Content-Security-Policy lets a page load pictures of the sites that it names, no others."""

import pytest

from mailer.config import Settings
from mailer.web.public.middleware import build_page_policy


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://pictures.example.org/a.jpg?x=1;script-src *", "https://pictures.example.org"),
        ("http://example.org:8080/a.jpg", "http://example.org:8080"),
        ("https://ana:secret@example.org/a", "https://example.org"),
        ("https://bücher.example/a.jpg", "https://xn--bcher-kva.example"),
        ("https://[2001:db8::1]/a.jpg", "https://[2001:db8::1]"),
    ],
)
def test_picture_adds_the_origin_of_its_site(url: str, origin: str) -> None:
    assert f"img-src 'self' {origin}; form-action" in build_page_policy(
        Settings(), picture_urls=[url, url]
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "https://a;script-src *",
        "https://a b/c",
        "https://*/a",
        "https://[::1",
        "//example.org/a.jpg",
    ],
)
def test_odd_picture_address_adds_nothing(url: str) -> None:
    assert build_page_policy(Settings(), picture_urls=[url]) == build_page_policy(Settings())
