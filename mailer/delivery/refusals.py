"""Judge a refusal: about which party it speaks, and which other refusals are alike.

Pure. ``replies.py`` judges what a reply means for one delivery; this file judges what a refusal
says about the others. ``refusal_tracker.py`` counts refusals that are alike, and decides when an
edition pauses.
"""

import re
from contextlib import suppress
from typing import NamedTuple

from mailer import addresses
from mailer.delivery.refusal_codes import (
    ABOUT_US,
    BAD_ADDRESS,
    MAILBOX_FULL,
    MAILBOX_UNAVAILABLE,
    MEANINGS_BY_CODE,
    MEANINGS_BY_DETAIL,
    MEANINGS_BY_RANGE,
    NO_INTERNATIONAL_ADDRESS,
    NO_SUCH_MAILBOX,
    PHRASES,
    SEND_AS_DENIED,
    TOO_LARGE,
    UNJUDGED,
    RefusalMeaning,
    RefusalSubject,
)
from mailer.delivery.replies import Phase, Reply, Verdict

MAX_SIGNATURE = 200
"""Characters of a signature."""

_AMBIGUOUS_CODES = re.compile(r"5\.[0-7]\.0|5\.3\.[25]|5\.4\.1|5\.5\.[124]|5\.7\.(?:1|4|5|6|7|300)")
"""Codes that servers use for many things: the words of the reply decide."""

_LOOSE_CODES = re.compile(r"5\.1\.(?:[1-6]|10)|5\.2\.1|5\.4\.\d|5\.7\.2")
"""Codes of the address that servers also send for reasons of ours: words about us decide."""

_PHRASES_OF_MAILBOXES = tuple(
    (pattern, meaning)
    for pattern, meaning in PHRASES
    if meaning in (NO_SUCH_MAILBOX, MAILBOX_UNAVAILABLE, MAILBOX_FULL)
)

