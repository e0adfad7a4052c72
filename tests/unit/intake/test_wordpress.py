"""Import of a WordPress site's posts, and errors for posts that it refuses or hides."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mailer.errors import InputError, Refused
from mailer.intake import wordpress
from mailer.intake.drafts import DraftBatch, DraftDefaults
from mailer.model.articles import Image
from tests.unit.intake.test_markup import PAYLOADS, assert_harmless
from tests.unit.samples import NOW

POSTS_URL = "https://example.org/wp-json/wp/v2/posts?_embed=1&per_page=20"
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


def read_posts(*posts: Any) -> DraftBatch:
    return wordpress.read_posts(json.dumps(posts).encode(), DEFAULTS, address=POSTS_URL)


def test_wordpress_post_becomes_draft() -> None:
    batch = read_posts(POST)
    assert batch.problems == ()
    (draft,) = batch.drafts
    content = draft.content
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
    assert (draft.key, draft.dated) == ("41", True)
    assert {omission.kind: omission.example for omission in draft.omissions} == {
        "shortcode": "[gallery ids=”3,4″]",
        "category": "Light & water",
    }


def test_wordpress_single_post_response() -> None:
    assert (
        len(wordpress.read_posts(json.dumps(POST).encode(), DEFAULTS, address=POSTS_URL).drafts)
        == 1
    )


def test_wordpress_post_without_embedded_records() -> None:
    bare = {key: POST[key] for key in ("id", "title", "content")}
    (draft,) = read_posts(bare).drafts
    assert (draft.dated, draft.content.byline, draft.content.image) == (False, "", None)
    closed = POST | {"_embedded": {"author": [{"code": "rest_user_invalid_id"}], "wp:term": None}}
    assert read_posts(closed).drafts[0].content.byline == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"content": {"rendered": "", "protected": True}}, "behind a password"),
        ({"password": "x"}, "behind a password"),
        ({"status": "draft"}, "not published on the site (draft)"),
        ({"status": "future"}, "not published on the site (future)"),
        ({"status": "private"}, "not published on the site (private)"),
    ],
)
def test_wordpress_unpublished_post_is_refused(changes: dict[str, Any], message: str) -> None:
    batch = read_posts(POST | changes, POST | {"id": 42})
    assert [draft.key for draft in batch.drafts] == ["42"]
    (problem,) = batch.problems
    assert isinstance(problem.error, Refused)
    assert message in problem.error.message
    assert problem.key == "41"


@pytest.mark.parametrize("post", ["x", None, 3, [], {"id": 7}, POST | {"content": 5}])
def test_wordpress_invalid_post_is_reported(post: Any) -> None:
    batch = read_posts(post, POST | {"id": 42})
    assert ([draft.key for draft in batch.drafts], len(batch.problems)) == (["42"], 1)


@pytest.mark.parametrize(
    ("shortcode", "remaining"),
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
def test_wordpress_shortcodes_are_removed(shortcode: str, remaining: str) -> None:
    (draft,) = read_posts(POST | {"content": {"rendered": f"<p>a {shortcode} b</p>"}}).drafts
    assert " ".join(draft.content.body.replace("\\", "").split()) == f"a {remaining} b".replace(
        "  ", " "
    )


@pytest.mark.parametrize(
    ("response", "message", "hint"),
    [
        ({"code": "rest_no_route", "message": "No route was found."}, "rest_no_route: No", "feed"),
        ({"code": "rest_forbidden", "message": "Sorry."}, "rest_forbidden", "signed-in"),
        ({"code": "rest_cannot_access", "message": ""}, "rest_cannot_access", "signed-in"),
        ({"code": "rest_post_invalid_page_number"}, "invalid_page", "no more posts"),
        ({"code": "internal_server_error"}, "internal_server_error", "browser"),
        ({"name": "A site", "routes": {}}, "no posts", "wp/v2/posts"),
        ([{"id": 1, "name": "A category"}], "no posts", "wp/v2/posts"),
        ("text", "no posts", "wp/v2/posts"),
    ],
)
def test_wordpress_error_response_has_hint(response: Any, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        wordpress.read_posts(json.dumps(response).encode(), DEFAULTS, address=POSTS_URL)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where == POSTS_URL


@pytest.mark.parametrize(
    "data", [b"", b"<!DOCTYPE html><p>x", b"\xff\xfe", b"[" * 100_000, b"{'a': 1}"]
)
def test_wordpress_response_that_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"use its feed|no posts"):
        wordpress.read_posts(data, DEFAULTS, address=POSTS_URL)


def test_wordpress_without_posts_gives_no_drafts() -> None:
    assert read_posts() == DraftBatch((), ())


@pytest.mark.parametrize(
    ("site", "url"),
    [
        ("https://example.org", POSTS_URL),
        ("https://example.org/", POSTS_URL),
        ("example.org", POSTS_URL),
        ("https://example.org/wp-json/", POSTS_URL),
        ("https://example.org/wp-json/wp/v2/posts?per_page=3", POSTS_URL),
        ("https://example.org/blog/", POSTS_URL.replace("org/", "org/blog/")),
    ],
)
def test_wordpress_posts_url_from_site(site: str, url: str) -> None:
    assert wordpress.build_posts_url(site) == url


def test_wordpress_posts_url_limits_count() -> None:
    assert wordpress.build_posts_url("example.org", 5000).endswith("per_page=100")
    with pytest.raises(InputError):
        wordpress.build_posts_url("ftp://example.org/")


def test_wordpress_hostile_markup_gives_harmless_html() -> None:
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
    batch = read_posts(*posts)
    assert len(batch.drafts) == len(PAYLOADS)
    for draft in batch.drafts:
        assert_harmless(draft.content.html)
        assert "<script" not in draft.content.html.lower()
        assert draft.content.title.isprintable()


# ---- text around the response, and dates ---------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "\n<!-- cached in 0.2 s -->"),
        ("<br />\n<b>Notice</b>: Undefined index: x[0] in <b>/a/b.php</b> on line <b>3</b>\n", ""),
        ("\ufeff \n", "</body></html>"),
        ('<script>var settings = {"a": [1]};</script>', "<script>x()</script>"),
    ],
)
def test_wordpress_response_with_other_text_around_is_read(before: str, after: str) -> None:
    text = f"{before}{json.dumps([POST])}{after}"
    batch = wordpress.read_posts(text.encode(), DEFAULTS, address=POSTS_URL)
    assert (len(batch.drafts), batch.problems) == (1, ())


def test_wordpress_response_that_breaks_off_is_refused() -> None:
    text = json.dumps([POST, POST])[:-20]
    with pytest.raises(InputError, match="not JSON"):
        wordpress.read_posts(text.encode(), DEFAULTS, address=POSTS_URL)


@pytest.mark.parametrize("gmt", [None, "", "0000-00-00T00:00:00"])
def test_wordpress_date_without_utc_is_in_offices_zone(gmt: str | None) -> None:
    post = {**POST, "date": "2026-07-05T11:00:00", "date_gmt": gmt}
    defaults = replace(DEFAULTS, time_zone="Europe/Zurich")
    batch = wordpress.read_posts(json.dumps(post).encode(), defaults, address=POSTS_URL)
    assert batch.drafts[0].content.published == datetime(2026, 7, 5, 9, tzinfo=UTC)


def test_wordpress_date_that_cannot_be_read_is_reported() -> None:
    post = {**POST, "date": "yesterday", "date_gmt": None}
    (draft,) = wordpress.read_posts(json.dumps(post).encode(), DEFAULTS, address=POSTS_URL).drafts
    assert not draft.dated
    assert ("date that can't be read", "yesterday") in [
        (omission.kind, omission.example) for omission in draft.omissions
    ]


def test_wordpress_author_that_program_filled_in_is_left_out() -> None:
    post = {**POST, "_embedded": {"author": [{"name": "Admin"}, {"name": "Ada Min"}]}}
    (draft,) = wordpress.read_posts(json.dumps(post).encode(), DEFAULTS, address=POSTS_URL).drafts
    assert draft.content.byline == "Ada Min"
