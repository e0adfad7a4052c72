"""Showing the state of a release and its recipients."""

from mailer import editions, releases
from mailer.cli.options import JsonOption, StorySlug
from mailer.cli.output import Output, format_moment
from mailer.cli.release.group import app
from mailer.cli.transactions import open_for_reading
from mailer.errors import NextStep, NotFound
from mailer.model.articles import ArticleQuery
from mailer.model.deliveries import DeliveryReport, DeliveryState
from mailer.model.edition_states import OPEN_STATES
from mailer.model.editions import Edition


@app.command("show")
def show_release(slug: StorySlug, json: JsonOption = False) -> None:
    """Show a release: its embargo, its editions, and how many people have received each edition.

    Example: mailer release show open-day"""
    with open_for_reading() as (mailer, tx):
        story = tx.articles.find_articles(ArticleQuery(slugs=(slug,)))
        if not story:
            raise NotFound(f"there is no story {slug!r}", next_steps=[NextStep("list_articles")])
        embargo = tx.embargoes.find_embargo(slug)
        release_editions = tx.editions.list_release_editions(slug)
        reports = [
            tx.outbox.build_report(editions.get_edition(tx, edition.id))
            for edition in release_editions
        ]
        out = Output(json)
        if json:
            out.print_json({"articles": story, "embargo": embargo, "reports": reports})
            return
        for article in story:
            out.print_text(
                f"{article.title} ({article.language}, {article.state}, "
                f"revision {article.revision})"
            )
        if embargo:
            word = "embargoed until" if embargo.is_active(mailer.clock()) else "was embargoed until"
            lifted = f", lifted {format_moment(embargo.lifted_at)}" if embargo.lifted_at else ""
            out.print_text(f"{word} {embargo.terms}, {format_moment(embargo.until)}{lifted}")
        if kill_request := tx.releases.find_kill(slug):
            confirmation = (
                f"confirmed by {kill_request.confirmed_by}"
                if kill_request.confirmed_by
                else "unconfirmed"
            )
            out.print_text(
                f"kill requested by {kill_request.asked_by} ({kill_request.reason}); {confirmation}"
            )
        out.print_table(
            reports,
            {
                "edition": "right",
                "role": "",
                "state": "",
                "start": "",
                "list": "",
                "sent": "right",
                "of": "right",
            },
            [
                (
                    str(report.edition.id),
                    report.edition.role,
                    report.edition.state,
                    _format_start(report.edition),
                    report.edition.list,
                    *_count_sent(report),
                )
                for report in reports
            ],
            empty=f"not sent yet: mailer release send {slug} --to LIST",
        )


def _format_start(edition: Edition) -> str:
    """Format the time when the edition started, or when the worker will start it."""
    if edition.planned_at or not edition.appointment:
        return format_moment(edition.planned_at) if edition.planned_at else "-"
    return (
        f"at {format_moment(edition.appointment.moment)}" if edition.state in OPEN_STATES else "-"
    )


def _count_sent(report: DeliveryReport) -> tuple[str | int, str | int]:
    """Return how many people have the edition and how many will get it. The second number is not
    known before the edition has started."""
    if report.edition.planned_at is None:
        return "-", "-"
    return report.states.get(DeliveryState.SENT, 0), report.total


@app.command("follow-up")
def list_follow_ups(slug: StorySlug, json: JsonOption = False) -> None:
    """List the recipients of a release who may be asked about it afterwards.

    Example: mailer release follow-up open-day"""
    with open_for_reading() as (_, tx):
        contacts_to_ask = releases.list_contacts_to_ask(tx, slug)
        Output(json).print_table(
            contacts_to_ask,
            {"outlet": "", "name": "", "address": "", "beats": "", "country": ""},
            [
                (
                    contact.profile.outlet,
                    contact.subscriber.person.name,
                    contact.subscriber.address,
                    contact.profile.beats,
                    contact.subscriber.person.country,
                )
                for contact in contacts_to_ask
            ],
            empty="no contact to ask",
        )
