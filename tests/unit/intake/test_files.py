"""Markdown files as articles, and errors that name file and line."""

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


def read_article(path: Path, language: str = "en", time_zone: str = "Europe/London") -> Content:
    (article_file,) = files.read_files([path], NOW, language=language, time_zone=time_zone)
    if article_file.error:
        raise article_file.error
    assert article_file.content
    return article_file.content


def read_text(folder: Path, text: str | bytes) -> Content:
    path = folder / "news.md"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_article(path)


def make_text(**lines: str) -> str:
    keys = "".join(f"{key}: {value}\n" for key, value in {"title": "Relief", **lines}.items())
    return f"---\n{keys}---\nBoats came in.\n"


# ---- what a file gives ------------------------------------------------------------------------


def test_article_file_with_title_and_text_only(folder: Path) -> None:
    content = read_text(folder, "---\ntitle: Relief reaches the coast\n---\n\nBoats *came* in.\n")
    assert content.slug == "relief-reaches-the-coast"
    assert (content.language, content.kind, content.published) == ("en", ArticleKind.NEWS, NOW)
    assert content.body == "Boats *came* in."
    assert content.html == "<p>Boats <em>came</em> in.</p>"
    assert (content.topics, content.image, content.lead) == ((), None, False)


def test_article_file_with_every_key(folder: Path) -> None:
    content = read_text(
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
def test_article_file_with_bom_and_any_line_end(folder: Path, bom: bytes, end: bytes) -> None:
    raw = bom + make_text(byline="Ana").encode().replace(b"\n", end) + b"One" + end + end + b"Two"
    content = read_text(folder, raw)
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
def test_article_file_date_uses_default_time_zone(
    folder: Path, written: str, moment: datetime
) -> None:
    assert read_text(folder, make_text(published=written)).published == moment


@pytest.mark.parametrize(
    ("key", "written", "field", "value"),
    [
        ("topics", "health, diaspora", "topics", ("health", "diaspora")),
        ("topics", "\n  - health", "topics", ("health",)),
        ("title", "2026", "title", "2026"),
        ("title", "true", "title", "true"),
        ("topics", "3", "topics", ("3",)),
        ("topics", "[1, 007]", "topics", ("1", "007")),
        ("language", "no", "language", "no"),
        ("kind", "op-ed", "kind", ArticleKind.OP_ED),
        ("lead", "no", "lead", False),
        ("byline", "", "byline", ""),
        ("slug", "", "slug", "relief"),
    ],
)
def test_article_file_values_in_loose_spelling(
    folder: Path, key: str, written: str, field: str, value: object
) -> None:
    text = make_text(**({"slug": "relief"} if key == "title" else {}) | {key: written})
    assert getattr(read_text(folder, text), field) == value


def test_article_file_with_hyphens_in_text(folder: Path) -> None:
    assert read_text(folder, make_text() + "\n---\n\nMore.\n").body.endswith("---\n\nMore.")


@given(st.text(max_size=200))
def test_article_file_body_is_preserved(text: str) -> None:
    body = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    values, parsed_body, lines = files._split_front_matter(
        Path("news.md"), f"---\ntitle: x\n---\n{body}"
    )
    assert values == {"title": "x"}
    assert parsed_body == body.strip("\n")
    assert lines["title"] == 2


@pytest.mark.parametrize(
    "picture",
    [
        "![5 > 4](https://www.example.org/a.png)",
        '<img alt="5 > 4, src" src="https://www.example.org/a.png">',
    ],
)
def test_article_file_with_picture_in_text(folder: Path, picture: str) -> None:
    (folder / "a.md").write_text(f"---\ntitle: x\n---\n{picture}\n", "utf-8")
    assert 'src="https://www.example.org/a.png"' in read_article(folder / "a.md").html


# ---- what is wrong with a file ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("", 1, "the file is empty", "write an article"),
        (" \n\n", 1, "the file is empty", ""),
        ("Just text\n", 1, "does not begin with front matter", "begin it with --- and a title:"),
        ("---\ntitle: x\nNo end\n", 1, "front matter does not end", "end it with ---"),
        ("---\nkind: news\n---\nText\n", 1, "there is no title", "give the article a title"),
        ("---\nkind: news\ntitle: ' '\n---\nText\n", 3, "there is no title", ""),
        ("---\ntitle: x\n---\n \n", 4, "the article has no text", "write some below the ---"),
        (make_text(kind="gossip"), 3, "the kind 'gossip' is unknown", "news, press_release, event"),
        (make_text(published="yesterday"), 3, "'yesterday' is not a date", "2026-12-18"),
        (make_text(byline="Ana", published="2026-02-30"), 4, "day is out of range", "2026-12-18"),
        (make_text(byline="Ana", published="'2026-13-01'"), 4, "is not a date", "2026-12-18"),
        (make_text(published="[2026]"), 3, "is not a date", ""),
        (make_text(titel="x"), 3, "'titel' is not a key of an article", "did you mean 'title'?"),
        (make_text(colour="x"), 3, "'colour' is not a key", "use title, kind"),
        (make_text(**{"1": "x"}), 3, "'1' is not a key of an article", ""),
        (make_text(language="english"), 3, "'english' is not a language tag", "BCP 47"),
        (make_text(topics="{a: b}"), 3, "{'a': 'b'} is not a list of topics", "[one, another]"),
        (make_text(topics="[[a]]"), 3, "[['a']] is not a list of topics", ""),
        (make_text(lead="maybe"), 3, "is neither true nor false", "true or false"),
        (make_text(byline="[Ana]"), 3, "['Ana'] is not text", ""),
        (make_text(title="{true: x}"), 2, "{'true': 'x'} is not text", "double quotes"),
        (
            make_text(image="https://a.example/b.jpg"),
            3,
            "the picture has no alt text",
            "can't see it",
        ),
        (
            make_text(image="\n  url: b.jpg\n  alt: x"),
            4,
            "there is no picture 'b.jpg' in the folder of the article",
            "https://",
        ),
        (make_text(image="\n  src: b.jpg"), 3, "is not a picture", "file or url, alt"),
        (make_text(canonical_url="example.org"), 3, "is not a web address", "https://"),
        (make_text(slug="Not A Slug"), 3, "can't be a slug", "small letters"),
        ("---\ntitle: 移民\n---\nText\n", 1, "'' can't be a slug", "write slug: some-words"),
        ("---\ntitle: a: b\n---\nText\n", 2, "front matter is not YAML", "double quotes"),
        ("---\ntitle: x\nbyline: 'open\n---\nText\n", 3, "front matter is not YAML", ""),
        (
            "---\ntitle: x\nlead: !!python/name:os.system\n---\nText\n",
            3,
            "is a tag in YAML",
            "quotes",
        ),
        ("---\n- title\n---\nText\n", 2, "front matter is not a list of keys", ""),
        (make_text(published="0001-01-02"), 3, "can't be a date of publication", "2026-12-18"),
        (make_text(published="9999-12-31T23:59:00Z"), 3, "can't be a date of publication", ""),
        (make_text(embargo="0001-01-01 00:00+14:00"), 3, "is not a time of an embargo", ""),
        (make_text(embargo="9999-12-31 23:59 America/New_York"), 3, "not a time of an embargo", ""),
        (make_text(topics='["a\\0b"]'), 3, "holds U+0000", "remove it"),
        (make_text(kind="press_release", notes='"\\ud800"'), 4, "holds U+D800", "remove it"),
        (
            make_text(kind="press_release", assets='[{title: x, file: "a\\0b.pdf"}]'),
            4,
            "an invisible character",
            "rename the file",
        ),
        (
            make_text(kind="press_release", assets="[{title: x, file: '..\\..\\evil.pdf'}]"),
            4,
            "holds a backslash",
            "",
        ),
        (
            make_text(kind="press_release", assets='[{title: x, file: "a\\u202efdp.pdf"}]'),
            4,
            "an invisible character",
            "",
        ),
        ("---\ntitle: x\n---\n<img src=x alt=y>\n", 4, "has no web address", "https://"),
        ("---\ntitle: x\n---\nA\n\0\n", 5, "the file holds a NUL character", ""),
    ],
)
def test_invalid_article_file_is_refused_with_line(
    folder: Path, text: str, line: int, message: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_text(folder, text)
    assert message in caught.value.message
    assert caught.value.where == f"{folder}/news.md, line {line}"
    assert hint in caught.value.hint


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("before", "line"), [(0, 4), (1, 5), (40, 44)])
def test_article_file_with_invalid_utf_8_names_line(
    folder: Path, before: int, line: int, end: bytes
) -> None:
    raw = b"---\ntitle: x\n---\n" + b"text\n" * before + b"B\xfcro\nB\xfcro"
    with pytest.raises(InputError, match="byte 0xfc is not UTF-8") as caught:
        read_text(folder, raw.replace(b"\n", end))
    assert caught.value.where == f"{folder}/news.md, line {line}"
    assert caught.value.hint == "save the file as UTF-8"


