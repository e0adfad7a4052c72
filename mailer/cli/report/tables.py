"""Reports in words and tables for people, and as CSV."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from csv import writer
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mailer.cli.output import Output, format_moment
from mailer.counts import count_noun
from mailer.model.reports import (
    EditionReport,
    GrowthReport,
    LeavingWay,
    ListReport,
    MailNumbers,
    Period,
    PeriodNumbers,
    ReaderCounts,
    StoryClicks,
    TopicReport,
)

_PART_COLUMNS = (
    "from", "to", "joined", "left", "readers_at_end", "editions", "sent", "failed",
)  # fmt: skip


# ---- words and tables ----------------------------------------------------------------------------


def print_list_report(out: Output, report: ListReport, zone: ZoneInfo) -> None:
    joined = sum(source.people for source in report.joined)
    left = sum(way.people for way in report.left)
    _print_lines(
        out,
        f"{report.name}, {_describe_period(report.period, zone)}",
        _describe_readers(report.readers),
        f"{joined:,} joined and {left:,} left in this time.",
        _describe_mails(report.mails),
        _describe_suppressed(report.suppressed),
    )
    _print_counts(
        out,
        ("joined", "source", "people"),
        [(source.kind, source.source, source.people) for source in report.joined],
    )
    _print_leaving(out, report.left)
    _print_counts(
        out,
        ("left by the links of edition", "", "people"),
        [(edition.edition_id, edition.name, edition.people) for edition in report.left_by_edition],
    )
    _print_mapping(out, "reason given for leaving", report.left_by_reason)
    _print_mapping(out, "mails failed because", report.mails.failed)
    _print_parts(out, report.parts, zone)


def print_growth_reports(
    out: Output, growth_reports: Sequence[GrowthReport], zone: ZoneInfo
) -> None:
    for report in growth_reports:
        joined, left = sum(report.joined.values()), sum(report.left.values())
        _print_lines(
            out,
            f"{report.list}, {_describe_period(report.period, zone)}",
            f"{count_noun(report.readers, 'reader')} now; {joined:,} joined and {left:,} left in "
            "this time.",
        )
        kinds = [*report.joined.items(), *((kind, -count) for kind, count in report.left.items())]
        _print_mapping(out, "change", {kind: count for kind, count in kinds if count})
        _print_parts(out, report.parts, zone)
    if not growth_reports:
        out.print_note("no list yet: mailer list add news --name News")


def print_topic_report(out: Output, report: TopicReport, zone: ZoneInfo) -> None:
    _print_lines(
        out,
        f"{report.list}, {_describe_period(report.period, zone)}",
        f"{count_noun(report.readers, 'reader')} now. {report.all_topics:,} of them chose no topic "
        "and get all; they are not counted below.",
    )
    rows = [
        (topic.topic, topic.name, topic.readers, topic.stories, topic.editions)
        for topic in report.topics
    ]
    out.print_table(
        rows,
        {
            "topic": "",
            "name": "",
            "readers who chose it": "right",
            "stories sent": "right",
            "in editions": "right",
        },
        rows,
        empty="no topic yet: mailer topic add health --name en=Health",
    )


def print_edition_report(out: Output, report: EditionReport) -> None:
    left = sum(way.people for way in report.left)
    _print_lines(
        out,
        f"Edition {report.edition_id}, {report.name}, to {report.list}: {report.state}.",
        f"Delivery began {format_moment(report.planned_at)}." if report.planned_at else "",
        f"It ended {format_moment(report.finished_at)}." if report.finished_at else "",
        _describe_mails(report.mails) if report.planned_at else "No mail was sent yet.",
        f"{count_noun(left, 'reader')} left by its links.",
    )
    _print_clicks(out, report.clicks)
    _print_mapping(out, "failed because", report.mails.failed)
    _print_leaving(out, report.left)
    _print_mapping(out, "reason given for leaving", report.left_by_reason)
    _print_mapping(out, "mails by language", report.by_language)
    _print_mapping(out, "left out", report.left_out)


def _print_clicks(out: Output, clicks: Sequence[StoryClicks] | None) -> None:
    if clicks is None:
        return
    rows = [
        (story.story, _format_clicks(story.readers), _format_clicks(story.machines))
        for story in clicks
    ]
    columns = {"clicks on story": "", "readers, at least": "right", "machines": "right"}
    out.print_table(rows, columns, rows)


def _format_clicks(clicks: int | None) -> str:
    return "under 10" if clicks is None else f"{clicks:,}"


def _print_lines(out: Output, *lines: str) -> None:
    for line in filter(None, lines):
        out.print_record(line, line)


def _describe_period(period: Period, zone: ZoneInfo) -> str:
    """Describe a period by its first and its last day. A period that ends at midnight ends with the
    day before."""
    last_moment = period.until - timedelta(microseconds=1)
    first, last = (moment.astimezone(zone) for moment in (period.since, last_moment))
    return f"{first:%d %b %Y} to {last:%d %b %Y} ({zone.key}):"


def _describe_readers(readers: ReaderCounts) -> str:
    text = (
        f"{count_noun(readers.total, 'reader')} now: {readers.with_topics:,} chose topics, "
        f"{readers.all_topics:,} chose none and get all."
    )
    if readers.paused or readers.suppressed:
        text += (
            f" {readers.paused:,} of them have paused mail, and {readers.suppressed:,} are "
            "suppressed."
        )
    if readers.pending:
        text += f" {readers.pending:,} more never confirmed."
    return text


def _describe_mails(mails: MailNumbers) -> str:
    failed = sum(mails.failed.values())
    text = (
        f"{count_noun(mails.planned, 'mail')} of {count_noun(mails.editions, 'edition')}: "
        f"{mails.sent:,} sent, {mails.deferred:,} deferred, {failed:,} failed"
    )
    others = [f"{count:,} {state}" for state, count in mails.other.items()]
    return ", ".join([text, *others]) + "."


def _describe_suppressed(suppressed: Mapping[str, int]) -> str:
    if not suppressed:
        return ""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in suppressed.items())
    return f"Addresses suppressed in this time, on all lists: {reasons}."


def _print_leaving(out: Output, ways: Iterable[LeavingWay]) -> None:
    _print_counts(out, ("left", "by", "people"), [(way.kind, way.way, way.people) for way in ways])


def _print_mapping(out: Output, title: str, counts: Mapping[str, int]) -> None:
    _print_counts(out, (title, ""), list(counts.items()))


def _print_counts(out: Output, titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table whose last column holds numbers, unless it is empty."""
    if rows:
        columns = dict.fromkeys(titles, "") | {titles[-1]: "right"}
        out.print_table(rows, columns, [(*row[:-1], f"{row[-1]:,}") for row in rows])


