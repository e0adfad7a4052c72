"""What comes of a fetch, from real sites on loopback."""

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


def got(site: LoopbackSite, path: str = "/", held: Validators | None = None) -> FetchResult:
    return fetch_url(site.build_url(path), guard=site.create_guard(), previous_validators=held)


def refused(site: LoopbackSite, path: str = "/", size: int = 5_000_000) -> FetchError:
    with pytest.raises(FetchError) as raised:
        fetch_url(
            site.build_url(path), guard=site.create_guard(), limits=FetchLimits(size, seconds=5)
        )
    return raised.value


def test_a_page_comes_with_what_is_known_of_it(site: LoopbackSite) -> None:
    site.answer_with(
        "/feed?lang=fr",
        build_answer(
            b"<rss/>", 'Content-Type: Application/RSS+XML; charset="ISO-8859-1"', 'ETag: W/"1"'
        ),
    )
    assert got(site, "/feed?lang=fr") == FetchResult(
        url=site.build_url("/feed?lang=fr"),
        status=200,
        content=b"<rss/>",
        media_type="application/rss+xml",
        charset="iso8859-1",
        validators=Validators('W/"1"', ""),
        permanent_url="",
    )


def test_we_say_who_we_are_and_keep_nothing(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"a", "Set-Cookie: id=1; Path=/"))
    agent = build_user_agent("https://office.example.org")
    for _ in range(2):
        fetch_url(site.build_url(), guard=site.create_guard(), accept="text/html", agent=agent)
    assert [asked.fields for asked in site.requests] == 2 * [
        {
            "host": f"{NAME}:{site.port}",
            "user-agent": f"mailer/{__version__} (+https://office.example.org)",
            "accept": "text/html",
            "accept-encoding": "gzip",
            "connection": "close",
        }
    ]


def test_the_environment_names_no_proxy(
    site: LoopbackSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    site.answer_with("/", build_answer(b"a"))
    assert got(site).content == b"a"


def test_a_name_is_looked_up_once_and_its_checked_address_connected_to(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"a"))
    with watch_connections() as seen:
        got(site)
    assert seen.connects == [(HOST, site.port)]
    assert NAME not in seen.look_ups


def test_what_has_not_changed_does_not_come_again(site: LoopbackSite) -> None:
    def feed(asked: ReceivedRequest) -> list[bytes]:
        same = asked.fields.get("if-none-match") == '"a1"'
        fields = ('ETag: "a1"', "Last-Modified: Fri, 18 Dec 2026 09:00:00 GMT")
        if same:
            return [build_answer(b"", *fields, status="304 Not Modified")]
        return [build_answer(b"news", *fields)]

    site.answer_by("/", feed)
    first = got(site)
    assert first.validators == Validators('"a1"', "Fri, 18 Dec 2026 09:00:00 GMT")
    second = got(site, held=first.validators)
    assert (second.status, second.content, second.validators) == (304, b"", first.validators)
    assert site.requests[1].fields["if-modified-since"] == "Fri, 18 Dec 2026 09:00:00 GMT"


def test_what_a_304_does_not_say_again_is_kept(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"", 'ETag: "b2"', status="304 Not Modified"))
    assert got(site, held=Validators('"a1"', "then")).validators == Validators('"b2"', "then")


def test_nobody_who_did_not_ask_is_told_that_nothing_changed(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"", status="304 Not Modified"))
    assert refused(site).status == 304


def test_validators_that_no_field_may_hold_are_neither_kept_nor_sent(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"a", f"ETag: {'x' * 501}", "Last-Modified: été"))
    assert got(site, held=Validators("a\r\nHost: b", "c\td")).validators == Validators()
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
def test_media_type_and_charset_are_believed_where_they_are_known(
    site: LoopbackSite, value: str, media_type: str, charset: str
) -> None:
    site.answer_with("/", build_answer(b"a", f"Content-Type: {value}"))
    found = got(site)
    assert (found.media_type, found.charset) == (media_type, charset)


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
def test_redirects_are_followed_and_a_move_for_good_is_told(
    site: LoopbackSite, statuses: list[str], permanent: str
) -> None:
    for number, status in enumerate(statuses):
        site.answer_with(f"/{number}", build_redirect(f"/{number + 1}", status))
    site.answer_with(f"/{len(statuses)}", build_answer(b"here"))
    found = got(site, "/0")
    assert found.content == b"here"
    assert found.url == site.build_url(f"/{len(statuses)}")
    assert found.permanent_url == (site.build_url(permanent) if permanent else "")


@pytest.mark.parametrize("status", ["300 Choices", "304 Same", "305 Proxy", "306 None", "399 Odd"])
def test_no_other_status_is_followed(site: LoopbackSite, status: str) -> None:
    site.answer_with("/", build_redirect("/a", status))
    assert refused(site).status == int(status[:3])
    assert len(site.requests) == 1


def test_a_circle_and_too_long_a_chain_are_left(site: LoopbackSite) -> None:
    site.answer_with("/circle", build_redirect("/back"))
    site.answer_with("/back", build_redirect("/circle#again"))
    site.answer_with("/self", build_redirect("/self"))
    for number in range(9):
        site.answer_with(f"/{number}", build_redirect(f"/{number + 1}"))
    for path, what, asked in (
        ("/circle", "circle", 2),
        ("/self", "circle", 1),
        ("/0", "5 times", 6),
    ):
        site.requests.clear()
        error = refused(site, path)
        assert what in error.message
        assert error.is_permanent
        assert len(site.requests) == asked


