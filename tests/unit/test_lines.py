"""The characters that a line of text may hold."""

import pytest

from mailer.lines import find_mixed_word, fold_name, holds_control, holds_visible, replace_control


@pytest.mark.parametrize(
    "line", ["plain", "نمی\u200cخواهم", "\u200fعربي", "naïve — 船 𝒻", "soft\xadhyphen"]
)
def test_line_accepts_texts_of_people(line: str) -> None:
    assert not holds_control(line)


@pytest.mark.parametrize("line", ["", " ", "\0", "\x7f\t", "\u200b", "\u2800 \ufeff"])
def test_line_without_visible_character(line: str) -> None:
    assert not holds_visible(line)
    assert holds_visible(f"{line}.")


@pytest.mark.parametrize(
    "line", ["a\0b", "bell\a", "\x1b[1m", "a\u2028b", "\ud800", "a\x85b", "a\nb"]
)
def test_line_refuses_control_characters(line: str) -> None:
    assert holds_control(line)


def test_control_characters_are_replaced_for_terminal() -> None:
    assert replace_control("a\x1b]0;owned\x07b\ud800\nc") == "a\ufffd]0;owned\ufffdb\ufffd\nc"


@pytest.mark.parametrize(
    "name",
    [
        *(f"Ana{chr(code)}" for code in (0x2800, 0x3164, 0x115F, 0x1160, 0xFFA0, 0x200B, 0x34F)),
        *(f"An{chr(code)}a" for code in (0xAD, 0x2064, 0x180E, 0x180F, 0xFE0F, 0xE0101, 0x16FE4)),
        *(f"{chr(code)}Ana" for code in (0x1D159, 0x1D173, 0xE000, 0x1680, 0x17B4)),
        "A\u200ana",
        "Ana.",
        "ANA",
        "Ａｎａ",
    ],
)
def test_folded_name_ignores_invisible_characters(name: str) -> None:
    assert fold_name(name) == fold_name("Ana")


def test_folded_name_ignores_every_ignorable_character() -> None:
    """Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties."""
    ignorable = [
        0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810),
        *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164,
        *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFF9),
        *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000),
    ]  # fmt: skip
    assert [hex(code) for code in ignorable if fold_name(f"A{chr(code)}na") != "ana"] == []


def test_folded_word_of_look_alikes_is_the_latin_word() -> None:
    assert fold_name("\u0408\u043e\u0455\u0435") == fold_name("Jose")  # Cyrillic
    assert fold_name("Анна") != fold_name("Anna")


@pytest.mark.parametrize("name", ["\u0410na", "An\u03b1", "Ana M\u043eyo", "B\u0435n-Ali"])
def test_word_of_two_alphabets_is_mixed(name: str) -> None:
    assert find_mixed_word(name)


@pytest.mark.parametrize(
    "name", ["Ana Мария", "山田タロウ", "Ana小林", "José O'Neill", "Анна 2", "مريم", "김Ana"]
)
def test_word_of_one_alphabet_is_not_mixed(name: str) -> None:
    assert find_mixed_word(name) == ""
