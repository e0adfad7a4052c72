"""The period of a report, and its parts: days, weeks from Monday on, or months."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from mailer.errors import InputError
from mailer.model.reports import Period, ReportStep

MAX_PARTS = 800
"""Maximum number of parts of a period. A person does not read a longer table."""

_LENGTHS = {
    ReportStep.DAY: relativedelta(days=1),
    ReportStep.WEEK: relativedelta(weeks=1),
    ReportStep.MONTH: relativedelta(months=1),
}


def build_period(first_day: date, last_day: date | None, zone: ZoneInfo, now: datetime) -> Period:
    """Build the period from the beginning of a day to the end of another, in the office's time
    zone; it ends now, at the latest. Raises InputError if it would end before it begins."""
    try:
        since = _find_midnight(first_day, zone)
        until = now + timedelta(microseconds=1)  # so that it includes what happens now
        if last_day is not None:
            until = min(_find_midnight(last_day + timedelta(days=1), zone), until)
    except OverflowError as error:
        raise InputError("it is too late a day", field="until") from error
    if last_day is not None and last_day < first_day:
        raise InputError(
            f"{last_day} is before {first_day}",
            field="until",
            hint="give the last day of the report, or leave it out to count until now",
        )
    if since >= now:
        raise InputError(
            f"{first_day} has not begun",
            field="since",
            hint="give the first day of the report, such as the first of this month",
        )
    return Period(since, until)


def choose_step(period: Period) -> ReportStep:
    """Choose the parts that suit the length of a period: a table of about thirty rows at most."""
    length = period.until - period.since
    if length <= timedelta(days=32):
        return ReportStep.DAY
    return ReportStep.WEEK if length <= timedelta(weeks=27) else ReportStep.MONTH


def split_period(period: Period, step: ReportStep, zone: ZoneInfo) -> list[Period]:
    """Split a period at the beginnings of days, weeks or months in the office's time zone. The
    first and the last part may be shorter. Raises InputError for too many parts."""
    parts: list[Period] = []
    start = period.since
    while start < period.until:
        if len(parts) == MAX_PARTS:
            raise InputError(
                f"the period has more than {MAX_PARTS} parts",
                field="per",
                hint="count by week or month, or begin later",
            )
        end = min(_find_next_start(start, step, zone), period.until)
        parts.append(Period(start, end))
        start = end
    return parts


def _find_next_start(moment: datetime, step: ReportStep, zone: ZoneInfo) -> datetime:
    day = moment.astimezone(zone).date()
    if step is ReportStep.WEEK:
        day -= timedelta(days=day.weekday())
    elif step is ReportStep.MONTH:
        day = day.replace(day=1)
    return _find_midnight(day + _LENGTHS[step], zone)


def _find_midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the beginning of a day, in UTC: differences of moments in one zone ignore its change
    of clocks."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
