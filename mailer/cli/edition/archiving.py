"""Letting an edition into its list's public archive, and taking it out."""

from mailer import archive, editions
from mailer.app import Mailer
from mailer.audience.lists import Visibility
from mailer.cli.edition.common import Number, app
from mailer.cli.options import By, DryRunOption, JsonOption, actor, writing
from mailer.cli.output import Output
from mailer.editions import Archive, Edition, EditionState
from mailer.store import Transaction


@app.command("publish")
def publish(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Let an edition stand in its list's public archive, feeds and search, once it is sent.

    It works in every state, and no approval is void.

    Example: [bold]mailer edition publish 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        edition = _shelve(mailer, tx, number, Archive.PUBLIC, by)
        out.record(edition, _published(mailer, tx, edition))


@app.command("unpublish")
def unpublish(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Take an edition out of the public archive, feeds and search at once, or keep it out.

    Whoever got it by mail can still open it with the link there. It works in every state, and no
    approval is void. [bold]mailer edition publish[/] brings it back.

    Example: [bold]mailer edition unpublish 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        edition = _shelve(mailer, tx, number, Archive.PRIVATE, by)
        out.record(edition, f"edition {number} is private: it is in no archive")


def _shelve(mailer: Mailer, tx: Transaction, number: int, to: Archive, by: str) -> Edition:
    known = editions.get(tx.editions, number)
    return editions.shelve(tx.editions, known, to, mailer.clock(), actor=actor(by))


def _published(mailer: Mailer, tx: Transaction, edition: Edition) -> str:
    list_ = tx.editions.list_of(edition)
    said = f"edition {edition.id} is public"
    if archive.stands(edition, list_):
        site = mailer.settings.web.base_url.rstrip("/")
        return f"{said}: {site}/archive/{edition.list}/{edition.uid}"
    if list_.visibility is not Visibility.PUBLIC:
        return f"{said}, but its list {edition.list} is not, and so has no archive"
    if edition.state is EditionState.PAUSED:
        return f"{said}, and will be in the archive when it goes on"
    if editions.TRANSITIONS[edition.state]:
        return f"{said}, and will be in the archive when it is sent"
    return f"{said}, but it is {edition.state}, and so in no archive"
