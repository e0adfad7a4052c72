"""The page on which an approver sees an edition, and approves it or sends it back."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from markupsafe import Markup

from mailer import edition_changes, editions, languages, notices
from mailer.app.messages import build_edition_mails
from mailer.app.rendering import list_findings
from mailer.audience.links import LinkPurpose
from mailer.errors import ApprovalVoid, BadTransition, ComposeError, InputError, Refused
from mailer.model.deliveries import Audience
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.notices import AUDIENCE_EVENT, EditionMail
from mailer.render.edition_fragments import extract_fragment, extract_styles
from mailer.staff_links import StaffLink
from mailer.store import SqlTransaction
from mailer.web.public.batched_writes import UndoWrite
from mailer.web.public.decisions.links import (
    DECISION_HEADERS,
    NO_COMMENT,
    ShownComment,
    answer_link,
    build_shown_comment,
    format_moment,
    identify_holder,
)
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.public_site import get_site

APPROVE, SEND_BACK = "approve", "send-back"
FIELDS = ("decision", "comment")


@dataclass(frozen=True, slots=True)
class ShownMail:
    """A mail of the edition on the page. The HTML is a mail that this office composed."""

    language: str
    name: str
    dir: str
    subject: str
    html: Markup
    styles: Markup


def show_edition_decision(request: Request, token: str) -> Response:
    """Show the edition and the form."""
    return answer_link(
        request,
        None,
        LinkPurpose.EDITION_DECISION,
        token,
        editions.find_linked_edition,
        lambda tx, link, edition: _render_decision(request, tx, token, link, edition),
    )


def submit_edition_decision(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response:
    """Approve the edition, or send it back with a comment."""
    return answer_link(
        request,
        tx,
        LinkPurpose.EDITION_DECISION,
        token,
        editions.find_linked_edition,
        lambda tx, link, edition: _save_decision(request, form, tx, token, link, edition),
    )


def _save_decision(
    request: Request,
    form: SubmittedForm,
    tx: SqlTransaction,
    token: str,
    link: StaffLink,
    edition: Edition,
) -> Response:
    decision, comment = form.get_value("decision"), form.get_value("comment")
    if decision not in {APPROVE, SEND_BACK}:
        shown_comment = build_shown_comment(comment)
        return _render_decision(request, tx, token, link, edition, "decision", shown_comment)
    try:
        decided = _decide(request, tx, link, edition, decision, comment)
    except (Refused, InputError, ComposeError) as error:
        shown_comment = build_shown_comment(comment, error)
        problem = "comment" if shown_comment.problem else _name_problem(error)
        raise UndoWrite(
            lambda tx: _render_decision(request, tx, token, link, edition, problem, shown_comment)
        ) from error
    return _render_decision(request, tx, token, link, decided)


def _decide(
    request: Request,
    tx: SqlTransaction,
    link: StaffLink,
    edition: Edition,
    decision: str,
    comment: str,
) -> Edition:
    mailer = get_site(request).mailer
    actor, now = identify_holder(request, link), mailer.clock()
    if decision == SEND_BACK:
        return editions.send_back_edition(
            tx, actor, edition, now, comment=comment, digest=link.digest
        )
    return editions.approve_shown_edition(
        tx, actor, edition, mailer.renderer, now, digest=link.digest, comment=comment
    )


def _name_problem(error: Exception) -> str:
    """Return the problem that the page words."""
    return "decided" if isinstance(error, BadTransition | ApprovalVoid) else "refused"


def _render_decision(
    request: Request,
    tx: SqlTransaction,
    token: str,
    link: StaffLink,
    edition: Edition,
    problem: str = "",
    comment: ShownComment = NO_COMMENT,
) -> Response:
    site = get_site(request)
    actor = identify_holder(request, link)
    is_current = edition.content_hash.startswith(link.digest)
    is_open = edition.state is EditionState.IN_REVIEW and is_current
    # A draft has no bodies, and another version is not what this link is about.
    mails = _build_mails(request, tx, edition) if is_current else ()
    policy = editions.get_policy(tx, edition)
    deadline = editions.find_approval_deadline(edition, policy, site.mailer.clock())
    status = {"": 200, "comment": 422, "decision": 422}.get(problem, 409)
    return site.render_page(
        request,
        "decide-edition.html",
        status=status,
        headers=DECISION_HEADERS,
        path=f"/d/{token}",
        edition=edition,
        state=edition.state.value,
        is_open=is_open,
        is_current=is_current,
        is_sent_back=edition.reason.startswith(editions.SENT_BACK_REASON),
        is_author=is_open and editions.needs_other_person(tx, actor, edition),
        holder=actor.name,
        problem=problem,
        comment=comment,
        deadline=format_moment(request, link, deadline if is_open else None),
        send_at=format_moment(
            request, link, edition.appointment.moment if edition.appointment else None
        ),
        audience=_find_audience(tx, edition),
        findings=list_findings(tx, edition, site.mailer.renderer) if is_open else (),
        changes=edition_changes.find_changes(tx, actor, edition) if is_open else None,
        format_moment=lambda moment: format_moment(request, link, moment),
        name_language=lambda tag: languages.get_language_name(
            tag, in_language=site.choose_language(request)
        ),
        mails=[_describe_mail(request, mail) for mail in mails],
    )


def _build_mails(request: Request, tx: SqlTransaction, edition: Edition) -> tuple[EditionMail, ...]:
    mailer = get_site(request).mailer
    keys = mailer.link_keys.load_keys(tx)
    return build_edition_mails(mailer.settings, tx, edition, keys, mailer.clock())


def _describe_mail(request: Request, mail: EditionMail) -> ShownMail:
    return ShownMail(
        mail.language,
        languages.get_language_name(
            mail.language, in_language=get_site(request).choose_language(request)
        ),
        languages.get_direction(mail.language),
        mail.subject,
        Markup(extract_fragment(mail.html, mail.language)),  # noqa: S704  (composed here)
        Markup(extract_styles(mail.html)),  # noqa: S704  (a template's style sheet)
    )


def _find_audience(tx: SqlTransaction, edition: Edition) -> Audience | None:
    """Return the audience that the approvers were last told of."""
    details: list[Any] = [
        event.detail
        for event in tx.editions.list_events(edition)
        if event.event_type == AUDIENCE_EVENT
    ]
    return notices.parse_audience(details[-1]) if details else None
