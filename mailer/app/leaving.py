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


def check_may_leave(tx: Transaction, edition: Edition, now: datetime) -> None:
    """Raises Refused for a story that was killed or is to be, Embargoed for one that is held."""
    killed = [kill for slug in edition.stories if (kill := tx.kills.find(slug))]
    if killed and edition.role is not Role.KILL:
        slug = killed[0].slug
        raise Refused(
            f"{slug} was killed, or is to be, says {killed[0].asked_by}",
            hint=f"`mailer release kill {slug} --confirm`, or `--take-back`",
        )
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
