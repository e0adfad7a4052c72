"""A search finds words in other spellings."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import words
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
