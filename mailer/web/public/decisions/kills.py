"""The page on which the second person confirms the kill of a release, or refuses it."""

from collections.abc import Sequence

from fastapi import Request, Response

from mailer import releases
from mailer.audience.links import LinkPurpose
from mailer.errors import ComposeError, InputError, Refused
from mailer.releases import KillRequest
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

CONFIRM, REFUSE = "confirm", "refuse"
FIELDS = ("decision", "comment")


def show_kill_decision(request: Request, token: str) -> Response:
    """Show the release, the reason and the form."""
    return answer_link(
        request,
        None,
        LinkPurpose.KILL_DECISION,
        token,
        releases.find_linked_request,
        lambda _, link, kill_request: _render_request(request, token, link, kill_request),
    )


def submit_kill_decision(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response:
    """Kill the release, or withdraw the request."""
    return answer_link(
        request,
        tx,
        LinkPurpose.KILL_DECISION,
        token,
        _lock_linked_request,
        lambda tx, link, kill_request: _save_decision(request, form, tx, token, link, kill_request),
    )


def _lock_linked_request(
    tx: SqlTransaction, link: StaffLink, approvers: Sequence[str]
) -> KillRequest | None:
    tx.lock_releases()
    return releases.find_linked_request(tx, link, approvers)


def _save_decision(
    request: Request,
    form: SubmittedForm,
    tx: SqlTransaction,
    token: str,
    link: StaffLink,
    kill_request: KillRequest,
) -> Response:
    site = get_site(request)
    actor, now = identify_holder(request, link), site.mailer.clock()
    decision, comment = form.get_value("decision"), form.get_value("comment")
    try:
        if decision == CONFIRM:
            releases.confirm_shown_kill(tx, actor, kill_request, site.mailer.renderer, now)
        elif decision == REFUSE:
            releases.withdraw_kill(tx, actor, kill_request.kill.slug, now, comment=comment)
        else:
            return _render_request(
                request, token, link, kill_request, build_shown_comment(comment), problem="decision"
            )
    except (Refused, InputError, ComposeError) as error:
        shown_comment = build_shown_comment(comment, error)
        problem = "comment" if shown_comment.problem else "refused"
        raise UndoWrite(
            lambda _: _render_request(
                request, token, link, kill_request, shown_comment, problem=problem
            )
        ) from error
    return _render_request(request, token, link, kill_request, done=decision)


def _render_request(
    request: Request,
    token: str,
    link: StaffLink,
    kill_request: KillRequest,
    comment: ShownComment = NO_COMMENT,
    *,
    problem: str = "",
    done: str = "",
) -> Response:
    actor, kill = identify_holder(request, link), kill_request.kill
    return get_site(request).render_page(
        request,
        "decide-kill.html",
        status={"": 200, "comment": 422, "decision": 422}.get(problem, 409),
        headers=DECISION_HEADERS,
        path=f"/k/{token}",
        kill=kill,
        articles=kill_request.articles,
        editions=[edition for edition in kill_request.editions if edition.planned_at],
        is_own=actor.is_same_person(kill.asked_by_key),
        holder=actor.name,
        asked_at=format_moment(request, link, kill.asked_at),
        problem=problem,
        comment=comment,
        done=done,
    )
