"""A WordPress site's posts become drafts, and what it refuses or hides is said."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mailer.errors import InputError, Refused
from mailer.intake import wordpress
from mailer.intake.drafts import DraftBatch, DraftDefaults
from mailer.model.articles import Image
from tests.unit.intake.test_markup import PAYLOADS, assert_harmless
from tests.unit.samples import NOW

ASKED = "https://example.org/wp-json/wp/v2/posts?_embed=1&per_page=20"
DEFAULTS = DraftDefaults(NOW, topics_by_category={"harbours": "harbours"})

POST: dict[str, Any] = {
    "id": 41,
    "date": "2026-11-03T10:30:00",
    "date_gmt": "2026-11-03T09:30:00",
    "slug": "lanterns",
    "status": "publish",
    "link": "https://example.org/2026/11/lanterns/",
    "lang": "en",
    "title": {"rendered": "Lanterns &#8211; bread &amp; salt"},
    "content": {
        "rendered": "<!-- wp:paragraph -->\n<p>Twelve towns, <strong>one</strong> evening.</p>\n"
        '<!-- /wp:paragraph -->\n<p>[gallery ids=&#8221;3,4&#8243;]</p>\n<p>See <a href="/map">the'
        ' map</a> [sic].</p>\n<figure class="wp-block-image"><img src="/quay.jpg" alt="A quay"/>'
        "</figure>",
        "protected": False,
    },
    "excerpt": {
        "rendered": "<p>Twelve towns &#8230; <a class='more-link' href='#'>Continue</a></p>",
        "protected": False,
    },
    "_embedded": {
        "author": [{"id": 1, "name": "Press desk"}],
        "wp:featuredmedia": [
            {
                "source_url": "https://example.org/lanterns.jpg",
                "alt_text": "Lanterns on the water",
                "caption": {"rendered": "<p>Photo: Harbour Office</p>"},
            }
        ],
        "wp:term": [
            [{"name": "Harbours", "taxonomy": "category"}],
            [{"name": "Light &amp; water", "taxonomy": "post_tag"}],
        ],
    },
}


def read(*posts: Any) -> DraftBatch:
    return wordpress.read_posts(json.dumps(posts).encode(), DEFAULTS, address=ASKED)


def test_a_post_becomes_a_draft() -> None:
    batch = read(POST)
    assert batch.problems == ()
    (one,) = batch.drafts
    content = one.content
    assert content.title == "Lanterns – bread & salt"
    assert content.body == (
        "Twelve towns, **one** evening.\n\nSee [the map](https://example.org/map) [sic].\n\n"
        "![A quay](https://example.org/quay.jpg)"
    )
    assert content.summary == "Twelve towns …"
    assert content.published == datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
    assert (content.slug, content.language, content.byline) == ("lanterns", "en", "Press desk")
    assert content.topics == ("harbours",)
    assert content.image == Image(
        "https://example.org/lanterns.jpg", "Lanterns on the water", "Photo: Harbour Office"
    )
    assert content.canonical_url == "https://example.org/2026/11/lanterns/"
    assert (one.key, one.dated) == ("41", True)
    assert {d.what: d.example for d in one.omissions} == {
        "shortcode": "[gallery ids=”3,4″]",
        "category": "Light & water",
    }


def test_one_post_alone_is_taken_too() -> None:
    assert len(wordpress.read_posts(json.dumps(POST).encode(), DEFAULTS, address=ASKED).drafts) == 1


def test_without_embedded_records_a_post_is_whole_enough() -> None:
    bare = {key: POST[key] for key in ("id", "title", "content")}
    (one,) = read(bare).drafts
    assert (one.dated, one.content.byline, one.content.image) == (False, "", None)
    closed = POST | {"_embedded": {"author": [{"code": "rest_user_invalid_id"}], "wp:term": None}}
    assert read(closed).drafts[0].content.byline == ""


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"content": {"rendered": "", "protected": True}}, "behind a password"),
        ({"password": "x"}, "behind a password"),
        ({"status": "draft"}, "not published there (draft)"),
        ({"status": "future"}, "not published there (future)"),
        ({"status": "private"}, "not published there (private)"),
    ],
)
def test_what_is_not_public_is_refused_and_keeps_no_other_out(
    changes: dict[str, Any], what: str
) -> None:
    batch = read(POST | changes, POST | {"id": 42})
    assert [one.key for one in batch.drafts] == ["42"]
    (problem,) = batch.problems
    assert isinstance(problem.error, Refused)
    assert what in problem.error.message
    assert problem.key == "41"


@pytest.mark.parametrize("post", ["x", None, 3, [], {"id": 7}, POST | {"content": 5}])
def test_what_is_no_post_is_a_problem(post: Any) -> None:
    batch = read(post, POST | {"id": 42})
    assert ([one.key for one in batch.drafts], len(batch.problems)) == (["42"], 1)


@pytest.mark.parametrize(
    ("shortcode", "left"),
    [
        ('[gallery ids="1,2"]', ""),
        ("[gallery]", ""),
        ('[caption id="a" width="3"]words[/caption]', "words"),
        ("[embed]https://example.org/v[/embed]", "https://example.org/v"),
        ("[vc_row][vc_column]words[/vc_column][/vc_row]", "words"),
        ("[own-plugin colour='red']", ""),
        (
            "[sic] and [1] and [so they say] and [x](y)",
            "[sic] and [1] and [so they say] and [x](y)",
        ),
    ],
)
def test_shortcodes_go_and_brackets_stay(shortcode: str, left: str) -> None:
    (one,) = read(POST | {"content": {"rendered": f"<p>a {shortcode} b</p>"}}).drafts
    assert " ".join(one.content.body.replace("\\", "").split()) == f"a {left} b".replace("  ", " ")


@pytest.mark.parametrize(
    ("answer", "what", "hint"),
    [
        ({"code": "rest_no_route", "message": "No route was found."}, "rest_no_route: No", "feed"),
        ({"code": "rest_forbidden", "message": "Sorry."}, "rest_forbidden", "signed in"),
        ({"code": "rest_cannot_access", "message": ""}, "rest_cannot_access", "signed in"),
        ({"code": "rest_post_invalid_page_number"}, "invalid_page", "no more posts"),
        ({"code": "internal_server_error"}, "internal_server_error", "browser"),
        ({"name": "A site", "routes": {}}, "no posts", "wp/v2/posts"),
        ([{"id": 1, "name": "A category"}], "no posts", "wp/v2/posts"),
        ("text", "no posts", "wp/v2/posts"),
    ],
)
def test_wordpresss_own_errors_say_what_to_do(answer: Any, what: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        wordpress.read_posts(json.dumps(answer).encode(), DEFAULTS, address=ASKED)
    assert what in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where == ASKED


@pytest.mark.parametrize(
    "data", [b"", b"<!DOCTYPE html><p>x", b"\xff\xfe", b"[" * 100_000, b"{'a': 1}"]
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"take its feed|no posts"):
        wordpress.read_posts(data, DEFAULTS, address=ASKED)


def test_no_posts_are_no_drafts() -> None:
    assert read() == DraftBatch((), ())


@pytest.mark.parametrize(
    ("site", "asked"),
    [
        ("https://example.org", ASKED),
        ("https://example.org/", ASKED),
        ("example.org", ASKED),
        ("https://example.org/wp-json/", ASKED),
        ("https://example.org/wp-json/wp/v2/posts?per_page=3", ASKED),
        ("https://example.org/blog/", ASKED.replace("org/", "org/blog/")),
    ],
)
def test_the_address_to_ask(site: str, asked: str) -> None:
    assert wordpress.build_posts_url(site) == asked


def test_no_more_posts_are_asked_for_than_wordpress_gives() -> None:
    assert wordpress.build_posts_url("example.org", 5000).endswith("per_page=100")
    with pytest.raises(InputError):
        wordpress.build_posts_url("ftp://example.org/")


def test_whatever_a_post_holds_what_comes_out_is_harmless() -> None:
    posts = [
        POST
        | {
            "id": number,
            "title": {"rendered": payload},
            "link": payload,
            "excerpt": {"rendered": payload},
            "content": {"rendered": f"<p>words</p>{payload}"},
        }
        for number, payload in enumerate(PAYLOADS)
    ]
    batch = read(*posts)
    assert len(batch.drafts) == len(PAYLOADS)
    for one in batch.drafts:
        assert_harmless(one.content.html)
        assert "<script" not in one.content.html.lower()
        assert one.content.title.isprintable()
