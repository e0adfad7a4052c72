"""Rate limits for strangers.

A window of time starts with the first use. Mails to an address grow rarer as long as its owner
answers none of them. The subject that is counted (a mailbox, a client's network) is stored as a
keyed hash only.
"""

from datetime import datetime

from mailer import addresses
from mailer.actor import Actor
from mailer.audience.signup.client_networks import list_client_networks
from mailer.model.signup import MailLimit, RateLimit
from mailer.model.transaction import Transaction


def use_allowance(
    tx: Transaction, actor: Actor, limit: RateLimit, subject: str, now: datetime
) -> bool:
    """Count one use and return whether it is within the limit. Atomic across processes."""
    return (
        not limit.maximum
        or tx.sign_ups.use_allowance(limit.action, subject, limit.window, now) <= limit.maximum
    )


def use_client_allowance(
    tx: Transaction, actor: Actor, limit: RateLimit, host: str, now: datetime
) -> bool:
    """Count one use by a client and return whether it is within the limits of all its networks.

    If a narrow network has used up its allowance, the use is not counted for the wider networks, so
    that one client can't use up the allowance of its neighbours."""
    return not limit.maximum or all(
        tx.sign_ups.use_allowance(limit.action, network.subject, limit.window, now)
        <= limit.maximum * network.weight
        for network in list_client_networks(host)
    )


def use_mail_allowance(
    tx: Transaction, actor: Actor, limit: MailLimit, address: str, now: datetime
) -> bool:
    """Count a request for a mail to an address, and return whether the mail is due. Atomic across
    processes. Every address takes one statement, so that the time reveals nothing."""
    return not limit.maximum or tx.sign_ups.use_mail_allowance(
        limit.action, addresses.guess_mailbox(address), limit.maximum, limit.waits, now
    )


def forget_mail_allowance(tx: Transaction, actor: Actor, limit: MailLimit, address: str) -> None:
    """Start counting mails to an address again, since its owner has answered one."""
    tx.sign_ups.forget_allowance(limit.action, addresses.guess_mailbox(address))
