"""The jobs that answer sign-ups and changes of address, and resume mails about them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from mailer import editions
from mailer.actor import WORKER
from mailer.app import Mailer
from mailer.audience.signup import answering
from mailer.audience.signup.answering import AnswerBatch
from mailer.log import Log
from mailer.store import SqlTransaction

ConfirmationJob = Callable[[SqlTransaction], None]


def list_due_jobs(
    mailer: Mailer, tx: SqlTransaction, now: datetime, log: Log
) -> Iterator[tuple[str, ConfirmationJob]]:
    """List the jobs that answer confirmations, with their names."""
    for batch in answering.list_unanswered(tx, now, mailer.link_lifetime):
        yield (
            f"answering {batch.confirmation_ids[0]}",
            partial(answer_confirmations, mailer, batch, log),
        )
    for edition in editions.list_resumable_editions(tx, now):
        yield f"edition {edition.id}", partial(resume_paused_edition, mailer, edition.id, log)


def answer_confirmations(mailer: Mailer, batch: AnswerBatch, log: Log, tx: SqlTransaction) -> None:
    """Answer the given confirmations that still need this service mail."""
    count, language = answering.answer_confirmations(
        tx, WORKER, batch, mailer.renderer, mailer.clock(), mailer.link_lifetime
    )
    if count:
        log.info(
            "answered",
            lists=[mailing_list.slug for mailing_list in batch.mail.lists],
            letter=batch.mail.kind.value,
            language=language,
            count=count,
        )


def resume_paused_edition(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Resume an edition of service mails that delivery has paused."""
    edition = editions.get_edition(tx, edition_id)
    if editions.resume_service_mails(tx, WORKER, edition, mailer.clock()):
        log.info("service mails resumed", edition=edition_id, why=edition.reason)
