"""``mailer article``: files in, articles out."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from mailer import articles, releases
from mailer.app import Mailer
from mailer.cli.options import (
    By,
    DryRunOption,
    JsonOption,
    open_for_reading,
    open_for_writing,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.errors import InputError, MailerError, PartlyDone, Refused, UsageError
from mailer.intake import extra, files
from mailer.intake.markup import to_html
from mailer.model.articles import (
    Article,
    ArticleKind,
    ArticleOutcome,
    ArticleQuery,
    ArticleState,
    Image,
)
from mailer.store import SqlTransaction

if TYPE_CHECKING:
    from mailer.intake.drafts import Draft

WORD_SUFFIX = ".docx"

app = typer.Typer(no_args_is_help=True, help="Articles: pieces of content, one a language.")

Slug = Annotated[str, typer.Argument(help="The story's slug.")]
Language = Annotated[str, typer.Option(help="Which translation; else the default language's.")]


@app.command("add")
def add_articles(
    paths: Annotated[
        list[Path], typer.Argument(help="Markdown files, folders of them, or Word files.")
    ],
    create_topics: Annotated[
        bool, typer.Option("--create-topics", help="Add topics that aren't there yet.")
    ] = False,
    kind: Annotated[ArticleKind, typer.Option(help="Of Word files.")] = ArticleKind.NEWS,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Queue articles from Markdown files with front matter. Word files (.docx) become drafts; their
    pictures come with them as assets where --kind is press_release.

    The same file again changes nothing; a changed one makes a new revision. A bad file is named
    with its line, and the good ones still go in (exit code 4).

    Example: [bold]mailer article add stories/ --create-topics[/]"""
    out = Output(json)
    results: list[dict[str, Any]] = []
    refused_count = 0
    with open_for_writing(dry_run, out) as (mailer, tx):
        now, defaults = mailer.clock(), mailer.settings.defaults
        for path in [file_path for file_path in paths if file_path.suffix.lower() == WORD_SUFFIX]:
            try:
                results.append(_add_word_file(mailer, tx, path, kind, resolve_actor(by).name, out))
            except InputError as wrong:
                refused_count += 1
                results.append({"file": str(path), "outcome": "refused", "error": str(wrong)})
                out.print_note(f"refused: {wrong}")
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
                    hint = wrong.hint
                    if wrong.where == "topics":
                        hint += "; --create-topics adds those that aren't there"
                    error = InputError(
                        wrong.message,
                        where=source_file.locate_key(wrong.where or wrong.field),
                        hint=hint,
                        next_steps=wrong.next_steps,
                    )
            if error is not None:
                refused_count += 1
                results.append(
                    {"file": str(source_file.path), "outcome": "refused", "error": str(error)}
                )
                out.print_note(f"refused: {error}")
    accepted = [result for result in results if "slug" in result]
    if accepted or json:
        out.print_table(
            results,
            {"": "", "article": "", "revision": "right", "file": ""},
            [
                (o["outcome"], f"{o['slug']} ({o['language']})", o["revision"], o["file"])
                for o in accepted
            ],
        )
    if refused_count:
        message = f"{refused_count} of {len(results)} files were refused"
        if refused_count == len(results):
            raise InputError(message, hint="mend them and add them again")
        raise PartlyDone(message, hint="the others are in; mend these and add them again")


def _add_word_file(
    mailer: Mailer, tx: SqlTransaction, path: Path, kind: ArticleKind, author: str, out: Output
) -> dict[str, Any]:
    from mailer.app import source_import
    from mailer.intake import sources

    draft = sources.load_word_file(
        path, replace(source_import.make_defaults(mailer, tx), kind=kind)
    )
    article, outcome, left_out = source_import.add_draft(mailer, tx, draft, author=author)
    for omission in source_import.describe_dropped(left_out):
        out.print_note(f"{path}: {omission}")
    if article.state is ArticleState.DRAFT:
        out.print_note(f"{path}: look at it, then: mailer article queue {article.slug}")
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
    address: Annotated[str, typer.Argument(help="Of a web page with an article.")],
    kind: Annotated[ArticleKind, typer.Option()] = ArticleKind.NEWS,
    topic: Annotated[list[str] | None, typer.Option(help="Repeatable.")] = None,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take the article of a web page in, as a draft. It says what was left out.

    Example: [bold]mailer article fetch https://www.example.org/news/open-day[/]"""
    extra.import_package("httpcore")
    from mailer.app import source_import
    from mailer.intake import sources
    from mailer.intake.fetching import build_user_agent

    out = Output(json)
    with open_for_reading() as (mailer, tx):
        defaults = source_import.make_defaults(mailer, tx)
        agent = build_user_agent(mailer.settings.organisation.website)
    defaults = replace(defaults, kind=kind, topics=tuple(topic or ()))
    draft = sources.fetch_page(address, defaults, agent=agent)
    _add_draft(draft, out, resolve_actor(by).name, dry_run=dry_run)


