"""XML that declares nothing passes; what blows up does not."""

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


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as raised:
        check_xml(data, "word/document.xml")
    assert raised.value.where == "word/document.xml"
    assert raised.value.hint
    return raised.value.message


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
def test_a_document_that_declares_nothing_passes(data: bytes) -> None:
    check_xml(data, "")
    normalise_xml(data, "")


@pytest.mark.parametrize(
    "subset",
    ["<!ENTITY a 'b'>", "<!ENTITY % a 'b'> %a;", "<!ELEMENT r ANY>", "<!ATTLIST r a CDATA 'b'>",
     "<!NOTATION a SYSTEM 'b'>", "<?a?>", "<!-- a -->", "", "%a;",
     "<!ENTITY a SYSTEM 'file:///etc/passwd'>"],
)  # fmt: skip
@pytest.mark.parametrize("named", ["", ' SYSTEM "a.dtd"', ' PUBLIC "a" "b]>"'])
def test_a_document_with_declarations_of_its_own_is_refused(subset: str, named: str) -> None:
    data = f"<!DOCTYPE r{named} [{subset}]><r>&a;</r>"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert "declares" in refused(data.encode(encoding))
        with pytest.raises(InputError, match="declares"):
            normalise_xml(data.encode(encoding), "")


@pytest.mark.parametrize(
    ("data", "said"),
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
        (b'<?xml version="1.0" encoding="utf-7"?><r/>', "charset that is not known"),
        (b'<?xml version="1.0" encoding="hz"?><r/>', "charset that is not known"),
        (b'<?xml version="1.0" encoding="cp037"?><r/>', "charset that is not known"),
        (b'<?xml version="1.0" encoding="x-odd"?><r/>', "charset that is not known"),
        (b"\xff\xfe<\0r\0/\0>", "not in utf-16-le"),
    ],
)
def test_what_is_not_well_formed_or_too_much_is_refused(data: bytes, said: str) -> None:
    assert said in refused(data)


# ---- feeds, as they are found -----------------------------------------------------------------


def title(data: bytes, charset: str = "") -> str:
    found = feedparser.parse(normalise_xml(data, "", charset))
    return str(found.feed.get("title", ""))


def feed(text: str, declared: str = "") -> str:
    says = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    return f"{says}<rss version='2.0'><channel><title>{text}</title></channel></rss>"


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (feed("Été").encode(), ""),
        (feed("Été", "utf-8").encode("utf-8-sig"), ""),
        (feed("Été", "iso-8859-1").encode("latin-1"), ""),
        (feed("Été").encode("latin-1"), "iso-8859-1"),
        (feed("Été", "utf-8").encode("latin-1"), "latin-1"),
        (feed("Été", "utf-8").encode("latin-1"), ""),
        (feed("Été", "no-such").encode(), ""),
        (feed("Été", "utf-16").encode("utf-16"), ""),
        (feed("Été", "utf-16").encode("utf-16"), "utf-8"),
        (feed("Été", "utf-16be").encode("utf-16-be"), ""),
        (feed("Été").encode("utf-32"), ""),
        (b"\n\n  " + feed("Été", "utf-8").encode(), ""),
        (feed("\x0bÉté\x00", "utf-8").encode(), ""),
        (feed("Été", "utf-8").encode() + b"<script>", ""),
        (feed("&Eacute;t&eacute;", "utf-8").encode(), ""),
        (feed("Été").encode(), "utf-7"),
    ],
)
def test_a_feed_is_read_in_whatever_charset_it_is(data: bytes, charset: str) -> None:
    assert title(data, charset) == "Été"


def test_a_named_document_type_changes_nothing() -> None:
    assert title(RSS_091) == "Boats\xa0in"


def test_windows_quotes_in_what_says_that_it_is_latin_1_are_quotes() -> None:
    assert title(feed("“Boats”", "iso-8859-1").encode("cp1252")) == "“Boats”"


def test_a_feed_in_utf_7_is_read_as_ascii_and_declares_nothing() -> None:
    hidden = '<!DOCTYPE r [<!ENTITY a "boom">]><rss><channel><title>&a;</title></channel></rss>'
    data = b'<?xml version="1.0" encoding="utf-7"?>' + hidden.replace("<", "+ADw-").encode()
    plain = normalise_xml(data, "", "utf-7")
    assert b"<!" not in plain
    assert "boom" not in str(feedparser.parse(plain))


@pytest.mark.parametrize(
    "data",
    [b"<r>&</r><!DOCTYPE r [<!ENTITY a 'b'>]>", b"<r><!entity a 'b'></r>", b"x<!DOCTYPE r [ <a>",
     b"<r>&</r><!ATTLIST r a CDATA 'b'>", b"&<!EN\0TITY a 'b'><r/>"],
)  # fmt: skip
def test_a_broken_feed_may_hold_nothing_that_looks_like_a_declaration(data: bytes) -> None:
    with pytest.raises(InputError, match="declares"):
        normalise_xml(data, "")


@given(st.text(max_size=200) | st.text("<>!&;[]'\"=/ ENTITYDOCTYPErax", max_size=200))
def test_no_text_that_passes_declares_anything(text: str) -> None:
    data = text.encode("utf-8", "replace")
    try:
        check_xml(data, "")
    except InputError:
        return
    document = minidom.parseString(data)  # noqa: S318
    assert not getattr(document.doctype, "internalSubset", None)


@given(st.binary(max_size=200), st.sampled_from(["", "utf-8", "utf-16", "shift_jis", "zip", "\0"]))
def test_any_bytes_pass_as_utf_8_or_are_refused_and_nothing_breaks(
    data: bytes, charset: str
) -> None:
    try:
        plain = normalise_xml(data, "", charset)
    except InputError:
        return
    assert plain.decode().startswith("<?xml")


def test_nothing_is_fetched_or_opened(tmp_path: Path) -> None:
    kept = tmp_path / "secret"
    kept.write_text("secret")
    data = f'<!DOCTYPE r SYSTEM "{kept.as_uri()}"><r>&a;</r>'.encode()
    check_xml(data, "")
    assert b"secret</r>" not in normalise_xml(data, "")
