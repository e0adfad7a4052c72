"""Explain the replies of an edition's report: what they mean, and what to do."""

from dataclasses import dataclass

from mailer.delivery.refusal_codes import RefusalSubject
from mailer.delivery.refusals import judge_recorded_reply
from mailer.errors import NextStep
from mailer.model.deliveries import DeliveryReport, DeliveryState, ReplyGroup
from mailer.model.edition_states import EditionState


@dataclass(frozen=True, slots=True)
class ExplainedReplies:
    """Deliveries whose replies are alike. `subject` is empty for a reply that is not a refusal."""

    state: DeliveryState
    count: int
    reply: str
    subject: str = ""
    meaning: str = ""
    advice: str = ""


def explain_replies(report: DeliveryReport) -> list[ExplainedReplies]:
    """Explain each group of replies that are alike, the largest first."""
    return [_explain_group(group) for group in report.replies]


def _explain_group(group: ReplyGroup) -> ExplainedReplies:
    judgement = judge_recorded_reply(group.reply)
    if judgement is None:
        return ExplainedReplies(group.state, group.count, group.reply)
    return ExplainedReplies(
        group.state,
        group.count,
        group.reply,
        judgement.subject.value,
        judgement.meaning,
        judgement.advice,
    )


def list_next_steps(report: DeliveryReport) -> list[NextStep]:
    """Return how to send again to recipients whose refusals do not speak of themselves: they failed
    unjudged, or wait because of refusals that speak of this office."""
    edition = report.edition
    about_us = [
        explained
        for explained in explain_replies(report)
        if explained.subject and explained.subject != RefusalSubject.RECIPIENT.value
    ]
    steps = []
    if any(explained.state is DeliveryState.FAILED for explained in about_us):
        steps.append(NextStep("retry_failed_deliveries", edition=edition.id))
    if edition.state is EditionState.PAUSED:
        steps.append(NextStep("resume_edition", edition=edition.id))
    if steps or any(explained.state is DeliveryState.QUEUED for explained in about_us):
        steps.append(NextStep("send_edition", edition=edition.id))
    return steps
