"""Retry failed deliveries, without the addresses that do not exist or are closed."""

from dataclasses import dataclass
from datetime import datetime

from mailer import outbox
from mailer.actor import Actor
from mailer.delivery.refusal_codes import RefusalSubject
from mailer.delivery.refusals import judge_recorded_reply
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction


@dataclass(frozen=True, slots=True)
class RetryResult:
    """The number of deliveries that were queued again, and of those left as they were, since their
    addresses do not exist or are closed."""

    queued: int
    left: int = 0


def retry_failed(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    now: datetime,
    *,
    includes_refused_recipients: bool = False,
) -> RetryResult:
    """Queue an edition's failed and expired deliveries again.

    A delivery stays failed if its refusal says that the address does not exist or is closed: many
    of these would cost the office its reputation. A mailbox that was full is tried again. Raises
    Refused if the edition has not started or was cancelled."""
    if includes_refused_recipients:
        return RetryResult(outbox.retry_failed_deliveries(tx, actor, edition, now))
    replies = tx.outbox.list_failed_replies(edition.id)
    left_ids = {delivery_id for delivery_id, reply in replies if _is_dead_address(reply)}
    queued = outbox.retry_failed_deliveries(tx, actor, edition, now, left_ids=left_ids)
    return RetryResult(queued, len(left_ids))


def _is_dead_address(recorded_reply: str) -> bool:
    """Check that a recorded reply is a refusal of an address that does not exist or is closed."""
    judgement = judge_recorded_reply(recorded_reply)
    return (
        judgement is not None
        and judgement.subject is RefusalSubject.RECIPIENT
        and not judgement.may_pass
    )
