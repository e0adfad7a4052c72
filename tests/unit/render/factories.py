"""Manuscripts to compose, without a database."""

from typing import Any

from mailer.config import Organisation, Settings
from mailer.model.articles import Article, Story
from mailer.model.editions import Manuscript
from mailer.model.segments import All
from tests.unit.samples import make_edition, make_mailing_list


def make_settings(**fields: Any) -> Settings:
    organisation = Organisation(name="Example Office", postal_address="1 Quay Road\nLondon")
    return Settings(organisation=organisation, **fields)


def make_manuscript(*articles: Article, **fields: Any) -> Manuscript:
    """Make a manuscript of these articles; `fields` are those of its edition or its own."""
    by_slug: dict[str, list[Article]] = {}
    for article in articles:
        by_slug.setdefault(article.slug, []).append(article)
    own_fields = {
        name: fields.pop(name) for name in Manuscript.__dataclass_fields__ if name in fields
    }
    edition = make_edition(stories=tuple(by_slug), **fields)
    defaults: dict[str, Any] = {
        "edition": edition,
        "stories": tuple(Story(slug, tuple(texts)) for slug, texts in by_slug.items()),
        "topics": (),
        "list": make_mailing_list(),
        "filter": All(()),
        "languages": tuple(sorted({edition.language, *(a.language for a in articles)})),
    }
    return Manuscript(**defaults | own_fields)
