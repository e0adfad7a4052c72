"""Web addresses in one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import FetchError
from mailer.intake.fetching.addresses import LONGEST, WebAddress, join_location, parse_address


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("https://example.org", "https://example.org/"),
        ("HTTPS://EXAMPLE.ORG/Feed", "https://example.org/Feed"),
        ("https://example.org./", "https://example.org/"),
        ("http://example.org:80/", "http://example.org/"),
        ("https://example.org:443/", "https://example.org/"),
        ("https://example.org:/", "https://example.org/"),
        ("https://example.org:8443/a", "https://example.org:8443/a"),
        ("https://example.org?page=2", "https://example.org/?page=2"),
        ("https://example.org/a#part", "https://example.org/a"),
        ("https://example.org/a b", "https://example.org/a%20b"),
        ("https://example.org/a%20b", "https://example.org/a%20b"),
        ("https://example.org/été?q=ça", "https://example.org/%C3%A9t%C3%A9?q=%C3%A7a"),
        ("https://mastodon.example/@press.rss", "https://mastodon.example/@press.rss"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://例え。テスト/", "https://xn--r8jz45g.xn--zckzah/"),
        ("https://ｅｘａｍｐｌｅ.org/", "https://example.org/"),
        ("https://my_blog.example.org/", "https://my_blog.example.org/"),
        ("http://93.184.215.14/", "http://93.184.215.14/"),
        ("http://[2001:4860:4860:0::8888]:8080/", "http://[2001:4860:4860::8888]:8080/"),
    ],
)
def test_web_address_has_one_spelling(written: str, normalised: str) -> None:
    assert str(parse_address(written)) == normalised
    assert str(parse_address(normalised)) == normalised


@pytest.mark.parametrize(
    "written",
    [
        "", " ", "example.org", "//example.org/", "/feed", "ftp://example.org/", "file:///etc/passwd",
        "gopher://example.org/", "data:text/plain,hello", "javascript:alert(1)", "http:example.org",
        "http:/example.org", "http:///example.org", "http://", "https://:443/", "https://[]/",
        "https://[v1.a]/", "https://[::g]/", "https://exa mple.org/", "https://example.org:x/",
        "https://example.org:１/", "https://example.org:-1/", "https://example.org:123456/",
        "https://a..example.org/", "https://.example.org/", "https://example.org../",
        "https://-a.example.org/", "https://a-.example.org/", "https://exa$mple.org/",
        "https://example.org%2f.example.com/", f"https://{'a' * 64}.example.org/",
        f"https://{'a.' * 130}example.org/", f"https://example.org/{'a' * LONGEST}",
        "https://example.org\\@a.example/", "https://example.org/\n",
        "https://example.org/\r\nHost: a",
        "https://example.org/\0", "https://example.org/\x7f", "https://example.org/\x85",
        "https://example.org/\ud800", " https://example.org/", "https://exa\u2028mple.org/",
        "https://℀.example/", "https://a⁄b.example/", "https://\u200b.example/",
    ],
)  # fmt: skip
def test_invalid_web_address_is_refused(written: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse_address(written)
    assert caught.value.is_permanent
    assert caught.value.message
    assert caught.value.hint
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "written",
    [
        "https://ana:secret@example.org/",
        "https://ana:se@cret@example.org/",
        "https://ana:s/secret@example.org/",
        "https:ana:secret@example.org",
        "ana:secret@example.org",
        "https:\\\\ana:secret@example.org/",
        "https://ana:secret@localhost/",
        "https://ana:secret\n@example.org/",
        "https://secret@example.org/",
    ],
)
def test_web_address_with_password_is_refused_and_hidden(written: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse_address(written)
    assert "secret" not in str(caught.value)
    assert "ana" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b", "https://example.org/b"),
        ("b?c", "https://example.org/news/b?c"),
        ("../b", "https://example.org/b"),
        ("//example.com/b", "https://example.com/b"),
        ("https://example.com", "https://example.com/"),
        ("http://example.com/", "http://example.com/"),
        ("?page=2", "https://example.org/news/a?page=2"),
        ("/été", "https://example.org/%C3%A9t%C3%A9"),
    ],
)
def test_redirect_location_may_be_relative(location: str, target: str) -> None:
    assert str(join_location(parse_address("https://example.org/news/a"), location)) == target


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "//localhost/",
        "\\\\example.com",
        "/\t/localhost/",
        "http://[::1/",
        "//ana:pass@example.com/",
        "data:,x",
        "a" * 3000,
        "http://127.1/",
    ],
)
def test_redirect_to_invalid_location_is_refused(location: str) -> None:
    with pytest.raises(FetchError):
        join_location(parse_address("https://example.org/news/a"), location)


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "https://example.org"]))
def test_web_address_parser_accepts_or_refuses_any_text(text: str, prefix: str) -> None:
    try:
        address = parse_address(prefix + text)
    except FetchError:
        return
    assert isinstance(address, WebAddress)
    assert str(address).isascii()
    assert str(address).isprintable()
    assert parse_address(str(address)) == address
