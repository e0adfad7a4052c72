"""HTML from any source becomes equivalent Markdown, and every omission is reported."""

import re
from html import escape, unescape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.errors import InputError
from mailer.intake.markup import sanitise_html, to_html
from mailer.intake.normalise import normalise_html, parse_blocks, to_plain_text
from mailer.intake.omissions import Omission
from tests.unit.intake.normalise.strategies import SPECIALS, pages
from tests.unit.intake.test_markup import PAYLOADS, assert_harmless, fragments

# Trees are large: tests use few of them; use thousands after a change of this package.
trees = settings(deadline=None, suppress_health_check=list(HealthCheck))


def to_markdown(html: str, base: str = "", language: str = "en") -> str:
    return normalise_html(html, base=base, language=language).markdown


def map_omissions(html: str) -> dict[str, int]:
    return {omission.kind: omission.times for omission in normalise_html(html).dropped}


# ---- laws -------------------------------------------------------------------------------------


@settings(trees)
@given(pages)
def test_normalised_html_keeps_its_meaning(html: str) -> None:
    normalised = normalise_html(html)
    assert parse_blocks(normalised.html) == parse_blocks(html)
    assert normalised.html == to_html(normalised.markdown) == sanitise_html(normalised.html)
    assert extract_letters(normalised.html) == extract_letters(html)
    second = normalise_html(normalised.html)
    assert (second.markdown, second.html) == (normalised.markdown, normalised.html)


def extract_letters(html: str) -> str:
    """Return the letters of HTML without elements, by code independent of the package."""
    spoken = re.sub(r"<img[^>]*>", "", sanitise_html(html))
    return re.sub(r"[\W_]+", "", unescape(re.sub("<[^>]*>", "", spoken)))


@settings(trees)
@given(st.one_of(fragments, st.text(max_size=60)))
def test_normalised_html_has_allowed_elements_only(html: str) -> None:
    tidied = normalise_html(html, base="https://example.org/")
    assert_harmless(tidied.html)
    assert parse_blocks(tidied.html) == parse_blocks(to_html(tidied.markdown))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_normalised_hostile_markup_is_harmless(payload: str) -> None:
    for base in ("", "https://example.org/"):
        html = normalise_html(payload, base=base).html
        assert_harmless(html)
        assert "<!--" not in html
        assert "<script" not in html.lower()


@pytest.mark.parametrize(
    "frame", ["{}", "x {}", "{} x", "x{}y", "x<br>{}", "<b>{}</b>", "<b>x{}</b>y"]
)
@pytest.mark.parametrize(
    "wrap",
    [
        "<p>{}</p>",
        "<ul><li>{}</li></ul>",
        "<h2>{}</h2>",
        "<blockquote>{}</blockquote>",
        "<table><tr><th>a</th><th>{}</th></tr></table>",
        "<p><a href='https://a.b/'>{}</a></p>",
    ],
)
def test_normalised_markdown_specials_stay_text(wrap: str, frame: str) -> None:
    html = "".join(wrap.format(frame.format(escape(special))) for special in SPECIALS)
    assert parse_blocks(normalise_html(html).html) == parse_blocks(html)


@pytest.mark.parametrize("depth", [100, 2000])
def test_normalise_deeply_nested_html(depth: int) -> None:
    for tag in ("div", "b", "blockquote", "ul><li", "table><tr><td", "span", "a href=https://a.b/"):
        name = tag.split()[0]
        closing = "".join(f"</{closing_tag}>" for closing_tag in reversed(name.split("><")))
        html = f"<{tag}>" * depth + "word" + closing * depth
        assert "word" in normalise_html(html).html


# ---- the Markdown is for people ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>One<p>Two", "One\n\nTwo"),
        ("<div>One</div>Two<section>Three</section>", "One\n\nTwo\n\nThree"),
        ("one<br><br>two<br>three", "one\n\ntwo\\\nthree"),
        ("<b>a</b><strong> b </strong>c", "**a b** c"),
        ("<i>a <b>b</b></i>", "*a **b***"),
        ("a<b>“b”</b>c", "a<strong>“b”</strong>c"),
        ("<h1>A</h1><h2>B</h2><h6>C</h6>", "## A\n\n### B\n\n#### C"),
        ("<h2>A</h2><h3>B</h3>", "## A\n\n### B"),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", "- a\n  - b\n- c"),
        ("<ol start=9><li>a<li>b</ol>", "9. a\n10. b"),
        ("<ul><li><p>a<p>b</ul>", "- a\n\n  b"),
        ("<ul><li>a</ul><ul><li>b</ul>", "- a\n\n<!-- -->\n\n- b"),
        ("<blockquote>a<p>b</blockquote>", "> a\n>\n> b"),
        ("<pre>a\n\n```\n</pre>", "````\na\n\n```\n````"),
        ("<code>a`b</code>", "``a`b``"),
        ("a<hr>b", "a\n\n***\n\nb"),
        ("<a href=https://a.b/ title='T'>x</a>", '[x](https://a.b/ "T")'),
        ("<a href=https://a.b/>https://a.b/</a>", "<https://a.b/>"),
        ("<a href=mailto:a@a.example>a@a.example</a>", "<a@a.example>"),
        ("<a href=tel:+442079460018>call</a>", "[call](tel:+442079460018)"),
        (
            "<a href=https://a.b/><img src=https://a.b/i.png alt=A></a>",
            "[![A](https://a.b/i.png)](https://a.b/)",
        ),
        ("wow!<a href=https://a.b/>x</a>", "wow\\![x](https://a.b/)"),
        (
            "<table><tr><th>a<th>b<tr><td>1|2<td><b>x</b><br>y</table>",
            "| a | b |\n| --- | --- |\n| 1\\|2 | **x**<br>y |",
        ),
        (
            "<table><tr><th>a<th>b<tr><td>1</table>",
            "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
        ),
        ("<table role=presentation><tr><td>a<td><p>b</table>", "a\n\nb"),
        ("<table><tr><td>a<tr><td>b</table>", "a\n\nb"),
        ("H<sub>2</sub>O", "H<sub>2</sub>O"),
        ("[1] [so] a_b 5 * 6 + 44 1. C# #x", "[1] [so] a_b 5 \\* 6 + 44 1. C# #x"),
        ("1. a", "1\\. a"),
        ("<p>- a<br># b<br>> c", "\\- a\\\n\\# b\\\n\\> c"),
        ("<p dir=rtl>x", '<p dir="rtl">x</p>'),
        ("<p dir=ltr lang=en-GB>x", "x"),
        ("12&nbsp;%  &nbsp; x&nbsp;", "12\u00a0% x"),
        ("so&shy;ft&#8203;ly\ufeff", "softly"),
        ("می\u200cروم", "می\u200cروم"),
        ("<p>&nbsp;</p><p> </p><p>a</p><p><br></p>", "a"),
        (
            "<figure><img src=https://a.b/i.png><figcaption>C</figcaption></figure>",
            "![](https://a.b/i.png)\n\nC",
        ),
        ("<p>{{ x }} <!-- gone -->y", "{{ x }} y"),
        ("", ""),
        ("<p></p>", ""),
    ],
)
def test_normalised_markdown_is_readable(html: str, expected: str) -> None:
    assert to_markdown(html) == expected


