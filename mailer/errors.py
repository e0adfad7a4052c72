"""The one tree of errors. Every message says what is wrong, where, and what to do.

    MailerError                 exit code 1: it failed
    ├── InputError              1: a file, a row or a field is invalid
    │   └── NotFound            1: no such article, list, edition …
    ├── ComposeError            1: a template or its data cannot become a mail
    ├── UsageError              2: the options of the command contradict each other
    ├── ConfigError             3: configuration, secret key or database is invalid
    │   ├── SchemaError         3: the database is older or newer than this program
    │   └── DatabaseUnavailable 3: the database cannot be used at the moment
    ├── PartlyDone              4: some of it was done; the message says what was not
    ├── Refused                 5: understood, but a rule forbids it
    │   ├── BadTransition       5: the state does not lead to the requested one
    │   ├── ApprovalVoid        5: the approval does not cover what would be sent
    │   ├── Embargoed           5: an embargo forbids it until it ends
    │   ├── TooManyRequests     5: a limit on requests of strangers is used up
    │   ├── ConcurrencyError    5: another process changed the same record first
    │   ├── DatabaseUnrecognised 5: the database was restored or copied, and nothing is sent
    │   └── HistoryWentBack     5: the database has lost what it had confirmed
    ├── TokenError              1: a link that this office did not sign, or that has expired
    ├── FetchError              1: an address that cannot be fetched, or must not be
    └── RelayError              1: the relay cannot be used (this does not count as an attempt)

An error carries facts, not commands: a `code` that programs can rely on, the wrong `field` and
`value`, and `next_steps` that are possible, as data. Each interface puts them into words: the
command line as a command (`mailer/cli/next_steps.py`), a page as a link, the API as a problem
document.

Errors of other libraries are wrapped where the library is called (``raise … from``). Exceptions
that show a bug are not caught.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, init=False)
class NextStep:
    """A possible next step after an error: the name of an `action`, and its `facts`.

    For example, `NextStep("reopen_edition", edition=3)`. Every interface has words for every
    action. A test compares the command line's words with the actions in the code."""

    action: str
    facts: Mapping[str, Any]

    def __init__(self, action: str, /, **facts: Any) -> None:
        object.__setattr__(self, "action", action)
        object.__setattr__(self, "facts", MappingProxyType(facts))


class MailerError(Exception):
    """An error with facts: what is wrong (`message`), the place (`where`: a file and line, or a
    record), and what to do (`hint`, a sentence without commands; `next_steps`).

    `field` is the name of the wrong field in the record, and `value` its value. `code` is the
    class's name in snake case, unless the error is given a narrower code."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        code: str = "",
        field: str = "",
        value: Any = None,
        next_steps: Iterable[NextStep] = (),
    ) -> None:
        super().__init__(message, where, hint)
        self.message = message
        self.where = where
        self.hint = hint
        self.code = code or re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        self.field = field
        self.value = value
        self.next_steps = tuple(next_steps)

    def __str__(self) -> str:
        place = self.where or self.field.replace("_", " ")
        head = f"{place}: {self.message}" if place else self.message
        return f"{head}; {self.hint}" if self.hint else head


class InputError(MailerError):
    """A file, a row or a field that is invalid."""


class NotFound(InputError):
    """No record of that name."""


class ComposeError(MailerError):
    """A template or its data cannot become a mail."""


class UsageError(MailerError):
    """The options of a command contradict each other."""

    exit_code = 2


class ConfigError(MailerError):
    """Configuration, secret key or database is invalid."""

    exit_code = 3


class SchemaError(ConfigError):
    """The database's schema is older or newer than this program's."""


class DatabaseUnavailable(ConfigError):
    """The database cannot be used at the moment. Waiting may help.

    The `code` names the kind of trouble: `database_away`, `database_silent`, `database_read_only`
    and so on (`mailer/store/sqlstates.py`). `outcome_unknown`: the link was lost while the commit
    was waiting for its answer, so the changes may be saved."""

    def __init__(self, message: str, *, outcome_unknown: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.outcome_unknown = outcome_unknown

    @property
    def is_link_lost(self) -> bool:
        """True if only the link was lost, so that another link to the database may work at once."""
        return self.code == "database_away"


class PartlyDone(MailerError):
    """Part of the work was done; the message says which part was not."""

    exit_code = 4


class Refused(MailerError):
    """The request was understood, but a rule forbids it."""

    exit_code = 5


class BadTransition(Refused):
    """The record's state does not lead to the requested one."""


class ApprovalVoid(Refused):
    """The approval does not cover what would be sent now."""


class Embargoed(Refused):
    """An embargo forbids the action. `slugs` are the embargoed stories; `attempt` describes the
    action, and is recorded."""

    def __init__(self, message: str, slugs: Iterable[str], attempt: str, **details: Any) -> None:
        super().__init__(message, **details)
        self.slugs = tuple(slugs)
        self.attempt = attempt


class TooManyRequests(Refused):
    """A client, a domain or a link has used up its limit. The use is counted all the same."""


class ConcurrencyError(Refused):
    """Another process changed the same record first, so nothing of this transaction is saved.

    Running the transaction again may succeed."""


class HistoryWentBack(Refused):
    """The database has lost changes that it had confirmed, for example in a failover to a standby
    that was behind, or because a backup was restored. A person must look before anything is
    sent."""


class DatabaseUnrecognised(Refused):
    """The database was restored, is a copy, or is an older state: nothing is sent until a person
    has decided. `value` is the outcome of the comparison with this host's marker."""


class TokenError(MailerError):
    """A link that was not signed by this office, was signed for another purpose, or has expired."""


class RelayError(MailerError):
    """The relay cannot be used at all. This does not count as an attempt of any delivery.

    If `is_permanent`, waiting will not help (the relay refuses the password or the sender, or its
    certificate is invalid)."""

    def __init__(self, message: str, *, is_permanent: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.is_permanent = is_permanent


class FetchError(MailerError):
    """An address that cannot be fetched, or must not be fetched.

    If `is_permanent`, waiting will not help (a rule forbids it, or there is no such page).
    `retry_after`: the seconds that the server asks us to wait, if it says so. `status`: the HTTP
    status of the answer, or 0 if no answer came or the fault lies elsewhere."""

    def __init__(
        self,
        message: str,
        *,
        is_permanent: bool = False,
        retry_after: float | None = None,
        status: int = 0,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.is_permanent = is_permanent
        self.retry_after = retry_after
        self.status = status
