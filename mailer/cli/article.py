"""``mailer article``: files in, articles out."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from mailer import articles
from mailer.app import Mailer, press
from mailer.articles import Article, ArticleState, Image, Kind, Outcome, Query
from mailer.cli.options import By, DryRunOption, JsonOption, actor, reading, writing
from mailer.cli.output import Output
from mailer.errors import InputError, MailerError, PartlyDone, Refused, UsageError
from mailer.intake import extra, files
from mailer.intake.markup import to_html
from mailer.store import Transaction

if TYPE_CHECKING:
    from mailer.intake.drafts import Draft

WORD = ".docx"

app = typer.Typer(no_args_is_help=True, help="Articles: pieces of content, one a language.")

Slug = Annotated[str, typer.Argument(help="The story's slug.")]
Language = Annotated[str, typer.Option(help="Which translation; else the default language's.")]


@app.command("add")
def add(
    paths: Annotated[
        list[Path], typer.Argument(help="Markdown files, folders of them, or Word files.")
    ],
    create_topics: Annotated[
        bool, typer.Option("--create-topics", help="Add topics that aren't there yet.")
    ] = False,
    kind: Annotated[Kind, typer.Option(help="Of Word files.")] = Kind.NEWS,
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
    bad = 0
    with writing(dry_run, out) as (mailer, tx):
        now, defaults = mailer.clock(), mailer.settings.defaults
        for path in [one for one in paths if one.suffix.lower() == WORD]:
            try:
                results.append(_word_file(mailer, tx, path, kind, actor(by), out))
            except InputError as wrong:
                bad += 1
                results.append({"file": str(path), "outcome": "refused", "error": str(wrong)})
                out.note(f"refused: {wrong}")
        markdown = [one for one in paths if one.suffix.lower() != WORD]
        for found in files.read_all(
            markdown, now, language=defaults.language, time_zone=defaults.time_zone
        ):
            error: MailerError | None = found.error
            if found.content is not None:
                try:
                    article, outcome = press.take_in(
                        mailer, tx, found, author=actor(by), create_topics=create_topics
                    )
                    results.append(_result(found.path, outcome, article))
                except (InputError, Refused) as wrong:
                    hint = wrong.hint
                    if wrong.where == "topics":
                        hint += "; --create-topics adds those that aren't there"
                    error = InputError(wrong.what, where=found.at(wrong.where), hint=hint)
            if error is not None:
                bad += 1
                results.append({"file": str(found.path), "outcome": "refused", "error": str(error)})
                out.note(f"refused: {error}")
    taken = [one for one in results if "slug" in one]
    if taken or json:
        out.table(
            results,
            {"": "", "article": "", "revision": "right", "file": ""},
            [
                (o["outcome"], f"{o['slug']} ({o['language']})", o["revision"], o["file"])
                for o in taken
            ],
        )
    if bad:
        said = f"{bad} of {len(results)} files were refused"
        if bad == len(results):
            raise InputError(said, hint="mend them and add them again")
        raise PartlyDone(said, hint="the others are in; mend these and add them again")


def _word_file(
    mailer: Mailer, tx: Transaction, path: Path, kind: Kind, by: str, out: Output
) -> dict[str, Any]:
    from mailer.app import arrivals
    from mailer.intake import gathering

    draft = gathering.word_file(path, replace(arrivals.defaults_of(mailer, tx), kind=kind))
    article, outcome, left_out = arrivals.add_draft(mailer, tx, draft, author=by)
    for one in arrivals.said_of(left_out):
        out.note(f"{path}: {one}")
    if article.state is ArticleState.DRAFT:
        out.note(f"{path}: look at it, then: mailer article queue {article.slug}")
    return _result(path, outcome, article)


def _result(path: Path, outcome: Outcome, article: Article) -> dict[str, Any]:
    return {
        "file": str(path),
        "outcome": outcome.value,
        "slug": article.slug,
        "language": article.language,
        "revision": article.revision,
    }


@app.command("fetch")
def fetch(
    address: Annotated[str, typer.Argument(help="Of a web page with an article.")],
    kind: Annotated[Kind, typer.Option()] = Kind.NEWS,
    topic: Annotated[list[str] | None, typer.Option(help="Repeatable.")] = None,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take the article of a web page in, as a draft. It says what was left out.

    Example: [bold]mailer article fetch https://www.example.org/news/open-day[/]"""
    extra.package("httpcore")
    from mailer.app import arrivals
    from mailer.intake import gathering
    from mailer.intake.fetching import user_agent

    out = Output(json)
    with reading() as (mailer, tx):
        defaults = arrivals.defaults_of(mailer, tx)
        agent = user_agent(mailer.settings.organisation.website)
    defaults = replace(defaults, kind=kind, topics=tuple(topic or ()))
    draft = gathering.page(address, defaults, agent=agent)
    _take_draft(draft, out, actor(by), dry_run=dry_run)


