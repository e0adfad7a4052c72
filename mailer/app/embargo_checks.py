"""Whether an edition may leave the house: none of its stories is embargoed, unless its mails say
so, and none was killed or is to be."""

from datetime import datetime

from mailer import embargoes
from mailer.editions import may_send_embargoed
from mailer.errors import Embargoed, Refused
from mailer.model.edition_states import EditionRole
from mailer.model.editions import Edition
from mailer.model.embargoes import Embargo
from mailer.store import SqlTransaction


def find_embargoed_stories(
    tx: SqlTransaction, edition: Edition, now: datetime
) -> dict[str, Embargo]:
    """The edition's stories that are embargoed at `now`, or by the database's clock."""
    embargo_store = tx.embargoes
    embargoed = {
        **embargoes.find_embargoed(embargo_store, now),
        **embargoes.find_embargoed(embargo_store, embargo_store.read_clock()),
    }
    return {slug: embargo for slug, embargo in embargoed.items() if slug in edition.stories}


def check_not_killed(tx: SqlTransaction, edition: Edition) -> None:
    """Raises Refused for a story that was killed, or is to be."""
    if edition.role is EditionRole.KILL:
        return
    for slug in edition.stories:
        kill_request = tx.releases.find_kill(slug)
        if kill_request and kill_request.confirmed_at:
            raise Refused(
                f"{slug} was killed, as {kill_request.asked_by} and {kill_request.confirmed_by} wanted",
                hint=f"stop what holds it: mailer edition cancel {edition.id}",
            )
        if kill_request:
            raise Refused(
                f"{slug} is to be killed, says {kill_request.asked_by}",
                hint=f"`mailer release kill {slug} --confirm`, or `--take-back`",
            )


def check_may_send(tx: SqlTransaction, edition: Edition, now: datetime) -> None:
    """Raises Refused for a story that was killed or is to be, Embargoed for one that is held."""
    check_not_killed(tx, edition)
    embargoed = find_embargoed_stories(tx, edition, now)
    if not embargoed or may_send_embargoed(edition, embargoed.values()):
        return
    last_embargo = max(embargoed.values(), key=lambda embargo: embargo.ends_at)
    raise Embargoed(
        f"edition {edition.id} holds {last_embargo.slug}, which is embargoed until {last_embargo.terms}",
        embargoed,
        f"edition {edition.id} was to be sent",
        hint="the worker sends it then"
        if edition.appointment
        else f"give it that time: mailer edition schedule {edition.id} --at "
        f"'{last_embargo.terms.wall:%Y-%m-%d %H:%M}' --zone {last_embargo.terms.zone}",
    )
