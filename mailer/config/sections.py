"""The sections of the settings, each with its checks."""

import re
from enum import StrEnum
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, WithJsonSchema

from mailer.lines import holds_control

_COMMON_LANGUAGES = frozenset({"ar", "de", "en", "es", "fr", "it", "pl", "pt", "ru", "zh"})


_ASSET = re.compile(r"asset:[0-9a-f]{64}\.(jpg|png)")
"""The reference of an asset (``mailer/assets/references.py``)."""


def _check_web_address(value: str) -> str:
    if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc):
        raise ValueError("must be a web address that starts with https:// or http://")
    return value


def _check_logo(value: str) -> str:
    return value if _ASSET.fullmatch(value) else _check_web_address(value)


def _check_mail_address(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if value and (not at or not local or not domain or not value.isprintable() or " " in value):
        raise ValueError("must be a mail address such as news@example.org")
    if not local.isascii():
        raise ValueError("must have no accents before the @: many relays refuse such a sender")
    return value


def _check_single_line(value: str) -> str:
    if holds_control(value):
        raise ValueError("must be a single line without control characters")
    return value


def _check_time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("must be an IANA time zone such as Europe/London") from error
    return value


def _check_optional_zone(value: str) -> str:
    return _check_time_zone(value) if value else value


def _check_not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _check_colour(value: str) -> str:
    if not re.fullmatch("#[0-9a-fA-F]{6}", value):
        raise ValueError("must be a colour such as #0b5394")
    return value


def _check_language(value: str) -> str:
    message = "must be a BCP 47 language tag such as en, fr, ar or pt-BR"
    if not re.fullmatch("[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*", value):
        raise ValueError(message)
    if value in _COMMON_LANGUAGES:  # importing Babel takes longer than loading all settings
        return value
    from babel import Locale, UnknownLocaleError

    try:
        Locale.parse(value.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError) as error:
        raise ValueError(message) from error
    return value


def _check_proxy(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError as error:
        raise ValueError("must be an IP address or network such as 10.0.0.0/8") from error
    return value


def _check_sender_name(value: str) -> str:
    if not re.fullmatch("[a-z0-9]+(?:-[a-z0-9]+)*", value) or len(value) > 60:
        raise ValueError("must be up to 60 small letters, digits and single hyphens")
    return value


def _check_safe_recipient(value: str) -> str:
    local, at, domain = value.rpartition("@")
    is_whole = bool(local) or not at
    if not is_whole or "." not in domain or not value.isprintable() or " " in value:
        raise ValueError("must be a mail address or a domain: me@example.org, or example.org")
    return value


def _check_ehlo_name(value: str) -> str:
    """Check a domain or an address literal (RFC 5321 §4.1.1.1, §4.1.2, §4.1.3)."""
    labels = value.split(".")
    is_domain = (
        len(value) <= 255
        and all(re.fullmatch("(?!-)[A-Za-z0-9-]{1,63}(?<!-)", label) for label in labels)
        and not labels[-1].isdigit()  # an address without brackets
    )
    if value and not is_domain and not _is_address_literal(value):
        raise ValueError(
            "must be a domain such as mail.example.org (with its xn-- form), or an address "
            "literal such as [192.0.2.1] or [IPv6:2001:db8::1]"
        )
    return value


def _is_address_literal(value: str) -> bool:
    match = re.fullmatch(r"\[(IPv6:)?([0-9A-Fa-f:.]+)\]", value)
    if match is None:
        return False
    try:
        address = ip_address(match[2])
    except ValueError:
        return False
    return address.version == (6 if match[1] else 4)


def _describe_text(pattern: str) -> WithJsonSchema:
    """Describe a text to editors by a pattern, which is wider than the check if that is simpler."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


WebAddress = Annotated[
    str, AfterValidator(_check_web_address), _describe_text("^([Hh][Tt][Tt][Pp][Ss]?://.+)?$")
]
LogoAddress = Annotated[
    str,
    AfterValidator(_check_logo),
    _describe_text(r"^([Hh][Tt][Tt][Pp][Ss]?://.+|asset:[0-9a-f]{64}\.(jpg|png))?$"),
]
MailAddress = Annotated[
    str, AfterValidator(_check_mail_address), _describe_text(r"^([^\s]+@[^@\s]+)?$")
]
OneLine = Annotated[str, AfterValidator(_check_single_line)]
RequiredLine = Annotated[OneLine, AfterValidator(_check_not_empty), _describe_text(r"\S")]
RequiredMailAddress = Annotated[
    MailAddress, AfterValidator(_check_not_empty), _describe_text(r"^[^\s]+@[^@\s]+$")
]
SenderName = Annotated[
    str, AfterValidator(_check_sender_name), _describe_text("^[a-z0-9]+(-[a-z0-9]+)*$")
]
SafeRecipient = Annotated[
    str, AfterValidator(_check_safe_recipient), _describe_text(r"^([^\s]+@)?[^@\s]*\.[^@\s]*$")
]
EhloName = Annotated[
    str,
    AfterValidator(_check_ehlo_name),
    _describe_text(r"^(\[(IPv6:)?[0-9A-Fa-f:.]+\]|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*)?$"),
]
Colour = Annotated[str, AfterValidator(_check_colour), _describe_text("^#[0-9a-fA-F]{6}$")]
LanguageTag = Annotated[
    str,
    AfterValidator(_check_language),
    _describe_text("^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$"),
]
ProxyAddress = Annotated[str, AfterValidator(_check_proxy)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Organisation(_Section):
    name: RequiredLine = "Example Office"
    postal_address: str = ""
    website: WebAddress = ""
    accent: Colour = "#0b5394"
    logo_url: LogoAddress = ""
    logo_alt: OneLine = ""
    social: dict[OneLine, WebAddress] = {}


class NamedSender(_Section):
    """A sender identity that lists, digests and editions can choose. An empty `reply_to` or
    `return_path` means its own `address`: nothing is copied from the default sender."""

    name: RequiredLine
    address: RequiredMailAddress
    reply_to: MailAddress = ""
    return_path: MailAddress = ""

    @property
    def envelope_sender(self) -> str:
        """The envelope sender (RFC 5321 §3.3), to which undeliverable mail is returned."""
        return self.return_path or self.address


class SenderSection(NamedSender):
    """The default sender, and the address to which readers can write to unsubscribe."""

    name: RequiredLine = "Example Office"
    address: RequiredMailAddress = "news@example.org"
    unsubscribe_address: MailAddress = ""


class DefaultsSection(_Section):
    language: LanguageTag = "en"
    time_zone: Annotated[str, AfterValidator(_check_time_zone)] = "Europe/London"


class Tls(StrEnum):
    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class Relay(_Section):
    """An SMTP server that delivers our mail.

    `ehlo` is the name with which we greet it (RFC 5321 §4.1.1.1); without one, it is this machine's
    name, or its address if it has no name.
    `timeout` is the time to wait for a reply, `dot_timeout` for the reply to the final dot (600 by
    RFC 5321 §4.5.3.2.6), both in seconds. `window` is the number of messages that a connection may
    have past the gate at once; after a crash, at most connections × window are in doubt. To a
    relay that does not offer PIPELINING, more than `connections` connections are opened, up to
    `max_connections`, as long as that raises the rate. A `per_connection` or `rate` (messages a
    second) of 0 means no limit. `weight` is this relay's
    share of the messages, relative to the weights of the others. A relay without a weight takes as
    many as it can; a relay with weight 0 stands by until no other relay works. Without
    `pipelining`, each command waits for the reply to the command before: some relays offer
    PIPELINING (RFC 2920) but handle it wrongly. Without `chunking`, each message waits for the
    reply to the message before: some relays offer CHUNKING (RFC 3030) but handle it wrongly.
    """

    name: OneLine = "relay"
    host: OneLine = "localhost"
    ehlo: EhloName = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Tls = Tls.STARTTLS
    ca_file: Path | None = None
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    timeout: Annotated[float, Field(gt=0)] = 60.0
    dot_timeout: Annotated[float, Field(gt=0)] = 600.0
    connections: Annotated[int, Field(ge=1, le=256)] = 8
    window: Annotated[int, Field(ge=1, le=100)] = 10
    max_connections: Annotated[int, Field(ge=0, le=256)] = 0
    per_connection: Annotated[int, Field(ge=0)] = 1000
    rate: Annotated[float, Field(ge=0)] = 0.0
    weight: Annotated[int, Field(ge=0, le=1000)] | None = None
    pipelining: bool = True
    chunking: bool = True

    @property
    def where(self) -> str:
        """The relay's name in errors."""
        return f"{self.name} {self.host}:{self.port}"


class Throttle(_Section):
    """The limits for one recipient domain: messages a second, and connections that carry its
    messages at the same time. 0 means no limit."""

    rate: Annotated[float, Field(ge=0)] = 0.0
    connections: Annotated[int, Field(ge=0)] = 0


class DeliverySection(_Section):
    """`lease`: seconds of silence after which a worker on another machine counts as dead, and its
    deliveries are reclaimed. `patience`: seconds for which a run waits for relays that worked
    before and now fail."""

    lease: Annotated[float, Field(ge=1)] = 60.0
    patience: Annotated[float, Field(ge=0)] = 60.0


class NoticesSection(_Section):
    """Mails to staff: `approvers` are asked to approve, and reminded; `watchers` get all other
    notices. A digest may name its own approvers and watchers."""

    approvers: tuple[MailAddress, ...] = ()
    watchers: tuple[MailAddress, ...] = ()


class PersonSection(_Section):
    """A member of staff with an address of their own: their name, their time zone (empty: the
    office's), and their logins on this machine, which others may share. Without `logins`, the login
    that is like the part of the address before the @ counts as theirs; an empty list means none."""

    name: OneLine = ""
    time_zone: Annotated[str, AfterValidator(_check_optional_zone)] = ""
    logins: tuple[RequiredLine, ...] | None = None


class StaffSection(_Section):
    """`addresses`: members of staff who may get test mails, beside approvers and watchers.
    `tests_per_hour`: the largest number of test mails within an hour."""

    addresses: tuple[MailAddress, ...] = ()
    tests_per_hour: Annotated[int, Field(ge=0, le=1000)] = 30


class SafeSection(_Section):
    """Safe mode: only the `recipients`, addresses or domains, ever get mail. The section turns it
    on."""

    recipients: Annotated[tuple[SafeRecipient, ...], Field(json_schema_extra={"minItems": 1})] = ()


class Press(_Section):
    """`times`: places with their zones; the end of an embargo is stated in the local time of each.
    `contact_name`, `contact_role`, `contact_phone`, `contact_email`: the press contact for releases
    that name none. `attach_limit`: maximum bytes of all files together that a release attaches to
    its mail; a release with larger attachments is not composed."""

    times: dict[OneLine, Annotated[str, AfterValidator(_check_time_zone)]] = {
        "London": "Europe/London",
        "Geneva": "Europe/Zurich",
        "New York": "America/New_York",
        "UTC": "UTC",
    }
    contact_name: OneLine = ""
    contact_role: OneLine = ""
    contact_phone: OneLine = ""
    contact_email: MailAddress = ""
    attach_limit: Annotated[int, Field(ge=0, le=25_000_000)] = 5_000_000


class WorkerSection(_Section):
    """`tick`: seconds between two checks of the calendar."""

    tick: Annotated[float, Field(ge=0.1, le=60)] = 5.0


class Web(_Section):
    """`proxies`: addresses of reverse proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto``
    are trusted. `threads`: the number of requests that use the database at once."""

    base_url: WebAddress = "https://mail.example.org"
    proxies: tuple[ProxyAddress, ...] = ("127.0.0.1", "::1")
    threads: Annotated[int, Field(ge=1, le=64)] = 4


class SignUp(_Section):
    """The limits for sign-ups by strangers; 0 means no limit. `per_address`: mails to one address
    without a wait; the waits for further mails grow until the owner of the address confirms a mail.
    `per_client`: sign-ups within an hour from one client (an IPv4 address, an IPv6 /64 or /56); a
    /48 may make twice as many. `per_domain`: sign-ups within an hour for addresses of one mail
    domain."""

    per_address: Annotated[int, Field(ge=0)] = 1
    per_client: Annotated[int, Field(ge=0)] = 20
    per_domain: Annotated[int, Field(ge=0)] = 1000


class RetentionSection(_Section):
    """The time for which each kind of data is stored; 0, except for `unconfirmed_days`, means
    forever.

    `unconfirmed_days`: unconfirmed sign-ups, and the lifetime of their links. `deliveries_months`:
    names and addresses in deliveries, counted from the end of their edition. `left_months`: people
    who are no longer on any list. `consent_years`: entries of the log of consent about erased
    people. `notices_days`: mails to staff, and mails about sign-ups."""

    unconfirmed_days: Annotated[int, Field(ge=1, le=365)] = 7
    deliveries_months: Annotated[int, Field(ge=0, le=1200)] = 24
    left_months: Annotated[int, Field(ge=0, le=1200)] = 24
    consent_years: Annotated[int, Field(ge=0, le=100)] = 6
    notices_days: Annotated[int, Field(ge=0, le=36500)] = 180


class DatabaseSection(_Section):
    url: str = "sqlite:///subscribers.db"


class Secret(_Section):
    key: SecretStr = SecretStr("")
    key_file: Path = Path("config/secret.key")


class Paths(_Section):
    templates: Path | None = None
    state: Path | None = None
