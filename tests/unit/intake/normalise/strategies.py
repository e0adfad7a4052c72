"""Strategies for random HTML: nested elements, and text that Markdown would interpret."""

from html import escape

from hypothesis import strategies as st

SPECIALS = [
    "*", "**", "_", "__", "a_b", "`", "``", "#", "##", "# x", "1.", "1) x", "-", "- x", "+ 44", "+",
    "---", "***", "===", "=", ">", "> x", "<", "<b>", "</p>", "<!--", "&", "&amp;", "&#65;", "[",
    "]", "[x](y)", "[x]: y", "![x](y)", "!", "|", "| a | b |", "| --- |", ":--", "\\", "\\*", "~",
    "~~", "~~~", "  ", "\n", "\t", "\u00a0", "«\u00a0x\u00a0»", "https://a.example/", "<https://a.b>",
    "a@example.org", "“q”", "(", ")", "{{ x }}", "$x$", "^", ":", "…", "é", "مرحبا", "\u200c",
    "日本", "\U0001f468\u200d\U0001f469", "\u3000", "\u2028", "\u00ad", "\ufeff", "x  ", "x\\",
]  # fmt: skip

words = st.one_of(
    st.sampled_from(SPECIALS),
    st.text("abc .,'\"*_`~[]()<>&#!|\\-+=1\n", max_size=8),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
text = st.lists(words, min_size=1, max_size=4).map(" ".join).map(lambda content: escape(content))
glued = st.lists(words, min_size=1, max_size=3).map("".join).map(lambda content: escape(content))

addresses = st.sampled_from(
    [
        "https://a.example/",
        "https://a.example/x_(y)",
        "https://a.example/?a=1&copy;=2",
        "mailto:a@b.example",
        "https://a.example/a b",
        "https://a.example/)",
        "https://a.example/é",
        "https://a.example/*x*_y_",
        "http://a.example/%20%",
        "https://a.example/\\",
        "https://a.example/<x>",
        "https://bücher.example/",
        "https://a.example/?q=a&b=c#d",
        'https://a.example/"x"',
    ]
)
titles = st.one_of(st.just(""), glued)


def wrap_element(tag: str, inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return inside.map(lambda content: f"<{tag}>{content}</{tag}>")


def _build_inline(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.lists(inside, max_size=4).map("".join)
    return st.one_of(
        *(
            wrap_element(tag, joined)
            for tag in ("b", "strong", "em", "i", "s", "del", "u", "sub", "sup", "span", "q")
        ),
        st.builds(
            lambda href, title, content: f'<a href="{escape(href)}" title="{title}">{content}</a>',
            addresses,
            titles,
            joined,
        ),
    )


leaf = st.one_of(
    text,
    glued,
    st.just("<br>"),
    wrap_element("code", glued),
    st.builds(
        lambda src, alt, title: f'<img src="{escape(src)}" alt="{alt}" title="{title}">',
        addresses.filter(lambda address: address.startswith("http")),
        glued,
        titles,
    ),
)
inline = st.lists(st.recursive(leaf, _build_inline, max_leaves=6), max_size=5).map("".join)


def _build_flow(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.lists(inside, max_size=3).map("".join)
    items = st.lists(wrap_element("li", st.one_of(inline, joined)), max_size=3).map("".join)
    cells = st.lists(
        st.one_of(
            wrap_element("td", inline),
            wrap_element("th", inline),
            wrap_element("td", joined),
            inline.map(lambda content: f"<td colspan=2>{content}</td>"),
        ),
        min_size=1,
        max_size=3,
    ).map("".join)
    head = st.lists(wrap_element("th", inline), min_size=2, max_size=2).map("".join)
    body = st.lists(wrap_element("td", inline), min_size=2, max_size=2).map("".join)
    return st.one_of(
        wrap_element("blockquote", joined),
        wrap_element("div", joined),
        wrap_element("ul", items),
        wrap_element("ol", items),
        st.builds(
            lambda start, content: f'<ol start="{start}">{content}</ol>',
            st.sampled_from([0, 1, 7, 10, 999999999, -3]),
            items,
        ),
        wrap_element("table", st.lists(wrap_element("tr", cells), max_size=3).map("".join)),
        st.builds(
            lambda first, rest: f"<table><tr>{first}</tr>{rest}</table>",
            head,
            st.lists(wrap_element("tr", body), max_size=3).map("".join),
        ),
    )


block = st.one_of(
    wrap_element("p", inline),
    *(wrap_element(tag, inline) for tag in ("h2", "h3", "h4", "h6")),
    st.just("<hr>"),
    wrap_element("pre", glued),
    st.builds(lambda content: f'<p dir="rtl" lang="ar">{content}</p>', inline),
    inline,
)
pages = st.lists(st.recursive(block, _build_flow, max_leaves=8), max_size=4).map("".join)
