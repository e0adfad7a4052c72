"""Fetches from real sites on loopback."""

import gzip
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mailer import __version__
from mailer.errors import FetchError
from mailer.intake.fetching import (
    FetchGuard,
    FetchLimits,
    FetchResult,
    Validators,
    build_user_agent,
    fetch_url,
)
from tests.integration.intake.site import (
    HOST,
    NAME,
    LoopbackSite,
    ReceivedRequest,
    build_answer,
    build_redirect,
    encode_chunked,
)
from tests.loopback import watch_connections


def fetch_path(
    site: LoopbackSite, path: str = "/", previous_validators: Validators | None = None
) -> FetchResult:
    return fetch_url(
        site.build_url(path), guard=site.create_guard(), previous_validators=previous_validators
    )


def check_refusal(site: LoopbackSite, path: str = "/", size: int = 5_000_000) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch_url(
            site.build_url(path), guard=site.create_guard(), limits=FetchLimits(size, seconds=5)
        )
    return caught.value


def test_fetch_returns_content_and_metadata(site: LoopbackSite) -> None:
    site.answer_with(
        "/feed?lang=fr",
        build_answer(
            b"<rss/>", 'Content-Type: Application/RSS+XML; charset="ISO-8859-1"', 'ETag: W/"1"'
        ),
    )
    assert fetch_path(site, "/feed?lang=fr") == FetchResult(
        url=site.build_url("/feed?lang=fr"),
        status=200,
        content=b"<rss/>",
        media_type="application/rss+xml",
        charset="iso8859-1",
        validators=Validators('W/"1"', ""),
        permanent_url="",
    )


def test_fetch_sends_user_agent_and_no_cookies(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"a", "Set-Cookie: id=1; Path=/"))
    agent = build_user_agent("https://office.example.org")
    for _ in range(2):
        fetch_url(site.build_url(), guard=site.create_guard(), accept="text/html", agent=agent)
    assert [request.fields for request in site.requests] == 2 * [
        {
            "host": f"{NAME}:{site.port}",
            "user-agent": f"mailer/{__version__} (+https://office.example.org)",
            "accept": "text/html",
            "accept-encoding": "gzip",
            "connection": "close",
        }
    ]


def test_fetch_ignores_proxies_of_environment(
    site: LoopbackSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    site.answer_with("/", build_answer(b"a"))
    assert fetch_path(site).content == b"a"


def test_fetch_connects_to_checked_address(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"a"))
    with watch_connections() as attempts:
        fetch_path(site)
    assert attempts.connects == [(HOST, site.port)]
    assert NAME not in attempts.look_ups


def test_fetch_with_validators_gives_304(site: LoopbackSite) -> None:
    def answer_conditionally(request: ReceivedRequest) -> list[bytes]:
        is_unchanged = request.fields.get("if-none-match") == '"a1"'
        fields = ('ETag: "a1"', "Last-Modified: Fri, 18 Dec 2026 09:00:00 GMT")
        if is_unchanged:
            return [build_answer(b"", *fields, status="304 Not Modified")]
        return [build_answer(b"news", *fields)]

    site.answer_by("/", answer_conditionally)
    first = fetch_path(site)
    assert first.validators == Validators('"a1"', "Fri, 18 Dec 2026 09:00:00 GMT")
    second = fetch_path(site, previous_validators=first.validators)
    assert (second.status, second.content, second.validators) == (304, b"", first.validators)
    assert site.requests[1].fields["if-modified-since"] == "Fri, 18 Dec 2026 09:00:00 GMT"


def test_fetch_304_keeps_previous_validators(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"", 'ETag: "b2"', status="304 Not Modified"))
    assert fetch_path(
        site, previous_validators=Validators('"a1"', "then")
    ).validators == Validators('"b2"', "then")


def test_fetch_304_without_validators_is_an_error(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"", status="304 Not Modified"))
    assert check_refusal(site).status == 304


def test_fetch_ignores_invalid_validators(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"a", f"ETag: {'x' * 501}", "Last-Modified: été"))
    assert (
        fetch_path(site, previous_validators=Validators("a\r\nHost: b", "c\td")).validators
        == Validators()
    )
    assert not {"if-none-match", "if-modified-since"} & set(site.requests[0].fields)