_ENHANCED_CODE = re.compile(r"(?<![\d.])(5\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_URL = re.compile(r"https?://\S+|\bwww\.\S+", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")
_HOST = re.compile(r"\b(?=\S*[a-z])(?:[\w-]+\.)+[a-z][\w-]+\b", re.IGNORECASE)
_TOKEN_WITH_DIGIT = re.compile(r"[\w.:/+=-]*\d[\w.:/+=-]*")
_IDENTIFIER = re.compile(
    r"\b(id|ids|ref|reference|ticket|queue|session|incident|msgid|code|token|key|case)"
    r"\b([ :=#-]*)[\w.+/=-]*[A-Z][\w.+/=-]*[A-Z][\w.+/=-]*"
)
_LABELLED_IDENTIFIER = re.compile(
    r"\b(id|ids|ref|reference|ticket|queue|session|incident|msgid|code|token|key|case)"
    r"(\s?[:=#]\s?)[\w.+/=-]+",
    re.IGNORECASE,
)
_ENCODED_TOKEN = re.compile(
    r"\b(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[a-z][A-Z])[\w+/=-]*[A-Z][\w+/=-]*[A-Z][\w+/=-]{4,}"
)
_RECORDED_REPLY = re.compile(r"(?P<code>[2-5]\d\d) (?P<text>.*) \(to (?P<phase>[^()]+)\)")


class RefusalJudgement(NamedTuple):
    """The judgement of one refusal. Refusals with the same `signature` are alike.

    The signature of a refusal for our reasons holds the codes and the meaning, as servers put an
    identifier into each text. Otherwise it holds the phase, the codes and the words without
    addresses, numbers, names of hosts and identifiers. `code_signature` has the phase and codes.
    `may_pass` is that of the meaning."""

    subject: RefusalSubject
    signature: str
    meaning: str
    advice: str
    code_signature: str = ""
    may_pass: bool = False


def judge_refusal(reply: Reply, address: str) -> RefusalJudgement:
    """Judge a refusal of the message to `address`."""
    enhanced_code = find_enhanced_code(reply.text)
    meaning = _find_meaning(reply, enhanced_code, hide_address(reply.text, address))
    signature = make_signature(reply, address)
    if meaning.subject in (RefusalSubject.SENDER, RefusalSubject.MESSAGE):
        signature = f"{reply.code} {enhanced_code}".strip()
        if MEANINGS_BY_CODE.get(enhanced_code) is not meaning:
            signature = f"{signature}: {meaning.meaning}"[:MAX_SIGNATURE]
    code_signature = f"{reply.phase} {reply.code} {enhanced_code}".strip()
    return RefusalJudgement(
        meaning.subject,
        signature,
        meaning.meaning,
        meaning.advice,
        code_signature,
        meaning.may_pass,
    )


def judge_recorded_reply(recorded_reply: str) -> RefusalJudgement | None:
    """Judge a reply as a delivery records it, ``550 5.1.1 no such user (to RCPT)``.

    Returns None if it is not a refusal."""
    match = _RECORDED_REPLY.fullmatch(recorded_reply)
    if match is None or match["code"][0] != "5":
        return None
    try:
        phase = Phase(match["phase"])
    except ValueError:
        return None
    return judge_refusal(Reply(phase, int(match["code"]), match["text"], Verdict.REFUSED), "")


def find_enhanced_code(text: str) -> str:
    """Return the enhanced status code (RFC 3463) of a permanent failure; empty if there is none."""
    match = _ENHANCED_CODE.search(text)
    return match[1] if match else ""


def _find_meaning(reply: Reply, enhanced_code: str, text: str) -> RefusalMeaning:
    if re.search(r"send[- ]?as[- ]?denied", text, re.IGNORECASE):
        return SEND_AS_DENIED
    is_ambiguous = not enhanced_code or bool(_AMBIGUOUS_CODES.fullmatch(enhanced_code))
    words = _ENHANCED_CODE.sub(" ", text)
    if not is_ambiguous:
        if _LOOSE_CODES.fullmatch(enhanced_code) and (meaning := _find_words_about_us(words)):
            return meaning
        if meaning := MEANINGS_BY_CODE.get(enhanced_code):
            return meaning
        for pattern, range_meaning in MEANINGS_BY_RANGE:
            if pattern.match(enhanced_code):
                return range_meaning
    if reply.phase is Phase.MAIL and reply.code == 552:
        return TOO_LARGE
    if enhanced_code == "5.4.1" and re.search(r"recipient address rejected", text, re.IGNORECASE):
        return NO_SUCH_MAILBOX  # Exchange Online, for an address that its domain does not have
    if phrase_meaning := _find_phrase(PHRASES, words):
        return phrase_meaning
    if reply.phase is Phase.MAIL and reply.verdict is Verdict.REFUSED:
        return NO_INTERNATIONAL_ADDRESS  # `smtp.py` has other refusals of MAIL stop the relay
    if reply.phase is Phase.RCPT and reply.code in (551, 553):
        return BAD_ADDRESS  # RFC 5321 §4.2.2: not a local user, mailbox name not allowed
    if not is_ambiguous:
        for pattern, detail_meaning in MEANINGS_BY_DETAIL:
            if pattern.match(enhanced_code):
                return detail_meaning
    return UNJUDGED


def _find_words_about_us(words: str) -> RefusalMeaning | None:
    """Find words about this office in a refusal whose code speaks of the address.

    Words about the mailbox outweigh them: a server that names a block list and an unknown user says
    the same of no other recipient."""
    if _find_phrase(_PHRASES_OF_MAILBOXES, words):
        return None
    return _find_phrase(ABOUT_US, words)


def _find_phrase(
    phrases: tuple[tuple[re.Pattern[str], RefusalMeaning], ...], words: str
) -> RefusalMeaning | None:
    for pattern, meaning in phrases:
        if pattern.search(words):
            return meaning
    return None


def hide_address(text: str, address: str) -> str:
    """Return a reply's text without the recipient's address, also in its wire form."""
    if not address:
        return text
    local_part, _, domain = address.rpartition("@")
    forms = {address, domain}
    with suppress(ValueError):  # an address that came into the database unchecked
        forms |= {addresses.to_wire_form(address), addresses.to_ascii_domain(domain)}
    for form in sorted(filter(None, forms), key=len, reverse=True):
        substitute = "<address>" if "@" in form else "<domain>"
        text = re.sub(
            rf"<?(?<![\w.-]){re.escape(form)}(?![\w-])>?", substitute, text, flags=re.IGNORECASE
        )
    if len(local_part) > 2:
        text = re.sub(
            rf"(?<![\w.<-]){re.escape(local_part)}(?![\w.>@-])", "<name>", text, flags=re.IGNORECASE
        )
    return text


def make_signature(reply: Reply, address: str) -> str:
    """Return the signature of any reply: refusals and deferrals with the same one are alike."""
    enhanced_code = find_enhanced_code(reply.text)
    text = hide_address(reply.text, address)
    text = _ADDRESS.sub("<address>", _URL.sub("<url>", text))
    text = _HOST.sub("<host>", _ENHANCED_CODE.sub(" ", text))
    text = _IDENTIFIER.sub(r"\1\2#", _LABELLED_IDENTIFIER.sub(r"\1\2#", text))
    text = _TOKEN_WITH_DIGIT.sub("#", _ENCODED_TOKEN.sub("#", text))
    text = " ".join(text.replace("<domain>", "<host>").split()).casefold()
    head = f"{reply.phase} {reply.code} {enhanced_code}".strip() if reply.code else ""
    return f"{head} {text}".strip()[:MAX_SIGNATURE]
