"""Writing the texts of a coming edition ahead, and showing one occurrence with them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mailer import digests
from mailer.cli.options import (
    ByOption,
    DigestSlug,
    DryRunOption,
    JsonOption,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.cli.schedule.group import OCCURRENCES, app
from mailer.cli.schedule.occurrences import When
from mailer.cli.schedule.preview import describe_occurrence
from mailer.cli.text_files import read_text
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.digests import occurrence_texts
from mailer.errors import UsageError
from mailer.model.schedules import OccurrenceText


@app.command("write", rich_help_panel=OCCURRENCES)
def write_text(
    digest: DigestSlug,
    when: When,
    language: Annotated[
        str, typer.Option(help="The language of the text; default: the digest's.")
    ] = "",
    subject: Annotated[
        str | None, typer.Option(help="The subject, which may have variables; empty: remove it.")
    ] = None,
    preheader: Annotated[
        str | None, typer.Option(help="What inboxes show after the subject; empty: remove it.")
    ] = None,
    opening: Annotated[
        str | None,
        typer.Option(help="The opening: one to three sentences in Markdown; empty: remove it."),
    ] = None,
    opening_file: Annotated[Path | None, typer.Option(help="A file with the opening.")] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Write the subject, preheader and opening of a coming edition ahead, in one language.

    The edition gets them when it is assembled. They stay with the occurrence if it is moved.

    Example: mailer schedule write weekly 2026-12-18 --subject 'A day for migrants'"""
    if opening is not None and opening_file is not None:
        raise UsageError("--opening and --opening-file are both given", hint="give one of them")
    options = {
        "subject": subject,
        "preheader": preheader,
        "opening": read_text(opening_file) if opening_file else opening,
    }
    changes = {field: text for field, text in options.items() if text is not None}
    if not changes:
        raise UsageError("no text was given", hint="see `mailer schedule write --help`")
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        stored_digest = digests.get_digest(tx, digest)
        now = mailer.clock()
        planned = mailer.build_calendar(tx, stored_digest).find_occurrence(when, now)
        text = digests.write_occurrence_text(
            tx,
            actor,
            planned,
            language or stored_digest.settings.language,
            changes,
            mailer.renderer,
            now,
        )
        words = occurrence_texts.describe_texts([text]) if text.fields else "no text"
        out.print_record(
            describe_text(text),
            f"{digest}, {planned.occurrence.clock_time:%a %d %b %Y %H:%M}: {words}",
        )


@app.command("show", rich_help_panel=OCCURRENCES)
def show_occurrence(digest: DigestSlug, when: When, json: JsonOption = False) -> None:
    """Show one occurrence: what happens then, and the texts written ahead.

    Example: mailer schedule show weekly 2026-12-18"""
    with open_for_reading() as (mailer, tx):
        stored_digest = digests.get_digest(tx, digest)
        planned = mailer.build_calendar(tx, stored_digest).find_occurrence(when, mailer.clock())
        texts = occurrence_texts.find_texts(tx, planned)
        record = describe_occurrence(planned, stored_digest.settings.policy)
        out = Output(json)
        if json:
            out.print_json(record | {"texts": [describe_text(text) for text in texts]})
            return
        out.print_record(record)
        for text in texts:
            out.print_record(describe_text(text))


def describe_text(text: OccurrenceText) -> dict[str, Any]:
    """Describe a text written ahead for scripts."""
    return {
        "language": text.language,
        "subject": text.subject,
        "preheader": text.preheader,
        "opening": text.opening,
        "written_by": list(text.authors.values()),
        "updated_at": text.updated_at,
    }
