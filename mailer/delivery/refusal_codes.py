"""Enhanced status codes and phrases of refusals: about which party they speak, and the advice.

The codes are those of RFC 3463, of the IANA registry of enhanced status codes (RFC 5248), and of
Exchange Online, Gmail and Yahoo. Mail servers use 5.7.1, 5.0.0 and a few more for anything: those
are not in the table, and the words of the reply decide (:data:`PHRASES`).
"""

import re
from enum import StrEnum
from typing import NamedTuple


class RefusalSubject(StrEnum):
    """The party that a refusal speaks of."""

    RECIPIENT = "recipient"
    """This address: the next one may be accepted."""
    SENDER = "sender"
    """This office: its account, address, domain, reputation or limits."""
    MESSAGE = "message"
    """The message, which is nearly the same for each recipient."""
    UNKNOWN = "unknown"


class RefusalMeaning(NamedTuple):
    """The meaning of a refusal in words, and the advice to staff.

    `may_pass` is true if the address exists and the next attempt may succeed, such as to a mailbox
    that was full."""

    subject: RefusalSubject
    meaning: str
    advice: str
    may_pass: bool = False


_R, _S, _M = RefusalSubject.RECIPIENT, RefusalSubject.SENDER, RefusalSubject.MESSAGE

_NO_ADVICE_BUT_ADDRESS = "check the address with the person, or take it off the list"

NO_SUCH_MAILBOX = RefusalMeaning(
    _R, "the address does not exist, or no longer does", _NO_ADVICE_BUT_ADDRESS
)
BAD_ADDRESS = RefusalMeaning(_R, "the address can't be used as it is", _NO_ADVICE_BUT_ADDRESS)
MAILBOX_UNAVAILABLE = RefusalMeaning(
    _R, "the recipient's mailbox is closed or disabled", _NO_ADVICE_BUT_ADDRESS
)
MAILBOX_FULL = RefusalMeaning(
    _R,
    "the recipient's mailbox is full",
    "send it to them again later, or ask them to make room",
    may_pass=True,
)
NO_ROUTE = RefusalMeaning(
    _R, "the recipient's domain accepts no mail, or can't be reached", _NO_ADVICE_BUT_ADDRESS
)
NOT_ALLOWED_TO_WRITE = RefusalMeaning(
    _R,
    "the recipient's mailbox accepts mail from certain senders only",
    "ask the recipient to admit the address of your sender",
    may_pass=True,
)
NO_INTERNATIONAL_ADDRESS = RefusalMeaning(
    _R,
    "the relay accepts no international address (SMTPUTF8)",
    "ask the recipient for an address in ASCII, or use a relay that offers SMTPUTF8",
    may_pass=True,
)
ADDRESS_RECYCLED = RefusalMeaning(
    _R, "the address has had another owner since", "take the address off the list"
)

SENDER_ADDRESS = RefusalMeaning(
    _S,
    "the sender's address or its domain is not accepted",
    "check that the sender's address and return_path exist, and that their domain has MX records",
)
SEND_AS_DENIED = RefusalMeaning(
    _S,
    "the relay's account may not send as this sender",
    "give the account the right to send as the sender's address, or change that address",
)
LIMIT_REACHED = RefusalMeaning(
    _S,
    "the relay's account has reached its limit of messages or recipients",
    "wait until the limit is counted from the start, often the next day, or ask the relay's"
    " operator to raise it; a relay's rate keeps below it",
)
NOT_AUTHENTICATED = RefusalMeaning(
    _S,
    "the relay wants this office to authenticate, or does not relay for it",
    "check the relay's user and password, and that it may send to other domains",
)
DOMAIN_AUTHENTICATION = RefusalMeaning(
    _S,
    "the sender's domain fails SPF, DKIM or DMARC",
    "publish SPF, DKIM and DMARC for the sender's domain and let the relay sign",
)
REPUTATION = RefusalMeaning(
    _S,
    "our mail is blocked for the reputation of our address or domain",
    "look for the relay's IP address and the sender's domain on block lists, and follow the link"
    " in the reply",
)
ACCOUNT_BLOCKED = RefusalMeaning(
    _S,
    "the relay's account, tenant or server is blocked or restricted",
    "ask the relay's operator to lift the restriction",
)
POLICY = RefusalMeaning(
    _S,
    "a policy of the relay or the receiver rejects our mail",
    "read the reply, and ask the relay's operator which policy it breaks",
)
TLS_REQUIRED = RefusalMeaning(
    _S, "the relay demands encryption", "set the relay's tls to starttls or implicit"
)
NO_REVERSE_DNS = RefusalMeaning(
    _S,
    "the relay's IP address or name has no valid DNS records",
    "let the relay's operator set forward and reverse DNS records for it",
)

