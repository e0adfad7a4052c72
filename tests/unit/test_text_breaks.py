"""Text is cut and wrapped between the characters that people see, with or without spaces."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.text_breaks import measure_columns, shorten_text, split_clusters, wrap_lines

CHINESE = "WHO-2030 年各国渔业部门恢复缓慢需要更多投资和更多训练有素的船员以及更好的港口" * 8
JAPANESE = "東京で開かれた会議では「海の仕事」について、各国の代表が話し合いました。" * 9
THAI = "ประชุมชาวประมงเริ่มขึ้นแล้วในกรุงเทพเพื่อหารือเรื่องความปลอดภัยของเรือ" * 8
KOREAN = "국제회의가 서울에서 열려 각국의 대표가 어업의 미래에 대해 논의했습니다 " * 9
LAO = "ກອງປະຊຸມໄດ້ເລີ່ມຂຶ້ນແລ້ວທີ່ວຽງຈັນເພື່ອປຶກສາຫາລື" * 8
TIBETAN = "ཉ་པའི་ཚོགས་འདུ་ལྷ་ས་ནས་འགོ་འཛུགས་བྱས་ནས་གྲུའི་བདེ་འཇགས་སྐོར་གྲོས་བསྡུར་བྱས་པ་རེད་" * 8
BURMESE = "ငါးဖမ်းသမားများ၏ညီလာခံကိုရန်ကုန်မြို့တွင်စတင်ကျင်းပခဲ့သည်" * 16
KHMER = "សន្និសីទអ្នកនេសាទបានចាប់ផ្តើមនៅភ្នំពេញដើម្បីពិភាក្សាអំពីសុវត្ថិភាព" * 8
GERMAN = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverordnung" * 8
UNSPACED = {"zh": CHINESE, "ja": JAPANESE, "th": THAI, "ko": KOREAN, "lo": LAO, "de": GERMAN}
UNSPACED |= {"bo": TIBETAN, "my": BURMESE, "km": KHMER}


@pytest.mark.parametrize("limit", [100, 110, 220])
@pytest.mark.parametrize("language", UNSPACED)
def test_shortened_text_uses_most_of_the_limit(language: str, limit: int) -> None:
    shortened = shorten_text(UNSPACED[language], limit)
    assert limit * 2 // 3 < len(split_clusters(shortened)) <= limit
    assert shortened.endswith("…")
    assert UNSPACED[language].startswith(shortened.removesuffix("…"))


def test_text_within_the_limit_is_unchanged() -> None:
    assert shorten_text("海港", 2) == "海港"
    assert shorten_text("A short\n line", 40) == "A short line"


def test_latin_text_is_cut_after_a_whole_word() -> None:
    assert shorten_text("Boats leave the harbour, and return at night", 27) == (
        "Boats leave the harbour…"
    )


@pytest.mark.parametrize(
    ("text", "limit"), [("海" * 8 + "「港」", 10), ("海" * 8 + "、港口", 9), ("ก" * 8 + "เรือ", 10)]
)
def test_cut_respects_punctuation_and_preposed_vowels(text: str, limit: int) -> None:
    assert shorten_text(text, limit).removesuffix("…")[-1] not in "「、เ"


@pytest.mark.parametrize(
    "cluster",
    ["é", "👩‍👩‍👧", "👍🏽", "🇸🇳", "กำ", "ที่", "क्ष", "한", "❤️", "\u1112\u1161\u11ab"],
)
def test_cluster_is_never_cut(cluster: str) -> None:
    assert split_clusters(cluster * 3) == [cluster] * 3
    for limit in range(2, 6):
        kept_part = shorten_text(cluster * 6, limit).removesuffix("…")
        assert kept_part == cluster * (len(kept_part) // len(cluster))


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("海港", 4),
        ("ｱ", 1),
        ("é", 1),
        ("\u2066+1\u2069", 2),
        ("🇸🇳", 2),
        ("ที่", 1),
        ("", 0),
    ],
)
def test_columns_count_wide_characters_twice(text: str, columns: int) -> None:
    assert measure_columns(text) == columns


@given(st.text(max_size=200), st.integers(1, 60))
def test_shortened_text_is_a_beginning(text: str, limit: int) -> None:
    shortened = shorten_text(text, limit)
    assert len(split_clusters(shortened)) <= max(limit, 2)
    assert " ".join(text.split()).startswith(shortened.removesuffix("…"))


@pytest.mark.parametrize("language", ["zh", "ja", "th", "lo"])
def test_wrapped_lines_fit_and_keep_all_characters(language: str) -> None:
    text = UNSPACED[language]
    lines = wrap_lines(text, 40, "- ", "  ")
    assert all(measure_columns(line) <= 40 for line in lines)
    assert "".join(line[2:] for line in lines).replace(" ", "") == text.replace(" ", "")


def test_wrap_keeps_an_address_beside_chinese_whole() -> None:
    address = "https://example.org/" + "path/" * 20
    assert address in "\n".join(wrap_lines(f"请访问{address}了解更多信息", 40)).split("\n")


@pytest.mark.parametrize("limit", [40, 41, 42, 43, 44])
def test_tibetan_is_cut_after_a_syllable(limit: int) -> None:
    assert shorten_text(TIBETAN, limit).removesuffix("…").endswith("་")
    for line in wrap_lines(TIBETAN, limit)[:-1]:
        assert line.endswith("་")
        assert not line.startswith("་")


def test_burmese_consonant_that_ends_a_syllable_begins_no_line() -> None:
    for width in range(10, 40):
        for line in wrap_lines(BURMESE, width):
            assert "\u103a" not in split_clusters(line)[0]


def test_run_of_closing_punctuation_is_cut_at_the_limit() -> None:
    assert len(shorten_text("ー" * 300, 60)) == 60


def test_long_run_of_marks_takes_linear_time() -> None:
    started_at = time.process_time()
    assert len(split_clusters("a" + "\u0301" * 200_000)) == 1
    assert time.process_time() - started_at < 5
