"""The only judge of an SMTP reply: what a code in a phase means for the delivery and the relay.

After RFC 5321 §4.2 and §4.3.2, with what relays do in fact: RCPT 452 is "too many recipients for
now", and 552 is often sent for the same (RFC 5321 §4.5.3.1.10 asks to take both as temporary).
"""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where in the conversation a reply, or its absence, was met."""

    CONNECT = "connect"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "final dot"
    QUIT = "QUIT"


class Verdict(StrEnum):
    """What becomes of the delivery."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    RELAY = "relay"
    """The relay is at fault, or can't be used: nobody's attempt is spent, the edition pauses."""
    LOST = "lost"
    """The link was lost before the final dot: not sent, to be tried again over a new one."""
    IN_DOUBT = "in doubt"
    """The link was lost after the final dot: we don't know."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`code` 0: there was none, and `text` says how the link was lost. `close` asks for a new
    connection before the next message."""

    phase: Phase
    code: int
    text: str
    verdict: Verdict
    close: bool = False

    def __str__(self) -> str:
        return f"{self.code} {self.text} (to {self.phase})" if self.code else self.text


def judge(phase: Phase, code: int, text: str) -> Reply:
    """The reply of a relay that did answer, judged."""
    return Reply(phase, code, text, _verdict(phase, code), close=code == 421 or code <= 0)


def _verdict(phase: Phase, code: int) -> Verdict:
    kind = code // 100
    if phase is Phase.DOT:
        verdicts = {2: Verdict.ACCEPTED, 4: Verdict.DEFERRED, 5: Verdict.REFUSED}
        return verdicts.get(kind, Verdict.IN_DOUBT)
    if phase in {Phase.RCPT, Phase.DATA}:
        if kind == 4 or (phase is Phase.RCPT and code == 552):
            return Verdict.DEFERRED
        if kind == 5:
            return Verdict.REFUSED
        if kind == (3 if phase is Phase.DATA else 2):
            return Verdict.ACCEPTED
        return Verdict.LOST
    if code == 421:
        return Verdict.LOST
    return Verdict.ACCEPTED if kind in {2, 3} else Verdict.RELAY


def lost(phase: Phase, why: str) -> Reply:
    """No reply came: the link broke, was silent too long, or gave what is no SMTP."""
    if phase is Phase.DOT:
        return Reply(phase, 0, f"{why} after the message, before its reply", Verdict.IN_DOUBT, True)
    if phase in {Phase.MAIL, Phase.RCPT, Phase.DATA}:
        return Reply(phase, 0, f"{why} (at {phase})", Verdict.LOST, True)
    return Reply(phase, 0, f"{why} (at {phase})", Verdict.RELAY, True)