@app.command("paste")
def paste_article(
    file: Annotated[
        Path | None, typer.Argument(help="HTML from a word processor; else standard input.")
    ] = None,
    title: Annotated[str, typer.Option(help="Else its first heading.")] = "",
    kind: Annotated[ArticleKind, typer.Option()] = ArticleKind.NEWS,
    language: Annotated[str, typer.Option()] = "",
    topic: Annotated[list[str] | None, typer.Option(help="Repeatable.")] = None,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take in what was copied from Word, Google Docs, Outlook or LibreOffice, as a draft.

    Example: [bold]mailer article paste copied.html[/], or [bold]xclip -o -t text/html | \
    mailer article paste[/]"""
    from mailer.app import source_import
    from mailer.intake import word

    out = Output(json)
    text = _read_text(file) if file else sys.stdin.read()
    with open_for_reading() as (mailer, tx):
        defaults = source_import.make_defaults(mailer, tx)
    defaults = replace(
        defaults, kind=kind, topics=tuple(topic or ()), language=language or defaults.language
    )
    origin = str(file or "what was pasted")
    draft = word.from_html(text, defaults, origin=origin, title=title)
    _add_draft(draft, out, resolve_actor(by).name, dry_run=dry_run)


def _add_draft(draft: "Draft", out: Output, author: str, *, dry_run: bool) -> None:
    from mailer.app import source_import

    with open_for_writing(dry_run, out) as (mailer, tx):
        article, outcome, left_out = source_import.add_draft(mailer, tx, draft, author=author)
        message = f"{outcome}: {article.slug} ({article.language}, {article.state}) {article.title}"
        out.print_record({"outcome": outcome, "article": article, "left_out": left_out}, message)
        for omission in source_import.describe_dropped(left_out):
            out.print_note(omission)
        if article.state is ArticleState.DRAFT:
            out.print_note(f"look at it, then: mailer article queue {article.slug}")


@app.command("list")
def list_articles(
    kind: Annotated[ArticleKind | None, typer.Option()] = None,
    language: Annotated[str, typer.Option()] = "",
    topic: Annotated[str, typer.Option(help="Only of this topic.")] = "",
    state: Annotated[ArticleState | None, typer.Option()] = None,
    json: JsonOption = False,
) -> None:
    """List articles, newest first. Example: [bold]mailer article list --topic health[/]"""
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
                    f"{article.published:%Y-%m-%d}", article.slug, article.language, article.kind,
                    f"{article.state}{', lead' if article.lead else ''}", article.topics, article.title,
                )
                for article in matching_articles
            ],
            empty="no article here: mailer article add FILE",
        )  # fmt: skip


@app.command("show")
def show_article(slug: Slug, language: Language = "", json: JsonOption = False) -> None:
    """Show an article with its text.

    Example: [bold]mailer article show open-day --language fr[/]"""
    with open_for_reading() as (mailer, tx):
        article = articles.get_article(tx, slug, language or mailer.settings.defaults.language)
        Output(json).print_record(article)


@app.command("edit")
def edit_article(
    slug: Slug,
    language: Language = "",
    title: Annotated[str | None, typer.Option()] = None,
    summary: Annotated[str | None, typer.Option()] = None,
    kind: Annotated[ArticleKind | None, typer.Option()] = None,
    published: Annotated[str | None, typer.Option(help="2026-12-18, or with a time.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Replaces them; repeatable.")] = None,
    image: Annotated[str | None, typer.Option(help="Web address; empty removes it.")] = None,
    image_alt: Annotated[str | None, typer.Option()] = None,
    image_credit: Annotated[str | None, typer.Option()] = None,
    canonical_url: Annotated[str | None, typer.Option()] = None,
    byline: Annotated[str | None, typer.Option()] = None,
    dateline: Annotated[str | None, typer.Option()] = None,
    body: Annotated[Path | None, typer.Option(help="A Markdown file without front matter.")] = None,
    lead: Annotated[bool | None, typer.Option("--lead/--no-lead", help="First in digests.")] = None,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change fields of an article: a new revision. Editions not yet sent fall back to draft.

    Example: [bold]mailer article edit open-day --title "Open day on Friday" --lead[/]"""
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
            raise UsageError("nothing to change was given", hint="see `mailer article edit --help`")
        article, outcome = articles.edit_article(
            tx, slug, language, changes, mailer.clock(), author=resolve_actor(by).name
        )
        message = f"{article.slug} ({article.language}): {outcome}, revision {article.revision}"
        out.print_record(article, message)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"it can't be read ({error})", where=str(path)) from error


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


@app.command("withdraw")
def withdraw_article(
    slug: Slug,
    language: Annotated[str, typer.Option(help="Only this translation; else all.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take a story out of the queue and of every edition not yet sent.

    Example: [bold]mailer article withdraw open-day[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        withdrawn = articles.withdraw_articles(tx, slug, language or None, mailer.clock())
        out.print_record(withdrawn, f"{slug}: {len(withdrawn)} withdrawn")


@app.command("queue")
def queue_article(
    slug: Slug,
    language: Annotated[str, typer.Option(help="Only this translation; else all.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Queue a draft that came from elsewhere: digests may choose it from now on.

    Example: [bold]mailer article queue open-day[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        queued = articles.queue_articles(tx, slug, language or None, mailer.clock())
        translations = tx.articles.find_articles(ArticleQuery(slugs=(slug,)))
        states = ", ".join(dict.fromkeys(article.state for article in translations))
        message = f"{len(queued)} queued" if queued else f"there is no draft of it, it is {states}"
        out.print_record(queued, f"{slug}: {message}")


@app.command("restore")
def restore_article(
    slug: Slug,
    language: Annotated[str, typer.Option(help="Only this translation; else all.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Put a withdrawn story back into the queue.

    Example: [bold]mailer article restore open-day[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        restored = articles.restore_articles(tx, slug, language or None, mailer.clock())
        out.print_record(restored, f"{slug}: {len(restored)} queued again")
