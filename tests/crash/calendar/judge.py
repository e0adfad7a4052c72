"""Compare the database and the relay's record with the office's expectations. Pure: records in,
faults out.

Messages are judged like those of a single edition (:mod:`tests.crash.judge`), by the deliveries
that their Message-IDs name: those to every reader of every sent edition, and to staff.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.crash.calendar.database_contents import DatabaseContents, Edition
from tests.crash.calendar.expectations import Expectations, ExpectedOccurrence
from tests.crash.calendar.notice_checks import check_notices
from tests.crash.judge import Verdict as Messages
from tests.crash.judge import Witness
from tests.crash.judge import judge_trial as judge_messages
from tests.crash.recorder import AcceptedMessage
from tests.crash.trial_database import FinalDelivery

_ID = re.compile(r"<([0-9a-f]+)\.(\d+)@")


@dataclass(frozen=True, slots=True)
class CalendarVerdict:
    """The result of a comparison.

    `messages` counts lost and repeated messages, `made_twice` the occurrences of which more than
    one edition was made. `faults` describes every fault in words."""

    occurrences: int
    editions: int
    notices: int
    messages: Messages
    made_twice: int
    faults: tuple[str, ...]


def judge_calendar(
    expectations: Expectations,
    contents: DatabaseContents,
    record: Sequence[AcceptedMessage],
    witness: Witness,
) -> CalendarVerdict:
    messages = _judge_mails(expectations, contents, record, witness)
    made_twice = [*_check_made_twice(contents)]
    faults = [
        *made_twice,
        *_check_occurrences(expectations, contents),
        *_check_editions(expectations, contents),
        *_check_stories(expectations, contents),
        *_check_readers(expectations, contents),
        *check_notices(expectations, contents),
        *messages.examples,
    ]
    if messages.duplicates > witness.in_doubt:
        faults.append(
            f"{messages.duplicates} duplicates, and only {witness.in_doubt} doubts to explain them"
        )
    if witness.regressed_ids:
        faults.append(f"{len(witness.regressed_ids)} rows were sent, and later not sent")
    return CalendarVerdict(
        occurrences=len(expectations.occurrences),
        editions=sum(edition.state == "sent" for edition in _list_mailings(contents)),
        notices=sum(edition.kind == "notice" for edition in contents.editions),
        messages=messages,
        made_twice=len(made_twice),
        faults=tuple(faults),
    )


def _list_mailings(contents: DatabaseContents) -> list[Edition]:
    return [edition for edition in contents.editions if edition.kind == "mailing"]


# ---- occurrences and their editions -----------------------------------------------------------


def _check_made_twice(contents: DatabaseContents) -> Iterator[str]:
    edition_counts = Counter(
        (edition.digest, edition.wall, edition.zone) for edition in _list_mailings(contents)
    )
    for (digest, wall, _), count in edition_counts.items():
        if count > 1:
            yield f"{digest} at {wall} has {count} editions"


def _check_occurrences(expectations: Expectations, contents: DatabaseContents) -> Iterator[str]:
    rows_by_key = defaultdict(list)
    for row in contents.occurrences:
        rows_by_key[row.digest, row.wall].append(row)
    editions = {mailing.id: mailing for mailing in _list_mailings(contents)}
    for expected in expectations.occurrences:
        name = f"{expected.digest_slug} at {expected.rule_time}"
        matching_rows = rows_by_key.pop((expected.digest_slug, expected.rule_time), [])
        if len(matching_rows) != 1:
            yield f"{name} has {len(matching_rows)} rows"
            continue
        (row,) = matching_rows
        if row.state != expected.expected_state or not row.reason.startswith(expected.reason):
            yield (
                f"{name} is {row.state} ({row.reason}), "
                f"not {expected.expected_state} ({expected.reason})"
            )
        edition = editions.get(row.edition or 0)
        if expected.expected_state == "made":
            expected_time = (
                expected.digest_slug,
                expected.sent_at or expected.rule_time,
                expectations.zone,
            )
            if edition is None:
                yield f"{name} was made, and has no edition"
            elif (edition.digest, edition.wall, edition.zone) != expected_time:
                yield f"edition {edition.id} of {name} is at {edition.wall}"
        elif row.edition is not None:
            yield f"{name} is {row.state}, and has edition {row.edition}"
    for digest, wall in rows_by_key:
        yield f"{digest} at {wall} has a row, and is not expected"
    owner_counts = Counter(row.edition for row in contents.occurrences)
    for edition_id in editions:
        if owner_counts[edition_id] != 1:
            yield f"edition {edition_id} belongs to {owner_counts[edition_id]} occurrences"


def _check_editions(expectations: Expectations, contents: DatabaseContents) -> Iterator[str]:
    expected_by_key = {
        (expected.digest_slug, expected.sent_at or expected.rule_time): expected
        for expected in expectations.occurrences
    }
    last_ids: dict[str, int] = {}
    for edition in _list_mailings(contents):
        last_ids[edition.digest] = max(last_ids.get(edition.digest, 0), edition.id)
    for edition in _list_mailings(contents):
        expected = expected_by_key.get((edition.digest, edition.wall))
        if expected is not None and edition.state not in _find_allowed_states(
            expectations, edition, expected, last_ids[edition.digest]
        ):
            yield f"edition {edition.id} of {edition.digest} at {edition.wall} is {edition.state}"
        if (
            edition.is_review_requested != (edition.digest in expectations.reviewed_digests)
            and edition.state != "skipped"
        ):
            yield (
                f"edition {edition.id} of {edition.digest}: "
                f"review requested is {bool(edition.is_review_requested)}"
            )


def _find_allowed_states(
    expectations: Expectations, edition: Edition, expected: ExpectedOccurrence, last_id: int
) -> set[str]:
    if not expected.has_stories:
        return {"skipped"}
    may_expire = edition.digest in expectations.reviewed_digests and edition.id != last_id
    return {"sent", "expired"} if may_expire else {"sent"}


# ---- stories and readers ----------------------------------------------------------------------


def _check_stories(expectations: Expectations, contents: DatabaseContents) -> Iterator[str]:
    """Check that each story is in the frozen body of exactly one sent edition of its digest."""
    runs = {(run.digest, run.story): run.edition for run in contents.runs}
    sent = [edition for edition in _list_mailings(contents) if edition.state == "sent"]
    editions_by_key: dict[tuple[str, str], list[int]] = defaultdict(list)
    for edition in sent:
        stories = contents.bodies.get(edition.id, frozenset())
        if not stories:
            yield f"edition {edition.id} was sent without stories"
        for story in stories:
            editions_by_key[edition.digest, story].append(edition.id)
    expected_keys = {
        (digest, story)
        for digest, story_slugs in expectations.stories.items()
        for story in story_slugs
    }
    for digest, story in sorted(expected_keys | editions_by_key.keys()):
        edition_ids = editions_by_key[digest, story]
        if len(edition_ids) != 1 or (digest, story) not in expected_keys:
            yield f"story {story} of {digest} was sent in editions {edition_ids}"
        elif runs.get((digest, story)) != edition_ids[0]:
            run = runs.get((digest, story))
            yield f"story {story} of {digest} was sent in {edition_ids[0]}, and its row says {run}"


def _check_readers(expectations: Expectations, contents: DatabaseContents) -> Iterator[str]:
    """Check that each sent edition has a row for every reader, and no other edition has any."""
    rows: dict[int, list[str]] = defaultdict(list)
    for row in contents.deliveries:
        rows[row.edition].append(row.address)
        if row.state != "sent":
            yield f"delivery {row.id} of edition {row.edition} to {row.address} is {row.state}"
    for edition in _list_mailings(contents):
        expected_addresses = sorted(expectations.readers) if edition.state == "sent" else []
        if sorted(rows[edition.id]) != expected_addresses:
            yield f"edition {edition.id}, {edition.state}, has rows for {sorted(rows[edition.id])}"


# ---- messages ---------------------------------------------------------------------------------


def _judge_mails(
    expectations: Expectations,
    contents: DatabaseContents,
    record: Sequence[AcceptedMessage],
    witness: Witness,
) -> Messages:
    editions = {mailing.id: mailing for mailing in contents.editions}
    rows = {row.id: row for row in contents.deliveries}
    format_recipient: Callable[[int, str], str] = "edition {} to {}".format
    accepted_mails: list[AcceptedMessage] = []
    for accepted in record:
        match = _ID.match(accepted.message_id)
        row = rows.get(int(match[2])) if match else None
        edition = editions.get(row.edition) if row else None
        is_same_edition = match and edition and edition.uid == match[1]
        recipient = (
            format_recipient(row.edition, accepted.recipient)
            if row and is_same_edition
            else accepted.recipient
        )
        accepted_mails.append(AcceptedMessage(accepted.accepted_at, recipient, accepted.message_id))
    expected_recipients = [
        format_recipient(mailing.id, reader)
        for mailing in _list_mailings(contents)
        if mailing.state == "sent"
        for reader in expectations.readers
    ]
    expected_recipients += [
        format_recipient(row.edition, row.address)
        for row in contents.deliveries
        if editions[row.edition].kind == "notice"
    ]
    states = [
        FinalDelivery(row.id, format_recipient(row.edition, row.address), row.state)
        for row in contents.deliveries
    ]
    return judge_messages(expected_recipients, states, accepted_mails, witness)
