"""The result of one check."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mailer.errors import MailerError, NextStep


class CheckOutcome(StrEnum):
    """The outcome of a check. A problem keeps mail from being composed or sent; a warning may be
    meant so."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of checking one `subject`. `detail` says what was seen, `hint` and `next_steps`
    what to do."""

    subject: str
    outcome: CheckOutcome
    detail: str
    hint: str = ""
    next_steps: tuple[NextStep, ...] = ()


def run_check(subject: str, check: Callable[[], str]) -> CheckResult:
    """Run a check that returns what it has seen, or raises a MailerError."""
    try:
        return CheckResult(subject, CheckOutcome.OK, check())
    except MailerError as error:
        return create_problem(subject, error)


def create_problem(subject: str, error: MailerError) -> CheckResult:
    place = "" if error.where == subject else error.where
    detail = f"{place}: {error.message}" if place else error.message
    return CheckResult(subject, CheckOutcome.PROBLEM, detail, error.hint, error.next_steps)