@pytest.mark.parametrize(
    ("value", "media_type", "charset"),
    [
        ("text/html; charset=utf8", "text/html", "utf-8"),
        ("text/html; charset=windows-1252; x=y", "text/html", "cp1252"),
        ("text/html;charset='utf-8'", "text/html", "utf-8"),
        ("text/html; charset=utf-7", "text/html", ""),
        ("text/html; charset=zip", "text/html", ""),
        ("text/html; charset=nonsense", "text/html", ""),
        ("text/html; charset*=utf-8''utf-8", "text/html", "utf-8"),
        ("text/html", "text/html", ""),
        ("nonsense", "", ""),
        ("", "", ""),
    ],
)
def test_fetch_media_type_and_charset(
    site: LoopbackSite, value: str, media_type: str, charset: str
) -> None:
    site.answer_with("/", build_answer(b"a", f"Content-Type: {value}"))
    result = fetch_path(site)
    assert (result.media_type, result.charset) == (media_type, charset)


# ---- redirects --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "permanent"),
    [
        (["301 Moved"], "/1"),
        (["308 Moved"], "/1"),
        (["302 Found"], ""),
        (["303 See other"], ""),
        (["307 Elsewhere"], ""),
        (["301 Moved", "308 Moved"], "/2"),
        (["301 Moved", "302 Found"], "/1"),
        (["302 Found", "301 Moved"], ""),
        (["301 Moved", "302 Found", "301 Moved", "307 Elsewhere", "301 Moved"], "/1"),
    ],
)
def test_fetch_follows_redirects_and_reports_permanent_url(
    site: LoopbackSite, statuses: list[str], permanent: str
) -> None:
    for number, status in enumerate(statuses):
        site.answer_with(f"/{number}", build_redirect(f"/{number + 1}", status))
    site.answer_with(f"/{len(statuses)}", build_answer(b"here"))
    result = fetch_path(site, "/0")
    assert result.content == b"here"
    assert result.url == site.build_url(f"/{len(statuses)}")
    assert result.permanent_url == (site.build_url(permanent) if permanent else "")


@pytest.mark.parametrize("status", ["300 Choices", "304 Same", "305 Proxy", "306 None", "399 Odd"])
def test_fetch_follows_no_other_3xx_status(site: LoopbackSite, status: str) -> None:
    site.answer_with("/", build_redirect("/a", status))
    assert check_refusal(site).status == int(status[:3])
    assert len(site.requests) == 1


def test_fetch_refuses_redirect_loop_and_long_chain(site: LoopbackSite) -> None:
    site.answer_with("/circle", build_redirect("/back"))
    site.answer_with("/back", build_redirect("/circle#again"))
    site.answer_with("/self", build_redirect("/self"))
    for number in range(9):
        site.answer_with(f"/{number}", build_redirect(f"/{number + 1}"))
    for path, message, request_count in (
        ("/circle", "circle", 2),
        ("/self", "circle", 1),
        ("/0", "5 times", 6),
    ):
        site.requests.clear()
        error = check_refusal(site, path)
        assert message in error.message
        assert error.is_permanent
        assert len(site.requests) == request_count


def test_fetch_refuses_redirect_without_single_location(site: LoopbackSite) -> None:
    site.answer_with("/none", build_answer(b"", status="302 Found"))
    site.answer_with("/two", build_answer(b"", "Location: /a", "Location: /b", status="302 Found"))
    assert check_refusal(site, "/none").is_permanent
    assert check_refusal(site, "/two").is_permanent


def test_fetch_error_names_redirects(site: LoopbackSite) -> None:
    site.answer_with("/", build_redirect("/gone"))
    site.answer_with("/gone", build_answer(b"", status="410 Gone"))
    assert str(check_refusal(site)) == (
        f"{site.build_url()}, which leads to {site.build_url('/gone')}: "
        "the page has been removed (410); check the address"
    )


# ---- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "is_permanent"),
    [(400, True), (401, True), (403, True), (404, True), (410, True), (451, True), (408, False),
     (425, False), (429, False), (500, False), (502, False), (503, False), (504, False),
     (201, False), (204, False), (206, False)],
)  # fmt: skip
def test_fetch_error_status_is_permanent_or_temporary(
    site: LoopbackSite, status: int, is_permanent: bool
) -> None:
    site.answer_with("/", build_answer(b"", status=f"{status} So"))
    error = check_refusal(site)
    assert (error.status, error.is_permanent, error.retry_after) == (status, is_permanent, None)
    assert error.where == site.build_url()
    assert str(status) in error.message


