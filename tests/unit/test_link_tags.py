"""Link tags are added to addresses of stories, and change nothing else in an address."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import InputError
from mailer.link_tags import check_link_tags, is_taggable, tag_address

SITE = "https://mail.example.org"
TAGS = {"source": "news letter", "campaign": "{digest}-{date}"}
VALUES = {"digest": "weekly", "date": "2026-12-18"}
ADDED = "utm_source=news%20letter&utm_campaign=weekly-2026-12-18"


@pytest.mark.parametrize(
    ("address", "tagged"),
    [
        ("https://example.org/a", f"https://example.org/a?{ADDED}"),
        ("https://example.org", f"https://example.org?{ADDED}"),
        ("HTTP://example.org/a?b=%20c", f"HTTP://example.org/a?b=%20c&{ADDED}"),
        ("https://example.org/a?b=c#d?e", f"https://example.org/a?b=c&{ADDED}#d?e"),
        ("https://example.org/a#d", f"https://example.org/a?{ADDED}#d"),
        ("https://example.org/a?", f"https://example.org/a?{ADDED}"),
        (
            "https://example.org/a?UTM_Source=own",
            "https://example.org/a?UTM_Source=own&utm_campaign=weekly-2026-12-18",
        ),
        ("https://example.org/a?utm_source=&utm_campaign=own", None),
        ("mailto:ana@example.org", None),
        ("tel:+442079460000", None),
        ("#story-1", None),
        ("https://mail.example.org/stories/a/en", None),
        ("https://MAIL.example.org/u/token", None),
        ("https://mail.example.org", None),
        ("http://[broken", None),
    ],
)
def test_address_gets_tags_and_keeps_its_query_and_fragment(
    address: str, tagged: str | None
) -> None:
    assert tag_address(address, TAGS, VALUES, SITE) == (tagged or address)


def test_site_in_a_folder_owns_only_that_folder() -> None:
    assert is_taggable("https://example.org/news", "https://example.org/mail/")
    assert is_taggable("https://example.org/mailing", "https://example.org/mail/")
    assert not is_taggable("https://example.org/mail/u/x", "https://example.org/mail/")


@given(
    st.lists(st.tuples(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.text(max_size=5))),
    st.from_regex(r"[a-zA-Z0-9/?=&-]{0,9}", fullmatch=True),
)
def test_tagging_twice_is_tagging_once_and_loses_no_parameter(
    parameters: list[tuple[str, str]], fragment: str
) -> None:
    from urllib.parse import urlencode

    address = f"https://example.org/a?{urlencode(parameters)}#{fragment}"
    tagged = tag_address(address, TAGS, VALUES, SITE)
    assert tag_address(tagged, TAGS, VALUES, SITE) == tagged
    assert urlsplit(tagged).fragment == urlsplit(address).fragment
    pairs = parse_qsl(urlsplit(tagged).query, keep_blank_values=True)
    assert pairs == [
        *parameters,
        ("utm_source", "news letter"),
        ("utm_campaign", "weekly-2026-12-18"),
    ]


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"colour": "red", "source": "a"}, "there is no link tag 'colour'; use source, medium"),
        ({"medium": "email"}, "there is no source"),
        ({"source": "{reader}"}, "unknown placeholder; use {digest}"),
        ({"source": "{digest"}, "open brace"),
        ({"source": "a" * 101}, "too long"),
        ({"source": "a\x00"}, "control characters"),
    ],
)
def test_invalid_tags_are_refused(tags: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as caught:
        check_link_tags(tags)
    assert words in str(caught.value)


def test_empty_tags_are_left_out_and_the_rest_is_in_order() -> None:
    tags = check_link_tags({"campaign": " {digest} ", "medium": "", "source": "news"})
    assert list(tags.items()) == [("source", "news"), ("campaign", "{digest}")]
    assert check_link_tags({"source": ""}) == {}
