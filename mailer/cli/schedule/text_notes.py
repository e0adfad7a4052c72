"""Notes on texts written ahead that no edition will get."""

from datetime import datetime

from mailer.cli.output import Output
from mailer.digests import occurrence_texts
from mailer.digests.calendar import DigestCalendar
from mailer.store import SqlTransaction


def print_unplaced_texts(
    tx: SqlTransaction, calendar: DigestCalendar, now: datetime, out: Output
) -> None:
    """Name the texts written ahead for times at which no schedule has an occurrence any longer."""
    for text in occurrence_texts.find_unplaced_texts(tx, calendar, now):
        out.print_note(
            f"note: text is written ahead ({occurrence_texts.describe_texts([text])}) for "
            f"{text.rule_time:%a %d %b %Y %H:%M} {text.zone}, when no schedule has an "
            "occurrence: it is not used"
        )
