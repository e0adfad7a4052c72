"""The reports of a list, of topics, of an edition, and of growth. They only read."""

from collections import Counter
from collections.abc import Mapping, Sequence

from mailer.audience import leaving_reasons, lists
from mailer.editions import get_edition
from mailer.message import list_counted_links
from mailer.model.clicks import Clicker
from mailer.model.deliveries import DeliveryReport, DeliveryState
from mailer.model.editions import Edition
from mailer.model.lists import MailingList
from mailer.model.membership_counts import JOINING_KINDS, LEAVING_KINDS, CountedChange
from mailer.model.reports import (
    EditionLeavers,
    EditionNumbers,
    EditionReport,
    FailureGroup,
    GrowthReport,
    ListReport,
    Period,
    StoryClicks,
    TopicNumbers,
    TopicReport,
)
from mailer.model.subscribers import LeavingCount
from mailer.model.transaction import Transaction
from mailer.reports.numbers import (
    DescribeFailure,
    round_clicks,
    select_period,
    sum_joining,
    sum_leaving,
    sum_mails,
    sum_parts,
)


def report_list(
    tx: Transaction,
    mailing_list: MailingList,
    period: Period,
    parts: Sequence[Period],
    describe_failure: DescribeFailure,
) -> ListReport:
    """Report the readers of a list, the people who joined and left it, and its mails, in the whole
    period and in each of its parts."""
    readers = tx.reports.count_readers(mailing_list.id)
    editions = tx.reports.list_edition_numbers(mailing_list.id, period)
    failures = tx.reports.list_failures(mailing_list.id, period)
    later_changes = tx.membership_counts.list_changes(mailing_list.id, period.since)
    changes = select_period(later_changes, period)
    return ListReport(
        list=mailing_list.slug,
        name=mailing_list.name,
        period=period,
        readers=readers,
        joined=sum_joining(changes),
        left=sum_leaving(changes),
        left_by_edition=_sum_by_edition(tx, changes),
        mails=sum_mails(editions, failures, describe_failure),
        suppressed=tx.reports.count_suppressions(period),
        parts=sum_parts(parts, later_changes, editions, readers.total),
        left_by_reason=_map_reasons(
            leaving_reasons.count_leaving_reasons(
                tx, period.since, mailing_list, until=period.until
            )
        ),
    )


def _map_reasons(counts: Sequence[LeavingCount]) -> Mapping[str, int]:
    return {count.reason.value.replace("_", " "): count.count for count in counts}


def _sum_by_edition(
    tx: Transaction, changes: Sequence[CountedChange]
) -> tuple[EditionLeavers, ...]:
    """Add up the people who left by the links of an edition, the most first."""
    sums: Counter[int] = Counter()
    for change in changes:
        if change.edition_id and change.net < 0:
            sums[change.edition_id] += change.people
    leavers = []
    for edition_id, people in sorted(sums.items(), key=lambda item: (-item[1], item[0])):
        edition = tx.editions.find_edition(edition_id)
        leavers.append(EditionLeavers(edition_id, edition.name if edition else "", people))
    return tuple(leavers)


def report_growth(
    tx: Transaction, mailing_list: MailingList, period: Period, parts: Sequence[Period]
) -> GrowthReport:
    """Report how a list grew in each part of a period."""
    readers = tx.reports.count_readers(mailing_list.id).total
    editions = tx.reports.list_edition_numbers(mailing_list.id, period)
    later_changes = tx.membership_counts.list_changes(mailing_list.id, period.since)
    kinds: Counter[str] = Counter()
    for change in select_period(later_changes, period):
        kinds[change.kind.value] += change.people
    return GrowthReport(
        list=mailing_list.slug,
        period=period,
        readers=readers,
        joined={kind.value: kinds[kind.value] for kind in JOINING_KINDS},
        left={kind.value: kinds[kind.value] for kind in LEAVING_KINDS},
        parts=sum_parts(parts, later_changes, editions, readers),
    )


def report_topics(tx: Transaction, mailing_list: MailingList, period: Period) -> TopicReport:
    """Report the readers of each topic on a list, and the stories of each topic that its editions
    carried in a period."""
    readers = tx.reports.count_readers(mailing_list.id)
    readers_by_topic = tx.reports.count_readers_by_topic(mailing_list.id)
    stories_by_topic = tx.reports.count_stories_by_topic(mailing_list.id, period)
    topics = [
        TopicNumbers(
            topic.slug,
            topic.get_name(mailing_list.language),
            readers_by_topic.get(topic.slug, 0),
            *stories_by_topic.get(topic.slug, (0, 0)),
        )
        for topic in tx.lists.list_topics()
    ]
    return TopicReport(
        list=mailing_list.slug,
        period=period,
        readers=readers.total,
        all_topics=readers.all_topics,
        topics=tuple(sorted(topics, key=lambda topic: (-topic.readers, topic.topic))),
    )


def report_edition(
    tx: Transaction, edition_id: int, describe_failure: DescribeFailure
) -> EditionReport:
    """Report the mails of one edition, and the readers who left by its links. Raises NotFound."""
    edition = get_edition(tx, edition_id)
    deliveries = tx.outbox.build_report(edition)
    return EditionReport(
        edition_id=edition.id,
        name=edition.name,
        list=lists.get_list(tx, edition.list).slug,
        state=edition.state.value,
        planned_at=edition.planned_at,
        finished_at=edition.finished_at,
        mails=sum_mails(
            [_build_numbers(deliveries)] if edition.planned_at else [],
            [
                FailureGroup(group.state, group.reply, group.count)
                for group in deliveries.replies
                if group.state in (DeliveryState.FAILED, DeliveryState.EXPIRED)
            ],
            describe_failure,
        ),
        by_language=deliveries.by_language,
        left_out={reason.value: count for reason, count in deliveries.excluded.items()},
        left=sum_leaving(tx.membership_counts.list_edition_changes(edition.id)),
        clicks=_list_story_clicks(tx, edition),
        left_by_reason=_map_reasons(leaving_reasons.count_reasons_by_edition(tx, edition.id)),
    )


def _list_story_clicks(tx: Transaction, edition: Edition) -> tuple[StoryClicks, ...] | None:
    """Return the clicks on each story with counted links, in the order of the stories; None if the
    edition has no counted link."""
    counted_stories = {
        link.story
        for body in tx.editions.list_bodies(edition)
        for link in list_counted_links(body).values()
    }
    if not counted_stories:
        return None
    clicks = {
        (story, clicker): count for story, clicker, count in tx.clicks.list_story_clicks(edition.id)
    }
    return tuple(
        StoryClicks(
            slug,
            round_clicks(clicks.get((slug, Clicker.READER), 0)),
            round_clicks(clicks.get((slug, Clicker.MACHINE), 0)),
        )
        for slug in edition.stories
        if slug in counted_stories
    )


def _build_numbers(deliveries: DeliveryReport) -> EditionNumbers:
    edition = deliveries.edition
    assert edition.planned_at is not None
    return EditionNumbers(
        edition.id,
        edition.name,
        edition.planned_at,
        deliveries.states,
        deferred=sum(
            group.count for group in deliveries.replies if group.state is DeliveryState.QUEUED
        ),
    )