def test_a_redirect_that_says_no_place_or_several_is_refused(site: LoopbackSite) -> None:
    site.answer_with("/none", build_answer(b"", status="302 Found"))
    site.answer_with("/two", build_answer(b"", "Location: /a", "Location: /b", status="302 Found"))
    assert refused(site, "/none").is_permanent
    assert refused(site, "/two").is_permanent


def test_an_error_says_by_which_way_it_was_met(site: LoopbackSite) -> None:
    site.answer_with("/", build_redirect("/gone"))
    site.answer_with("/gone", build_answer(b"", status="410 Gone"))
    assert str(refused(site)) == (
        f"{site.build_url()}, which leads to {site.build_url('/gone')}: that page is gone (410); "
        "check the address"
    )


# ---- what it refuses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "lasting"),
    [(400, True), (401, True), (403, True), (404, True), (410, True), (451, True), (408, False),
     (425, False), (429, False), (500, False), (502, False), (503, False), (504, False),
     (201, False), (204, False), (206, False)],
)  # fmt: skip
def test_any_other_status_is_an_error_that_says_whether_it_lasts(
    site: LoopbackSite, status: int, lasting: bool
) -> None:
    site.answer_with("/", build_answer(b"", status=f"{status} So"))
    error = refused(site)
    assert (error.status, error.is_permanent, error.retry_after) == (status, lasting, None)
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
def test_a_server_may_say_when_to_come_back(
    site: LoopbackSite, value: str, seconds: float | None
) -> None:
    date = f"Date: {format_datetime(_CLOCK, usegmt=True)}"
    site.answer_with("/", build_answer(b"", f"Retry-After: {value}", date, status="503 Busy"))
    assert refused(site).retry_after == seconds


@pytest.mark.parametrize(
    "coding", ["br", "zstd", "deflate", "gzip, gzip", "gzip, identity", "utf-8"]
)
def test_a_coding_that_was_not_asked_for_is_refused(site: LoopbackSite, coding: str) -> None:
    site.answer_with("/", build_answer(b"a", f"Content-Encoding: {coding}"))
    error = refused(site)
    assert coding in error.message
    assert error.is_permanent


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
def test_gzip_is_unpacked_however_it_is_cut(site: LoopbackSite, coding: str) -> None:
    packed = gzip.compress(b"news " * 1000)
    site.answer_with("/whole", build_answer(packed, f"Content-Encoding: {coding}"))
    site.answer_with(
        "/bytes",
        build_answer(b"", f"Content-Encoding: {coding}", "Transfer-Encoding: chunked"),
        encode_chunked(packed[at : at + 1] for at in range(len(packed))),
    )
    assert got(site, "/whole").content == got(site, "/bytes").content == b"news " * 1000


def test_a_broken_or_longer_gzip_is_an_error(site: LoopbackSite) -> None:
    packed = gzip.compress(b"news " * 1000)
    bodies = [packed[:-1], packed[:20], packed + b"x", packed + packed, b"plain", b"",
              zlib.compress(b"news"), packed[:-8] + bytes(8)]  # fmt: skip
    for number, body in enumerate(bodies):
        site.answer_with(f"/{number}", build_answer(body, "Content-Encoding: gzip"))
        assert "packed" in refused(site, f"/{number}").message


def test_a_body_that_is_cut_off_is_an_error(site: LoopbackSite) -> None:
    site.answer_with("/length", build_answer(b"half", "Content-Length: 10"))
    site.answer_with("/chunk", build_answer(b"a\r\nhalf", "Transfer-Encoding: chunked"))
    site.answer_with("/last", build_answer(b"4\r\nhalf\r\n", "Transfer-Encoding: chunked"))
    site.answer_with("/head", b"HTTP/1.1 200 OK\r\nContent-")
    site.answer_with("/silent", b"")
    for path in ("/length", "/chunk", "/last", "/head", "/silent"):
        assert not refused(site, path).is_permanent


def test_a_body_without_a_length_ends_with_the_connection(site: LoopbackSite) -> None:
    site.answer_with("/", b"HTTP/1.0 200 OK\r\n\r\nall of it")
    assert got(site).content == b"all of it"


def test_what_is_exactly_as_large_as_allowed_is_taken(site: LoopbackSite) -> None:
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
    assert "larger than 10,000 bytes" in refused(site, "/more", 10_000).message


@pytest.mark.parametrize(
    "said",
    [b"220 mail.example.org ESMTP\r\n", b"HTTP/1.1 200\x00OK\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n",
     b"\x16\x03\x01\x00", b"HTTP/1.1 200 OK\r\nA\x00B: c\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
     b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
     b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"],
)  # fmt: skip
def test_what_is_not_http_is_an_error_that_may_pass(site: LoopbackSite, said: bytes) -> None:
    site.answer_with("/", said)
    assert not refused(site).is_permanent


def test_several_addresses_are_tried_in_turn(site: LoopbackSite) -> None:
    site.answer_with("/", build_answer(b"a"))
    guard = site.create_guard("127.83.17.6", HOST)
    either = type(guard)(lambda address: True, guard.look_up, guard.ports)
    assert fetch_url(site.build_url(), guard=either).content == b"a"


def test_a_name_without_an_address_is_an_error_that_may_pass() -> None:
    def unknown(name: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    def none(name: str, port: int) -> list[str]:
        return []

    for look_up in (unknown, none):
        with pytest.raises(FetchError) as raised:
            fetch_url("https://nowhere.example.org/", guard=FetchGuard(look_up=look_up))
        assert "nowhere.example.org" in raised.value.message
        assert not raised.value.is_permanent