def test_article_file_too_large_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="larger than 2 MB"):
        read_text(folder, b"x" * (files.LARGEST + 1))


@pytest.mark.parametrize("deep", ["[" * 1_000, "{a: " * 1_000])
def test_front_matter_with_deep_nesting_is_refused(folder: Path, deep: str) -> None:
    with pytest.raises(InputError, match=r"front matter can't be read") as caught:
        read_text(folder, make_text(byline=deep))
    assert caught.value.where.endswith("line 3")
    assert len(str(caught.value)) < 500


def test_front_matter_with_exploding_aliases_is_refused(folder: Path) -> None:
    bomb = "&a0 [x, x]" + "".join(f", &a{n} [{f'*a{n - 1}, ' * 9}x]" for n in range(1, 12))
    with pytest.raises(InputError, match=r"line 3: '&a0' names a value \(an anchor\)") as caught:
        read_text(folder, make_text(byline=f"[{bomb}]"))
    assert len(str(caught.value)) < 500


# ---- folders ----------------------------------------------------------------------------------


def test_folder_gives_all_articles_except_readmes(folder: Path) -> None:
    for name in (
        "b.md",
        "a.markdown",
        "README.md",
        "sub/c.MD",
        "sub/readme.markdown",
        "notes.txt",
        ".hidden.md",
        ".git/d.md",
        "sub/.drafts/e.md",
    ):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(make_text(), "utf-8")
    found_files = files.find_files([folder])
    assert [str(file.relative_to(folder)) for file in found_files] == [
        "a.markdown",
        "b.md",
        "sub/c.MD",
    ]
    assert files.find_files([folder / "b.md", folder]) == [
        found_files[1],
        found_files[0],
        found_files[2],
    ]