# ---- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("href", "absolute"),
    [
        ("/a", "https://example.org/a"),
        ("b?c=1", "https://example.org/news/b?c=1"),
        ("../d", "https://example.org/d"),
        ("//other.example/e", "https://other.example/e"),
        ("HTTPS://example.org/f", "HTTPS://example.org/f"),
        ("ht\ntps://example.org/g", "https://example.org/g"),
        ("https://www.google.com/url?q=https://example.org/h&sa=D", "https://example.org/h"),
        (
            "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.org%2Fi&data=x",
            "https://example.org/i",
        ),
    ],
)
def test_normalise_resolves_relative_links(href: str, absolute: str) -> None:
    html = f'<a href="{href}">x</a>'
    assert to_markdown(html, base="https://example.org/news/today") == f"[x]({absolute})"


@pytest.mark.parametrize(
    ("html", "kind"),
    [
        ("<a href=/a>x</a>", "relative link"),
        ("<a href=#a>x</a>", "link within the page"),
        ("<a href=sms:+1>x</a>", "link to no web address"),
        ("x<img src=https://a.b/c.svg alt=d>", "SVG picture, which mail programs don't show"),
        ("<a href=javascript:y()>x</a>", "link to no web address"),
        ("<a href=https://>x</a>", "link to no web address"),
        ("x<img src=/a.png>", "picture with a relative address"),
        ("x<img src=data:image/png;base64,AA>", "embedded picture"),
        ("x<img src=cid:a alt=A>", "embedded picture"),
        ("x<img alt=A>", "picture without address"),
        ("x<img src=https://a.b/p.gif width=1 height=1>", "tracking picture"),
        ("x<img src=https://a.b/p.gif style='display:none'>", "tracking picture"),
        ("x<span style='display: none !important'>y</span>", "hidden text"),
        ("x<form action=/f><input></form>", "form"),
        ("x<iframe src=https://www.youtube.com/embed/1></iframe>", "video frame"),
        ("x<iframe src=https://a.b/>y</iframe>", "frame"),
        ("x<script>y</script>", "script"),
        ("x<video src=a.mp4>y</video>", "video"),
        ("x<del datetime=2026-01-01>y</del>", "tracked deletion"),
    ],
)
def test_normalise_reports_omissions(html: str, kind: str) -> None:
    assert to_markdown(html) == "x"
    assert map_omissions(html) == {kind: 1}


def test_omission_report_counts_and_gives_first_example() -> None:
    assert normalise_html("<a href=/one>x</a> <a href=/two>y</a>").dropped == (
        Omission("relative link", 2, "/one"),
    )


def test_normalise_reads_lazy_picture_source() -> None:
    html = "<img src=data:image/gif;base64,R0 data-src=https://a.b/i.jpg alt=A>"
    assert to_markdown(html) == "![A](https://a.b/i.jpg)"


def test_normalise_turns_emoji_pictures_into_text() -> None:
    assert to_markdown("a <img class=wp-smiley src=https://a.b/e.png alt='🙂'>") == "a 🙂"


def test_normalise_removes_heading_that_repeats_title() -> None:
    html = "<div><h1>The  title</h1><h2>Part</h2><p>x</div>"
    assert normalise_html(html, title="The title").markdown == "## Part\n\nx"
    assert (
        normalise_html("<p>x<h2>The title</h2>", title="The title").markdown == "x\n\n## The title"
    )


def test_plain_text_of_html_has_no_marks() -> None:
    assert to_plain_text("<p>a <b>b</b>&amp;<br>c</p><ul><li>d") == "a b& c d"


@pytest.mark.parametrize("html", ["<p>x" * 5001, "<p>" + "x" * 300_001, " " * 5_000_001])
def test_normalise_refuses_html_that_is_too_long(html: str) -> None:
    with pytest.raises(InputError, match="the text is longer than"):
        normalise_html(html)


def test_normalise_reports_picture_without_alt_text() -> None:
    normalised = normalise_html("<p>x</p><img src=https://a.b/c.png>")
    assert [omission.kind for omission in normalised.dropped] == [
        "nothing, but a picture has no alt text"
    ]
