"""Answers to sign-ups and changes of address, and welcomes.

A page only writes down what it was asked for. Which mail an address gets, if any, is decided here,
where nobody can time it; the letter is queued and the confirmation goes on in one transaction, so
whatever dies in between, each that was asked for is sent once.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from mailer import editions
from mailer.app import Mailer
from mailer.audience import confirmations
from mailer.audience.confirmations import Answer, Confirmation, ConfirmationState
from mailer.audience.letters import NO_LETTER, Letter, letter, reference
from mailer.audience.lists import MailingList
from mailer.editions import STANDING, Body, Edition, EditionState, Kind
from mailer.log import Log
from mailer.render import compose_letter
from mailer.store import Transaction
from mailer.store.outbox.letters import Addressee, Standing
from mailer.worker.steps import WORKER

_S = ConfirmationState

WAITING = (_S.ASKED, _S.CONFIRMED)
"""States that the worker moves a confirmation on from."""

MOST = 500
"""Confirmations looked at in a pass, the oldest first."""

BATCH = 100
"""Confirmations answered in a transaction, by the same letter."""

REST = timedelta(minutes=15)
"""How long letters wait that delivery has stopped, as when the relay takes our password no more.
Nobody sees their edition in a list, to let it go on by hand."""

Step = Callable[[Transaction], None]


def due(mailer: Mailer, tx: Transaction, now: datetime, log: Log) -> Iterator[tuple[str, Step]]:
    """What is to be answered, by letter, with the name of each step. A step takes one letter, and
    so one standing edition: two transactions that lock several could wait for each other."""
    lists = tx.lists.lists()
    by_letter: dict[Letter, list[int]] = {}
    for one in tx.confirmations.in_state(WAITING, MOST):
        wanted = _letter(mailer, tx, lists, one, now)
        by_letter.setdefault(wanted, []).append(one.id)
    for wanted, numbers in by_letter.items():
        for at in range(0, len(numbers), BATCH):
            some = numbers[at : at + BATCH]
            yield f"answering {some[0]}", partial(answer, mailer, wanted, some, log)
    for edition in tx.editions.recent([EditionState.PAUSED], MOST, notices=True):
        if edition.kind in STANDING and _rested(tx, edition, now):
            yield f"edition {edition.id}", partial(resume, mailer, edition.id, log)


def _letter(
    mailer: Mailer, tx: Transaction, lists: Sequence[MailingList], one: Confirmation, now: datetime
) -> Letter:
    """What it is answered with. One whose link would not work any more, since no worker has run for
    so long, is not answered."""
    if now - one.asked_at >= mailer.links_last:
        return NO_LETTER
    return letter(tx.subscribers, lists, one)


def answer(
    mailer: Mailer, wanted: Letter, numbers: Sequence[int], log: Log, tx: Transaction
) -> None:
    """Answer those of these confirmations that are still to be answered by this letter. Where an
    address is written to twice, the second time is the next pass's."""
    now = mailer.clock()
    lists = tx.lists.lists()
    by_address: dict[str, Confirmation] = {}
    nothing: list[Confirmation] = []
    for number in numbers:
        one = tx.confirmations.find_confirmation(number)
        if one is None or one.state not in WAITING:
            continue
        if _letter(mailer, tx, lists, one, now) != wanted:
            continue
        if wanted.answer is Answer.NOTHING:
            nothing.append(one)
        else:
            by_address.setdefault(one.address, one)
    if by_address:
        body = compose_letter(wanted, mailer.settings)
        to = {one.address: _addressee(tx, wanted, one) for one in by_address.values()}
        done = tx.letters.put(_standing(mailer, wanted, body, now), body, to, now)
        for address in done:
            _move(tx, by_address[address], wanted, now)
        told = {"letter": wanted.answer.value, "language": body.language, "count": len(done)}
        log.info("answered", lists=[one.slug for one in wanted.lists], **told)
    for one in nothing:
        _move(tx, one, wanted, now)


def _move(tx: Transaction, one: Confirmation, wanted: Letter, now: datetime) -> None:
    asks = wanted.answer in {Answer.CONFIRM, Answer.NEW_ADDRESS}
    confirmations.move(tx.confirmations, one, _S.MAILED if asks else _S.DONE, now)


def _addressee(tx: Transaction, wanted: Letter, one: Confirmation) -> Addressee:
    """A stranger may have typed the name of one who has not confirmed: it is not written to."""
    number = reference(tx.subscribers, one, wanted)
    known = tx.subscribers.by_id(number) if wanted.answer is Answer.WELCOME else None
    return Addressee(number, known.person.name if known else "")


def _standing(mailer: Mailer, wanted: Letter, body: Body, now: datetime) -> Standing:
    """The edition that this letter stands in: a new one each day (UTC), and whenever what is sent
    has changed, in the body or in what the settings put around it."""
    day = f"{now.astimezone(UTC):%Y-%m-%d}"
    slugs = [one.slug for one in wanted.lists]
    parts = [
        wanted.answer.value, wanted.books, slugs, day, body.digest(), mailer.settings.letterhead,
    ]  # fmt: skip
    named = ", ".join(one.name for one in wanted.lists)
    return Standing(
        kind=Kind.WELCOME if wanted.answer is Answer.WELCOME else Kind.SERVICE,
        template=wanted.answer.value,
        list=wanted.books,
        name=" · ".join(filter(None, (wanted.answer.value, named, body.language, day))),
        seed=hashlib.sha256(json.dumps(parts).encode()).hexdigest(),
    )


# ---- what delivery has stopped ----------------------------------------------------------------


def _rested(tx: Transaction, edition: Edition, now: datetime) -> bool:
    """Whether delivery itself has paused it, and long enough ago. What a person pauses stays so."""
    paused = [one for one in tx.editions.events(edition) if one.what == EditionState.PAUSED]
    return bool(paused) and paused[-1].actor == "delivery" and now - paused[-1].at >= REST


def resume(mailer: Mailer, number: int, log: Log, tx: Transaction) -> None:
    """Try again to send the letters of an edition that delivery has paused."""
    edition = editions.get(tx.editions, number)
    if edition.state is EditionState.PAUSED and _rested(tx, edition, mailer.clock()):
        editions.resume(tx.editions, edition, mailer.clock(), actor=WORKER)
        log.info("letters tried again", edition=number, why=edition.reason)