def test_named_readme_file_is_an_article(folder: Path) -> None:
    readme = folder / "README.md"
    readme.write_text(make_text(), "utf-8")
    assert files.find_files([readme]) == [readme]


def test_path_without_articles_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="the folder holds no Markdown file"):
        files.find_files([folder])
    with pytest.raises(InputError, match=r"nothing\.md: there is no such file"):
        files.find_files([folder / "nothing.md"])


def test_article_file_locates_keys_by_line(folder: Path) -> None:
    file = folder / "news.md"
    file.write_text(make_text(byline="Ana", topics="health"), "utf-8")
    (article_file,) = files.read_files([file], NOW, language="en", time_zone="UTC")
    assert article_file.locate_key("topics") == f"{file}, line 4"
    assert article_file.locate_key("body") == f"{file}, line 6"
    assert article_file.locate_key("summary") == f"{file}, line 1"


def test_invalid_article_file_excludes_no_other_file(folder: Path) -> None:
    (folder / "a.md").write_text("no front matter", "utf-8")
    (folder / "b.md").write_text(make_text(published="2026-01-01"), "utf-8")
    (folder / "c.md").write_text(make_text(), "utf-8")
    bad, dated, undated = files.read_files([folder], NOW, language="en", time_zone="UTC")
    assert bad.content is None
    assert "a.md, line 1" in str(bad.error)
    assert dated.content
    assert dated.dated
    assert undated.content
    assert not undated.dated
