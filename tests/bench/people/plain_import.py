"""The least that an import can do: read a CSV file with ``csv``, and insert its people with
``executemany`` into the same columns and indexes, without checking anything.

The arguments are a new office's database, which is changed, and the file of people.
"""

import csv
import hashlib
import sqlite3
import sys
from itertools import islice
from pathlib import Path

BATCH = 1000
MOMENT = "2026-01-05 10:00:00.000000"


def import_people(database_path: str, file: str) -> int:
    """Import the people of the bench's file onto the first list. Returns their number."""
    database = sqlite3.connect(database_path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        database.execute(f"PRAGMA {pragma}")
    ((list_id, slug),) = database.execute("SELECT id, slug FROM mailing_list").fetchall()
    topic_ids = dict(database.execute("SELECT slug, id FROM topic"))
    topic_set_ids: dict[str, int] = {}
    count = 0
    with Path(file).open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        next(reader)
        while rows := list(islice(reader, BATCH)):
            database.execute("BEGIN IMMEDIATE")
            for topics in {row[4] for row in rows} - {""} - topic_set_ids.keys():
                ids = sorted(topic_ids[topic] for topic in topics.split(";"))
                topic_set_ids[topics] = topic_set_id = len(topic_set_ids) + 1
                database.execute(
                    "INSERT INTO topic_set VALUES (?, ?)",
                    (topic_set_id, ",".join(map(str, ids))),
                )
                database.executemany(
                    "INSERT INTO topic_set_topic VALUES (?, ?)",
                    [(topic_set_id, topic_id) for topic_id in ids],
                )
            keys = [hashlib.sha256(row[0].encode()).hexdigest()[:32] for row in rows]
            numbers = range(count + 1, count + 1 + len(rows))
            database.execute("INSERT INTO search_state VALUES ('bulk', 0)")
            database.executemany(
                "INSERT INTO subscriber VALUES (?, ?, ?, ?, ?, ?, '', ?, 'a fair', ?)",
                [
                    (number, row[0], key, row[1], row[2], row[3], _build_search_text(row), MOMENT)
                    for number, row, key in zip(numbers, rows, keys, strict=True)
                ],
            )
            database.execute(
                "INSERT INTO subscriber_search (rowid, search_text) "
                "SELECT id, search_text FROM subscriber WHERE id > ?",
                (count,),
            )
            database.execute("DELETE FROM search_state")
            database.executemany(
                "INSERT INTO subscriber_tag VALUES (?, ?)",
                [(number, row[5]) for number, row in zip(numbers, rows, strict=True) if row[5]],
            )
            database.executemany(
                "INSERT INTO membership VALUES (?, ?, 'active', ?, '', 'every', NULL, ?, NULL)",
                [
                    (list_id, number, topic_set_ids.get(row[4]), MOMENT)
                    for number, row in zip(numbers, rows, strict=True)
                ],
            )
            database.executemany(
                "INSERT INTO consent (at, act, list, subscriber_id, address_key, address, source, "
                "basis, detail, actor_key) "
                "VALUES (?, 'imported', ?, ?, ?, ?, 'a fair', 'consent', ?, 'local:bench')",
                [
                    (MOMENT, slug, number, key, row[0], f"topics: {row[4]}")
                    for number, row, key in zip(numbers, rows, keys, strict=True)
                ],
            )
            database.execute("COMMIT")
            count += len(rows)
    database.close()
    return count


def _build_search_text(row: list[str]) -> str:
    return "".join(f"  {word}" for word in f"{row[1]} {row[0]}".lower().split())


if __name__ == "__main__":
    print(import_people(*sys.argv[1:]))
