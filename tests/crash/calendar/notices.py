"""The judge's chapter on notices to staff: who is told what, and that it is told once."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.crash.calendar.books import Books, Edition
from tests.crash.calendar.office import APPROVER, WATCHER, Wishes

_LEADS = {
    "Approve ": "review",
    "Still to approve": "reminder",
    "Approved": "approved",
    "Sent": "sent",
    "Skipped": "skipped",
    "Held": "held",
    "Never approved": "expired",
}
"""What the subject of a notice begins with."""

_TO = {
    "review": {APPROVER},
    "reminder": {APPROVER},
    "approved": {APPROVER, WATCHER},
    "expired": {APPROVER, WATCHER},
}
"""Who is told; of all else the watcher is."""

_DIGEST = re.compile(r"Digest (d\d+)")


def kind(subject: str) -> tuple[str, str]:
    """Of what kind a notice is, and of which digest it tells."""
    digest = _DIGEST.search(subject)
    found = [word for lead, word in _LEADS.items() if subject.startswith(lead)]
    return (found[0] if found else f"unknown ({subject})"), digest[1] if digest else ""


def check(wishes: Wishes, books: Books) -> Iterator[str]:
    """Each that is missing, or told twice."""
    digests = {one.id: one.digest for one in books.editions}
    told: dict[int, Counter[str]] = defaultdict(Counter)
    for event in books.told:
        told[event.edition][event.kind] += 1
    for edition in books.editions:
        if edition.kind == "mailing":
            yield from _of_edition(edition, told[edition.id])
    wanted = Counter((event.kind, digests[event.edition]) for event in books.told)
    wanted += Counter((due.notice, due.digest) for due in wishes.dues if due.notice)
    notices = [one for one in books.editions if one.kind == "notice"]
    found = Counter(kind(one.name) for one in notices)
    for (what, digest), count in (wanted | found).items():
        if found[what, digest] != wanted[what, digest]:
            yield (
                f"notices {what!r} of {digest}: {found[what, digest]} were made, "
                f"and {wanted[what, digest]} should be, not {count}"
            )
    yield from _addressed(notices, books)


def _of_edition(edition: Edition, told: Counter[str]) -> Iterator[str]:
    at_least_once = {edition.state} if edition.state in {"sent", "skipped", "expired"} else set()
    if edition.asked and edition.state == "sent":  # staff approve only what they were told of
        at_least_once.add("review")
    for what in at_least_once - told.keys():
        yield f"edition {edition.id} is {edition.state}, and nobody was told: {what}"
    for what, count in told.items():
        if count > 1:
            yield f"edition {edition.id}: staff were told {count} times: {what}"


def _addressed(notices: list[Edition], books: Books) -> Iterator[str]:
    to: dict[int, list[str]] = defaultdict(list)
    for one in books.deliveries:
        to[one.edition].append(one.address)
    for notice in notices:
        what, _ = kind(notice.name)
        if sorted(to[notice.id]) != sorted(_TO.get(what, {WATCHER})):
            yield f"notice {notice.id} ({notice.name}) went to {to[notice.id]}"
        if notice.state != "sent":
            yield f"notice {notice.id} ({notice.name}) is {notice.state}"
