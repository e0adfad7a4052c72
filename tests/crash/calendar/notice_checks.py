"""Check notices to staff: each goes to the right people, and once."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.crash.calendar.database_contents import DatabaseContents, Edition
from tests.crash.calendar.expectations import Expectations
from tests.crash.calendar.fixtures import APPROVER, WATCHER

_KIND_BY_SUBJECT = {
    "Approve ": "review",
    "Approve: ": "review",
    "Still to approve": "reminder",
    "Approved": "approved",
    "Sent": "sent",
    "Skipped": "skipped",
    "Held": "held",
    "Never approved": "expired",
}
"""The kind of a notice, by the start of its subject."""

_RECIPIENTS = {
    "review": {APPROVER},
    "reminder": {APPROVER},
    "approved": {APPROVER, WATCHER},
    "expired": {APPROVER, WATCHER},
}
"""The addresses that get a kind of notice; other kinds go to the watcher."""

_DIGEST = re.compile(r"Digest (d\d+)")


def classify_notice(subject: str) -> tuple[str, str]:
    """Return the kind of a notice, and the slug of the digest it is about."""
    match = _DIGEST.search(subject)
    kinds = [kind for prefix, kind in _KIND_BY_SUBJECT.items() if subject.startswith(prefix)]
    return (kinds[0] if kinds else f"unknown ({subject})"), match[1] if match else ""


def check_notices(expectations: Expectations, contents: DatabaseContents) -> Iterator[str]:
    """Check that no notice is missing, and none was made twice."""
    digest_by_edition = {mailing.id: mailing.digest for mailing in contents.editions}
    notified_counts: dict[int, Counter[str]] = defaultdict(Counter)
    for event in contents.notifications:
        notified_counts[event.edition][event.kind] += 1
    for edition in contents.editions:
        if edition.kind == "mailing":
            yield from _check_edition_notices(edition, notified_counts[edition.id])
    expected_counts = Counter(
        (event.kind, digest_by_edition[event.edition]) for event in contents.notifications
    )
    expected_counts += Counter(
        (expected.notice, expected.digest_slug)
        for expected in expectations.occurrences
        if expected.notice
    )
    notices = [notice for notice in contents.editions if notice.kind == "notice"]
    made_counts = Counter(classify_notice(notice.name) for notice in notices)
    for kind, digest in expected_counts | made_counts:
        if made_counts[kind, digest] != expected_counts[kind, digest]:
            yield (
                f"notices {kind!r} of {digest}: {made_counts[kind, digest]} were made, "
                f"and {expected_counts[kind, digest]} expected"
            )
    yield from _check_addressees(notices, contents)


def _check_edition_notices(edition: Edition, notified_counts: Counter[str]) -> Iterator[str]:
    required_kinds = {edition.state} if edition.state in {"sent", "skipped", "expired"} else set()
    if edition.is_review_requested and edition.state == "sent":
        # The staff of the simulation approve only editions that they got a notice about.
        required_kinds.add("review")
    for kind in required_kinds - notified_counts.keys():
        yield f"edition {edition.id} is {edition.state}, and has no notice {kind!r}"
    for kind, count in notified_counts.items():
        if count > 1:
            yield f"edition {edition.id} has {count} notices {kind!r}"


def _check_addressees(notices: list[Edition], contents: DatabaseContents) -> Iterator[str]:
    addresses_by_edition: dict[int, list[str]] = defaultdict(list)
    for delivery in contents.deliveries:
        addresses_by_edition[delivery.edition].append(delivery.address)
    for notice in notices:
        kind, _ = classify_notice(notice.name)
        if sorted(addresses_by_edition[notice.id]) != sorted(_RECIPIENTS.get(kind, {WATCHER})):
            yield f"notice {notice.id} ({notice.name}) went to {addresses_by_edition[notice.id]}"
        if notice.state != "sent":
            yield f"notice {notice.id} ({notice.name}) is {notice.state}"
