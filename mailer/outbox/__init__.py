"""Deliveries: one edition to one address each, with their states, and explanations for recipients.

=========== ====================================== ===================== ===========================
state       meaning                                moved on by           after a crash
=========== ====================================== ===================== ===========================
queued      to be sent, when ``next_attempt_at``   claim                 as it is
            has come
claimed     reserved by a worker, to be sent soon  gate; its worker      back to queued: nothing
                                                   returning it          was sent (no attempt)
on_wire     past the gate: its message may be on   the relay's reply;    in_doubt
            the wire                               a second check
sent        the relay accepted it; its reply is    nothing               as it is
            recorded
failed      the relay refused it; its reply is     ``edition retry``     as it is
            recorded
in_doubt    the link was lost, or the worker died, the edition's rule    as it is
            between the message and its reply      (at most twice),
                                                   ``delivery in-doubt``
expired     deferred for five days                 ``edition retry``     as it is
suppressed  the address must not be mailed, or     nothing               as it is
            left the list after the plan
cancelled   the edition was cancelled              nothing               as it is
diverted    safe mode let it go to no one: it was  ``edition retry``     as it is
            not sent
=========== ====================================== ===================== ===========================

A worker that was wrongly declared dead may still report that a relay accepted a message. This
report overrides any other state, so each state may become ``sent``: a message that is known to be
accepted is never sent again.

    verbs.py        retry, resend, assume sent, make due at once
    explanation.py  explains why an address got an edition or did not get it
    readers.py      the reader of a preview or a test mail
    repeats.py      send a finished edition to one reader again
    relay_outages.py  record which relays accept no mail
"""

from mailer.outbox.explanation import explain_outcome
from mailer.outbox.readers import EXAMPLE_ADDRESS, find_reader
from mailer.outbox.relay_outages import end_relay_outage, record_relay_outage
from mailer.outbox.repeats import QueuedRepeat, repeat_edition
from mailer.outbox.verbs import (
    DoubtChoice,
    choose_in_doubt,
    get_retry_delay,
    make_deliveries_due,
    resolve_in_doubt_as_sent,
    retry_diverted_deliveries,
    retry_failed_deliveries,
    send_in_doubt_again,
)

__all__ = [
    "EXAMPLE_ADDRESS",
    "DoubtChoice",
    "QueuedRepeat",
    "choose_in_doubt",
    "end_relay_outage",
    "explain_outcome",
    "find_reader",
    "get_retry_delay",
    "make_deliveries_due",
    "record_relay_outage",
    "repeat_edition",
    "resolve_in_doubt_as_sent",
    "retry_diverted_deliveries",
    "retry_failed_deliveries",
    "send_in_doubt_again",
]