TOO_LARGE = RefusalMeaning(
    _M,
    "the message is too large",
    "cancel the edition and send a smaller one, for example with fewer attached pictures and files,"
    " or ask for a higher limit",
)
CONTENT = RefusalMeaning(
    _M,
    "the content or a header of the message is not accepted",
    "look for attachments, links or words that filters reject",
)

UNJUDGED = RefusalMeaning(
    RefusalSubject.UNKNOWN,
    "the reply does not say whether it is about the recipient or about us",
    "read the reply; if it is not about the recipients, fix the cause and queue them again",
)

_CODES: dict[RefusalMeaning, str] = {
    NO_SUCH_MAILBOX: "5.1.1 5.1.2 5.1.6 5.4.12",
    BAD_ADDRESS: "5.1.3 5.1.4 5.1.5",
    NO_ROUTE: "5.1.10 5.4.4 5.4.6 5.4.14 5.4.310 5.4.312 5.4.316 5.7.27",
    MAILBOX_UNAVAILABLE: "5.2.1",
    MAILBOX_FULL: "5.2.2 5.2.122",
    ADDRESS_RECYCLED: "5.7.17 5.7.18",
    NOT_ALLOWED_TO_WRITE: (
        "5.2.121 5.7.2 5.7.12 5.7.120 5.7.121 5.7.122 5.7.123 5.7.124 5.7.125 5.7.126"
        " 5.7.127 5.7.128 5.7.129 5.7.130 5.7.131 5.7.132 5.7.133 5.7.134 5.7.135 5.7.136 5.7.137"
    ),
    NO_INTERNATIONAL_ADDRESS: "5.6.7 5.6.9 5.6.10",
    SENDER_ADDRESS: "5.1.7 5.1.8 5.1.9 5.4.11",
    SEND_AS_DENIED: "5.2.252 5.7.60 5.7.61 5.7.62 5.7.68",
    LIMIT_REACHED: "5.1.90 5.4.5 5.5.3 5.7.232 5.7.233",
    NOT_AUTHENTICATED: "5.7.3 5.7.8 5.7.13 5.7.14 5.7.15 5.7.30 5.7.57 5.7.64 5.7.193",
    TLS_REQUIRED: "5.7.10 5.7.11",
    NO_REVERSE_DNS: "5.7.25 5.7.19",
    DOMAIN_AUTHENTICATION: (
        "5.7.9 5.7.20 5.7.21 5.7.22 5.7.23 5.7.24 5.7.26 5.7.29 5.7.40 5.7.509 5.7.515"
    ),
    ACCOUNT_BLOCKED: (
        "5.7.501 5.7.502 5.7.503 5.7.504 5.7.505 5.7.506 5.7.507 5.7.508 5.7.511 5.7.513"
        " 5.7.700 5.7.701 5.7.703 5.7.705 5.7.708 5.7.711 5.7.712 5.7.724 5.7.750 5.7.751"
    ),
    REPUTATION: "5.7.28 5.7.510 5.7.514 5.7.606 5.7.607 5.7.608",
    TOO_LARGE: "5.3.4 5.2.3",
    CONTENT: "5.7.512 5.6.1 5.6.2 5.6.3 5.6.5 5.6.6 5.6.8 5.6.11",
}

MEANINGS_BY_CODE: dict[str, RefusalMeaning] = {
    code: meaning for meaning, codes in _CODES.items() for code in codes.split()
}
"""The meaning of each enhanced status code that means one thing only."""