@app.command("paste")
def paste(
    file: Annotated[
        Path | None, typer.Argument(help="HTML from a word processor; else standard input.")
    ] = None,
    title: Annotated[str, typer.Option(help="Else its first heading.")] = "",
    kind: Annotated[Kind, typer.Option()] = Kind.NEWS,
    language: Annotated[str, typer.Option()] = "",
    topic: Annotated[list[str] | None, typer.Option(help="Repeatable.")] = None,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take in what was copied from Word, Google Docs, Outlook or LibreOffice, as a draft.

    Example: [bold]mailer article paste copied.html[/], or [bold]xclip -o -t text/html | \
    mailer article paste[/]"""
    from mailer.app import arrivals
    from mailer.intake import word

    out = Output(json)
    text = _read(file) if file else sys.stdin.read()
    with reading() as (mailer, tx):
        defaults = arrivals.defaults_of(mailer, tx)
    defaults = replace(
        defaults, kind=kind, topics=tuple(topic or ()), language=language or defaults.language
    )
    origin = str(file or "what was pasted")
    draft = word.from_html(text, defaults, origin=origin, title=title)
    _take_draft(draft, out, actor(by), dry_run=dry_run)


def _take_draft(draft: "Draft", out: Output, author: str, *, dry_run: bool) -> None:
    from mailer.app import arrivals

    with writing(dry_run, out) as (mailer, tx):
        article, outcome, left_out = arrivals.add_draft(mailer, tx, draft, author=author)
        said = f"{outcome}: {article.slug} ({article.language}, {article.state}) {article.title}"
        out.record({"outcome": outcome, "article": article, "left_out": left_out}, said)
        for one in arrivals.said_of(left_out):
            out.note(one)
        if article.state is ArticleState.DRAFT:
            out.note(f"look at it, then: mailer article queue {article.slug}")


@app.command("list")
def list_(
    kind: Annotated[Kind | None, typer.Option()] = None,
    language: Annotated[str, typer.Option()] = "",
    topic: Annotated[str, typer.Option(help="Only of this topic.")] = "",
    state: Annotated[ArticleState | None, typer.Option()] = None,
    json: JsonOption = False,
) -> None:
    """List articles, newest first. Example: [bold]mailer article list --topic health[/]"""
    with reading() as (_, tx):
        found = tx.articles.matching(Query(state, kind, language, topic))
        Output(json).table(
            found,
            {
                "published": "", "story": "", "language": "", "kind": "", "state": "",
                "topics": "", "title": "",
            },
            [
                (
                    f"{a.published:%Y-%m-%d}", a.slug, a.language, a.kind,
                    f"{a.state}{', lead' if a.lead else ''}", a.topics, a.title,
                )
                for a in found
            ],
            empty="no article here: mailer article add FILE",
        )  # fmt: skip


@app.command("show")
def show(slug: Slug, language: Language = "", json: JsonOption = False) -> None:
    """Show an article with its text.

    Example: [bold]mailer article show open-day --language fr[/]"""
    with reading() as (mailer, tx):
        found = articles.get(tx.articles, slug, language or mailer.settings.defaults.language)
        Output(json).record(found)


@app.command("edit")
def edit(
    slug: Slug,
    language: Language = "",
    title: Annotated[str | None, typer.Option()] = None,
    summary: Annotated[str | None, typer.Option()] = None,
    kind: Annotated[Kind | None, typer.Option()] = None,
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
        text = _read(body)
        changes |= {"body": text, "html": to_html(text)}
    with writing(dry_run, out) as (mailer, tx):
        language = language or mailer.settings.defaults.language
        known = articles.get(tx.articles, slug, language)
        if published is not None:
            changes["published"] = _moment(published, mailer.settings.defaults.time_zone)
        if image is not None or image_alt is not None or image_credit is not None:
            changes["image"] = _image(known, image, image_alt, image_credit)
        if not changes:
            raise UsageError("nothing to change was given", hint="see `mailer article edit --help`")
        article, outcome = articles.edit(
            tx.articles, slug, language, changes, mailer.clock(), author=actor(by)
        )
        said = f"{article.slug} ({article.language}): {outcome}, revision {article.revision}"
        out.record(article, said)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"it can't be read ({error})", where=str(path)) from error


def _moment(text: str, zone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{text!r} is not a date", where="--published", hint="write it as 2026-12-18"
        ) from error


def _image(known: Article, url: str | None, alt: str | None, credit: str | None) -> Image | None:
    if url == "":
        return None
    old = known.image or Image("", "")
    return Image(
        old.url if url is None else url,
        old.alt if alt is None else alt,
        old.credit if credit is None else credit,
    )


@app.command("withdraw")
def withdraw(
    slug: Slug,
    language: Annotated[str, typer.Option(help="Only this translation; else all.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take a story out of the queue and of every edition not yet sent.

    Example: [bold]mailer article withdraw open-day[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        done = articles.withdraw(tx.articles, slug, language or None, mailer.clock())
        out.record(done, f"{slug}: {len(done)} withdrawn")


@app.command("queue")
def queue(
    slug: Slug,
    language: Annotated[str, typer.Option(help="Only this translation; else all.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Queue a draft that came from elsewhere: digests may choose it from now on.

    Example: [bold]mailer article queue open-day[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        done = articles.queue(tx.articles, slug, language or None, mailer.clock())
        known = tx.articles.matching(Query(slugs=(slug,)))
        states = ", ".join(dict.fromkeys(one.state for one in known))
        said = f"{len(done)} queued" if done else f"there is no draft of it, it is {states}"
        out.record(done, f"{slug}: {said}")


@app.command("restore")
def restore(
    slug: Slug,
    language: Annotated[str, typer.Option(help="Only this translation; else all.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Put a withdrawn story back into the queue.

    Example: [bold]mailer article restore open-day[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        done = articles.restore(tx.articles, slug, language or None, mailer.clock())
        out.record(done, f"{slug}: {len(done)} queued again")
