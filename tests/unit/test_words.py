"""A search finds words in other spellings."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import words
from mailer.errors import InputError
from tests.unit.samples import generate_texts


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Événements à São Tomé", "evenements a sao tome"),
        ("DÉJÀ VU", "déjà vu"),
        ("cafe\u0301", "café"),
        ("Straße", "STRASSE"),
        ("Œuvre", "oeuvre"),
        ("ﬁnal １２３", "final 123"),
        ("Ёлка", "елка"),
        ("c’est l'été", "c'est l’ete"),
        ("الإِعْلامُ", "الاعلام"),
        ("أحمد", "احمد"),
        ("إلى", "الى"),
        ("آلاف", "الاف"),
        ("ٱلله", "الله"),
        ("مرحـــبا", "مرحبا"),
        ("مدرسة", "مدرسه"),
        ("\ufe8e\ufe8d", "اا"),  # as old programs wrote alef, by its place in a word
        ("٢٠٢٦", "2026"),
        ("می\u200cخواهم", "ميخواهم"),
        ("co\u00adoperation", "cooperation"),
        ("移民日", "移民日"),
        ("각", "각"),
        ("İstanbul", "istanbul"),
        ("left\u200e and right", "left and right"),
    ],
)
def test_typed_words_match_written_words(written: str, typed: str) -> None:
    assert words.fold_text(written) == words.fold_text(typed)
    assert words.fold_text(written)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("one, two—three/four", "one two three four"),
        ("100%_of*it", "100 of it"),
        ("国际移民日，十二月", "国际移民日 十二月"),
        ("🧑🏽‍🚒 €5", "5"),
        ("a\0b\ud800c\u2028d", "a b c d"),
        ("  \t\n ", ""),
        ("...", ""),
    ],
)
def test_punctuation_separates_words(text: str, folded: str) -> None:
    assert words.fold_text(text) == folded


@given(generate_texts())
def test_folding_text_is_idempotent(text: str) -> None:
    assert words.fold_text(words.fold_text(text)) == words.fold_text(text)


@given(generate_texts())
def test_folding_ignores_capitals_and_composition(text: str) -> None:
    folded = words.fold_text(text)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert words.fold_text(unicodedata.normalize(form, text)) == folded
    assert words.fold_text(text.casefold()) == folded


@given(generate_texts())
def test_folding_leaves_letters_digits_and_spaces(text: str) -> None:
    folded = words.fold_text(text)
    assert folded == " ".join(folded.split())
    assert not set(folded) & set("%_/\\\0")
    for character in folded.replace(" ", ""):
        assert unicodedata.category(character) not in {"Mn", "Cc", "Cf", "Cs", "Lu", "Lt"}
        assert unicodedata.category(character)[0] in "LNM"


@given(generate_texts(), generate_texts(2))
def test_distinct_words_contain_same_words_as_text(text: str, query: str) -> None:
    for word in words.fold_text(query).split():
        assert (word in words.join_distinct_words(text)) == (word in words.fold_text(text))


@given(st.lists(st.sampled_from(["boats", "Roads", "été", "移民", "العربية"]), max_size=30))
def test_distinct_words_have_no_repetition(repeated_words: list[str]) -> None:
    distinct_words = words.join_distinct_words(" ".join(repeated_words)).split()
    assert distinct_words == list(dict.fromkeys(words.fold_text(" ".join(repeated_words)).split()))


def test_distinct_words_leave_out_addresses() -> None:
    text = (
        "Boats\n\nhttps://www.example.org/en/harbour?x=1 and mailto:a@example.org, HTTP://X.example"
    )
    assert words.join_distinct_words(text) == "boats and"


def test_query_is_split_into_few_distinct_words() -> None:
    assert words.split_query("Boats, boats & BOATS roads", 8) == ("boats", "roads")
    assert words.split_query(" ".join(map(str, range(50))), 8) == tuple(map(str, range(8)))
    assert words.split_query("?!", 8) == ()


# ---- names, addresses and titles --------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "folded"),
    [
        ("  Ana\t QUAY ", "ana quay"),
        ("ana.quay+x@example.org", "ana.quay+x@example.org"),
        ("100%_of*\"it'", "100%_of*\"it'"),
        ("Seán O’Neil–Ñandú", "sean o'neil-nandu"),
        ("Ёлкина", "елкина"),
        ("أحمد إلياس", "احمد الياس"),
        ("José\0Ana\ud800B\u2028c", "jose ana b c"),
        ("🧑🏽‍🚒 €5", "🧑🏽🚒 €5"),
        ("", ""),
    ],
)
def test_folding_lines_keeps_signs(line: str, folded: str) -> None:
    assert words.fold_line(line) == folded


@given(generate_texts())
def test_folding_lines_is_idempotent_and_ignores_capitals(line: str) -> None:
    folded = words.fold_line(line)
    assert words.fold_line(folded) == folded
    assert words.fold_line(line.casefold()) == folded
    assert folded == " ".join(folded.split())


@given(st.text(st.characters(codec="ascii"), max_size=30), generate_texts())
def test_text_of_lines_is_the_same_by_each_way(first: str, second: str) -> None:
    expected = words.pad_words(words.fold_line(f"{first} {second}"))
    assert words.build_line_text(first, second) == expected
    assert words.build_line_text(first) == words.pad_words(words.fold_line(f"{first} é"))[:-3]


@pytest.mark.parametrize(
    ("folded", "padded"),
    [
        ("", ""),
        ("ana quay", "  ana  quay"),
        ("李小明", "  李  小  明"),
        ("ana李x", "  ana  李  x"),
        ("김민수 ひらカタ", "  김  민  수  ひ  ら  カ  タ"),
    ],
)
def test_padding_gives_each_word_two_spaces(folded: str, padded: str) -> None:
    assert words.pad_words(folded) == padded


@pytest.mark.parametrize(
    ("word", "needle"),
    [
        ("ana", "ana"),
        ("an", "  an"),
        ("a", "  a"),
        ("李", "  李"),
        ("李明", "  李  明"),
        ("na李", "na  李"),
        ("@ex", "@ex"),
        ("a.b", "a.b"),
        ("ab.", "ab."),
        ("a..", "  a.."),
        ("a_", "  a_"),
        ("...", "  ..."),
    ],
)
def test_needle_of_a_word_without_trigram_begins_a_word(word: str, needle: str) -> None:
    assert words.build_needle(word) == needle
    assert words.build_needle(word, at_beginning=True) == words.pad_words(word)
    assert len(needle) >= 3


def test_line_query_has_distinct_words_and_limits() -> None:
    assert words.parse_line_query("Quay, QUAY quay ana@") == ("quay,", "quay", "ana@")
    assert len(words.parse_line_query(" ".join("abcdefgh"))) == 8
    for query, problem in (
        ("a b c d e f g h i", "more than 8 words"),
        ("x" * 201, "longer than 200 characters"),
        ("% _ *", "no letter or digit"),
        ("", "no letter or digit"),
    ):
        with pytest.raises(InputError, match=problem):
            words.parse_line_query(query)
