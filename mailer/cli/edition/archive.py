"""Showing an edition in its list's public archive, or hiding it."""

from typing import TYPE_CHECKING

from mailer import archive, editions
from mailer.actor import Actor
from mailer.cli.edition.group import ARCHIVE, app
from mailer.cli.options import ByOption, DryRunOption, EditionNumber, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_writing
from mailer.model.edition_states import EDITION_TRANSITIONS, ArchiveVisibility, EditionState
from mailer.model.editions import Edition
from mailer.model.lists import Visibility

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.store import SqlTransaction


@app.command("publish", rich_help_panel=ARCHIVE)
def publish_edition(
    number: EditionNumber,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Make an edition public: once sent, it appears in its list's archive, feeds and search.

    You can do this in any state; an approval stays valid.

    Example: mailer edition publish 3"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        edition = _set_visibility(mailer, tx, actor, number, ArchiveVisibility.PUBLIC)
        out.print_record(edition, _describe_publication(mailer, tx, edition))


@app.command("unpublish", rich_help_panel=ARCHIVE)
def hide_edition(
    number: EditionNumber,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Make an edition private: it does not appear in its list's archive, feeds and search.

    Recipients can still open the edition with the link in their mail. You can do this in any state;
    an approval stays valid. `mailer edition publish` makes the edition public again.

    Example: mailer edition unpublish 3"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        edition = _set_visibility(mailer, tx, actor, number, ArchiveVisibility.PRIVATE)
        out.print_record(edition, f"edition {number} is private: no archive shows it")


def _set_visibility(
    mailer: "Mailer",
    tx: "SqlTransaction",
    actor: Actor,
    number: int,
    visibility: ArchiveVisibility,
) -> Edition:
    edition = editions.get_edition(tx, number)
    return editions.set_archive_visibility(
        tx,
        actor,
        edition,
        visibility,
        mailer.clock(),
    )


def _describe_publication(mailer: "Mailer", tx: "SqlTransaction", edition: Edition) -> str:
    mailing_list = tx.editions.load_mailing_list(edition)
    message = f"edition {edition.id} is public"
    if archive.is_in_archive(edition, mailing_list):
        site = mailer.settings.web.base_url.rstrip("/")
        return f"{message}: {site}/archive/{edition.list}/{edition.uid}"
    if mailing_list.visibility is not Visibility.PUBLIC:
        return f"{message}, but its list {edition.list} is private and has no archive"
    if edition.state is EditionState.PAUSED:
        return f"{message}, and will be in the archive when it is resumed"
    if EDITION_TRANSITIONS[edition.state]:
        return f"{message}, and will be in the archive when it is sent"
    return f"{message}, but no archive shows it, because it is {edition.state}"
