"""``mailer article``: pieces of content, one for each language."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from mailer import articles
from mailer.actor import Actor
from mailer.cli.command_groups import CommandGroup
from mailer.cli.next_steps import describe_error
from mailer.cli.options import ByOption, DryRunOption, JsonOption, StorySlug, resolve_actor
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.errors import InputError, MailerError, NextStep, PartlyDone, Refused, UsageError
from mailer.model.articles import (
    Article,
    ArticleKind,
    ArticleOutcome,
    ArticleQuery,
    ArticleState,
    Image,
)

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.intake.drafts import Draft
    from mailer.store import SqlTransaction

WORD_SUFFIX = ".docx"

app = CommandGroup(help="Articles: pieces of content, one for each language.")

LanguageOption = Annotated[
    str, typer.Option(help="The translation's language; default: the office's.")
]
OnlyLanguageOption = Annotated[
    str, typer.Option("--language", help="Only this translation; default: all of them.")
]
KindOption = Annotated[ArticleKind, typer.Option(help="The article's kind.")]
TopicsOption = Annotated[list[str] | None, typer.Option("--topic", help="A topic; repeatable.")]


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
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Queue articles from Markdown files with front matter, or make drafts of Word files (.docx).

    With --kind press_release, the pictures of a Word file become assets. Adding a file again
    changes nothing; a changed file makes a new revision. Invalid files are listed with the line,
    and the others are added (exit code 4).

    Example: mailer article add stories/ --create-topics"""
    from mailer import releases
    from mailer.intake import files

    out = Output(json)
    results: list[dict[str, Any]] = []
    refused_count = 0
    with open_for_writing(dry_run, out) as (mailer, tx):
        now, defaults = mailer.clock(), mailer.settings.defaults
        for path in [file_path for file_path in paths if file_path.suffix.lower() == WORD_SUFFIX]:
            try:
                results.append(_add_word_file(mailer, tx, path, kind, resolve_actor(by), out))
            except InputError as wrong:
                refused_count += 1
                reason = describe_error(wrong)
                results.append({"file": str(path), "outcome": "refused", "error": reason})
                out.print_note(f"refused: {reason}")
        markdown = [file_path for file_path in paths if file_path.suffix.lower() != WORD_SUFFIX]
        for source_file in files.read_files(
            markdown, now, language=defaults.language, time_zone=defaults.time_zone
        ):
            error: MailerError | None = source_file.error
            if source_file.content is not None:
                try:
                    article, outcome = releases.import_article(
                        tx,
                        resolve_actor(by),
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
        message = f"{refused_count} of {len(results)} files were refused"
        if refused_count == len(results):
            raise InputError(message, hint="fix them and add them again")
        raise PartlyDone(message, hint="the others were added; fix these and add them again")


def _add_word_file(
    mailer: "Mailer", tx: "SqlTransaction", path: Path, kind: ArticleKind, actor: Actor, out: Output
) -> dict[str, Any]:
    from mailer import sources
    from mailer.intake.source_reader import SourceReader, build_entry
    from mailer.intake.sources import load_word_file

    defaults = SourceReader(mailer.settings).make_defaults(tx.lists.list_topics(), mailer.clock())
    entry = build_entry(load_word_file(path, replace(defaults, kind=kind)))
    article, outcome = sources.import_draft(tx, actor, entry, mailer.clock())
    for omission in sources.describe_omissions(entry.omissions):
        out.print_note(f"{path}: {omission}")
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


@app.command("fetch")
def fetch_article(
    address: Annotated[str, typer.Argument(help="The web page of an article.")],
    kind: KindOption = ArticleKind.NEWS,
    topic: TopicsOption = None,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Import the article of a web page as a draft, and list what was left out.

    Example: mailer article fetch https://www.example.org/news/open-day"""
    from mailer.intake import extra

    extra.import_package("httpcore")
    from mailer.intake.fetching import build_user_agent
    from mailer.intake.source_reader import SourceReader
    from mailer.intake.sources import fetch_page

    out = Output(json)
    with open_for_reading() as (mailer, tx):
        reader = SourceReader(mailer.settings)
        defaults = reader.make_defaults(tx.lists.list_topics(), mailer.clock())
        agent = build_user_agent(mailer.settings.organisation.website)
    defaults = replace(defaults, kind=kind, topics=tuple(topic or ()))
    draft = fetch_page(address, defaults, agent=agent)
    _add_draft(draft, out, resolve_actor(by), dry_run=dry_run)


@app.command("paste")
def paste_article(
    file: Annotated[
        Path | None, typer.Argument(help="HTML from a word processor; default: stdin.")
    ] = None,
    title: Annotated[str, typer.Option(help="The title; default: the first heading.")] = "",
    kind: KindOption = ArticleKind.NEWS,
    language: LanguageOption = "",
    topic: TopicsOption = None,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Import text copied from Word, Google Docs, Outlook or LibreOffice as a draft.

    Example: mailer article paste copied.html
    xclip -o -t text/html | mailer article paste"""
    from mailer.intake import word
    from mailer.intake.source_reader import SourceReader

    out = Output(json)
    text = _read_text(file) if file else sys.stdin.read()
    with open_for_reading() as (mailer, tx):
        reader = SourceReader(mailer.settings)
        defaults = reader.make_defaults(tx.lists.list_topics(), mailer.clock())
    defaults = replace(
        defaults, kind=kind, topics=tuple(topic or ()), language=language or defaults.language
    )
    origin = str(file or "what was pasted")
    draft = word.from_html(text, defaults, origin=origin, title=title)
    _add_draft(draft, out, resolve_actor(by), dry_run=dry_run)


def _add_draft(draft: "Draft", out: Output, actor: Actor, *, dry_run: bool) -> None:
    from mailer import sources
    from mailer.intake.source_reader import build_entry

    entry = build_entry(draft)
    with open_for_writing(dry_run, out) as (mailer, tx):
        article, outcome = sources.import_draft(tx, actor, entry, mailer.clock())
        message = f"{outcome}: {article.slug} ({article.language}, {article.state}) {article.title}"
        out.print_record(
            {"outcome": outcome, "article": article, "left_out": entry.omissions}, message
        )
        for omission in sources.describe_omissions(entry.omissions):
            out.print_note(omission)
        if article.state is ArticleState.DRAFT:
            out.print_note(f"check it, then: mailer article queue {article.slug}")


@app.command("list")
def list_articles(
    kind: Annotated[ArticleKind | None, typer.Option(help="Only this kind.")] = None,
    language: Annotated[str, typer.Option(help="Only this language.")] = "",
    topic: Annotated[str, typer.Option(help="Only this topic.")] = "",
    state: Annotated[ArticleState | None, typer.Option(help="Only this state.")] = None,
    json: JsonOption = False,
) -> None:
    """List articles, newest first.

    Example: mailer article list --topic health"""
    with open_for_reading() as (_, tx):
        matching_articles = tx.articles.find_articles(ArticleQuery(state, kind, language, topic))
        Output(json).print_table(
            matching_articles,
            {
                "published": "", "story": "", "language": "", "kind": "", "state": "",
                "topics": "", "title": "",
            },
            [
                (
                    f"{article.published:%Y-%m-%d}", article.slug, article.language,
                    article.kind, f"{article.state}{', lead' if article.lead else ''}",
                    article.topics, article.title,
                )
                for article in matching_articles
            ],
            empty="no such article; to add one: mailer article add FILE",
        )  # fmt: skip


@app.command("show")
def show_article(slug: StorySlug, language: LanguageOption = "", json: JsonOption = False) -> None:
    """Show an article with its text.

    Example: mailer article show open-day --language fr"""
    with open_for_reading() as (mailer, tx):
        article = articles.get_article(tx, slug, language or mailer.settings.defaults.language)
        Output(json).print_record(article)


@app.command("edit")
def edit_article(
    slug: StorySlug,
    language: LanguageOption = "",
    title: Annotated[str | None, typer.Option(help="The title.")] = None,
    summary: Annotated[str | None, typer.Option(help="The summary.")] = None,
    kind: Annotated[ArticleKind | None, typer.Option(help="The article's kind.")] = None,
    published: Annotated[
        str | None,
        typer.Option(help="The day of publication, such as 2026-12-18, or day and time."),
    ] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="A topic; replaces all earlier topics; repeatable.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="The picture's web address; empty: no picture.")
    ] = None,
    image_alt: Annotated[str | None, typer.Option(help="The picture's alt text.")] = None,
    image_credit: Annotated[str | None, typer.Option(help="The picture's credit.")] = None,
    canonical_url: Annotated[
        str | None, typer.Option(help="The address of the article on the web.")
    ] = None,
    byline: Annotated[str | None, typer.Option(help="The byline.")] = None,
    dateline: Annotated[str | None, typer.Option(help="The dateline.")] = None,
    body: Annotated[Path | None, typer.Option(help="A Markdown file without front matter.")] = None,
    lead: Annotated[
        bool | None, typer.Option("--lead/--no-lead", help="Put it first in digests, or not.")
    ] = None,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change fields of an article, as a new revision. Editions not yet sent return to draft.

    Example: mailer article edit open-day --title "Open day on Friday" --lead"""
    out = Output(json)
    changes: dict[str, Any] = {
        key: value
        for key, value in {
            "title": title, "summary": summary, "kind": kind, "canonical_url": canonical_url,
            "byline": byline, "dateline": dateline, "lead": lead,
        }.items()
        if value is not None
    }  # fmt: skip
    if topic is not None:
        changes["topics"] = tuple(topic)
    if body is not None:
        from mailer.intake.markup import to_html

        text = _read_text(body)
        changes |= {"body": text, "html": to_html(text)}
    with open_for_writing(dry_run, out) as (mailer, tx):
        language = language or mailer.settings.defaults.language
        current_article = articles.get_article(tx, slug, language)
        if published is not None:
            changes["published"] = _parse_moment(published, mailer.settings.defaults.time_zone)
        if image is not None or image_alt is not None or image_credit is not None:
            changes["image"] = _change_image(current_article, image, image_alt, image_credit)
        if not changes:
            raise UsageError("no change was given", hint="see `mailer article edit --help`")
        article, outcome = articles.edit_article(
            tx,
            resolve_actor(by),
            slug,
            language,
            changes,
            mailer.clock(),
        )
        message = f"{article.slug} ({article.language}): {outcome}, revision {article.revision}"
        out.print_record(article, message)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the file can't be read ({error})", where=str(path)) from error


def _parse_moment(text: str, zone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{text!r} is not a date", where="--published", hint="write it as 2026-12-18"
        ) from error


def _change_image(
    article: Article, url: str | None, alt: str | None, credit: str | None
) -> Image | None:
    if url == "":
        return None
    current_image = article.image or Image("", "")
    return Image(
        current_image.url if url is None else url,
        current_image.alt if alt is None else alt,
        current_image.credit if credit is None else credit,
    )


@app.command("queue")
def queue_article(
    slug: StorySlug,
    language: OnlyLanguageOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Queue a draft: digests may choose it from now on.

    Example: mailer article queue open-day"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        queued = articles.queue_articles(
            tx, resolve_actor(""), slug, language or None, mailer.clock()
        )
        translations = tx.articles.find_articles(ArticleQuery(slugs=(slug,)))
        states = ", ".join(dict.fromkeys(article.state for article in translations))
        message = f"{len(queued)} queued" if queued else f"it is no draft, but {states}"
        out.print_record(queued, f"{slug}: {message}")


@app.command("withdraw")
def withdraw_article(
    slug: StorySlug,
    language: OnlyLanguageOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Withdraw a story from the queue and from every edition not yet sent.

    Example: mailer article withdraw open-day"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        withdrawn = articles.withdraw_articles(
            tx, resolve_actor(""), slug, language or None, mailer.clock()
        )
        out.print_record(withdrawn, f"{slug}: {len(withdrawn)} withdrawn")


@app.command("restore")
def restore_article(
    slug: StorySlug,
    language: OnlyLanguageOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Return a withdrawn story to the queue.

    Example: mailer article restore open-day"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        restored = articles.restore_articles(
            tx, resolve_actor(""), slug, language or None, mailer.clock()
        )
        out.print_record(restored, f"{slug}: {len(restored)} queued again")