_CLOCK = datetime(2026, 12, 18, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (format_datetime(_CLOCK + timedelta(minutes=5), usegmt=True), 300.0),
        ("Fri, 18 Dec 2026 08:00:00 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("999999999999999999999999999999", 86400.0),
        ("Fri, 18 Dec 2126 09:00:00 GMT", 86400.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Fri, 99 Dec 2026 09:00:00 GMT", None),
    ],
)
def test_fetch_error_has_retry_after(site: LoopbackSite, value: str, seconds: float | None) -> None:
    date = f"Date: {format_datetime(_CLOCK, usegmt=True)}"
    site.answer_with("/", build_answer(b"", f"Retry-After: {value}", date, status="503 Busy"))
    assert check_refusal(site).retry_after == seconds


@pytest.mark.parametrize(
    "coding", ["br", "zstd", "deflate", "gzip, gzip", "gzip, identity", "utf-8"]
)
def test_fetch_refuses_unrequested_content_coding(site: LoopbackSite, coding: str) -> None:
    site.answer_with("/", build_answer(b"a", f"Content-Encoding: {coding}"))
    error = check_refusal(site)
    assert coding in error.message
    assert error.is_permanent


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
def test_fetch_unpacks_gzip_in_any_pieces(site: LoopbackSite, coding: str) -> None:
    packed = gzip.compress(b"news " * 1000)
    site.answer_with("/whole", build_answer(packed, f"Content-Encoding: {coding}"))
    site.answer_with(
        "/bytes",
        build_answer(b"", f"Content-Encoding: {coding}", "Transfer-Encoding: chunked"),
        encode_chunked(packed[offset : offset + 1] for offset in range(len(packed))),
    )
    assert (
        fetch_path(site, "/whole").content == fetch_path(site, "/bytes").content == b"news " * 1000
    )


def test_fetch_refuses_broken_or_trailing_gzip(site: LoopbackSite) -> None:
    packed = gzip.compress(b"news " * 1000)
    bodies = [
        packed[:-1],
        packed[:20],
        packed + b"x",
        packed + packed,
        b"plain",
        b"",
        zlib.compress(b"news"),
        packed[:-8] + bytes(8),
    ]
    for number, body in enumerate(bodies):
        site.answer_with(f"/{number}", build_answer(body, "Content-Encoding: gzip"))
        assert "packed" in check_refusal(site, f"/{number}").message


def test_fetch_of_truncated_body_is_a_temporary_error(site: LoopbackSite) -> None:
    site.answer_with("/length", build_answer(b"half", "Content-Length: 10"))
    site.answer_with("/chunk", build_answer(b"a\r\nhalf", "Transfer-Encoding: chunked"))
    site.answer_with("/last", build_answer(b"4\r\nhalf\r\n", "Transfer-Encoding: chunked"))
    site.answer_with("/head", b"HTTP/1.1 200 OK\r\nContent-")
    site.answer_with("/silent", b"")
    for path in ("/length", "/chunk", "/last", "/head", "/silent"):
        assert not check_refusal(site, path).is_permanent


def test_fetch_body_without_length_ends_with_connection(site: LoopbackSite) -> None:
    site.answer_with("/", b"HTTP/1.0 200 OK\r\n\r\nall of it")
    assert fetch_path(site).content == b"all of it"


def test_fetch_size_limit_is_inclusive(site: LoopbackSite) -> None:
    body = bytes(10_000)
    limits = FetchLimits(size=10_000)
    site.answer_with("/plain", build_answer(body))
    site.answer_with("/packed", build_answer(gzip.compress(body), "Content-Encoding: gzip"))
    site.answer_with("/more", build_answer(gzip.compress(body + b"x"), "Content-Encoding: gzip"))
    for path in ("/plain", "/packed"):
        assert (
            fetch_url(site.build_url(path), guard=site.create_guard(), limits=limits).content
            == body
        )
    assert "larger than 10,000 bytes" in check_refusal(site, "/more", 10_000).message


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.example.org ESMTP\r\n",
        b"HTTP/1.1 200\x00OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x16\x03\x01\x00",
        b"HTTP/1.1 200 OK\r\nA\x00B: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_fetch_of_non_http_answer_is_a_temporary_error(site: LoopbackSite, answer: bytes) -> None:
    site.answer_with("/", answer)
    assert not check_refusal(site).is_permanent


def test_fetch_tries_several_addresses(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"a"))
    guard = site.create_guard("127.83.17.6", HOST)
    permissive_guard = type(guard)(lambda address: True, guard.look_up, guard.ports)
    assert fetch_url(site.build_url(), guard=permissive_guard).content == b"a"


def test_fetch_of_unknown_name_is_a_temporary_error() -> None:
    def fail_look_up(name: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    def find_nothing(name: str, port: int) -> list[str]:
        return []

    for look_up in (fail_look_up, find_nothing):
        with pytest.raises(FetchError) as caught:
            fetch_url("https://nowhere.example.org/", guard=FetchGuard(look_up=look_up))
        assert "nowhere.example.org" in caught.value.message
        assert not caught.value.is_permanent
