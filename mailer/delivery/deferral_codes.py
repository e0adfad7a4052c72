"""The meaning of temporary refusals (4xx), for people who read a report.

They decide nothing: any of these deliveries is tried again (``replies.py``). The codes are those of
RFC 5321 §4.2.3 and of RFC 3463, whose details mean the same with 4 and with 5 in front.
"""

import re

MAILBOX_FULL = "the recipient's mailbox is full"
COME_LATER = "the receiving server asks us to come again later, as in greylisting"
SERVER_BUSY = "the receiving server is busy, or shuts down"
NO_STORAGE = "the receiving server is out of storage, or wants fewer messages at a time"
LIMIT = "the receiving server limits how many messages it takes from us, or for this address"
UNREACHABLE = "the recipient's domain can't be reached at the moment"
SERVER_ERROR = "the receiving server has an error of its own, or asks us to come again later"
MAILBOX_BUSY = "the mailbox is busy or blocked for now, or the server asks us to come again later"
NOT_CHECKED = "the receiving server can't check the address at the moment"
NO_SECURITY = "encryption or authentication is not available at the moment"
PARAMETERS = "the receiving server can't process the parameters of the command at the moment"
UNKNOWN = "the receiving server can't take the message at the moment"

_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"gr[ae]y-?list", COME_LATER),
        (r"mailbox .{0,20}full|over ?quota|quota exceeded|exceeded .{0,20}quota", MAILBOX_FULL),
        (r"too many|rate[- ]?limit|too (?:fast|quickly)|throttl|slow down", LIMIT),
    )
)
_ENHANCED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (r"4\.1\.\d+", NOT_CHECKED),
        (r"4\.2\.2", MAILBOX_FULL),
        (r"4\.3\.1", NO_STORAGE),
        (r"4\.3\.2", SERVER_BUSY),
        (r"4\.4\.[1-9]\d*", UNREACHABLE),
        (r"4\.5\.3|4\.7\.28", LIMIT),
        (r"4\.7\.1", COME_LATER),
    )
)
_BY_CODE = {
    421: SERVER_BUSY,
    450: MAILBOX_BUSY,
    451: SERVER_ERROR,
    452: NO_STORAGE,
    454: NO_SECURITY,
    455: PARAMETERS,
}
_ENHANCED_CODE = re.compile(r"(?<![\d.])(4\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_RECORDED_DEFERRAL = re.compile(r"(?P<code>4\d\d) (?P<text>.*) \(to [^()]+\)(?:, .*)?")


def explain_deferral(recorded_reply: str) -> str:
    """Return the meaning of a temporary refusal as a delivery records it, ``451 4.7.1 later (to
    RCPT)``. Returns an empty string for any other reply."""
    match = _RECORDED_DEFERRAL.fullmatch(recorded_reply)
    if match is None:
        return ""
    text = match["text"]
    for pattern, meaning in _WORDS:
        if pattern.search(text):
            return meaning
    if code_match := _ENHANCED_CODE.search(text):
        for pattern, meaning in _ENHANCED:
            if pattern.fullmatch(code_match[1]):
                return meaning
    return _BY_CODE.get(int(match["code"]), UNKNOWN)
