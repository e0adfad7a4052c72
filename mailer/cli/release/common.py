"""What the commands about releases share."""

from pathlib import Path
from typing import Annotated

import typer

from mailer.app import Mailer, press
from mailer.articles import Article, Query
from mailer.errors import InputError, UsageError
from mailer.intake import files
from mailer.outbox import Plan
from mailer.store import Transaction

app = typer.Typer(no_args_is_help=True, help="Press releases: from a file to journalists.")

Yes = Annotated[bool, typer.Option("--yes", help="Don't ask before it goes.")]


def take_in(
    mailer: Mailer, tx: Transaction, paths: list[Path], by: str, *, create_topics: bool
) -> list[Article]:
    """The story's articles: out of its files, or those that are here under a slug."""
    if len(paths) == 1 and not paths[0].exists() and paths[0].suffix == "":
        known = tx.articles.matching(Query(slugs=(str(paths[0]),)))
        if known:
            return known
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


def left_out(plan: Plan) -> str:
    """Who gets nothing, and why, as the end of a sentence."""
    said = ", ".join(f"{count} {reason}" for reason, count in plan.excluded.items())
    return f"; left out: {said}" if said else ""
