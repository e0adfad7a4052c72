"""Explain the replies of an edition's report: what they mean, what to do, and which deliveries a
person should look at."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailer.delivery.deferral_codes import explain_deferral
from mailer.delivery.refusal_codes import RefusalSubject
from mailer.delivery.refusals import judge_recorded_reply
from mailer.errors import NextStep
from mailer.model.deliveries import DeliveryReport, DeliveryState, ReplyGroup
from mailer.model.edition_states import EditionState

_RECIPIENT = RefusalSubject.RECIPIENT.value
_FAILED, _EXPIRED = DeliveryState.FAILED, DeliveryState.EXPIRED


@dataclass(frozen=True, slots=True)
class ExplainedReplies:
    """Deliveries whose replies are alike. `subject` is empty for a reply that is not a permanent
    refusal. `may_pass` says of a refused recipient that the next attempt may succeed. `settled`
    counts the failed deliveries whose address is suppressed or has left the list by now."""

    state: DeliveryState
    count: int
    reply: str
    subject: str = ""
    meaning: str = ""
    advice: str = ""
    may_pass: bool = False
    settled: int = 0

    @property
    def open_count(self) -> int:
        """The number of failed deliveries whose address could still be mailed."""
        return self.count - self.settled


@dataclass(frozen=True, slots=True)
class ReportAdvice:
    """Advice about some deliveries of a report, in words and as steps."""

    text: str
    steps: tuple[NextStep, ...] = ()


def explain_replies(report: DeliveryReport) -> list[ExplainedReplies]:
    """Explain each group of replies that are alike, the largest first."""
    return [_explain_group(group) for group in report.replies]


def _explain_group(group: ReplyGroup) -> ExplainedReplies:
    judgement = judge_recorded_reply(group.reply)
    if judgement is None:
        meaning, advice = _explain_other_reply(group)
        return ExplainedReplies(
            group.state,
            group.count,
            group.reply,
            meaning=meaning,
            advice=advice,
            settled=group.settled,
        )
    return ExplainedReplies(
        group.state,
        group.count,
        group.reply,
        judgement.subject.value,
        judgement.meaning,
        judgement.advice,
        judgement.may_pass,
        group.settled,
    )


def _explain_other_reply(group: ReplyGroup) -> tuple[str, str]:
    """Return (meaning, advice) for a reply that is not a permanent refusal."""
    if group.state is DeliveryState.IN_DOUBT:
        return "the relay may have accepted it, or not", "look into the relay's log"
    meaning = explain_deferral(group.reply)
    if not meaning:
        return "", ""
    if group.state is _EXPIRED:
        return meaning, "it was tried for five days: check the address, or take it off the list"
    return meaning, "it is tried again automatically, for five days"


def describe_reply(reply: str) -> str:
    """Return the meaning of a recorded refusal in words, or an empty string if it is unknown."""
    judgement = judge_recorded_reply(reply)
    return judgement.meaning if judgement else explain_deferral(reply)


def count_open_failures(report: DeliveryReport) -> dict[str, int]:
    """Return the number of deliveries that a person should look at, by state in words.

    A failed delivery counts unless its refusal speaks of the recipient, or its address is
    suppressed or has left the list by now: any list has addresses that no longer exist. A delivery
    in doubt counts if only a person can decide about it."""
    counts = {"failed": 0, "expired": 0, "in doubt": report.undecided}
    for explained in explain_replies(report):
        if explained.state in (_FAILED, _EXPIRED) and explained.subject != _RECIPIENT:
            counts[explained.state.value] += explained.open_count
    return {state: count for state, count in counts.items() if count}


def list_advice(report: DeliveryReport) -> Iterator[ReportAdvice]:
    """Yield what can be done about the deliveries that were not accepted."""
    edition_id = report.edition.id
    retry = (
        NextStep("retry_failed_deliveries", edition=edition_id),
        NextStep("send_edition", edition=edition_id),
    )
    explained_replies = explain_replies(report)
    failed = [one for one in explained_replies if one.state in (_FAILED, _EXPIRED)]
    about_recipients = [one for one in failed if one.subject == _RECIPIENT]

    def count_open(explained: list[ExplainedReplies]) -> int:
        return sum(one.open_count for one in explained)

    if report.edition.state is EditionState.PAUSED:
        yield ReportAdvice(
            "paused; once the cause is fixed",
            (NextStep("resume_edition", edition=edition_id), retry[1]),
        )
    elif queued_count := report.states.get(DeliveryState.QUEUED, 0):
        yield ReportAdvice(
            f"{queued_count} queued are tried again when they are due; to try all of them now",
            (NextStep("send_edition_now", edition=edition_id),),
        )
    if count := count_open([one for one in failed if one.subject != _RECIPIENT]):
        yield ReportAdvice(f"{count} failed or expired; once the cause is fixed", retry)
    if count := count_open([one for one in about_recipients if one.may_pass]):
        yield ReportAdvice(f"{count} failed, and may pass later; to try them again", retry)
    if count := count_open([one for one in about_recipients if not one.may_pass]):
        yield ReportAdvice(
            f"{count} failed whose addresses do not exist or are closed; you need not act, but "
            "each edition tries them until you suppress them",
            (
                NextStep("list_failed_deliveries", edition=edition_id),
                NextStep("suppress_address"),
            ),
        )
    if count := report.states.get(DeliveryState.DIVERTED, 0):
        yield ReportAdvice(
            f"{count} diverted, since safe mode was on; to send them after all",
            (
                NextStep("retry_diverted_deliveries", edition=edition_id),
                NextStep("send_edition", edition=edition_id),
            ),
        )
    if count := sum(one.settled for one in failed):
        yield ReportAdvice(
            f"{count} failed, settled: their addresses are suppressed, have left the list or "
            "pause mail"
        )
    yield from _list_doubt_advice(report)


def _list_doubt_advice(report: DeliveryReport) -> Iterator[ReportAdvice]:
    edition_id = report.edition.id
    if waiting_count := report.states.get(DeliveryState.IN_DOUBT, 0) - report.undecided:
        when = f", from {report.next_resend_at:%H:%M} UTC on" if report.next_resend_at else ""
        if report.edition.state is EditionState.PAUSED:
            yield ReportAdvice(f"{waiting_count} in doubt are sent again once it is resumed")
        else:
            yield ReportAdvice(
                f"{waiting_count} in doubt are sent again{when}; to send them again now",
                (NextStep("send_edition_now", edition=edition_id),),
            )
    if report.undecided:
        yield ReportAdvice(
            f"{report.undecided} in doubt wait for your decision; look into the relay's log, then",
            (
                NextStep("list_in_doubt", edition=edition_id),
                NextStep("resend_in_doubt", edition=edition_id),
                NextStep("mark_in_doubt_as_sent", edition=edition_id),
            ),
        )
