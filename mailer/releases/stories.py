"""The articles and editions of a release's story, and the texts that staff give in each language,
such as the explanation of a correction. The other modules of this package use it."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mailer import languages
from mailer.audience.lists import check_line
from mailer.errors import ApprovalVoid, InputError, NextStep, NotFound, Refused
from mailer.model.articles import Article, ArticleQuery, ArticleState
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction


def find_queued_articles(tx: Transaction, slug: str) -> list[Article]:
    """Return the queued articles of a story, one for each language."""
    story_articles = tx.articles.find_articles(ArticleQuery(slugs=(slug,)))
    return [article for article in story_articles if article.state is ArticleState.QUEUED]


def get_queued_articles(tx: Transaction, slug: str) -> list[Article]:
    """Return the queued articles of a story. Raises InputError if there is none, and Refused if the
    story was killed."""
    story_articles = find_queued_articles(tx, slug)
    if not story_articles:
        check_story_not_killed(tx, slug)
        raise InputError(
            f"there is no queued story {slug!r}", next_steps=[NextStep("list_articles")]
        )
    return story_articles


def check_story_not_killed(tx: Transaction, slug: str) -> None:
    """Raise Refused if the story was killed."""
    kill = tx.releases.find_kill(slug)
    if kill and kill.confirmed_at:
        raise Refused(
            f"{slug} was killed by {kill.asked_by} and {kill.confirmed_by}",
            hint="a kill is permanent: publish what is true as a new story with its own slug",
        )


def find_begun_editions(tx: Transaction, slug: str) -> list[Edition]:
    """Return the editions of a release that have started. Raises NotFound for an unknown story, and
    Refused if no edition of it has started."""
    begun = [edition for edition in tx.editions.list_release_editions(slug) if edition.planned_at]
    if not begun:
        if not tx.embargoes.has_story(slug):
            raise NotFound(f"there is no story {slug!r}", next_steps=[NextStep("list_articles")])
        raise Refused(
            f"no release of {slug} has been sent",
            hint="change its file and add it again, or withdraw it",
            next_steps=[NextStep("withdraw_article", slug=slug)],
        )
    return begun


def compute_fingerprint(story_articles: Iterable[Article], facts: Sequence[object]) -> str:
    """Return a hash over the articles' contents and `facts`, to compare a preview with the present
    state. The date of publication is left out, since a file without one gets the current time at
    each import."""
    some_day = datetime(2000, 1, 1, tzinfo=UTC)
    parts = [
        replace(article.content, published=some_day).compute_fingerprint()
        for article in story_articles
    ]
    return hashlib.sha256(json.dumps([parts, facts], default=str).encode()).hexdigest()


def check_fingerprint(previewed: str, current: str) -> None:
    """Raise ApprovalVoid if the present state differs from the preview."""
    if previewed != current:
        raise ApprovalVoid(
            "its text or its recipients have changed since you looked at it",
            hint="look at it again",
        )


def normalise_texts(
    texts: Mapping[str, str], story_articles: Iterable[Article], release_language: str, field: str
) -> dict[str, str]:
    """Return the texts by language, in the given order. The release's language is used for a text
    without a language (""). Raises InputError for a language in which the story does not exist;
    `field` names the texts in errors."""
    story_languages = [article.language for article in story_articles]
    normalised: dict[str, str] = {}
    for given_tag, text in texts.items():
        tag = (
            languages.normalise_tag(given_tag)
            if given_tag
            else languages.choose_language(release_language, story_languages, release_language)
        )
        if given_tag and tag not in story_languages:
            raise InputError(
                f"the story is not in {tag}, but in {', '.join(story_languages)}",
                field=field,
                hint=f"leave {tag}= out, or add the translation",
            )
        if tag in normalised:
            raise InputError(f"it is given twice in {tag}", field=field, hint="leave one out")
        normalised[tag] = check_line(text, field)
    if not normalised:
        raise InputError("it is missing", field=field)
    return normalised


def warn_of_missing_languages(
    texts: Mapping[str, str], story_articles: Iterable[Article], field: str
) -> Iterator[str]:
    """Yield a warning for each language whose readers would read `field` in another language."""
    for article in story_articles:
        tag = languages.choose_text(texts, article.language)[1]
        if languages.get_base_language(tag) != languages.get_base_language(article.language):
            yield (
                f"readers of {article.language} read {field!r} in {tag}: give it in "
                f"{article.language} too"
            )
