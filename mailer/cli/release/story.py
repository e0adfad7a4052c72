"""Reading and showing the articles of a release."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mailer.actor import Actor
from mailer.errors import InputError, NextStep, NotFound, UsageError
from mailer.model.articles import Article, ArticleQuery
from mailer.model.deliveries import DeliveryPlan

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.store import SqlTransaction

_IN_LANGUAGE = re.compile(r"([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)=(.*)", re.DOTALL)


def import_story(
    mailer: "Mailer", tx: "SqlTransaction", paths: list[Path], actor: Actor, *, create_topics: bool
) -> list[Article]:
    """Import a story's files, or find its articles if a slug is given; return the articles.

    Raises UsageError, NotFound and InputError."""
    from mailer import releases
    from mailer.intake import files

    if any(path == Path() for path in paths):
        raise UsageError("a file has no name", hint="give the story's files or its slug")
    if len(paths) == 1 and not _does_exist(paths[0]) and paths[0].suffix == "":
        translations = tx.articles.find_articles(ArticleQuery(slugs=(str(paths[0]),)))
        if translations:
            return translations
        raise NotFound(
            f"there is neither a file nor a story {str(paths[0])!r}",
            next_steps=[NextStep("list_articles")],
        )
    defaults = mailer.settings.defaults
    story_articles = []
    for source_file in files.read_files(
        paths, mailer.clock(), language=defaults.language, time_zone=defaults.time_zone
    ):
        if source_file.error is not None:
            raise source_file.error
        try:
            article, _ = releases.import_article(
                tx, actor, source_file, mailer.clock(), create_topics=create_topics
            )
        except InputError as error:
            raise InputError(
                error.message,
                where=source_file.locate_key(error.where or error.field),
                hint=error.hint,
                next_steps=error.next_steps,
            ) from error
        story_articles.append(article)
    slugs = {story_article.slug for story_article in story_articles}
    if len(slugs) > 1:
        raise UsageError(
            f"these are {len(slugs)} stories: {', '.join(sorted(slugs))}",
            hint="send one release at a time; its translations have the same slug",
        )
    return story_articles


def _does_exist(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long
        return False


def format_heading(story: list[Article], name: str = "") -> str:
    """Format the title, the slug and the languages of a story."""
    tags = ", ".join(article.language for article in story)
    return f"{name or story[0].title} ({story[0].slug}; {tags})"


def describe_reach(plan: DeliveryPlan) -> str:
    """Describe how many contacts get an edition, how many do not, and why."""
    noun = "contact" if plan.planned == 1 else "contacts"
    exclusions = ", ".join(f"{count} {reason}" for reason, count in plan.excluded.items())
    return (
        f"{plan.planned} {noun}; left out: {exclusions}" if exclusions else f"{plan.planned} {noun}"
    )


def parse_by_language(option_texts: list[str], option: str) -> dict[str, str]:
    """Parse texts such as ``fr=Dix villes`` into a dictionary by language. The key of a text
    without a language is "".

    Raises UsageError."""
    texts_by_language: dict[str, str] = {}
    for option_text in option_texts:
        language_match = _IN_LANGUAGE.match(option_text)
        tag, text = (language_match[1], language_match[2]) if language_match else ("", option_text)
        if tag in texts_by_language:
            raise UsageError(
                f"{option} is given twice" + (f" in {tag}" if tag else " without a language"),
                hint=f'give the language of each: {option} en="…" {option} fr="…"',
            )
        texts_by_language[tag] = text
    return texts_by_language
