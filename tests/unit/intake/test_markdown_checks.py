"""Every construct of CommonMark, GFM and other dialects reaches readers, or is refused by line."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import InputError
from mailer.intake import files
from mailer.intake.markdown_checks import (
    LONGEST,
    MAX_BRACKETS,
    MAX_LINES,
    MAX_SIGNS,
    find_markdown_problems,
    read_markdown,
)
from mailer.intake.normalise import normalise_html
from tests.unit.samples import NOW

KEPT = {
    "paragraph": ("Boats came.", "<p>Boats came.</p>"),
    "hard break by spaces": ("a  \nb", "a<br>\nb"),
    "hard break by backslash": ("a\\\nb", "a<br>\nb"),
    "headings": ("# A\n\n## B\n\n### C", "<h2>A</h2>\n<h2>B</h2>\n<h3>C</h3>"),
    "headings of level 5 and 6": ("##### A\n\n###### B", "<h4>A</h4>\n<h4>B</h4>"),
    "setext heading": ("A\n---", "<h2>A</h2>"),
    "rule": ("a\n\n***", "<hr>"),
    "emphasis": ("*a* __b__ ~~c~~", "<em>a</em> <strong>b</strong> <s>c</s>"),
    "code": ("`[^1] {{x}}`", "<code>[^1] {{x}}</code>"),
    "indented code": ("    - [ ] a", "<pre><code>- [ ] a"),
    "fenced code": ("```yaml\n[a](b)\n```", "<pre><code>[a](b)"),
    "fenced code in a list": ("- ~~~\n  a\n  ~~~", "<pre><code>a"),
    "quotation": ("> a\n> > b", "<blockquote>\n<p>b</p>"),
    "bullets": ("- a\n- b\n  - c", "<li>c</li>"),
    "numbers": ("7. a\n8. b", '<ol start="7">'),
    "table": ("| a | b |\n|---|--:|\n| 1 \\| 2 | 3 |\n| 4 |", "<td>1 | 2</td>"),
    "link": ("[a](https://a.example/b 'c')", '<a href="https://a.example/b" title="c">a</a>'),
    "link with a space": ("[a](<https://a.example/b c>)", 'href="https://a.example/b%20c"'),
    "link by name": ("[a][b] [b]\n\n[b]: https://a.example", '<a href="https://a.example">a</a>'),
    "telephone": ("[+44 20 7946 0018](tel:+442079460018)", 'href="tel:+442079460018"'),
    "mail address": ("<ana@a.example> [b](mailto:b@a.example?subject=c)", "mailto:b@a.example?"),
    "address in brackets": ("<https://a.example>", '<a href="https://a.example">'),
    "bare address": ("See https://a.example/b_c_d.", "https://a.example/b_c_d."),
    "picture": ("![A boat](https://a.example/b.png)", 'alt="A boat"'),
    "linked picture": ("[![A boat](https://a.example/b.png)](https://a.example)", "<a href"),
    "HTML": ('H<sub>2</sub>O <u>a</u> <abbr title="b">c</abbr>', "H<sub>2</sub>O"),
    "HTML block": ('<p lang="fr" dir="ltr" class="x">Bonjour</p>', '<p lang="fr" dir="ltr">'),
    "comment": ("a <!-- ask Ana -->b\n\n<!-- for\neditors -->", "<p>a b</p>"),
    "entities": ("AT&amp;T &copy; 5 < 6 & 7", "AT&amp;T © 5 &lt; 6 &amp; 7"),
    "escapes": ("\\[^1] \\- [ ] \\*\\*a\\*\\* \\{{b}}", "[^1] - [ ] **a** {{b}}"),
    "brackets": ("She said [sic]: a [b] c.", "[sic]: a [b] c."),
    "prices and times": ("$5 to $6 at 10:30, 1:2:3", "$5 to $6 at 10:30, 1:2:3"),
    "signs": ("C# ~5 km ^ 2_000 a=b x==y 50 %", "C# ~5 km"),
}

REFUSED = {
    "relative link": ("a [b](/about)", 1, "'/about' leads nowhere in a mail"),
    "link to a file": ("a\n\nb [c](c.html)", 3, "'c.html' leads nowhere"),
    "link without scheme": ("a\nb [c](www.a.example/d)", 2, "leads nowhere"),
    "link of the same scheme": ("[a](//a.example)", 1, "'//a.example' leads nowhere"),
    "link within the text": ("[a](#part)", 1, "leads to a place in the text"),
    "link without address": ("[a]()", 1, "a link has no address"),
    "link without text": ("[](https://a.example)", 1, "a link has no text"),
    "link without host": ("[a](https:///b)", 1, "has no host"),
    "link of another scheme": ("[a](javascript:b)", 1, "does not lead to a web page"),
    "link to a server of files": ("[a](ftp://a.example)", 1, "does not lead to a web page"),
    "mail address without scheme": ("[a](ana@a.example)", 1, "leads nowhere"),
    "empty mail address": ("[a](mailto:)", 1, "has no mail address"),
    "empty telephone": ("[a](tel:)", 1, "is not a telephone number"),
    "link with a space": ("[a](tel:+44 20)", 1, "a link is not read"),
    "link that is open": ("[a](https://a.example", 1, "a link is not read"),
    "undefined name": ("a\n- [b][c]", 2, "a link's name is not defined"),
    "undefined name of bold text": ("[**b**][c]", 1, "a link's name is not defined"),
    "unused definition": ("a\n\n[b]: https://a.example", 3, "nothing refers to [b]"),
    "text that reads as a definition": ("a\n\n[Note]: tomorrow", 3, "nothing refers to [note]"),
    "definition twice": ("[a]\n\n[a]: https://a.example\n[a]: https://b.example", 4, "twice"),
    "footnote": ("a[^n]\n\n[^n]: It is so.", 1, "no footnotes (and 1 more, in line 12)"),
    "footnote of one word": ("a[^n]\n\n[^n]: So", 1, "no footnotes"),
    "footnote in the text": ("a^[It is so.]", 1, "no footnotes"),
    "picture with a space": ("a\n\n![b](my boat.png)", 3, "a picture is not read"),
    "picture without alt text": ("![](https://a.example/b.png)", 1, "has no alt text"),
    "picture without address": ("![a](b.png)", 1, "has no web address"),
    "picture in the text": ("![a](data:image/png;base64,AA)", 1, "has no web address"),
    "SVG": ("![a](https://a.example/b.SVG?c)", 1, "is an SVG"),
    "picture in HTML": ('a <img src="https://a.example/b.png">', 1, "has no alt text"),
    "size of a picture": (
        'a <img src="https://a.example/b.png" alt="c" width=9>',
        1,
        "the attribute 'width' of <img>",
    ),
    "task list": ("- [x] a\n- [ ] b", 1, "no boxes to tick (and 1 more, in line 11)"),
    "definition list": ("Term\n: Text", 2, "no lists of definitions"),
    "abbreviation": ("*[UN]: United Nations", 1, "an abbreviation"),
    "shortcode of Hugo": ('a\n\n{{< figure src="b" >}}', 3, "a shortcode"),
    "shortcode of WordPress": ('[caption id="a"]b[/caption]', 1, "a shortcode"),
    "shortcode of a plugin": ('[contact form="a"]', 1, "a shortcode"),
    "tag of Liquid": ("{% include a %}", 1, "a shortcode or a template's field"),
    "field of a template": ("Dear {{ name }}", 1, "a shortcode or a template's field"),
    "table of contents": ("[TOC]", 1, "a shortcode"),
    "wiki link": ("[[Page]]", 1, "a wiki"),
    "coloured note": ("> [!NOTE]\n> a", 1, "no coloured notes"),
    "block in colons": ("::: warning\na\n:::", 1, "a block in colons"),
    "attributes": ("## A {#b .c}", 1, "attributes in braces"),
    "emoji by name": ("a :tada:", 1, "an emoji"),
    "marked text": ("a ==b c== d", 1, "no marked text"),
    "subscript": ("H~2~O", 1, "<sub>"),
    "superscript": ("m^2^", 1, "<sub>"),
    "formula": ("$x^2 + y_1$", 1, "no formulas"),
    "bold with a space": ("a **b **c", 1, "two asterisks"),
    "table without a line": ("| a | b |\n| c | d |", 1, "a table is not read"),
    "row that is too long": ("| a |\n|---|\n| b | c |", 3, "the row has 2 cells"),
    "row in a quotation": ("> | a | b |\n> |---|---|\n> | c | d | e |", 3, "the row has 3 cells"),
    "code that is open": ("a\n\n```\nb\n\nc", 3, "has no end"),
    "comment that is open": ("a\n\n<!-- b\n\nc", 3, "a comment has no end"),
    "comment for Outlook": ("<!--[if mso]>a<![endif]-->", 1, "a comment for Outlook"),
    "block of HTML": ("a\n\n<div style='color:red'>b</div>", 3, "<div> does not reach readers"),
    "details": ("<details><summary>a</summary>b</details>", 1, "<details> does not reach"),
    "frame": ("<iframe src='https://a.example'></iframe>", 1, "<iframe> does not reach"),
    "script": ("a <script>b()</script>", 1, "<script> does not reach"),
    "style of HTML": ("a <b style='c'>d</b>", 1, "the attribute 'style' of <b>"),
    "link in HTML": ("a <a href='/b'>c</a>", 1, "leads nowhere in a mail"),
    "anchor in HTML": ("a <a name='b'></a>", 1, "a link has no address"),
    "HTML that is open": ("a <b>c\n\nd", 1, "<b> has no end"),
    "HTML that ends nothing": ("a c</b>", 1, "</b> ends nothing"),
    "Markdown within HTML": ("<p>a\n**b**</p>", 2, "'**b**' goes out as it stands"),
    "program": ("<?php a ?>", 1, "is not read in a mail"),
    "attributes of a picture": (
        "![a](https://a.example/b.png){width=50%}",
        1,
        "attributes in braces",
    ),
    "attributes of a link": ("a [b](https://a.example){target=_blank}", 1, "attributes in braces"),
    "film of WordPress": ("[youtube https://a.example/b]", 1, "a shortcode"),
    "comment of Obsidian": ("a %%not before Monday%%", 1, "a note for editors"),
    "comment of CriticMarkup": ("a {>>check this<<}", 1, "a note for editors"),
    "change of CriticMarkup": ("a {++b++}", 1, "a note for editors"),
    "citation": ("as shown [@poe2020, p. 3]", 1, "no citations"),
    "command of LaTeX": ("a\n\n\\newpage\n\nb", 3, "a command of LaTeX"),
    "address in angles without a scheme": ("<www.a.example>", 1, "a link is not read"),
    "address in angles with a space": ("<https://a.example/b c>", 1, "a link is not read"),
    "list in bullets": ("• a\n• b", 1, "a list in these signs"),
    "note of MkDocs": ("!!! note\n    a", 1, "no coloured notes"),
    "heading without a space": ("##Hours", 1, "a heading is not read"),
    "heading of seven levels": ("####### a", 1, "a heading is not read"),
    "deep quotations": ("> " * 25 + "a", 1, "nest too deep"),
    "deep lists": ("".join("  " * n + "- a\n" for n in range(12)), 9, "nest too deep"),
}


@pytest.mark.parametrize("name", KEPT)
def test_markdown_construct_reaches_readers(name: str) -> None:
    markdown, html = KEPT[name]
    assert find_markdown_problems(markdown) == []
    assert html in read_markdown(markdown, "a.md")


@pytest.mark.parametrize("name", REFUSED)
def test_markdown_construct_is_refused_with_line(name: str) -> None:
    markdown, line, message = REFUSED[name]
    with pytest.raises(InputError) as caught:
        read_markdown(markdown, "a.md", 10)
    problem = f"{caught.value.message}; {caught.value.hint}"
    assert message in problem
    assert caught.value.where == f"a.md, line {line + 9}"
    assert caught.value.hint


def test_article_file_names_line_of_dead_link_and_of_note(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    for text, where, message in (
        ("---\ntitle: x\n---\n\n\nA\n\n[b](/c)\n", "line 8", "'/c' leads nowhere"),
        (
            "---\ntitle: x\nkind: press_release\nnotes: |\n  A\n\n  [b](#c)\n---\nA\n",
            "line 4",
            "line 3 of the notes: the link '#c'",
        ),
    ):
        path.write_text(text, "utf-8")
        (article_file,) = files.read_files([path], NOW, language="en", time_zone="UTC")
        assert article_file.error
        assert article_file.error.where == f"{path}, {where}"
        assert message in article_file.error.message


HTML_WORDS = st.sampled_from(
    ["a", "<b>b</b>", "<em>c</em>", "<a href=https://a.example>d</a>", "<p>", "<h2>e</h2>", "<br>",
     "<ul><li>f</ul>", "<ol start=3><li>g</ol>", "<table><tr><th>h<th>i<tr><td>j<td>k</table>",
     "<table><tr><td colspan=2>l<tr><td>m<td>n</table>", "<sub>o</sub>", "<pre>p</pre>",
     "<code>q</code>", "<blockquote>r</blockquote>", "<a href=tel:+4420>s</a>", "<q>t</q>", "*",
     "_", "<img src=https://a.example/u.png alt=v>", "<p lang=fr>w</p>", "&lt;div&gt;", "<hr>"]
)  # fmt: skip


@given(st.lists(HTML_WORDS, max_size=12))
def test_markdown_of_imported_page_passes_checks(words: list[str]) -> None:
    markdown = normalise_html(" ".join(words)).markdown
    assert find_markdown_problems(markdown) == []


SLOW = {
    "brackets": "![ " * MAX_BRACKETS,
    "notes": "[^ " * MAX_BRACKETS,
    "emphasis": "*a_ b" * (MAX_SIGNS // 2),
    "entities": "&a;" * MAX_SIGNS,
    "tags": "<b>" * MAX_SIGNS,
    "broken tags": "<p \n" * MAX_LINES,
    "lists": "<ul><li>\n" * MAX_LINES,
    "items": "- a\n" * MAX_LINES,
    "paragraphs": "a\n\n" * MAX_LINES,
    "cells": "|a" * 10 + "\n" + "|-" * 10 + "\n" + ("|a" * 10 + "|\n") * 900,
    "columns": "|" + "a|" * 90 + "\n|" + "-|" * 90 + "\n" + "|a\n" * 100,
    "dollars": "$a^ " * (MAX_SIGNS // 2),
    "too long": "a" * (LONGEST + 1),
    "too many brackets": "[" * LONGEST,
    "too many stars": "*a" * (LONGEST // 2),
    "too many lines": "a\n" * (LONGEST // 2),
    "too many cells": "|a\n" * (LONGEST // 3),
}


@pytest.mark.parametrize("name", SLOW)
def test_slow_markdown_ends_within_a_second(name: str) -> None:
    before, message = time.process_time(), ""
    try:
        read_markdown(SLOW[name], "a.md")
    except InputError as error:
        message = str(error)
    assert len(message) < 400
    assert time.process_time() - before < 1
