"""JSON Feed becomes drafts as RSS and Atom do."""

import json
from typing import Any

import pytest

from mailer.errors import InputError
from mailer.intake import feeds, sources
from mailer.intake.drafts import DraftBatch
from tests.unit.intake.factories import DEFAULTS, map_omissions

ADDRESS = "https://harbour.example/feed.json"
ITEM = {
    "id": "7",
    "url": "/tide",
    "title": "High & low tide",
    "content_html": "<p>See the <a href='map'>map</a>.</p>",
    "date_published": "2026-03-05T09:00:00+01:00",
    "authors": [{"name": "Ada Poe"}],
    "attachments": [{"url": "tide.mp3", "mime_type": "audio/mpeg"}, {"url": "tide.pdf"}],
}


def read_items(*items: Any, **facts: Any) -> DraftBatch:
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": list(items), **facts}
    return feeds.read_feed(json.dumps(feed).encode("utf-8-sig"), DEFAULTS, address=ADDRESS)


def test_json_feed_item_becomes_a_draft() -> None:
    (draft,) = read_items(ITEM, home_page_url="https://harbour.example/news/", language="fr").drafts
    content = draft.content
    assert (content.title, content.byline, content.language) == ("High & low tide", "Ada Poe", "fr")
    assert content.canonical_url == "https://harbour.example/tide"
    assert content.body == "See the [map](https://harbour.example/map)."
    assert content.published.isoformat() == "2026-03-05T08:00:00+00:00"
    assert map_omissions(draft) == {
        "sound file": "https://harbour.example/news/tide.mp3",
        "attached file": "https://harbour.example/news/tide.pdf",
    }


def test_json_feed_of_plain_text_keeps_paragraphs_and_old_authors() -> None:
    item = {"id": 3, "content_text": "One & two.\n\nThree.", "author": {"name": "Ben Roy"}}
    (draft,) = read_items(item).drafts
    assert (draft.key, draft.content.byline) == ("3", "Ben Roy")
    assert draft.content.body == "One & two.\n\nThree."
    assert not draft.dated


def test_json_feed_names_bad_items_and_dates_and_reads_the_others() -> None:
    batch = read_items(ITEM, "x", {"id": "8"}, ITEM, {**ITEM, "id": "9", "date_published": "soon"})
    assert [draft.key for draft in batch.drafts] == ["7", "9"]
    assert not batch.drafts[1].dated
    assert map_omissions(batch.drafts[1])["date that can't be read"] == "soon"
    messages = [problem.error.message for problem in batch.problems]
    assert messages == [
        "the item is not an object", "the article has no text", "two items have the id 7",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data", [b'{"a": 1}', b'{"version": "https://jsonfeed.org/version/1"', b"{"]
)
def test_other_json_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        sources._read_feed(data, "", ADDRESS, DEFAULTS)