MEANINGS_BY_RANGE: tuple[tuple[re.Pattern[str], RefusalMeaning], ...] = (
    (re.compile(r"5\.7\.6[0-4]\d$"), REPUTATION),
    (re.compile(r"5\.7\.7(?:0|5)\d$"), ACCOUNT_BLOCKED),
    (re.compile(r"5\.7\.5[01]\d$"), ACCOUNT_BLOCKED),
    (re.compile(r"5\.7\.2\d$"), DOMAIN_AUTHENTICATION),
    (re.compile(r"5\.7\.1[23]\d$"), NOT_ALLOWED_TO_WRITE),
)
"""Ranges of codes in which Microsoft adds codes."""

MEANINGS_BY_DETAIL: tuple[tuple[re.Pattern[str], RefusalMeaning], ...] = (
    (re.compile(r"5\.1\.(?!0$)\d+$"), NO_SUCH_MAILBOX),
    (re.compile(r"5\.2\.(?!0$)\d+$"), MAILBOX_UNAVAILABLE),
    (re.compile(r"5\.4\.(?!0$)\d+$"), NO_ROUTE),
)
"""The meaning of other codes of a class, if the words say nothing better (RFC 3463 §3)."""

SMTPUTF8_WORDS = re.compile(
    r"smtputf8|internationali[sz]ed address|non-ascii address", re.IGNORECASE
)


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


ABOUT_US: tuple[tuple[re.Pattern[str], RefusalMeaning], ...] = (
    (_compile(r"send[- ]?as[- ]?denied|not allowed to send as|not owned by (?:user|auth)"
              r"|not authori[sz]ed to (?:send|use|perform)|sender address rejected: not"
              r"|(?:from|sender|e-?mail) address (?:is|does) not (?:verified|match)"
              r"|verified sender|sender identit|domain (?:is )?not (?:verified|allowed to send)"),
     SEND_AS_DENIED),
    # A limit of the sender's is named before words that only mention the sender.
    (_compile(r"\b(?:sender|outgoing|outbound|sending|relay)(?:'s)? (?:\w+ ){0,3}"
              r"(?:quota|limits?|credits)\b"
              r"|(?:quota|limit|number|count) (?:of|for) (?:your )?(?:outgoing|outbound|sent)\b"
              r"|maximum credits|too many (?:\w+ )?connections|slow(?:ing)? down"
              r"|frequency (?:is )?limited|too many (?:invalid|unknown|bad|wrong) "
              r"|(?:daily|hourly|24-hour|monthly)\W[\w ]{0,20}(?:limit|quota)"
              r"|(?:tages|stunden|versand|sende)\w*(?:limit|kontingent|grenze|quote)"
              r"|(?:quota|limite) d'envois?|(?:l[ií]mite|cuota) de env[ií]o|limite d'invio"
              r"|limite di invio"),
     LIMIT_REACHED),
    (_compile(r"(?:sender|envelope[- ]from|return[- ]?path)\b.{0,30}"
              r"(?:reject|denied|unknown|verif|invalid|not found|not exist|doesn't exist|blocked"
              r"|refused|not (?:allowed|permitted|accepted|authori[sz]ed)|prohibit)"
              r"|(?:invalid|unknown|bad|unverified|unauthori[sz]ed|blocked) senders?\b"
              r"|domain of (?:the )?sender|sender(?:'s)? (?:e-?mail )?(?:address|domain)"
              r"|sending (?:e-?mail )?(?:address|domain)"
              r"|\bmail from (?!.{0,40}\b(?:user|mailbox|recipient))\S+ (?:is |was )?"
              r"(?:not accepted|not allowed|refused|denied)"
              r"|\b(?:absender|exp[ée]diteur|remitente|remetente|mittente|afzender|avs[äæe]nder"
              r"|nadawc|отправител|发件人|送信者)"),
     SENDER_ADDRESS),
    (_compile(r"relay(?:ing)? (?:access )?(?:is )?(?:denied|prohibited|not (?:permitted|allowed))"
              r"|not permitted to relay|(?:unable|refus\w+|won't|will not|not configured) to relay"
              r"|(?:do not|don't|not) relay|allowed rcpthosts|we do not relay"
              r"|auth\w* (?:is )?required|not authenticated|must (?:first )?authenticate"
              r"|server (?:requires|wants) .{0,30}authenticate"
              r"|authentication (?:failed|needed|credentials)|client was not authenticated"),
     NOT_AUTHENTICATED),
    (_compile(r"\bspf\b|openspf|\bdkim\b|\bdmarc\b|unauthenticated (?:e-?mail|sender)"
              r"|(?:isn't|is not) authenticated|spoof"),
     DOMAIN_AUTHENTICATION),
    (_compile(r"\byour (?:\w+ )?(?:account|subscription|tenant|plan)\b.{0,60}(?:suspend|disabled"
              r"|blocked|restrict| locked|deactivat|not (?:been )?activ|sandbox|closed|limited)"
              r"|\b(?:account|user|mailbox|tenant)\b.{0,30}(?:suspend|disabled|blocked|restrict"
              r"| locked).{0,30}\b(?:spam|abuse|sending|outgoing|outbound)"
              r"|(?:sending|outgoing (?:e-?)?mails?|outbound (?:e-?)?mails?) (?:\w+ ){0,3}"
              r"(?:suspend|disabled|blocked|restrict|paused)"
              r"|account (?:\w+ ){0,3}sandbox|sandbox (?:sub)?domain|free accounts"),
     ACCOUNT_BLOCKED),
    (_compile(r"spamhaus|spamcop|barracuda|sorbs|\b(?:dns|r)bl\b|dnsbl|\brbls?\b|senderbase"
              r"|ipcheck|reputation|black[- ]?list|block[- ]?list|deny[- ]?list"
              r"|\blisted (?:at|in|by|on)\b|poor sending"
              r"|your (?:ip|host|server|network|domain|access)\b|client host"
              r"|(?:sending|connecting) (?:ip|host|server|mta|network)"
              r"|(?<![?&])\bip\b[ =:]?(?:address |source )?\W?(?:[0-9a-f:.]+\b)?\W?"
              r".{0,40}(?:block|bloqu|reject|denied|refus|banned|not (?:allowed|accepted))"
              r"|^\W*ip=[0-9a-f]|dial-?up|dynamic ip|transient ip"
              r"|(?:messages?|e?-?mails?|traffic|connections?) (?:is |are )?(?:not accepted )?from "
              r"(?:this |your )?(?:ip|host|server|network|\[?\d+\.\d+\.\d+\.\d+)"
              r"|not accepted from (?:this|your)|banned|suspicious"),
     REPUTATION),
    (_compile(r"reverse (?:dns|hostname|lookup)|\bptr\b|\bhelo\b|\behlo\b"), NO_REVERSE_DNS),
    (_compile(r"starttls|must (?:issue|use) tls|encryption (?:is )?required"), TLS_REQUIRED),
)  # fmt: skip
"""Words that can't be meant for a recipient. They outweigh a code that speaks of the address,
unless other words name its mailbox too."""

