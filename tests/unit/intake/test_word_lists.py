"""Lists of Word files have the numbers that Word shows, and inserted parts their text."""

import pytest

from tests.unit.intake.factories import map_omissions
from tests.unit.intake.word_files import (
    build_word_file,
    make_item,
    make_paragraph,
    make_relationship,
    read_body,
)

BETWEEN = make_paragraph("Between.")


@pytest.mark.parametrize(
    ("items", "body"),
    [
        ([make_item("a", 1), BETWEEN, make_item("b", 1)], "1. a\n\nBetween.\n\n2. b"),
        ([make_item("a", 1), BETWEEN, make_item("b", 5)], "1. a\n\nBetween.\n\n2. b"),
        ([make_item("a", 1), BETWEEN, make_item("b", 6)], "1. a\n\nBetween.\n\n1. b"),
        ([make_item("a", 7), make_item("b", 7)], "8. a\n9. b"),
        (
            [make_item("a", 1), make_item("b", 1, 1), make_item("c", 1), make_item("d", 1, 1)],
            "1. a\n   1. b\n2. c\n   1. d",
        ),
        (
            [make_item("a", 1), make_item("b", 2, 1), BETWEEN, make_item("c", 1)],
            "1. a\n   - b\n\nBetween.\n\n2. c",
        ),
        ([make_item("a", 2), make_item("b", 2)], "- a\n- b"),
        ([make_item("a", 1, 2), make_item("b", 1, 2)], "1. a\n2. b"),
        ([make_item("a", 4)], "a"),
        ([make_item("a", 0)], "a"),
        ([make_item("a", 99)], "a"),
        ([make_item("a", 1), make_item("", 1), make_item("c", 1)], "1. a\n\n<!-- -->\n\n3. c"),
    ],
)
def test_word_list_has_numbers_of_word(items: list[str], body: str) -> None:
    draft = read_body("".join(items))
    assert draft.content.body.replace("\n\n<!-- -->\n\n", "\n|\n") == body.replace(
        "\n\n<!-- -->\n\n", "\n|\n"
    )
    assert map_omissions(draft) == {}


def test_word_list_that_starts_again_is_another_list() -> None:
    items = [make_item("a", 1), make_item("b", 1), make_item("c", 6)]
    html = read_body("".join(items)).content.html.replace("\n", "")
    assert html == "<ol><li>a</li><li>b</li></ol><ol><li>c</li></ol>"


def test_word_list_by_style_counts_with_its_list() -> None:
    steps = '<w:pStyle w:val="Steps"/>'
    draft = read_body(
        make_paragraph("a", properties=steps) + BETWEEN + make_paragraph("b", properties=steps)
    )
    assert draft.content.body == "1. a\n\nBetween.\n\n2. b"


def test_word_list_with_letters_is_reported() -> None:
    draft = read_body(make_item("a", 3) + make_item("b", 3))
    assert draft.content.body == "1. a\n2. b"
    assert map_omissions(draft) == {
        "nothing, but a list's letters or marks became plain numbers": "(a) a"
    }


def test_word_list_with_numbers_in_other_signs_is_reported() -> None:
    draft = read_body(make_item("a", 8))
    assert draft.content.body == "1. a"
    assert list(map_omissions(draft)) == [
        "nothing, but a list's letters or marks became plain numbers"
    ]


def test_word_text_that_looks_like_a_mark_is_harmless() -> None:
    draft = read_body(make_paragraph("a \U000f5aa5chunk=0\U000f5aa6 b"))
    assert draft.content.body == "a chunk=0 b"


# ---- parts of another format --------------------------------------------------------------------


def read_chunk(name: str, content: str | bytes) -> tuple[str, dict[str, str]]:
    draft = read_body(
        make_paragraph("Before.") + '<w:altChunk r:id="r7"/>' + make_paragraph("After."),
        relationships=make_relationship("r7", "aFChunk", name),
        parts={f"word/{name}": content},
    )
    return draft.content.body, map_omissions(draft)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "part.html",
            "<html><head><title>x</title></head><body><p>In <b>it</b>.</p></body></html>",
        ),
        ("part.html", "<p>In <strong>it</strong>.</p>".encode("utf-16")),
        (
            "part.mht",
            ("MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n--x\r\n"
            "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: "
            "quoted-printable\r\n\r\n<body><p>In <b>it</b>=2E</p></body>\r\n--x--\r\n"),
        ),
        (
            "part.docx",
            build_word_file(
                "<w:p><w:r><w:t xml:space='preserve'>In </w:t></w:r><w:r><w:rPr><w:b/></w:rPr>"
                "<w:t>it</w:t></w:r><w:r><w:t>.</w:t></w:r></w:p>"
            ),
        ),
    ],
)  # fmt: skip
def test_word_part_of_another_format_keeps_its_text(name: str, content: str | bytes) -> None:
    assert read_chunk(name, content) == ("Before.\n\nIn **it**.\n\nAfter.", {})


def test_word_part_of_plain_text_keeps_its_lines() -> None:
    assert read_chunk("part.txt", "One.\r\n\r\nTwo <3.")[0] == (
        "Before.\n\nOne.\n\nTwo <3.\n\nAfter."
    )


def test_word_file_within_word_file_leaves_out_hidden_text() -> None:
    inner = build_word_file(
        "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>Secret.</w:t></w:r></w:p>"
        "<w:p><w:r><w:t>Seen.</w:t></w:r></w:p>"
    )
    assert read_chunk("part.docx", inner) == (
        "Before.\n\nSeen.\n\nAfter.",
        {"hidden text": "Secret."},
    )


def test_word_part_that_cannot_be_read_is_reported() -> None:
    body, omissions = read_chunk("part.rtf", "{\\rtf1 In it.}")
    assert body == "Before.\n\nAfter."
    assert omissions == {"part of another format, which was not read": "application/rtf"}
    draft = read_body(make_paragraph("Before.") + '<w:altChunk r:id="r7"/>')
    assert map_omissions(draft) == {"part in another file": ""}
