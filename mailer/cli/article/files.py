"""Adding articles from Markdown files and Word files."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer.actor import Actor
from mailer.cli.article.group import app
from mailer.cli.next_steps import describe_error
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.errors import InputError, MailerError, NextStep, PartlyDone, Refused
from mailer.model.articles import Article, ArticleKind, ArticleOutcome, ArticleState

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.config import Settings
    from mailer.model.assets import PictureFile
    from mailer.model.lists import Topic
    from mailer.model.sources import SourceEntry
    from mailer.store import SqlTransaction

WORD_SUFFIX = ".docx"


@app.command("add")
def add_articles(
    paths: Annotated[
        list[Path], typer.Argument(help="Markdown files, folders of them, or Word files.")
    ],
    create_topics: Annotated[
        bool, typer.Option("--create-topics", help="Add topics that do not exist yet.")
    ] = False,
    kind: Annotated[
        ArticleKind, typer.Option(help="The kind of articles from Word files.")
    ] = ArticleKind.NEWS,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Queue articles from Markdown files with front matter, or make drafts of Word files (.docx).

    With --kind press_release, the pictures of a Word file become assets. Adding a file again
    changes nothing; a changed file makes a new revision. Invalid files are listed with the line
    that is wrong, and the other files are added (exit code 4).

    Example: mailer article add stories/ --create-topics"""
    from mailer import releases
    from mailer.intake import files

    out = Output(json)
    results: list[dict[str, Any]] = []
    refused_count = 0
    actor = resolve_actor(by)
    # All files are read before the transaction, and their pictures decoded.
    with open_for_reading() as (mailer, tx):
        settings, now, topics = mailer.settings, mailer.clock(), tx.lists.list_topics()
    word_paths = [file_path for file_path in paths if file_path.suffix.lower() == WORD_SUFFIX]
    word_files = _read_word_files(word_paths, settings, topics, now, kind)
    markdown = [file_path for file_path in paths if file_path not in word_files]
    language, time_zone = settings.defaults.language, settings.defaults.time_zone
    source_files = list(files.read_files(markdown, now, language=language, time_zone=time_zone))
    pictures: list[PictureFile] = [
        *(picture for file in source_files for picture in file.pictures),
        *(
            picture
            for entry in word_files.values()
            if not isinstance(entry, InputError)
            for picture in entry.pictures
        ),
    ]
    with open_for_writing(actor, dry_run, out, pictures) as (mailer, tx):
        for path, entry in word_files.items():
            try:
                results.append(_add_word_file(mailer, tx, path, entry, actor, out))
            except InputError as wrong:
                refused_count += 1
                reason = describe_error(wrong)
                results.append({"file": str(path), "outcome": "refused", "error": reason})
                out.print_note(f"refused: {reason}")
        for source_file in source_files:
            error: MailerError | None = source_file.error
            if source_file.content is not None:
                try:
                    article, outcome = releases.import_article(
                        tx,
                        actor,
                        source_file,
                        mailer.clock(),
                        create_topics=create_topics,
                    )
                    results.append(_to_result(source_file.path, outcome, article))
                except (InputError, Refused) as wrong:
                    key = wrong.where or wrong.field
                    steps = [NextStep("create_topics")] if key == "topics" else []
                    error = InputError(
                        wrong.message,
                        where=source_file.locate_key(key),
                        hint=wrong.hint,
                        next_steps=[*wrong.next_steps, *steps],
                    )
            if error is not None:
                refused_count += 1
                reason = describe_error(error)
                results.append(
                    {"file": str(source_file.path), "outcome": "refused", "error": reason}
                )
                out.print_note(f"refused: {reason}")
    accepted = [result for result in results if "slug" in result]
    if accepted or json:
        out.print_table(
            results,
            {"": "", "article": "", "revision": "right", "file": ""},
            [
                (
                    result["outcome"],
                    f"{result['slug']} ({result['language']})",
                    result["revision"],
                    result["file"],
                )
                for result in accepted
            ],
        )
    if refused_count:
        message = (
            "the file was refused"
            if len(results) == 1
            else f"{refused_count} of {len(results)} files were refused"
        )
        hint = "fix it and add it again" if refused_count == 1 else "fix them and add them again"
        if refused_count == len(results):
            raise InputError(message, hint=hint)
        raise PartlyDone(message, hint=f"the others were added; {hint}")


def _read_word_files(
    paths: list[Path], settings: "Settings", topics: "list[Topic]", now: datetime, kind: ArticleKind
) -> "dict[Path, SourceEntry | InputError]":
    """Return the entry of each Word file, or the error of reading it."""
    entries: dict[Path, SourceEntry | InputError] = {}
    if not paths:
        return entries
    from mailer.intake.source_reader import SourceReader, build_entry
    from mailer.intake.word_process import read_word_file

    defaults = replace(SourceReader(settings).make_defaults(topics, now), kind=kind)
    for path in paths:
        try:
            entries[path] = build_entry(read_word_file(path, defaults))
        except InputError as error:
            entries[path] = error
    return entries


def _add_word_file(
    mailer: "Mailer",
    tx: "SqlTransaction",
    path: Path,
    entry: "SourceEntry | InputError",
    actor: Actor,
    out: Output,
) -> dict[str, Any]:
    from mailer import sources

    if isinstance(entry, InputError):
        raise entry
    article, outcome = sources.import_draft(tx, actor, entry, mailer.clock())
    for omission in sources.describe_omissions(entry.omissions):
        out.print_note(f"{path}: {omission}")
    for gap in sources.describe_gaps(entry):
        out.print_note(f"{path}: {gap}")
    if article.state is ArticleState.DRAFT:
        out.print_note(f"{path}: check it, then: mailer article queue {article.slug}")
    return _to_result(path, outcome, article)


def _to_result(path: Path, outcome: ArticleOutcome, article: Article) -> dict[str, Any]:
    return {
        "file": str(path),
        "outcome": outcome.value,
        "slug": article.slug,
        "language": article.language,
        "revision": article.revision,
    }
