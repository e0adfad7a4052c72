"""Letting an edition into its list's public archive, and taking it out."""

from mailer import archive, editions
from mailer.app import Mailer
from mailer.cli.edition.common import Number, app
from mailer.cli.options import By, DryRunOption, JsonOption, open_for_writing, resolve_actor
from mailer.cli.output import Output
from mailer.model.edition_states import EDITION_TRANSITIONS, ArchiveVisibility, EditionState
from mailer.model.editions import Edition
from mailer.model.lists import Visibility
from mailer.store import SqlTransaction


@app.command("publish")
def publish_edition(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Let an edition stand in its list's public archive, feeds and search, once it is sent.

    It works in every state, and no approval is void.

    Example: [bold]mailer edition publish 3[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        edition = _set_visibility(mailer, tx, number, ArchiveVisibility.PUBLIC, by)
        out.print_record(edition, _describe_publication(mailer, tx, edition))


@app.command("unpublish")
def hide_edition(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Take an edition out of the public archive, feeds and search at once, or keep it out.

    Whoever got it by mail can still open it with the link there. It works in every state, and no
    approval is void. [bold]mailer edition publish[/] brings it back.

    Example: [bold]mailer edition unpublish 3[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        edition = _set_visibility(mailer, tx, number, ArchiveVisibility.PRIVATE, by)
        out.print_record(edition, f"edition {number} is private: it is in no archive")


def _set_visibility(
    mailer: Mailer, tx: SqlTransaction, number: int, visibility: ArchiveVisibility, actor_name: str
) -> Edition:
    edition = editions.get_edition(tx, number)
    return editions.set_archive_visibility(
        tx, resolve_actor(actor_name), edition, visibility, mailer.clock()
    )


def _describe_publication(mailer: Mailer, tx: SqlTransaction, edition: Edition) -> str:
    mailing_list = tx.editions.load_mailing_list(edition)
    message = f"edition {edition.id} is public"
    if archive.is_in_archive(edition, mailing_list):
        site = mailer.settings.web.base_url.rstrip("/")
        return f"{message}: {site}/archive/{edition.list}/{edition.uid}"
    if mailing_list.visibility is not Visibility.PUBLIC:
        return f"{message}, but its list {edition.list} is not, and so has no archive"
    if edition.state is EditionState.PAUSED:
        return f"{message}, and will be in the archive when it goes on"
    if EDITION_TRANSITIONS[edition.state]:
        return f"{message}, and will be in the archive when it is sent"
    return f"{message}, but it is {edition.state}, and so in no archive"
