"""The characters that a line of text may hold."""

import pytest

from mailer.lines import holds_control, replace_control


@pytest.mark.parametrize(
    "line", ["plain", "نمی\u200cخواهم", "\u200fعربي", "naïve — 船 𝒻", "soft\xadhyphen"]
)
def test_line_accepts_texts_of_people(line: str) -> None:
    assert not holds_control(line)


@pytest.mark.parametrize(
    "line", ["a\0b", "bell\a", "\x1b[1m", "a\u2028b", "\ud800", "a\x85b", "a\nb"]
)
def test_line_refuses_control_characters(line: str) -> None:
    assert holds_control(line)


def test_control_characters_are_replaced_for_terminal() -> None:
    assert replace_control("a\x1b]0;owned\x07b\ud800\nc") == "a\ufffd]0;owned\ufffdb\ufffd\nc"