def _print_parts(out: Output, parts: Iterable[PeriodNumbers], zone: ZoneInfo) -> None:
    rows = [
        (
            f"{part.since.astimezone(zone):%a %d %b %Y}",
            f"{part.joined:,}",
            f"{part.left:,}",
            f"{part.readers:,}",
            f"{part.editions:,}",
            f"{part.sent:,}",
            f"{part.failed:,}",
        )
        for part in parts
    ]
    titles = ("joined", "left", "readers at the end", "editions", "sent", "failed")
    out.print_table(rows, {"from": "", **dict.fromkeys(titles, "right")}, rows)


# ---- CSV -----------------------------------------------------------------------------------------


def write_parts(slug: str, parts: Iterable[PeriodNumbers], zone: ZoneInfo) -> None:
    """Write a line for each part of a period."""
    _write_csv(("list", *_PART_COLUMNS), _list_part_rows(slug, parts, zone))


def write_growth(growth_reports: Iterable[GrowthReport], zone: ZoneInfo) -> None:
    rows = [
        row for report in growth_reports for row in _list_part_rows(report.list, report.parts, zone)
    ]
    _write_csv(("list", *_PART_COLUMNS), rows)


def _list_part_rows(
    slug: str, parts: Iterable[PeriodNumbers], zone: ZoneInfo
) -> list[tuple[Any, ...]]:
    return [
        (
            slug,
            _format_time(part.since, zone),
            _format_time(part.until, zone),
            part.joined,
            part.left,
            part.readers,
            part.editions,
            part.sent,
            part.failed,
        )
        for part in parts
    ]


def write_topics(report: TopicReport) -> None:
    rows: list[tuple[Any, ...]] = [
        (topic.topic, topic.name, topic.readers, topic.stories, topic.editions)
        for topic in report.topics
    ]
    rows.append(("", "(no topic chosen)", report.all_topics, "", ""))
    _write_csv(("topic", "name", "readers", "stories", "editions"), rows)


def write_edition(report: EditionReport) -> None:
    """Write a line for each number of an edition."""
    mails = report.mails
    _write_csv(
        ("number", "of", "count"),
        [
            ("planned", "", mails.planned),
            ("sent", "", mails.sent),
            ("deferred", "", mails.deferred),
            *(("failed", reason, count) for reason, count in mails.failed.items()),
            *(("other", state, count) for state, count in mails.other.items()),
            *(("language", language, count) for language, count in report.by_language.items()),
            *(("left out", reason, count) for reason, count in report.left_out.items()),
            *((way.kind, way.way, way.people) for way in report.left),
            *(("clicks of readers", row.story, row.readers) for row in report.clicks or ()),
            *(("clicks of machines", row.story, row.machines) for row in report.clicks or ()),
            *(("reason for leaving", reason, n) for reason, n in report.left_by_reason.items()),
        ],
    )


def _format_time(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="minutes")


def _write_csv(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    from mailer.intake.csv_reader import escape_formula

    out = writer(sys.stdout, lineterminator="\n")
    out.writerow(titles)
    for row in rows:
        out.writerow([escape_formula(cell) if isinstance(cell, str) else cell for cell in row])
