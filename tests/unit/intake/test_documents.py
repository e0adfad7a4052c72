"""The check of XML: documents that declare nothing pass, entity bombs do not."""

from pathlib import Path
from xml.dom import minidom

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import InputError
from mailer.intake.documents import DEEPEST, MAX_MARKS, check_xml, normalise_xml

RSS_091 = (
    b'<?xml version="1.0"?>\n<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" '
    b'"http://my.netscape.com/publish/formats/rss-0.91.dtd">\n'
    b'<rss version="0.91"><channel><title>Boats&nbsp;in</title></channel></rss>'
)


def check_refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        check_xml(data, "word/document.xml")
    assert caught.value.where == "word/document.xml"
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize(
    "data",
    [
        b"<r/>",
        b"<r>&amp;&#233;&#x1F6A2;</r>",
        b"<r><![CDATA[<!ENTITY a 'b'>]]><!-- <!DOCTYPE r [ --></r>",
        b"<!DOCTYPE r><r/>",
        RSS_091,
        b'<?xml version="1.0" encoding="iso-8859-1"?><r>\xe9</r>',
        b'<?xml version="1.0" encoding="shift_jis"?><r>\x83\x5b</r>',
        "<r>é</r>".encode("utf-8-sig"),
        '<?xml version="1.0" encoding="utf-16"?><r>é</r>'.encode("utf-16"),
        b"<a>" * DEEPEST + b"</a>" * DEEPEST,
        b"<r>" + b"<a/>" * (MAX_MARKS - 5) + b"</r>",
    ],
)
def test_xml_without_declarations_passes(data: bytes) -> None:
    check_xml(data, "")
    normalise_xml(data, "")


@pytest.mark.parametrize(
    "subset",
    [
        "<!ENTITY a 'b'>",
        "<!ENTITY % a 'b'> %a;",
        "<!ELEMENT r ANY>",
        "<!ATTLIST r a CDATA 'b'>",
        "<!NOTATION a SYSTEM 'b'>",
        "<?a?>",
        "<!-- a -->",
        "",
        "%a;",
        "<!ENTITY a SYSTEM 'file:///etc/passwd'>",
    ],
)
@pytest.mark.parametrize("external_id", ["", ' SYSTEM "a.dtd"', ' PUBLIC "a" "b]>"'])
def test_xml_with_dtd_declarations_is_refused(subset: str, external_id: str) -> None:
    data = f"<!DOCTYPE r{external_id} [{subset}]><r>&a;</r>"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert "declares" in check_refusal(data.encode(encoding))
        with pytest.raises(InputError, match="declares"):
            normalise_xml(data.encode(encoding), "")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<a>" * (DEEPEST + 1), "nests deeper than 200"),
        (b"<r>" + b"<a/>" * MAX_MARKS + b"</r>", "too many tags"),
        (b"<r " + b"a=''" * MAX_MARKS + b"/>", "too many tags"),
        (b"<r>" + b"a" * 20_000_000 + b"</r>", "larger than 20 MB"),
        (b"", "not XML (no element found, line 1)"),
        (b"<r>\n<a></r>", "not XML (mismatched tag, line 2)"),
        (b"<r>&a;</r>", "not XML (undefined entity"),
        (b"PK\x03\x04", "not XML"),
        (b"<r/><r/>", "not XML (junk"),
        (b"<r>\xff</r>", "not in utf-8"),
        (b'<?xml version="1.0" encoding="utf-7"?><r/>', "charset is unknown"),
        (b'<?xml version="1.0" encoding="hz"?><r/>', "charset is unknown"),
        (b'<?xml version="1.0" encoding="cp037"?><r/>', "charset is unknown"),
        (b'<?xml version="1.0" encoding="x-odd"?><r/>', "charset is unknown"),
        (b"\xff\xfe<\0r\0/\0>", "not in utf-16-le"),
    ],
)
def test_xml_malformed_or_too_large_is_refused(data: bytes, message: str) -> None:
    assert message in check_refusal(data)


# ---- feeds, as they are found -----------------------------------------------------------------


