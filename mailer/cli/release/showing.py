"""What has become of a release."""

from typing import Annotated

import typer

from mailer import articles, editions
from mailer.audience.contacts import FollowUp
from mailer.cli.options import JsonOption, reading
from mailer.cli.output import Output, moment
from mailer.cli.release.common import app
from mailer.editions import OPEN, Edition
from mailer.errors import NotFound
from mailer.outbox import DeliveryState, Report

Slug = Annotated[str, typer.Argument(help="The story's slug.")]


@app.command("show")
def show(slug: Slug, json: JsonOption = False) -> None:
    """Show a release: its embargo, its editions, and how many have it.

    Example: [bold]mailer release show open-day[/]"""
    with reading() as (mailer, tx):
        story = tx.articles.matching(articles.Query(slugs=(slug,)))
        if not story:
            raise NotFound(f"there is no story {slug!r}", hint="see `mailer article list`")
        embargo = tx.embargoes.find(slug)
        course = tx.editions.of_release(slug)
        reports = [tx.outbox.report(editions.get(tx.editions, one.id)) for one in course]
        out = Output(json)
        if json:
            out.json({"articles": story, "embargo": embargo, "reports": reports})
            return
        for one in story:
            out.text(f"{one.title} ({one.language}, {one.state}, revision {one.revision})")
        if embargo:
            word = "embargoed until" if embargo.holds(mailer.clock()) else "was embargoed until"
            lifted = f", lifted {moment(embargo.lifted_at)}" if embargo.lifted_at else ""
            out.text(f"{word} {embargo.terms}, {moment(embargo.until)}{lifted}")
        if killed := tx.kills.find(slug):
            second = f"confirmed by {killed.confirmed_by}" if killed.confirmed_by else "unconfirmed"
            out.text(f"to be killed, says {killed.asked_by} ({killed.reason}); {second}")
        out.table(
            reports,
            {
                "edition": "right", "is": "", "state": "", "when": "", "list": "",
                "sent": "right", "of": "right",
            },
            [
                (
                    str(one.edition.id),
                    one.edition.role,
                    one.edition.state,
                    _when(one.edition),
                    one.edition.list,
                    *_sent(one),
                )
                for one in reports
            ],
            empty=f"not sent yet: mailer release send {slug} --to LIST",
        )  # fmt: skip


def _when(one: Edition) -> str:
    """When it began; or is to, by the worker."""
    if one.planned_at or not one.appointment:
        return moment(one.planned_at) if one.planned_at else "-"
    return f"at {moment(one.appointment.moment)}" if one.state in OPEN else "-"


def _sent(one: Report) -> tuple[str | int, str | int]:
    """How many have it, of how many: nobody knows of how many before it begins."""
    if one.edition.planned_at is None:
        return "-", "-"
    return one.states.get(DeliveryState.SENT, 0), one.total


@app.command("follow-up")
def follow_up(slug: Slug, json: JsonOption = False) -> None:
    """List whom to ask what they make of a release: who has got it, without those who don't want
    to be asked.

    Example: [bold]mailer release follow-up open-day[/]"""
    with reading() as (_, tx):
        if not tx.embargoes.has_story(slug):
            raise NotFound(f"there is no story {slug!r}", hint="see `mailer article list`")
        found = [
            one for one in tx.contacts.who_got(slug) if one.standing.follow_up is FollowUp.WELCOME
        ]
        Output(json).table(
            found,
            {"outlet": "", "name": "", "address": "", "beats": "", "country": ""},
            [
                (
                    one.standing.outlet,
                    one.subscriber.person.name,
                    one.subscriber.address,
                    one.standing.beats,
                    one.subscriber.person.country,
                )
                for one in found
            ],
            empty="nobody to ask",
        )
