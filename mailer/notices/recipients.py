"""The recipients of a notice."""

from dataclasses import dataclass, field

from mailer.model.digests import DigestPolicy
from mailer.notices.records import NoticeKind
from mailer.people import StaffDirectory

_KINDS_FOR_APPROVERS = {NoticeKind.REVIEW, NoticeKind.REMINDER, NoticeKind.LATE}

_KINDS_ENDING_REVIEW = {
    NoticeKind.SKIPPED,
    NoticeKind.EXPIRED,
    NoticeKind.CANCELLED,
    NoticeKind.ON_HOLD,
    NoticeKind.SENT_BACK,
}
"""Kinds of notices after which there is nothing left to approve."""


@dataclass(frozen=True, slots=True)
class StaffAddresses:
    """The addresses of staff in the settings: approvers and watchers for digests that name none,
    and other members of staff, who may get test mails. `directory` knows whose logins they are."""

    approvers: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    directory: StaffDirectory = field(default_factory=lambda: StaffDirectory(()))


def choose_addresses(
    policy: DigestPolicy, staff: StaffAddresses, kind: NoticeKind, *, was_asked: bool = False
) -> tuple[str, ...]:
    """Return the addresses to notify: the digest's own, otherwise those in the settings. If only
    approvers or only watchers are named, they get every notice. People who were asked to approve
    are also notified when there is nothing left to approve, and people who were notified of an
    approval also when it is void."""
    approvers = list_approvers(policy, staff)
    watchers = policy.watchers or staff.watchers
    if kind in {NoticeKind.APPROVED, NoticeKind.VOID} or (
        was_asked and kind in _KINDS_ENDING_REVIEW
    ):
        return tuple(dict.fromkeys((*approvers, *watchers)))
    if kind in _KINDS_FOR_APPROVERS:
        return approvers or watchers
    return watchers or approvers


def list_approvers(policy: DigestPolicy, staff: StaffAddresses) -> tuple[str, ...]:
    """Return the addresses of the people who may decide about an edition: the digest's own
    approvers, otherwise those in the settings."""
    return policy.approvers or staff.approvers
