"""A file becomes an article, or an error that names the file and the line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import InputError
from mailer.intake import files
from mailer.model.articles import ArticleKind, Content, Image
from tests.unit.samples import NOW


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def one(path: Path, language: str = "en", time_zone: str = "Europe/London") -> Content:
    (found,) = files.read_files([path], NOW, language=language, time_zone=time_zone)
    if found.error:
        raise found.error
    assert found.content
    return found.content


def read(folder: Path, text: str | bytes) -> Content:
    path = folder / "news.md"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return one(path)


def front(**lines: str) -> str:
    said = "".join(f"{key}: {value}\n" for key, value in {"title": "Relief", **lines}.items())
    return f"---\n{said}---\nBoats came in.\n"


# ---- what a file gives ------------------------------------------------------------------------


def test_a_title_and_a_text_are_enough(folder: Path) -> None:
    content = read(folder, "---\ntitle: Relief reaches the coast\n---\n\nBoats *came* in.\n")
    assert content.slug == "relief-reaches-the-coast"
    assert (content.language, content.kind, content.published) == ("en", ArticleKind.NEWS, NOW)
    assert content.body == "Boats *came* in."
    assert content.html == "<p>Boats <em>came</em> in.</p>"
    assert (content.topics, content.image, content.lead) == ((), None, False)


def test_every_key_is_taken(folder: Path) -> None:
    content = read(
        folder,
        """---
title: "Relief: the coast"
kind: Press release
slug: relief
language: FR
published: 2026-07-01
topics: [health, diaspora]
summary: >
  Boats came in
  at dawn.
image:
  url: https://example.org/b.jpg
  alt: A boat
  credit: Ana
