"""Find scans in the plans of both databases: reads of a whole table, or of a whole index of it.

A scan costs more with every row that the table gets. Not every read without a condition is a scan:

- A statement that has a LIMIT, follows an index in its order and leaves out no row reads only as
  many rows as it returns.
- Some indexes have few rows, whatever the size of their table (:data:`SMALL_INDEXES`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

GROWING_TABLES = frozenset(
    {
        "allowance", "approval", "approved_text", "article", "article_revision", "article_topic",
        "asset", "asset_rendition", "click_count", "confirmation", "consent", "contact",
        "contact_beat",
        "database_event", "delivery", "delivery_count",
        "digest_story", "edition", "edition_body", "edition_event", "edition_story",
        "edition_words", "embargo", "embargo_event", "exclusion", "file", "membership",
        "membership_change", "membership_count",
        "occurrence", "past_frequency", "source_item", "subscriber", "subscriber_alias",
        "subscriber_tag", "suppression",
    }
)  # fmt: skip
"""Tables that have more rows the longer an office works, or the more people it writes to. (A kill
happens a few times in the life of an office.)"""

SMALL_INDEXES: Mapping[str, str] = {
    "ix_delivery_in_flight": "connections × window of each worker",
    "ix_delivery_in_doubt": "deliveries that wait for a person, or for being sent again",
    "ix_edition_of_release": "press releases: far fewer than newsletters",
    "ix_edition_no_mailing": "notices and the days of service mails, until retention removes them",
}
"""Partial indexes with few rows, and which these are."""


class Scan(NamedTuple):
    """A scan: its table, and the index that was read instead, if any."""

    table: str
    index_name: str


# ---- SQLite --------------------------------------------------------------------------------------

_SQLITE_SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
_ALIAS = re.compile(r'\b(?:FROM|JOIN|,)\s*"?(\w+)"? AS "?(\w+)"?')
_SORT = "USE TEMP B-TREE FOR ORDER BY"


def read_sqlite_plan(sql: str, details: Sequence[str]) -> Iterator[Scan]:
    """Yield the scans of growing tables. `details` are the texts of ``EXPLAIN QUERY PLAN``."""
    tables = {alias: table for table, alias in _ALIAS.findall(sql)}
    follows_index = (
        " WHERE " not in " ".join(sql.split()) and " LIMIT " in sql and _SORT not in details
    )
    for detail in details:
        match = _SQLITE_SCAN.match(detail)
        if match is None or "VIRTUAL TABLE" in detail:
            continue
        table, index = tables.get(match[1], match[1]), match[2] or ""
        if table in GROWING_TABLES and index not in SMALL_INDEXES and not follows_index:
            yield Scan(table, index)


# ---- PostgreSQL ----------------------------------------------------------------------------------

_PASSED_THROUGH = frozenset(
    {"Nested Loop", "LockRows", "Incremental Sort", "Subquery Scan", "Result"}
)
"""Nodes that ask their first child for no more rows than they return."""


def read_postgresql_plan(node: Mapping[str, Any], *, is_limited: bool = False) -> Iterator[Scan]:
    """Yield the scans of growing tables. `node` is from ``EXPLAIN (FORMAT JSON)``; `is_limited`:
    not more rows are read from it than the statement returns."""
    if (table := node.get("Relation Name")) in GROWING_TABLES:
        index = node.get("Index Name", "")
        if node["Node Type"] == "Bitmap Heap Scan":
            index = _find_bitmap_index(node)
        reads_some = (
            "Index Cond" in node
            or "TID Cond" in node  # rows that another node has found
            or (node["Node Type"] == "Bitmap Heap Scan" and not index)
        )
        follows_index = is_limited and index and "Filter" not in node
        if "Scan" in node["Node Type"] and not (
            reads_some or follows_index or index in SMALL_INDEXES
        ):
            yield Scan(str(table), index)
    kind = node["Node Type"]
    for number, child in enumerate(node.get("Plans", ())):
        stays_limited = kind == "Limit" or (is_limited and kind in _PASSED_THROUGH and number == 0)
        is_helper = child.get("Parent Relationship") in {"InitPlan", "SubPlan"}
        yield from read_postgresql_plan(child, is_limited=stays_limited and not is_helper)


def _find_bitmap_index(node: Mapping[str, Any]) -> str:
    """Return the name of a bitmap's index that is read as a whole, or an empty string."""
    for child in node.get("Plans", ()):
        if child["Node Type"] == "Bitmap Index Scan" and "Index Cond" not in child:
            return str(child["Index Name"])
        if index := _find_bitmap_index(child):
            return index
    return ""
