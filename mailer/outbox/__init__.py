"""Deliveries: one edition to one address each, their states, and why somebody got nothing.

=========== ====================================== ===================== ===========================
state       is                                     moved on by           a crash leaves it, and then
=========== ====================================== ===================== ===========================
queued      to be sent, when ``next_attempt_at``   claim                 as it is
            has come
claimed     one sender's, to be sent soon          gate; its sender      back to queued: nothing
                                                   giving it back        was sent, no attempt spent
on_wire     past the gate: its message may be on   the relay's reply;    in_doubt
            the wire                               a second look
sent        the relay took it; its reply is kept   nothing               as it is
failed      the relay refused it; its reply is     ``edition retry``     as it is
            kept
in_doubt    we lost the relay after the message,   the edition's rule,   as it is
            before its reply, or died between      ``delivery in-doubt``
            the two
expired     put off for five days                  ``edition retry``     as it is
suppressed  the address must not be mailed, or     nothing               as it is
            left the list after the plan
cancelled   the edition was cancelled              nothing               as it is
=========== ====================================== ===================== ===========================

A sender that was taken for dead, and was not, may still bring the news that a relay accepted a
message. That wins over whatever was written since: what is known to be accepted is ``sent``, and
is never sent again. So each state may become ``sent``.

    records.py     deliveries, and what moving them needs kept
    verbs.py       retry, resend, assume sent
    explaining.py  why somebody got nothing
"""

from mailer.outbox.explanation import explain_outcome
from mailer.outbox.verbs import (
    get_retry_delay,
    resolve_in_doubt_as_sent,
    retry_failed_deliveries,
    send_in_doubt_again,
)

__all__ = [
    "explain_outcome",
    "get_retry_delay",
    "resolve_in_doubt_as_sent",
    "retry_failed_deliveries",
    "send_in_doubt_again",
]