PHRASES: tuple[tuple[re.Pattern[str], RefusalMeaning], ...] = (
    *ABOUT_US,
    (_compile(r"(?:message|mail) size|size limit"), TOO_LARGE),
    (_compile(r"(?:daily|hourly|sending|message|recipient|rate|account)[\w ]{0,20}"
              r"(?:limit|quota)|(?:limit|quota)[\w ]{0,20}per (?:day|hour|minute)"
              r"|too many (?:messages|recipients|mails|e-?mails)|rate[- ]?limit"
              r"|sending (?:quota|limits?)|exceeded (?:the )?max(?:imum)? (?:number|emails?)"),
     LIMIT_REACHED),
    (SMTPUTF8_WORDS, NO_INTERNATIONAL_ADDRESS),
    # Words about the recipient. "Over quota" is their mailbox's, unless the words above match.
    (_compile(r"(?:mailbox|inbox|account|user|storage|disk)\b.{0,40}"
              r"(?:\bfull\b|over ?quota|quota exceeded|exceeded|over (?:its|the|their) )"
              r"|quota exceeded|over ?quota|insufficient (?:disk|mailbox|system)? ?storage"
              r"|(?:exceed\w*|out of) (?:\w+ )?(?:storage|quota)|mailbox size"
              r"|receiving (?:e-?)?mails? (?:at a rate|too quickly|too fast)"
              r"|postfach (?:ist )?(?:voll|überfüllt)|bo[iî]te .{0,20}pleine|buz[oó]n .{0,10}lleno"
              r"|casella .{0,10}piena|caixa .{0,20}cheia"),
     MAILBOX_FULL),
    (_compile(r"unrout(?:e)?able|(?:no|null) mx\b|host(?:name)? (?:or domain )?(?:name )?not found"
              r"|domain (?:name )?(?:not found|does(?: not|n't) (?:exist|accept))|no such domain"
              r"|name or service not known|unknown (?:host|domain)|bad destination (?:host|system)"
              r"|local delivery not|not (?:a )?local (?:domain|user)|no route to"),
     NO_ROUTE),
    (_compile(r"(?:unknown|invalid|no such|nonexistent|non-existent|bad|illegal|undeliverable"
              r"|inexistent)\W+(?:(?!sender)\w+\W+){0,2}?(?:user|recipient|mailbox|address|account|person"
              r"|local[- ]?part|alias|destination|recipients|addressee|here)"
              r"|(?:user|recipient|mailbox|address|account|local[- ]?part|addressee|alias)"
              r"\b.{0,60}?(?:unknown|not found"
              r"|not (?:known|listed|valid|exist|available|active|here|local|recogni[sz]ed)"
              r"|(?:does(?: not|n't)|did(?: not|n't)) exist|doesn't have|invalid"
              r"|is unavailable|no longer|undeliverable|nonexistent)"
              r"|no (?:such )?(?:user|mailbox|recipient|account|person|address)\b"
              r"|does(?: not|n't) have an? (?:\w+ )?account|no one (?:here )?by that name"
              r"|mailbox (?:is )?unavailable|mailbox name not allowed|not a valid (?:mailbox|user"
              r"|recipient|address)|couldn't find (?:the |any )?(?:user|recipient|mailbox)"
              r"|5\.?1\.?1|resolver\.adr|recipnotfound"
              r"|unbekannt|existiert nicht|empf(?:ä|ae?)nger (?:ist )?(?:ungültig|nicht)"
              r"|inconnue?|n'existe pas|desconocid[oa]|no existe|inexistente|sconosciut[oa]"
              r"|non esiste|onbekend|bestaat niet|nieznany|nie istnieje|не существует|不存在"),
     NO_SUCH_MAILBOX),
    (_compile(r"(?:mailbox|account|user|recipient|address|e-?mail)\b.{0,40}"
              r"\b(?:disabled|inactive|deactivated|suspended|locked|closed|expired"
              r"|not active|retired|deleted|frozen|terminated|has moved|has left)"
              r"|(?:disabled|inactive|suspended|closed) (?:mailbox|account|user|recipient)"
              r"|no longer (?:available|valid|active|in use|works?|employed|accepts?)"
              r"|compte (?:\w+ )?(?:d[ée]sactiv|suspend|ferm)"
              r"|konto (?:\w+ )?(?:gesperrt|geschlossen)"),
     MAILBOX_UNAVAILABLE),
    (_compile(r"recipient (?:only accepts|has not|does not accept)|not accepting (?:mail|messages)"
              r"|restricted (?:to|recipient)"),
     NOT_ALLOWED_TO_WRITE),
    (_compile(r"(?:message|mail|data|content)\b.{0,30}(?:too (?:large|big|long)|exceeds)"
              r"|size exceed|maximum (?:message )?size|too large"
              r"|exceeds? (?:\w+ )?(?:maximum|fixed|size)"),
     TOO_LARGE),
    (_compile(r"virus|malware|attachment|malicious|phish"
              r"|message[- ](?:headers?|content|format|id)\b|header (?:is|field|line)"
              r"|(?:missing|invalid|duplicate|malformed|bad) (?:\w+ )?header"
              r"|bare (?:lf|cr|newline)|line too long|\bmime\b|\brfc ?[258]\d\d\d"
              r"|(?:unacceptable|mail|its|the) content|content filter|potential security"),
     CONTENT),
    # Words that are weak alone.
    (_compile(r"block(?:ed|ing)|spam|unsolicited|bulk mail|junk|abus(?:e|ive)|deny ?listed"),
     REPUTATION),
    (_compile(r"account .{0,30}(?:restricted|blocked)|restricted|suspended"), ACCOUNT_BLOCKED),
    (_compile(r"\bpolic(?:y|ies)\b|not accepted for|unauthori[sz]ed|not authori[sz]ed"), POLICY),
)  # fmt: skip
"""Words of replies and what they mean; the first that matches counts."""
