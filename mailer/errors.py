"""The one tree of errors. Every message says what is wrong, where, and what to do.

    MailerError                 exit code 1: it failed
    ├── InputError              1: a file, a row or a field that we can't take
    │   └── NotFound            1: no such article, list, edition …
    ├── ComposeError            1: a template or its data can't become a mail
    ├── UsageError              2: the words of the command don't fit together
    ├── ConfigError             3: configuration, secret key or database is not in order
    │   ├── SchemaError         3: the database is older or newer than this program
    │   └── ConcurrencyError    5: somebody else was changing the same
    ├── PartlyDone              4: some of it went in, the rest is named
    ├── Refused                 5: understood, and against a rule
    │   ├── BadTransition       5: that state doesn't lead to this one
    │   ├── ApprovalVoid        5: what was approved is not what would be sent
    │   └── Embargoed           5: it may not leave yet
    ├── TokenError              1: a link that we didn't sign, or that has expired
    ├── FetchError              1: an address that can't be fetched, or must not be
    └── RelayError              1: the relay can't be used at all (nobody's attempt is spent)

Errors of other libraries are wrapped at the border (``raise … from``); bugs are let through.
The CLI turns a MailerError into one sentence on stderr and its exit code.
"""

from collections.abc import Iterable
from typing import ClassVar


class MailerError(Exception):
    """What is wrong (``what``), the place (``where``: file and line, field, record) and the way
    out (``hint``)."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message, where, hint)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        return f"{head}; {self.hint}" if self.hint else head


class InputError(MailerError):
    """A file, a row or a field that we can't take."""


class NotFound(InputError):
    """No record of that name."""


class ComposeError(MailerError):
    """A template or its data can't become a mail."""


class UsageError(MailerError):
    """The words of the command don't fit together."""

    exit_code = 2


class ConfigError(MailerError):
    """Configuration, secret key or database is not in order."""

    exit_code = 3


class SchemaError(ConfigError):
    """The database's schema is older or newer than this program's."""


class ConcurrencyError(ConfigError):
    """Somebody else was changing the same, and was first: nothing of this is kept. What lives with
    a database that is away lives with this too: it tries again."""

    exit_code = 5


class PartlyDone(MailerError):
    """Some of it was done; the message says what was not."""

    exit_code = 4


class Refused(MailerError):
    """Understood, but a rule forbids it."""

    exit_code = 5


class BadTransition(Refused):
    """The state that it is in doesn't lead to the state asked for."""


class ApprovalVoid(Refused):
    """What was approved is not what would be sent."""


class Embargoed(Refused):
    """A story that is embargoed may not leave by this way. `slugs` names such stories, `tried` what
    was tried: each attempt is written down."""

    def __init__(
        self, message: str, slugs: Iterable[str], attempt: str, *, where: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.slugs = tuple(slugs)
        self.attempt = attempt


class TokenError(MailerError):
    """A link that we did not sign, signed for another purpose, or that has expired."""


class RelayError(MailerError):
    """The relay can't be used at all: nobody's attempt is spent on it.

    `lasting`: waiting won't help (it refuses our password, our certificate, our sender)."""

    def __init__(
        self, message: str, *, where: str = "", hint: str = "", is_permanent: bool = False
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.is_permanent = is_permanent


class FetchError(MailerError):
    """An address that can't be fetched, or must not be.

    `lasting`: waiting won't help (a rule forbids it, there is no such page). `retry_after`: seconds
    that the server asks us to leave it alone, where it says so. `status`: the HTTP status that it
    answered with; 0 where none came or another thing was wrong."""

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        is_permanent: bool = False,
        retry_after: float | None = None,
        status: int = 0,
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.is_permanent = is_permanent
        self.retry_after = retry_after
        self.status = status
