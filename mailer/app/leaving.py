"""Whether an edition may leave the house: none of its stories is embargoed, unless its mails say
so, and none was killed or is to be."""

from datetime import datetime

from mailer import embargoes
from mailer.editions import Edition, Role, may_leave_embargoed
from mailer.embargoes import Embargo
from mailer.errors import Embargoed, Refused
from mailer.store import Transaction


def held(tx: Transaction, edition: Edition, now: datetime) -> dict[str, Embargo]:
    """The edition's stories that are embargoed at `now`, or by the database's clock."""
    kept = tx.embargoes
    both = {**embargoes.held(kept, now), **embargoes.held(kept, kept.now())}
    return {slug: one for slug, one in both.items() if slug in edition.stories}


def check_not_killed(tx: Transaction, edition: Edition) -> None:
    """Raises Refused for a story that was killed, or is to be."""
    if edition.role is Role.KILL:
        return
    for slug in edition.stories:
        known = tx.kills.find(slug)
        if known and known.confirmed_at:
            raise Refused(
                f"{slug} was killed, as {known.asked_by} and {known.confirmed_by} wanted",
                hint=f"stop what holds it: mailer edition cancel {edition.id}",
            )
        if known:
            raise Refused(
                f"{slug} is to be killed, says {known.asked_by}",
                hint=f"`mailer release kill {slug} --confirm`, or `--take-back`",
            )


def check_may_leave(tx: Transaction, edition: Edition, now: datetime) -> None:
    """Raises Refused for a story that was killed or is to be, Embargoed for one that is held."""
    check_not_killed(tx, edition)
    embargoed = held(tx, edition, now)
    if not embargoed or may_leave_embargoed(edition, embargoed.values()):
        return
    last = max(embargoed.values(), key=lambda one: one.ends)
    raise Embargoed(
        f"edition {edition.id} holds {last.slug}, which is embargoed until {last.terms}",
        embargoed,
        f"edition {edition.id} was to be sent",
        hint="the worker sends it then"
        if edition.appointment
        else f"give it that time: mailer edition schedule {edition.id} --at "
        f"'{last.terms.wall:%Y-%m-%d %H:%M}' --zone {last.terms.zone}",
    )
