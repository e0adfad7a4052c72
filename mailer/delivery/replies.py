"""The only judge of SMTP replies: what a code means, in each phase, for the delivery and the relay.

The table follows RFC 5321 §4.2 and §4.3.2, and the practice of relays. As a reply to RCPT, 452
means "too many recipients for now", and 552 often means the same (RFC 5321 §4.5.3.1.10 asks clients
to treat both as temporary). MAIL 552 refuses this message for its size (RFC 1870 §6.1). Any 5xx to
a MAIL with SMTPUTF8 refuses this message alone (``smtp.py``).

============== ============= ============= ============= ============= =============================
phase          2xx (DATA:    4xx           5xx           421           silence, a closed link,
               354)                                                    a reply that is not SMTP
============== ============= ============= ============= ============= =============================
connect, EHLO, goes on       relay rests   relay rests,  relay rests   relay rests
STARTTLS, AUTH                             for long
MAIL           goes on       relay rests   relay rests,  relay rests   lost: sent over a new link
                                           for long
RCPT           goes on       deferred      refused       deferred      lost
                             (552 too)
DATA           goes on       deferred      refused       deferred      lost
message        --            --            --            --            lost
final dot,     accepted      deferred      refused       deferred      in doubt
BDAT
QUIT           --            --            --            --            --
============== ============= ============= ============= ============= =============================

With CHUNKING a message is written together with its envelope. If the link is lost after that, the
message is in doubt, whichever reply is missing (``chunking.py``).

If the relay rests, the failure does not count as an attempt of the delivery. The link is closed
after 421, and after every event in the last column.
"""

from enum import StrEnum
from typing import NamedTuple


class Phase(StrEnum):
    """The phase of the conversation in which a reply came or failed to come."""

    CONNECT = "connect"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    MESSAGE = "message"
    DOT = "final dot"
    BDAT = "BDAT"
    RSET = "RSET"
    QUIT = "QUIT"


class Verdict(StrEnum):
    """The meaning of a reply for the delivery."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    RELAY = "relay"
    """The relay is at fault, or can't be used. The relay rests, and the failure does not count as
    an attempt of the delivery."""
    LOST = "lost"
    """The link was lost before the final dot: the message was not sent, and is sent again over a
    new link."""
    IN_DOUBT = "in doubt"
    """The link was lost after the final dot: the relay may have accepted the message."""
    WITHHELD = "withheld"
    """The worker withheld the message itself, before the final dot."""


ACCEPTED = Verdict.ACCEPTED
"""The verdict on nearly every reply. Python 3.11 needs 0.1 µs to look up a member of an enum, and a
message is judged in several places."""


class Reply(NamedTuple):
    """A reply with its verdict.

    `code` is 0 if no reply came; `text` then says why. If `needs_close`, the next message needs a
    new connection."""

    phase: Phase
    code: int
    text: str
    verdict: Verdict
    needs_close: bool = False

    @property
    def is_permanent(self) -> bool:
        """True if the relay will give the same reply until a person fixes the cause."""
        return self.verdict is Verdict.RELAY and self.code // 100 == 5

    @property
    def is_answer(self) -> bool:
        """True if the relay has answered for a message. A reply that is not SMTP does not count."""
        return self.verdict in _ANSWER_VERDICTS

    def __str__(self) -> str:
        return f"{self.code} {self.text} (to {self.phase})" if self.code else self.text


FINAL_PHASES = frozenset({Phase.DOT, Phase.BDAT})
"""The phases whose reply says whether the relay accepted the message."""

_ANSWER_VERDICTS = frozenset({Verdict.ACCEPTED, Verdict.DEFERRED, Verdict.REFUSED})
WITHHELD_REPLY = Reply(Phase.MAIL, 0, "", Verdict.WITHHELD)

_PROTOCOL_PHASES = frozenset(
    {Phase.CONNECT, Phase.EHLO, Phase.STARTTLS, Phase.AUTH, Phase.RSET, Phase.MAIL}
)


def judge_reply(phase: Phase, code: int, text: str) -> Reply:
    """Judge a reply that has come. `code` is 0 or less if the reply is not SMTP."""
    if code == 250 and phase in FINAL_PHASES:
        return Reply(phase, code, text, ACCEPTED)
    verdict = _judge_code(phase, code // 100, code)
    needs_close = code == 421 or verdict in (Verdict.LOST, Verdict.IN_DOUBT)
    needs_close = needs_close or (verdict is Verdict.RELAY and code // 100 != 5)
    return Reply(phase, code, text, verdict, needs_close)


def _judge_code(phase: Phase, code_class: int, code: int) -> Verdict:
    if phase in FINAL_PHASES:
        verdicts = {2: Verdict.ACCEPTED, 4: Verdict.DEFERRED, 5: Verdict.REFUSED}
        return verdicts.get(code_class, Verdict.IN_DOUBT)
    if phase is Phase.DATA:
        is_expected = code == 354
    elif phase is Phase.CONNECT:
        is_expected = code == 220
    else:
        is_expected = code_class == 2
    if is_expected:
        return Verdict.ACCEPTED
    if phase is Phase.MAIL and code == 552:  # RFC 1870 §6.1: this message is too large
        return Verdict.REFUSED
    if phase in _PROTOCOL_PHASES:
        did_answer = code_class in (4, 5) or phase not in (Phase.RSET, Phase.MAIL)
        return Verdict.RELAY if did_answer else Verdict.LOST
    if code_class == 4 or (phase is Phase.RCPT and code == 552):
        return Verdict.DEFERRED
    return Verdict.REFUSED if code_class == 5 else Verdict.LOST


def create_lost_reply(phase: Phase, reason: str) -> Reply:
    """Create a reply for a link that broke, was silent too long, or sent text that is not SMTP."""
    if phase in FINAL_PHASES:
        return Reply(
            phase, 0, f"{reason} after the message, before its reply", Verdict.IN_DOUBT, True
        )
    before_dot = phase in {Phase.RSET, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.MESSAGE}
    return Reply(
        phase, 0, f"{reason} (at {phase})", Verdict.LOST if before_dot else Verdict.RELAY, True
    )


def clean_reply_text(text: bytes | str) -> str:
    """Return a reply's text on one line, without unprintable characters."""
    reply_text = text if isinstance(text, str) else text.decode("utf-8", "replace")
    if reply_text.isprintable():
        return reply_text[:500]
    return " ".join(
        "".join(character if character.isprintable() else " " for character in reply_text).split()
    )[:500]
