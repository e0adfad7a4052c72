"""A message's page, its framed HTML, its pictures and its download."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.web import mail_folder
from mailer.web.mail_frame import prepare_mail_frame
from tests.integration.web.inbox.conftest import Get, list_recipients, make_message


def test_message_page_shows_headers_and_three_views(folder: Path, get: Get) -> None:
    (folder / "amina@example.org.eml").write_bytes(make_message())
    page = get("/message/amina@example.org").text
    for text in (
        "Example Office &lt;news@example.org&gt;",
        "Friday 18 December 2026, 09:00 UTC+1",
        "News &lt;news.example.org&gt;",
        "&lt;https://mail.example.org/u/x&gt;",
        '<iframe class="wfull" sandbox="" src="/message/amina@example.org/html"',
        "One remote picture is not shown",
        "Lire la suite",
    ):
        assert text in page
    assert "<script" not in page
    assert "Bonjour." in get("/message/amina@example.org?view=text").text
    source = get("/message/amina@example.org?view=source").text
    assert "Content-Type: multipart/alternative" in source
    assert "&lt;script&gt;" in source
    assert 'class="w375"' in get("/message/amina@example.org?width=375").text


def test_message_page_names_missing_parts(folder: Path, get: Get) -> None:
    (folder / "t.eml").write_bytes(make_message(html=None))
    (folder / "h.eml").write_bytes(make_message(text=None))
    assert "Bonjour." in get("/message/t").text, "a message without HTML opens with its text"
    assert "has no HTML part" in get("/message/t?view=html").text
    assert get("/message/t/html").status_code == 404
    assert "has no text part" in get("/message/h?view=text").text


def test_framed_html_has_no_scripts_links_or_network(folder: Path, get: Get) -> None:
    (folder / "a.eml").write_bytes(make_message())
    copy = get("/message/a/html")
    policy = copy.headers["content-security-policy"].split("; ")
    assert policy[:3] == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src 'self' data:",
    ]
    assert {"form-action 'none'", "base-uri 'none'", "frame-ancestors 'self'", "sandbox"} <= set(
        policy
    )
    assert copy.text.startswith("<!DOCTYPE html>"), "without it browsers use quirks mode"
    assert '<img src="/media/boat.png" alt="A boat">' in copy.text
    assert '<td background="/media/boat.png">' in copy.text
    assert "https://tracker.example.net/open.gif" in copy.text
    assert "<link" not in copy.text
    assert '<base target="_blank">' in copy.text
    assert '<a target="_self" href="#top">' in copy.text


def test_pictures_come_only_from_the_media_folder(folder: Path, get: Get) -> None:
    picture = get("/media/boat.png")
    assert (picture.content, picture.headers["content-type"]) == (b"\x89PNG boat", "image/png")
    for name in ("secret.txt", "link.png", "none.png", "..%2Foutside.png", "%2e%2e", "boat.png%00"):
        assert get(f"/media/{name}").status_code == 404


def test_raw_download_is_the_file_byte_for_byte(folder: Path, get: Get) -> None:
    message = make_message() + b"\xff\r\n"
    (folder / "Zoë@x.org.eml").write_bytes(message)
    raw = get(f"/message/{quote('Zoë@x.org')}/raw")
    assert raw.content == message
    assert raw.headers["content-type"] == "message/rfc822"
    assert raw.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''Zo%C3%AB%40x.org.eml"
    )


@pytest.mark.parametrize("name", ["a b?c#d%2F", "<i>", "用户@例え.jp", "a;b&q=1"])
def test_message_link_works_for_any_file_name(folder: Path, get: Get, name: str) -> None:
    (folder / f"{name}.eml").write_bytes(make_message())
    [link] = re.findall(r'<a href="(/message/[^"]*)#row"', get("/").text)
    assert get(link).status_code == 200


BROKEN = [
    b"",
    b"\r\n",
    b"no header at all",
    b"Subject: =?nonsense?b?####?=\r\nDate: yesterday\r\nTo: <<>>,;\r\n\r\nx",
    b"Subject: =?utf-8?b?a?=\r\nDate: Fri, 99 Dec 99999 09:00:00 +9999\r\n\r\n",
    b"Subject: caf\xc3\xa9 \xff\r\nContent-Type: text/plain; charset=none-such\r\n\r\n\xff",
    b"Content-Type: multipart/mixed\r\n\r\n--x\r\n",
    b"Content-Type: text/html; charset*=%ff''x\r\n\r\n<a href='http://[' x><img src=http://[/a.png>",
    b"Content-Language: zz-nothing\r\nDate: Mon, 1 Jan 0001 00:00:00 +1400\r\n\r\n",
    b"Content-Transfer-Encoding: base64\r\n\r\n!!!!",
]


@pytest.mark.parametrize("message", BROKEN)
def test_broken_message_is_shown_as_far_as_possible(folder: Path, get: Get, message: bytes) -> None:
    (folder / "broken.eml").write_bytes(message)
    for path in (
        "/",
        "/message/broken",
        "/message/broken?view=text",
        "/message/broken?view=source",
    ):
        assert get(path).status_code == 200, path
    assert get("/message/broken/raw").content == message


@given(st.binary(max_size=300), st.sampled_from([b"Subject: ", b"Date: ", b"Content-Type: ", b""]))
def test_reading_any_bytes_raises_nothing(
    tmp_path_factory: pytest.TempPathFactory, random_bytes: bytes, header_name: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.eml"
    path.write_bytes(header_name + random_bytes + b"\r\n\r\n" + random_bytes)
    entry = mail_folder._read_entry("noise", path, (0, 0))
    mail = mail_folder.read_mail(entry)
    prepare_mail_frame(mail.html or "", frozenset())
    assert entry.language_name is not None
    assert mail_folder.format_mail_date(entry.date)
    for value in dict(mail.headers).values():
        value.encode()


def test_invalid_date_is_shown_as_it_is(folder: Path, get: Get) -> None:
    (folder / "a.eml").write_bytes(make_message(date="the day before yesterday"))
    assert "<bdi>the day before yesterday</bdi>" in get("/message/a").text


def test_raw_utf8_headers_are_decoded(folder: Path, get: Get) -> None:
    (folder / "a.eml").write_bytes(make_message("用户@例え.jp", "Été"))
    assert list_recipients(get("/")) == ["用户@例え.jp"]
    assert "Été" in get("/").text
