"""The times for which data is kept."""

from datetime import UTC, datetime, timedelta

from mailer.retention import ALLOWANCES_LAST, RetainedData, RetentionPeriods, find_limit

NOW = datetime(2026, 3, 31, 9, tzinfo=UTC)
WEEK = timedelta(days=7)


def test_periods_of_zero_keep_data_forever() -> None:
    limits = {kind: find_limit(RetentionPeriods(WEEK), kind, NOW) for kind in RetainedData}
    assert limits == {
        RetainedData.SIGN_UPS: NOW - WEEK,
        RetainedData.LIMITS: NOW - ALLOWANCES_LAST,
        RetainedData.NOTICES: None,
        RetainedData.DELIVERIES: None,
        RetainedData.PEOPLE: None,
        RetainedData.CONSENT: None,
        RetainedData.COUNTS: NOW,
        RetainedData.SEARCH: NOW,
    }


def test_months_and_years_are_counted_by_the_calendar() -> None:
    periods = RetentionPeriods(
        WEEK, notices_days=31, deliveries_months=1, left_months=13, consent_years=2
    )
    assert find_limit(periods, RetainedData.NOTICES, NOW) == NOW - timedelta(days=31)
    assert find_limit(periods, RetainedData.DELIVERIES, NOW) == NOW.replace(month=2, day=28)
    assert find_limit(periods, RetainedData.PEOPLE, NOW) == NOW.replace(year=2025, month=2, day=28)
    assert find_limit(periods, RetainedData.CONSENT, NOW) == NOW.replace(year=2024)
