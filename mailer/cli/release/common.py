"""What the commands about releases share."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mailer.app import Mailer, press
from mailer.articles import Article, ArticleState, Query
from mailer.errors import InputError, NotFound, UsageError
from mailer.intake import files
from mailer.outbox import Plan
from mailer.store import Transaction

app = typer.Typer(no_args_is_help=True, help="Press releases: from a file to journalists.")

IN_LANGUAGES = "fr=… for readers of French, and so on"
_IN_LANGUAGE = re.compile(r"([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)=(.*)", re.DOTALL)

Yes = Annotated[bool, typer.Option("--yes", help="Don't ask before it goes.")]


def take_in(
    mailer: Mailer, tx: Transaction, paths: list[Path], by: str, *, create_topics: bool
) -> list[Article]:
    """The story's articles: out of its files, or those that are here under a slug."""
    if any(path == Path() for path in paths):
        raise UsageError("no file is named", hint="name its files, or a story's slug")
    if len(paths) == 1 and not _exists(paths[0]) and paths[0].suffix == "":
        known = tx.articles.matching(Query(slugs=(str(paths[0]),)))
        if known:
            return known
        raise NotFound(
            f"there is neither a file nor a story {str(paths[0])!r}",
            hint="see `mailer article list`",
        )
    defaults = mailer.settings.defaults
    taken = []
    for found in files.read_all(
        paths, mailer.clock(), language=defaults.language, time_zone=defaults.time_zone
    ):
        if found.error is not None:
            raise found.error
        try:
            article, _ = press.take_in(mailer, tx, found, author=by, create_topics=create_topics)
        except InputError as error:
            raise InputError(error.what, where=found.at(error.where), hint=error.hint) from error
        taken.append(article)
    slugs = {one.slug for one in taken}
    if len(slugs) > 1:
        raise UsageError(
            f"these are {len(slugs)} stories: {', '.join(sorted(slugs))}",
            hint="send one release at a time; its translations have the same slug:",
        )
    return taken


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long
        return False


def queued(tx: Transaction, slug: str) -> list[Article]:
    """A story's articles, also those in languages that came in before."""
    return list(tx.articles.matching(Query(state=ArticleState.QUEUED, slugs=(slug,))))


def heading(story: list[Article], name: str = "") -> str:
    """What it is about: the title, the slug and the languages."""
    tags = ", ".join(one.language for one in story)
    return f"{name or story[0].title} ({story[0].slug}; {tags})"


def content(taken: list[Article]) -> list[str]:
    """What stands in them, to be compared; but for when it came out: where a file doesn't say,
    that is now."""
    some_day = datetime(2000, 1, 1, tzinfo=UTC)
    return [replace(one.content, published=some_day).fingerprint() for one in taken]


def contacts(plan: Plan) -> str:
    """How many get it; who gets nothing, and why."""
    one = "contact" if plan.planned == 1 else "contacts"
    said = ", ".join(f"{count} {reason}" for reason, count in plan.excluded.items())
    return f"{plan.planned} {one}; left out: {said}" if said else f"{plan.planned} {one}"


def spoken(given: list[str], option: str) -> dict[str, str]:
    """``fr=Dix villes`` by language; what names none under "". Raises UsageError."""
    found: dict[str, str] = {}
    for one in given:
        named = _IN_LANGUAGE.match(one)
        tag, text = (named[1], named[2]) if named else ("", one)
        if tag in found:
            raise UsageError(
                f"{option} is given twice" + (f" in {tag}" if tag else " without a language"),
                hint=f'say in which each is: {option} en="…" {option} fr="…"',
            )
        found[tag] = text
    return found
