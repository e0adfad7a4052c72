"""Loading the calendars of digests: their schedules, decisions, blackouts and readers' zones."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from mailer.digests.calendar import LOOK_BACK, DigestCalendar
from mailer.model.digests import Digest
from mailer.model.edition_states import SendTimeBasis
from mailer.model.lists import MailingList
from mailer.model.schedules import Schedule
from mailer.model.transaction import Transaction
from mailer.schedules.observances import Observance


def load_calendar(
    tx: Transaction, digest: Digest, observances: Mapping[str, Observance], now: datetime
) -> DigestCalendar:
    """Return the calendar of one digest, with its past and future occurrences."""
    slug = digest.settings.slug
    schedules = [
        schedule
        for schedule in tx.schedules.list_schedules()
        if schedule.settings.digest_slug == slug
    ]
    return _assemble_calendars(tx, [digest], schedules, observances, now)[0]


def load_calendars(
    tx: Transaction, observances: Mapping[str, Observance], now: datetime
) -> list[DigestCalendar]:
    """Return the calendars of all digests that have a schedule."""
    schedules = tx.schedules.list_schedules()
    scheduled_slugs = {schedule.settings.digest_slug for schedule in schedules}
    all_digests = tx.digests.list_digests() if scheduled_slugs else []
    scheduled_digests = [
        digest for digest in all_digests if digest.settings.slug in scheduled_slugs
    ]
    return _assemble_calendars(tx, scheduled_digests, schedules, observances, now)


def _assemble_calendars(
    tx: Transaction,
    digests: Sequence[Digest],
    schedules: Sequence[Schedule],
    observances: Mapping[str, Observance],
    now: datetime,
) -> list[DigestCalendar]:
    blackouts = tuple(blackout.days for blackout in tx.schedules.list_blackouts())
    # Twice as far back, because an occurrence is saved under the time of its rule, and may have
    # been moved from a much earlier day.
    saved_occurrences = tx.schedules.list_occurrences_since(now - 2 * LOOK_BACK)
    any_by_reader = any(
        digest.settings.policy.send_time is SendTimeBasis.READER for digest in digests
    )
    closing_notes = {
        mailing_list.slug: _describe_closing(mailing_list)
        for mailing_list in (tx.lists.list_mailing_lists() if digests else ())
        if mailing_list.is_closed
    }
    zone_names = tuple(tx.reader_time_zones) if any_by_reader else ()
    return [
        DigestCalendar(
            digest,
            tuple(
                schedule
                for schedule in schedules
                if schedule.settings.digest_slug == digest.settings.slug
            ),
            tuple(saved_occurrences.get(digest.settings.slug, ())),
            blackouts,
            observances,
            zone_names if digest.settings.policy.send_time is SendTimeBasis.READER else (),
            closing_notes.get(digest.settings.list, ""),
        )
        for digest in digests
    ]


def _describe_closing(mailing_list: MailingList) -> str:
    reason = mailing_list.get_closing_reason(mailing_list.language)
    return (
        f"the list {mailing_list.slug!r} was closed on {mailing_list.closed_at:%Y-%m-%d}: {reason}"
    )
