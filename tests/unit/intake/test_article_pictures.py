"""Pictures that an article names by their files: in its front matter and in its text."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailer.errors import InputError
from mailer.intake.article_pictures import replace_picture_files
from mailer.intake.files import ArticleFile, read_file
from mailer.intake.markup import sanitise_html
from tests.pictures import draw_photo, make_png

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HEAD = "---\ntitle: Boats\n{}---\n\n"


def read_text(folder: Path, text: str) -> ArticleFile:
    path = folder / "boats.md"
    path.write_text(text, "utf-8")
    return read_file(path, NOW, language="en", time_zone="UTC")


def replace_files(markdown: str) -> str:
    return replace_picture_files(markdown, lambda name, line: f"x:{name}@{line}", "x.md")


def test_front_matter_and_text_name_local_files(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media/boats 1.jpg").write_bytes(draw_photo(64, 48))
    (tmp_path / "quay.png").write_bytes(make_png(20, 20))
    text = "image: {file: quay.png, alt: A quay, credit: A. Perera, caption: At dusk}\n"
    file = read_text(tmp_path, HEAD.format(text) + "Text.\n\n![Boats](<media/boats 1.jpg>)\n")
    assert file.error is None, file.error
    assert file.content
    assert file.content.image
    assert {picture.name for picture in file.pictures} == {"boats 1.jpg", "quay.png"}
    references = {picture.name: picture.reference for picture in file.pictures}
    assert file.content.image.url == references["quay.png"]
    assert (file.content.image.credit, file.content.image.caption) == ("A. Perera", "At dusk")
    assert file.content.body == f"Text.\n\n![Boats]({references['boats 1.jpg']})"
    assert f'<img src="{references["boats 1.jpg"]}" alt="Boats">' in file.content.html


def test_picture_is_held_once_however_it_is_spelt(tmp_path: Path) -> None:
    (tmp_path / "boats.jpg").write_bytes(draw_photo(64, 48))
    (tmp_path / "link.jpg").symlink_to("boats.jpg")
    text = "![A](boats.jpg) ![B](./boats.jpg) ![C](x/../boats.jpg) ![D](%62oats.jpg) ![E](link.jpg)"
    (tmp_path / "x").mkdir()
    file = read_text(tmp_path, HEAD.format("image: {file: .//boats.jpg, alt: A}\n") + text)
    (picture,) = file.pictures
    assert file.content
    assert file.content.body.count(picture.reference) == 5


def test_bytes_of_a_picture_are_read_when_they_are_needed(tmp_path: Path) -> None:
    photo = draw_photo(64, 48)
    (tmp_path / "boats.jpg").write_bytes(photo)
    (picture,) = read_text(tmp_path, HEAD.format("") + "![A](boats.jpg)").pictures
    assert picture.source == tmp_path / "boats.jpg"
    assert picture.content == photo
    (tmp_path / "boats.jpg").write_bytes(draw_photo(64, 64))
    with pytest.raises(InputError, match="changed while it was being imported") as caught:
        assert picture.content
    assert caught.value.where == f"{tmp_path / 'boats.md'}, line 5"


@pytest.mark.parametrize(
    ("markdown", "replaced"),
    [
        ("![a](b.jpg)", "![a](x:b.jpg@1)"),
        ('x\n![a]( <b c.jpg> "t")', 'x\n![a]( x:b%20c.jpg@2 "t")'),
        ("![a][p]\n\n[p]: b.jpg", "![a][p]\n\n[p]: x:b.jpg@1"),
        ("> ![a](b.jpg)\n> ![c](d.jpg)", "> ![a](x:b.jpg@1)\n> ![c](x:d.jpg@2)"),
        ("| a |\n|---|\n| ![a](b.jpg) |", "| a |\n|---|\n| ![a](x:b.jpg@3) |"),
        ("[![a](b.jpg)](https://example.org/)", "[![a](x:b.jpg@1)](https://example.org/)"),
        ("![a](https://example.org/b.jpg)", "![a](https://example.org/b.jpg)"),
        ("`![a](b.jpg)`", "`![a](b.jpg)`"),
        ("![a](www.example.org/b.jpg)", "![a](www.example.org/b.jpg)"),
    ],
)
def test_only_addresses_of_local_pictures_are_replaced(markdown: str, replaced: str) -> None:
    assert replace_files(markdown) == replaced


@pytest.mark.parametrize(
    ("markdown", "message"),
    [
        ("![a](missing.jpg)", "there is no picture 'missing.jpg'"),
        ("![a](../outside.jpg)", "lies outside the folder"),
        ("![a](/etc/passwd)", "lies outside the folder"),
        ("![a](link.jpg)", "lies outside the folder"),
        ("![a](folder)", "it is a folder"),
        ("![a](circle.jpg)", "'circle.jpg': the file can't be read (its links form a circle)"),
        (f"![a]({'n' * 300}.jpg)", "can't be read (File name too long)"),
        (f"![a]({'n/' * 3000}a.jpg)", "can't be read (File name too long)"),
        ("![a](pipe.jpg)", "it is a named pipe"),
        ("![a](note.txt)", "not a picture that mails can show"),
        ("![a](script.svg)", "is an SVG"),
        ("![a](line.png)", "too small or too narrow (20000 × 1)"),
        ("![](boats.jpg)", "has no alt text"),
        ("`](boats.jpg)` ![a](boats.jpg)", "in a place where its file can't be named"),
    ],
)
def test_bad_picture_is_refused_with_its_line(tmp_path: Path, markdown: str, message: str) -> None:
    folder = tmp_path / "stories"
    folder.mkdir()
    (tmp_path / "outside.jpg").write_bytes(draw_photo(64, 48))
    (folder / "boats.jpg").write_bytes(draw_photo(64, 48))
    (folder / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "circle.jpg").symlink_to(folder / "circle.jpg")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    (folder / "note.txt").write_text("A note.")
    (folder / "script.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>")
    (folder / "line.png").write_bytes(make_png(20_000, 1))
    file = read_text(folder, HEAD.format("") + f"Text.\n\n{markdown}\n")
    assert file.content is None
    assert message in str(file.error)
    assert "boats.md, line 7" in str(file.error) or "place" in message
    front_name = markdown.rpartition("(")[2].rstrip(")")
    if "place" not in message and "alt" not in message:
        front = read_text(folder, HEAD.format(f"image: {front_name}\n") + "Text.\n")
        assert message in str(front.error)
        assert "boats.md, line 3" in str(front.error)


def test_sanitised_html_keeps_references_in_pictures_only() -> None:
    reference = f"asset:{'3f' * 32}.jpg"
    html = f'<p><img src="{reference}" alt="x"><a href="{reference}">y</a></p>'
    assert sanitise_html(html) == f'<p><img src="{reference}" alt="x"><a>y</a></p>'
    assert "src" not in sanitise_html('<img src="asset:javascript" alt="x">')