def parse_feed_title(data: bytes, charset: str = "") -> str:
    parsed = feedparser.parse(normalise_xml(data, "", charset))
    return str(parsed.feed.get("title", ""))


def make_feed(text: str, declared: str = "") -> str:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    return f"{declaration}<rss version='2.0'><channel><title>{text}</title></channel></rss>"


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (make_feed("Été").encode(), ""),
        (make_feed("Été", "utf-8").encode("utf-8-sig"), ""),
        (make_feed("Été", "iso-8859-1").encode("latin-1"), ""),
        (make_feed("Été").encode("latin-1"), "iso-8859-1"),
        (make_feed("Été", "utf-8").encode("latin-1"), "latin-1"),
        (make_feed("Été", "utf-8").encode("latin-1"), ""),
        (make_feed("Été", "no-such").encode(), ""),
        (make_feed("Été", "utf-16").encode("utf-16"), ""),
        (make_feed("Été", "utf-16").encode("utf-16"), "utf-8"),
        (make_feed("Été", "utf-16be").encode("utf-16-be"), ""),
        (make_feed("Été").encode("utf-32"), ""),
        (b"\n\n  " + make_feed("Été", "utf-8").encode(), ""),
        (make_feed("\x0bÉté\x00", "utf-8").encode(), ""),
        (make_feed("Été", "utf-8").encode() + b"<script>", ""),
        (make_feed("&Eacute;t&eacute;", "utf-8").encode(), ""),
        (make_feed("Été").encode(), "utf-7"),
    ],
)
def test_feed_charset_is_detected(data: bytes, charset: str) -> None:
    assert parse_feed_title(data, charset) == "Été"


def test_feed_with_named_doctype_is_read() -> None:
    assert parse_feed_title(RSS_091) == "Boats\xa0in"


def test_feed_declared_latin_1_is_read_as_windows_1252() -> None:
    assert parse_feed_title(make_feed("“Boats”", "iso-8859-1").encode("cp1252")) == "“Boats”"


def test_feed_in_utf_7_is_read_as_ascii() -> None:
    hidden = '<!DOCTYPE r [<!ENTITY a "boom">]><rss><channel><title>&a;</title></channel></rss>'
    data = b'<?xml version="1.0" encoding="utf-7"?>' + hidden.replace("<", "+ADw-").encode()
    plain = normalise_xml(data, "", "utf-7")
    assert b"<!" not in plain
    assert "boom" not in str(feedparser.parse(plain))


@pytest.mark.parametrize(
    "data",
    [
        b"<r>&</r><!DOCTYPE r [<!ENTITY a 'b'>]>",
        b"<r><!entity a 'b'></r>",
        b"x<!DOCTYPE r [ <a>",
        b"<r>&</r><!ATTLIST r a CDATA 'b'>",
        b"&<!EN\0TITY a 'b'><r/>",
    ],
)
def test_malformed_feed_with_declaration_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="declares"):
        normalise_xml(data, "")


@given(st.text(max_size=200) | st.text("<>!&;[]'\"=/ ENTITYDOCTYPErax", max_size=200))
def test_xml_that_passes_has_no_internal_subset(text: str) -> None:
    data = text.encode("utf-8", "replace")
    try:
        check_xml(data, "")
    except InputError:
        return
    document = minidom.parseString(data)  # noqa: S318
    assert not getattr(document.doctype, "internalSubset", None)


@given(st.binary(max_size=200), st.sampled_from(["", "utf-8", "utf-16", "shift_jis", "zip", "\0"]))
def test_normalise_xml_returns_utf_8_or_refuses(data: bytes, charset: str) -> None:
    try:
        plain = normalise_xml(data, "", charset)
    except InputError:
        return
    assert plain.decode().startswith("<?xml")


def test_xml_check_opens_no_external_entity(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    data = f'<!DOCTYPE r SYSTEM "{secret.as_uri()}"><r>&a;</r>'.encode()
    check_xml(data, "")
    assert b"secret</r>" not in normalise_xml(data, "")
