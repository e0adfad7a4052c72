"""The books and the relay's record against the office's wishes. Pure: records in, faults out.

Messages are judged as those of a single edition are (:mod:`tests.crash.judge`), by the deliveries
that their Message-IDs name: of every reader of every edition that was sent, and of staff.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.crash.calendar import notices
from tests.crash.calendar.books import Books, Edition
from tests.crash.calendar.office import Due, Wishes
from tests.crash.judge import Verdict as Messages
from tests.crash.judge import Witness
from tests.crash.judge import judge as judge_messages
from tests.crash.recorder import Accepted
from tests.crash.scene import Row

_ID = re.compile(r"<([0-9a-f]+)\.(\d+)@")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`twice` are occurrences of which more than one edition was made. `faults` are all that must
    not be, in words, `messages` what became of each."""

    occurrences: int
    editions: int
    notices: int
    messages: Messages
    twice: int
    faults: tuple[str, ...]


def judge(wishes: Wishes, books: Books, record: Sequence[Accepted], witness: Witness) -> Verdict:
    messages = _messages(wishes, books, record, witness)
    twice = [*_made_twice(books)]
    faults = [
        *twice,
        *_occurrences(wishes, books),
        *_editions(wishes, books),
        *_stories(wishes, books),
        *_readers(wishes, books),
        *notices.check(wishes, books),
        *messages.examples,
    ]
    if messages.duplicates > witness.in_doubt:
        faults.append(f"{messages.duplicates} duplicates, and only {witness.in_doubt} doubts")
    if witness.fell:
        faults.append(f"{len(witness.fell)} rows were sent, and later were not")
    return Verdict(
        occurrences=len(wishes.dues),
        editions=sum(one.state == "sent" for one in _mailings(books)),
        notices=sum(one.kind == "notice" for one in books.editions),
        messages=messages,
        twice=len(twice),
        faults=tuple(faults),
    )


def _mailings(books: Books) -> list[Edition]:
    return [one for one in books.editions if one.kind == "mailing"]


# ---- occurrences and their editions -----------------------------------------------------------


def _made_twice(books: Books) -> Iterator[str]:
    made = Counter((one.digest, one.wall, one.zone) for one in _mailings(books))
    for (digest, wall, _), count in made.items():
        if count > 1:
            yield f"of {digest} at {wall} {count} editions were made"


def _occurrences(wishes: Wishes, books: Books) -> Iterator[str]:
    rows = defaultdict(list)
    for row in books.occurrences:
        rows[row.digest, row.wall].append(row)
    editions = {one.id: one for one in _mailings(books)}
    for due in wishes.dues:
        found = rows.pop((due.digest, due.wall), [])
        if len(found) != 1:
            yield f"{due.digest} at {due.wall} has {len(found)} rows"
            continue
        (row,) = found
        if row.state != due.becomes or not row.reason.startswith(due.reason):
            yield (
                f"{due.digest} at {due.wall} is {row.state} ({row.reason}), "
                f"not {due.becomes} ({due.reason})"
            )
        edition = editions.get(row.edition or 0)
        if due.becomes == "made":
            wanted = (due.digest, due.sent_at or due.wall, wishes.zone)
            if edition is None:
                yield f"{due.digest} at {due.wall} was made, and has no edition"
            elif (edition.digest, edition.wall, edition.zone) != wanted:
                yield f"edition {edition.id} of {due.digest} at {due.wall} is at {edition.wall}"
        elif row.edition is not None:
            yield f"{due.digest} at {due.wall} is {row.state}, and has edition {row.edition}"
    for digest, wall in rows:
        yield f"{digest} at {wall} was never planned"
    owned = Counter(row.edition for row in books.occurrences)
    for number in editions:
        if owned[number] != 1:
            yield f"edition {number} is of {owned[number]} occurrences"


def _editions(wishes: Wishes, books: Books) -> Iterator[str]:
    dues = {(due.digest, due.sent_at or due.wall): due for due in wishes.dues}
    last: dict[str, int] = {}
    for one in _mailings(books):
        last[one.digest] = max(last.get(one.digest, 0), one.id)
    for one in _mailings(books):
        due = dues.get((one.digest, one.wall))
        if due is not None and one.state not in _may_be(wishes, one, due, last[one.digest]):
            yield f"edition {one.id} of {one.digest} at {one.wall} is {one.state}"
        if one.asked != (one.digest in wishes.of_people) and one.state != "skipped":
            yield f"edition {one.id} of {one.digest}: approval asked is {bool(one.asked)}"


def _may_be(wishes: Wishes, edition: Edition, due: Due, last: int) -> set[str]:
    if not due.stories:
        return {"skipped"}
    late = edition.digest in wishes.of_people and edition.id != last
    return {"sent", "expired"} if late else {"sent"}


# ---- stories and readers ----------------------------------------------------------------------


def _stories(wishes: Wishes, books: Books) -> Iterator[str]:
    """Each story is in just one edition of its digest that was sent, by the frozen body."""
    runs = {(run.digest, run.story): run.edition for run in books.runs}
    sent = [one for one in _mailings(books) if one.state == "sent"]
    holding: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in sent:
        stories = books.bodies.get(one.id, frozenset())
        if not stories:
            yield f"edition {one.id} was sent without stories"
        for story in stories:
            holding[one.digest, story].append(one.id)
    wanted = {(digest, story) for digest, some in wishes.stories.items() for story in some}
    for digest, story in sorted(wanted | holding.keys()):
        found = holding[digest, story]
        if len(found) != 1 or (digest, story) not in wanted:
            yield f"story {story} of {digest} was sent in editions {found}"
        elif runs.get((digest, story)) != found[0]:
            run = runs.get((digest, story))
            yield f"story {story} of {digest} was sent in {found[0]}, and its row says {run}"


def _readers(wishes: Wishes, books: Books) -> Iterator[str]:
    """Each edition that was sent has a row for every reader; no other has any."""
    rows: dict[int, list[str]] = defaultdict(list)
    for row in books.deliveries:
        rows[row.edition].append(row.address)
        if row.state != "sent":
            yield f"delivery {row.id} of edition {row.edition} to {row.address} is {row.state}"
    for one in _mailings(books):
        wanted = sorted(wishes.readers) if one.state == "sent" else []
        if sorted(rows[one.id]) != wanted:
            yield f"edition {one.id}, {one.state}, has rows for {sorted(rows[one.id])}"


# ---- messages ---------------------------------------------------------------------------------


def _messages(
    wishes: Wishes, books: Books, record: Sequence[Accepted], witness: Witness
) -> Messages:
    editions = {one.id: one for one in books.editions}
    rows = {row.id: row for row in books.deliveries}
    name: Callable[[int, str], str] = "edition {} to {}".format
    known: list[Accepted] = []
    for one in record:
        found = _ID.match(one.message_id)
        row = rows.get(int(found[2])) if found else None
        edition = editions.get(row.edition) if row else None
        same = found and edition and edition.uid == found[1]
        recipient = name(row.edition, one.recipient) if row and same else one.recipient
        known.append(Accepted(one.at, recipient, one.message_id))
    wanted = [
        name(one.id, reader)
        for one in _mailings(books)
        if one.state == "sent"
        for reader in wishes.readers
    ]
    wanted += [
        name(row.edition, row.address)
        for row in books.deliveries
        if editions[row.edition].kind == "notice"
    ]
    states = [Row(row.id, name(row.edition, row.address), row.state) for row in books.deliveries]
    return judge_messages(wanted, states, known, witness)
