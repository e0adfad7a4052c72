"""Reports: how many readers a list has, who came and who left, and what became of the mails.

    periods.py    the period of a report, and its parts
    numbers.py    sums over editions and changes of membership
    reporting.py  the reports

Reports count; they show no name. What is removed by retention or erasure changes none of their
numbers about the past. Opened mails are not counted: a mail program loads pictures by itself, or
never, so that their number says nothing about readers.
"""

from mailer.reports.periods import build_period, choose_step, split_period
from mailer.reports.reporting import (
    report_edition,
    report_growth,
    report_list,
    report_topics,
)

__all__ = [
    "build_period",
    "choose_step",
    "report_edition",
    "report_growth",
    "report_list",
    "report_topics",
    "split_period",
]
