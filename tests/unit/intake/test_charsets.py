"""Names of charsets that the mailer trusts."""

import pytest

from mailer.intake.charsets import normalise_charset


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("utf-8", "utf-8"),
        ("UTF8", "utf-8"),
        (' "utf-8" ', "utf-8"),
        ("latin1", "iso8859-1"),
        ("windows-1251", "cp1251"),
        ("koi8-r", "koi8-r"),
        ("gb2312", "gb2312"),
        ("gbk", "gbk"),
        ("gb18030", "gb18030"),
        ("big5", "big5"),
        ("shift_jis", "shift_jis"),
        ("euc-jp", "euc_jp"),
        ("euc-kr", "euc_kr"),
        ("windows-1256", "cp1256"),
        ("utf-16", "utf-16"),
    ],
)
def test_charset_with_plain_ascii_is_trusted(label: str, name: str) -> None:
    assert normalise_charset(label) == name


@pytest.mark.parametrize(
    "label",
    ["", "nonsense", "utf-7", "hz", "cp037", "cp500", "zip", "base64", "rot13", "hex", "idna",
     "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "a" * 500, "utf-8\0", "../a"],
)  # fmt: skip
def test_charset_without_plain_ascii_is_not_trusted(label: str) -> None:
    assert normalise_charset(label) == ""
