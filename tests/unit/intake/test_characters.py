"""Decoding of bytes whose declared encoding may be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.intake.characters import decode_text

WORDS = "Café “Möwe” – 5 € à l’œil"


def make_xml(words: str, declared: str) -> str:
    declaration = f' encoding="{declared}"' if declared else ""
    return f'<?xml version="1.0"{declaration}?><a>{words}</a>'


@pytest.mark.parametrize(
    ("declared", "encoding", "content_type"),
    [
        ("utf-8", "utf-8", ""),
        ("utf-8", "windows-1252", ""),
        ("utf-8", "windows-1252", "text/xml"),
        ("iso-8859-1", "windows-1252", ""),
        ("utf-16", "utf-8", "application/rss+xml"),
        ("windows-1252", "utf-8", ""),
        ("us-ascii", "utf-8", "text/xml"),
        ("no-such", "utf-8", ""),
        ("utf-8", "utf-8-sig", ""),
        ("utf-16", "utf-16", ""),
        ("utf-16", "utf-16-le", ""),
        ("utf-16", "utf-16-be", ""),
        ("utf-32", "utf-32", ""),
        ("windows-1252", "windows-1252", "application/xml; charset=utf-8"),
        ("", "windows-1252", "application/xml; charset=windows-1252"),
        ("", "windows-1252", ""),
    ],
)
def test_decode_text_with_wrong_declared_encoding(
    declared: str, encoding: str, content_type: str
) -> None:
    text = make_xml(WORDS, declared)
    assert decode_text(text.encode(encoding), content_type)[0] == text


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("windows-1251", "Огни на воде"),
        ("koi8-r", "Огни на воде"),
        ("windows-1256", "ضوء الميناء"),
        ("gb2312", "水上的灯"),
        ("big5", "水上的燈"),
        ("iso-2022-jp", "水の上の灯"),
        ("shift_jis", "水の上の灯"),
        ("euc-kr", "물 위의 등불"),
    ],
)
def test_decode_text_with_right_declared_encoding(encoding: str, words: str) -> None:
    text = make_xml(words, encoding)
    assert decode_text(text.encode(encoding)) == (text, "")
    bare = make_xml(words, "")
    assert decode_text(bare.encode(encoding), f"text/xml; charset={encoding}") == (bare, "")
    page = f'<html><head><meta charset="{encoding}"></head><p>{words}'
    assert decode_text(page.encode(encoding)) == (page, "")


def test_decode_text_reports_doubtful_encoding() -> None:
    assert decode_text("é".encode("windows-1252")) == (
        "é",
        "the text is not in the encoding that it names; some characters may be wrong",
    )
    assert "unknown encoding (no-such)" in decode_text(make_xml("é", "no-such").encode())[1]


@given(st.binary(max_size=200), st.sampled_from(["", "text/xml", "text/html; charset=x-none"]))
def test_decode_text_accepts_any_bytes(data: bytes, content_type: str) -> None:
    text, _ = decode_text(data, content_type)
    assert text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass") == text


@given(st.text(max_size=100))
def test_decode_text_prefers_valid_utf_8(text: str) -> None:
    assert decode_text(text.encode("utf-8", "ignore"), "text/plain; charset=iso-8859-1")[0] == (
        text.encode("utf-8", "ignore").decode("utf-8-sig")
    )