canonical_url: https://example.org/relief
byline: Ana Bo
dateline: GENEVA
lead: true
---
Boats.
""",
    )
    assert content == Content(
        slug="relief",
        language="fr",
        kind=ArticleKind.PRESS_RELEASE,
        title="Relief: the coast",
        published=datetime(2026, 6, 30, 23, tzinfo=UTC),
        body="Boats.",
        html="<p>Boats.</p>",
        summary="Boats came in at dawn.",
        topics=("health", "diaspora"),
        image=Image("https://example.org/b.jpg", "A boat", "Ana"),
        canonical_url="https://example.org/relief",
        byline="Ana Bo",
        dateline="GENEVA",
        lead=True,
    )


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_byte_order_mark_and_any_line_end_are_taken(folder: Path, bom: bytes, end: bytes) -> None:
    raw = bom + front(byline="Ana").encode().replace(b"\n", end) + b"One" + end + end + b"Two"
    content = read(folder, raw)
    assert (content.title, content.byline) == ("Relief", "Ana")
    assert content.body == "Boats came in.\nOne\n\nTwo"


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-15", datetime(2026, 1, 15, tzinfo=UTC)),
        ("2026-07-15", datetime(2026, 7, 14, 23, tzinfo=UTC)),
        ('"2026-07-15"', datetime(2026, 7, 14, 23, tzinfo=UTC)),
        ("2026-07-15 09:00:00", datetime(2026, 7, 15, 8, tzinfo=UTC)),
        ("2026-07-15T09:00", datetime(2026, 7, 15, 8, tzinfo=UTC)),
        ("2026-07-15T09:00:00+02:00", datetime(2026, 7, 15, 7, tzinfo=UTC)),
        ("2026-07-15T09:00:00Z", datetime(2026, 7, 15, 9, tzinfo=UTC)),
    ],
)
def test_a_date_is_the_time_zones_unless_it_says_otherwise(
    folder: Path, written: str, moment: datetime
) -> None:
    assert read(folder, front(published=written)).published == moment


@pytest.mark.parametrize(
    ("key", "written", "field", "value"),
    [
        ("topics", "health, diaspora", "topics", ("health", "diaspora")),
        ("topics", "\n  - health", "topics", ("health",)),
        ("title", "2026", "title", "2026"),
        ("kind", "op-ed", "kind", ArticleKind.OP_ED),
        ("lead", "no", "lead", False),
        ("byline", "", "byline", ""),
        ("slug", "", "slug", "relief"),
    ],
)
def test_a_value_may_be_written_as_people_write(
    folder: Path, key: str, written: str, field: str, value: object
) -> None:
    text = front(**({"slug": "relief"} if key == "title" else {}) | {key: written})
    assert getattr(read(folder, text), field) == value


def test_a_line_of_hyphens_within_the_text_is_text(folder: Path) -> None:
    assert read(folder, front() + "\n---\n\nMore.\n").body.endswith("---\n\nMore.")


@given(st.text(max_size=200))
def test_any_text_survives_as_the_body(text: str) -> None:
    body = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    values, got, lines = files._split_front_matter(Path("news.md"), f"---\ntitle: x\n---\n{body}")
    assert values == {"title": "x"}
    assert got == body.strip("\n")
    assert lines["title"] == 2


@pytest.mark.parametrize(
    "picture",
    [
        "![5 > 4](https://www.example.org/a.png)",
        '<img alt="5 > 4, src" src="https://www.example.org/a.png">',
    ],
)
def test_a_picture_with_an_address_is_taken(folder: Path, picture: str) -> None:
    (folder / "a.md").write_text(f"---\ntitle: x\n---\n{picture}\n", "utf-8")
    assert 'src="https://www.example.org/a.png"' in one(folder / "a.md").html


# ---- what is wrong with a file ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "what", "hint"),
    [
        ("", 1, "the file is empty", "write an article"),
        (" \n\n", 1, "the file is empty", ""),
        ("Just text\n", 1, "does not begin with front matter", "begin with --- and a title:"),
        ("---\ntitle: x\nNo end\n", 1, "front matter does not end", "end it with ---"),
        ("---\nkind: news\n---\nText\n", 1, "there is no title", "give the article a title"),
        ("---\nkind: news\ntitle: ' '\n---\nText\n", 3, "there is no title", ""),
        ("---\ntitle: x\n---\n \n", 4, "the article has no text", "write some below the ---"),
        (front(kind="gossip"), 3, "the kind 'gossip' is unknown", "news, press_release, event"),
        (front(published="yesterday"), 3, "'yesterday' is not a date", "2026-12-18"),
        (front(byline="Ana", published="2026-02-30"), 4, "day is out of range", "2026-12-18"),
        (front(byline="Ana", published="'2026-13-01'"), 4, "is not a date", "2026-12-18"),
        (front(published="[2026]"), 3, "is not a date", ""),
        (front(titel="x"), 3, "'titel' is nothing that an article has", "did you mean 'title'?"),
        (front(colour="x"), 3, "'colour' is nothing", "use title, kind"),
        (front(**{"1": "x"}), 3, "1 is nothing that an article has", ""),
        (front(language="english"), 3, "'english' is not a language tag", "BCP 47"),
        (front(topics="3"), 3, "3 is not a list of topics", "[one, another]"),
        (front(topics="[1]"), 3, "[1] is not a list of topics", ""),
        (front(lead="maybe"), 3, "is neither true nor false", "true or false"),
        (front(byline="[Ana]"), 3, "['Ana'] is not text", ""),
        (front(title="true"), 2, "True is not text", "double quotes"),
        (front(image="https://a.example/b.jpg"), 3, "the picture has no alt text", "can't see it"),
        (front(image="\n  url: b.jpg\n  alt: x"), 3, "'b.jpg' is not a web address", "https://"),
        (front(image="\n  src: b.jpg"), 3, "is not a picture", "url, alt and credit"),
        (front(canonical_url="example.org"), 3, "is not a web address", "https://"),
        (front(slug="Not A Slug"), 3, "can't be a slug", "small letters"),
        ("---\ntitle: 移民\n---\nText\n", 1, "'' can't be a slug", "write slug: some-words"),
        ("---\ntitle: a: b\n---\nText\n", 2, "front matter is not YAML", "double quotes"),
        ("---\ntitle: x\nbyline: 'open\n---\nText\n", 3, "front matter is not YAML", ""),
        ("---\ntitle: x\nlead: !!python/name:os.system\n---\nText\n", 3, "is not YAML", ""),
        ("---\n- title\n---\nText\n", 2, "front matter is not a list of keys", ""),
        (front(published="0001-01-02"), 3, "can't be a date of publication", "2026-12-18"),
        (front(published="9999-12-31T23:59:00Z"), 3, "can't be a date of publication", ""),
        (front(embargo="0001-01-01 00:00+14:00"), 3, "is not a time of an embargo", ""),
        (front(embargo="9999-12-31 23:59 America/New_York"), 3, "not a time of an embargo", ""),
        (front(topics='["a\\0b"]'), 3, "holds U+0000", "remove it"),
        (front(kind="press_release", notes='"\\ud800"'), 4, "holds U+D800", "remove it"),
        (
            front(kind="press_release", assets='[{title: x, file: "a\\0b.pdf"}]'),
            4,
            "a sign that nobody sees",
            "rename the file",
        ),
        (
            front(kind="press_release", assets="[{title: x, file: '..\\..\\evil.pdf'}]"),
            4,
            "holds a backslash",
            "",
        ),
        (
            front(kind="press_release", assets='[{title: x, file: "a\\u202efdp.pdf"}]'),
            4,
            "a sign that nobody sees",
            "",
        ),
        ("---\ntitle: x\n---\n<img src=x alt=y>\n", 4, "has no web address", "https://"),
        ("---\ntitle: x\n---\nA\n\0\n", 5, "it holds a NUL character", ""),
    ],
)
def test_a_bad_file_is_refused_with_its_line(
    folder: Path, text: str, line: int, what: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(folder, text)
    assert what in caught.value.message
    assert caught.value.where == f"{folder}/news.md, line {line}"
    assert hint in caught.value.hint


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("before", "line"), [(0, 4), (1, 5), (40, 44)])
def test_a_byte_that_is_not_utf8_is_named_by_its_line(
    folder: Path, before: int, line: int, end: bytes
) -> None:
    raw = b"---\ntitle: x\n---\n" + b"text\n" * before + b"B\xfcro\nB\xfcro"
    with pytest.raises(InputError, match="byte 0xfc is not UTF-8") as caught:
        read(folder, raw.replace(b"\n", end))
    assert caught.value.where == f"{folder}/news.md, line {line}"
    assert caught.value.hint == "save the file as UTF-8"


def test_a_file_too_large_to_be_an_article_is_not_read(folder: Path) -> None:
    with pytest.raises(InputError, match="larger than 2 MB"):
        read(folder, b"x" * (files.LARGEST + 1))


@pytest.mark.parametrize("deep", ["[" * 1_000, "{a: " * 1_000])
def test_front_matter_that_nests_without_end_is_refused(folder: Path, deep: str) -> None:
    with pytest.raises(InputError, match=r"front matter can't be read") as caught:
        read(folder, front(byline=deep))
    assert caught.value.where.endswith("line 3")
    assert len(str(caught.value)) < 500


def test_aliases_that_blow_up_are_not_printed(folder: Path) -> None:
    bomb = "&a0 [x, x]" + "".join(f", &a{n} [{f'*a{n - 1}, ' * 9}x]" for n in range(1, 12))
    with pytest.raises(InputError, match="is not text") as caught:
        read(folder, front(byline=f"[{bomb}]"))
    assert len(str(caught.value)) < 500


# ---- folders ----------------------------------------------------------------------------------


def test_a_folder_gives_every_article_below_and_no_readme(folder: Path) -> None:
    for name in ("b.md", "a.markdown", "README.md", "sub/c.MD", "sub/readme.markdown", "notes.txt",
                 ".hidden.md", ".git/d.md", "sub/.drafts/e.md"):  # fmt: skip
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(front(), "utf-8")
    found = files.find_files([folder])
    assert [str(file.relative_to(folder)) for file in found] == ["a.markdown", "b.md", "sub/c.MD"]
    assert files.find_files([folder / "b.md", folder]) == [found[1], found[0], found[2]]


def test_a_file_that_is_named_is_taken_whatever_its_name(folder: Path) -> None:
    named = folder / "README.md"
    named.write_text(front(), "utf-8")
    assert files.find_files([named]) == [named]


def test_a_path_that_gives_nothing_is_an_error(folder: Path) -> None:
    with pytest.raises(InputError, match="this folder holds no Markdown file"):
        files.find_files([folder])
    with pytest.raises(InputError, match=r"nothing\.md: there is no such file"):
        files.find_files([folder / "nothing.md"])


def test_a_key_is_found_again_by_its_line(folder: Path) -> None:
    file = folder / "news.md"
    file.write_text(front(byline="Ana", topics="health"), "utf-8")
    (found,) = files.read_files([file], NOW, language="en", time_zone="UTC")
    assert found.locate_key("topics") == f"{file}, line 4"
    assert found.locate_key("body") == f"{file}, line 6"
    assert found.locate_key("summary") == f"{file}, line 1"


def test_one_bad_file_keeps_no_other_out(folder: Path) -> None:
    (folder / "a.md").write_text("no front matter", "utf-8")
    (folder / "b.md").write_text(front(published="2026-01-01"), "utf-8")
    (folder / "c.md").write_text(front(), "utf-8")
    bad, dated, undated = files.read_files([folder], NOW, language="en", time_zone="UTC")
    assert bad.content is None
    assert "a.md, line 1" in str(bad.error)
    assert dated.content
    assert dated.dated
    assert undated.content
    assert not undated.dated
