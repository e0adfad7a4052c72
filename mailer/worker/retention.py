"""What has been kept long enough goes: about once an hour, in many small transactions, so that
neither the calendar nor a sender waits for it.

For how long things are kept is set in ``[retention]``; 0 keeps them for ever. What is counted is
logged, never whose it was.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from dateutil.relativedelta import relativedelta

from mailer.app import Mailer
from mailer.audience import erasure
from mailer.log import Log
from mailer.store import Transaction

EVERY = timedelta(hours=1)
"""From the end of one round to the next."""

AT_ONCE = 1000
"""Rows in a transaction."""

PEOPLE_AT_ONCE = 50
"""People in a transaction: each is looked for in every edition."""

LIMITS_LAST = timedelta(days=2)
"""For how long it is kept what strangers have used up: the windows of limits are shorter."""

SOURCE = "retention"
"""Who did it, in the log of consent."""


class _Rule(NamedTuple):
    """What goes that is older than a moment: `find` says whether there is any, `do` takes out some
    of it, and says how many."""

    what: str
    before: datetime
    find: Callable[[Transaction, datetime], object]
    do: Callable[[Transaction, datetime], int]


class Retention:
    """One worker's rounds. Not for several threads at once."""

    def __init__(self, mailer: Mailer, log: Log) -> None:
        self._mailer = mailer
        self._log = log
        self._ended: datetime | None = None
        self._gone: Counter[str] = Counter()
        self._place = (0, "")

    def due(
        self, tx: Transaction, now: datetime
    ) -> list[tuple[str, Callable[[Transaction], None]]]:
        """The next steps of a round, with their names; none while it rests."""
        if self._ended is not None and timedelta() <= now - self._ended < EVERY:
            return []
        found = [rule for rule in self._rules(now) if rule.find(tx, rule.before)]
        if not found:
            self._ended = now
            if self._gone:
                self._log.info("kept long enough", **self._gone)
                self._gone.clear()
        return [(f"retention of {rule.what}", partial(self._take_out, rule)) for rule in found]

    def _take_out(self, rule: _Rule, tx: Transaction) -> None:
        self._gone[rule.what] += rule.do(tx, rule.before)

    def _rules(self, now: datetime) -> Iterator[_Rule]:
        ours = self._mailer.settings.retention
        yield _Rule(
            "sign_ups",
            now - self._mailer.links_last,
            lambda tx, before: tx.confirmations.any_before(before),
            lambda tx, before: tx.confirmations.drop_before(before, AT_ONCE),
        )
        yield _Rule(
            "limits",
            now - LIMITS_LAST,
            lambda tx, before: tx.allowances.any_before(before),
            lambda tx, before: tx.allowances.drop_before(before, AT_ONCE),
        )
        if ours.notices_days:
            yield _Rule(
                "notices",
                now - timedelta(days=ours.notices_days),
                lambda tx, before: tx.retention.outlived(before),
                _drop_notices,
            )
        if ours.deliveries_months:
            yield _Rule(
                "deliveries",
                now - relativedelta(months=ours.deliveries_months),
                lambda tx, before: tx.retention.uncleared(before),
                self._clear,
            )
        if ours.left_months:
            yield _Rule(
                "people",
                now - relativedelta(months=ours.left_months),
                lambda tx, before: tx.retention.left(before, 1),
                self._forget_people,
            )
        if ours.consent_years:
            yield _Rule(
                "consent",
                now - relativedelta(years=ours.consent_years),
                lambda tx, before: tx.retention.any_erased(before),
                lambda tx, before: tx.retention.drop_erased(before, AT_ONCE),
            )

    def _clear(self, tx: Transaction, before: datetime) -> int:
        """Go on where the last transaction ended: to begin anew each time would be to pass over
        all that it has done."""
        number = tx.retention.uncleared(before)
        if number is None:
            return 0
        after = self._place[1] if self._place[0] == number else ""
        count, last = tx.retention.clear(number, after, AT_ONCE, self._mailer.clock())
        self._place = number, last
        return count

    def _forget_people(self, tx: Transaction, before: datetime) -> int:
        """As if they had asked for it, but that they may come back: a sign-up is not stopped."""
        gone = 0
        for address in tx.retention.left(before, PEOPLE_AT_ONCE):
            # Found and kept as they are, and asked again: they may have come back meanwhile.
            if tx.subscribers.find_subscriber(address) is None:
                continue
            if not tx.retention.left(before, 1, address):
                continue
            gone += erasure.erase(
                tx.subscribers, address, self._mailer.clock(), source=SOURCE, may_return=True
            )
        return gone


def _drop_notices(tx: Transaction, before: datetime) -> int:
    number = tx.retention.outlived(before)
    return tx.retention.drop(number, AT_ONCE) if number is not None else 0
