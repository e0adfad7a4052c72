"""Single occurrences of a digest, in ``mailer schedule``: moved, skipped or sent early, without
touching the rule."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from mailer import digests
from mailer.cli.options import By, DryRunOption, JsonOption, actor, local_time, reading, writing
from mailer.cli.output import Output
from mailer.cli.schedule import Digest, app
from mailer.digests import occurrences
from mailer.editions import EditionState
from mailer.schedules.records import KeptOccurrence
from mailer.store import Transaction

__all__ = ["app"]

When = Annotated[
    str,
    typer.Argument(
        help="Which: its date as the rule has it, and the time if there are several that day: "
        "2026-12-18, '2026-12-18 09:00'."
    ),
]
Reason = Annotated[str, typer.Option(help="Why, as it is told to others.")]


@app.command("move")
def move(
    digest: Digest,
    when: When,
    to: Annotated[str, typer.Option("--to", help="The new local time: '2026-12-17 16:00'.")],
    reason: Reason = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Move one occurrence to another time of its zone; also one that is skipped or held.

    An edition that was made of it keeps its approval and moves along.

    Example: [bold]mailer schedule move weekly 2026-12-25 --to '2026-12-24 12:00'[/]"""
    wall = local_time(to, "--to")
    _change(digest, when, occurrences.move, (wall,), reason, by, Output(json), dry_run=dry_run)


@app.command("skip")
def skip(
    digest: Digest,
    when: When,
    reason: Reason = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send nothing at one occurrence. An edition that was made of it is cancelled, and its stories
    are free for the next.

    Example: [bold]mailer schedule skip weekly 2026-12-25 --reason 'nobody is in'[/]"""
    _change(digest, when, occurrences.skip, (), reason, by, Output(json), dry_run=dry_run)


@app.command("restore")
def restore(
    digest: Digest,
    when: When,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Let an occurrence that was moved or skipped be at its own time again.

    Example: [bold]mailer schedule restore weekly 2026-12-25[/]"""
    _change(digest, when, occurrences.restore, (), "", by, Output(json), dry_run=dry_run)


@app.command("send-now")
def send_now(
    digest: Digest,
    when: When,
    reason: Reason = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send one occurrence early, or one that is held: the worker assembles its edition at once,
    and sends it when it is approved.

    Example: [bold]mailer schedule send-now weekly 2026-12-18[/]"""
    _change(digest, when, occurrences.send_now, (), reason, by, Output(json), dry_run=dry_run)


def _change(
    digest: str,
    when: str,
    verb: Callable[..., KeptOccurrence],
    more: tuple[Any, ...],
    reason: str,
    by: str,
    out: Output,
    *,
    dry_run: bool,
) -> None:
    with writing(dry_run, out) as (mailer, tx):
        known = digests.get(tx.digests, digest)
        now = mailer.clock()
        planned = mailer.calendar(tx, known).find(when, now)
        kept = verb(tx, planned, *more, now, reason=reason, actor=actor(by))
        at = kept.moved_to or kept.named
        out.record(_plain(tx, kept), f"{digest}, {at:%a %d %b %Y %H:%M} {kept.zone}: {kept.state}")


@app.command("history")
def history(
    digest: Digest,
    limit: Annotated[int, typer.Option(min=1)] = 20,
    json: JsonOption = False,
) -> None:
    """Show what has become of a digest's occurrences, the latest first, and what staff have moved
    or skipped.

    Example: [bold]mailer schedule history weekly[/]"""
    with reading() as (_, tx):
        digests.get(tx.digests, digest)
        found = [_plain(tx, one) for one in tx.schedules.occurrences(digest, limit)]
        Output(json).table(
            found,
            {
                "named": "",
                "sent at": "",
                "zone": "",
                "what": "",
                "edition": "right",
                "who": "",
                "why": "",
            },
            [
                (
                    f"{one['named']:%a %d %b %Y %H:%M}",
                    f"{one['moved_to']:%a %d %b %Y %H:%M}" if one["moved_to"] else "",
                    one["zone"],
                    one["became"],
                    one["edition"],
                    one["actor"],
                    one["reason"],
                )
                for one in found
            ],
            empty="no occurrence of it has come yet: mailer schedule preview " + digest,
        )


def _plain(tx: Transaction, kept: KeptOccurrence) -> dict[str, Any]:
    """An occurrence for scripts; `became` is its edition's state, where one was made of it."""
    edition = tx.editions.find(kept.edition) if kept.edition else None
    became = edition.state if edition else kept.state
    reason = kept.reason
    if edition and edition.state in {EditionState.SKIPPED, EditionState.HELD, EditionState.EXPIRED}:
        reason = edition.reason
    return {
        "digest": kept.digest,
        "named": kept.named,
        "zone": kept.zone,
        "state": kept.state,
        "became": became,
        "moved_to": kept.moved_to,
        "edition": kept.edition,
        "reason": reason,
        "actor": kept.actor,
        "updated_at": kept.updated_at,
    }
