"""Check that an edition may be sent: no story is killed, and none is embargoed unless the mails
state the embargo."""

from collections.abc import Iterable
from datetime import datetime

from mailer import embargoes
from mailer.errors import Embargoed, NextStep, Refused
from mailer.model.edition_states import EMBARGO_STATING_ROLES, EditionRole
from mailer.model.editions import Edition
from mailer.model.embargoes import Embargo
from mailer.model.transaction import Transaction


def find_embargoed_stories(tx: Transaction, edition: Edition, now: datetime) -> dict[str, Embargo]:
    """Return the edition's stories that are embargoed at `now`, or by the database's clock."""
    embargoed = {
        **embargoes.find_embargoed(tx.embargoes, now),
        **embargoes.find_embargoed(tx.embargoes, tx.embargoes.read_clock()),
    }
    return {slug: embargo for slug, embargo in embargoed.items() if slug in edition.stories}


def may_send_embargoed(edition: Edition, embargoes: Iterable[Embargo]) -> bool:
    """Check that the edition's mails state the present end of each of these embargoes, so that
    trusted contacts may get them."""
    if edition.role is EditionRole.KILL:
        return (
            True  # a kill mail repeats only the title of a story that its recipients have already
        )
    if edition.role not in EMBARGO_STATING_ROLES:
        return False
    return all(edition.embargo_until == embargo.ends_at for embargo in embargoes)


def check_not_killed(tx: Transaction, edition: Edition) -> None:
    """Raise Refused if a story of the edition was killed, or if its kill was requested."""
    if edition.role is EditionRole.KILL:
        return
    for slug in edition.stories:
        kill_request = tx.releases.find_kill(slug)
        if kill_request and kill_request.confirmed_at:
            raise Refused(
                f"{slug} was killed by {kill_request.asked_by} and {kill_request.confirmed_by}",
                hint="an edition that holds it can only be cancelled",
                next_steps=[NextStep("cancel_edition", edition=edition.id)],
            )
        if kill_request:
            raise Refused(
                f"{kill_request.asked_by} asked for {slug} to be killed",
                next_steps=[
                    NextStep("confirm_kill", slug=slug),
                    NextStep("withdraw_kill", slug=slug),
                ],
            )


def check_may_send(tx: Transaction, edition: Edition, now: datetime) -> None:
    """Raise Refused if a story is killed, and Embargoed if one is embargoed."""
    check_not_killed(tx, edition)
    embargoed = find_embargoed_stories(tx, edition, now)
    if not embargoed or may_send_embargoed(edition, embargoed.values()):
        return
    last_embargo = max(embargoed.values(), key=lambda embargo: embargo.ends_at)
    terms = last_embargo.terms
    message = f"edition {edition.id} holds {last_embargo.slug}, which is embargoed until {terms}"
    attempt = f"edition {edition.id} was to be sent"
    if edition.appointment:
        raise Embargoed(message, embargoed, attempt, hint="the worker sends it then")
    schedule = NextStep(
        "schedule_edition",
        edition=edition.id,
        time=f"{terms.wall:%Y-%m-%d %H:%M}",
        zone=terms.zone,
    )
    raise Embargoed(message, embargoed, attempt, next_steps=[schedule])
