"""Rewrite tables: hidden rows are left out. Empty or wider cells replace skipped and merged cells,
so that the columns stay in place."""

from typing import Any

from mailer.intake.omissions import OmissionReport
from mailer.intake.word_parts.names import (
    W,
    get_text,
    get_value,
    is_on,
    make_element,
    parse_number,
    remove_element,
)

MOST_COLUMNS = 63
"""Maximum number of columns of a table in Word."""


def rewrite_tables(root: Any, report: OmissionReport) -> None:
    for row in list(root.iter(f"{W}tr")):
        properties = row.find(f"{W}trPr")
        if properties is not None and is_on(properties.find(f"{W}hidden")):
            report.add_omission("hidden text", get_text(row))
            remove_element(row)
            continue
        if properties is not None and properties.find(f"{W}del") is not None:
            report.add_omission("tracked deletion", get_text(row))
            remove_element(row)
            continue
        _report_unseen_cells(row, report)
        _merge_cells(row)
        before = min(parse_number(get_value(properties, "gridBefore")), MOST_COLUMNS)
        after = min(parse_number(get_value(properties, "gridAfter")), MOST_COLUMNS)
        if before > 0:
            row.insert(row.index(properties) + 1, _make_empty_cell(before))
        if after > 0:
            row.append(_make_empty_cell(after))
    for table in root.iter(f"{W}tbl"):
        properties = table.find(f"{W}tblPr")
        if properties is not None and is_on(properties.find(f"{W}bidiVisual")):
            report.add_omission(
                "order of a table's columns from right to left, unless the article is so",
                get_text(table),
            )
    for table in list(root.iter(f"{W}tbl")):
        if table.find(f".//{W}tr") is None:
            remove_element(table)


def _report_unseen_cells(row: Any, report: OmissionReport) -> None:
    """Remove cells that are marked as deleted, and report text below cells that are merged."""
    for cell in list(row.iterchildren(f"{W}tc")):
        properties = cell.find(f"{W}tcPr")
        if properties is None:
            continue
        merge = properties.find(f"{W}vMerge")
        if properties.find(f"{W}cellDel") is not None:
            report.add_omission("tracked deletion", get_text(cell))
            remove_element(cell)
        elif merge is not None and merge.get(f"{W}val") != "restart" and (text := get_text(cell)):
            report.add_omission("hidden text", text)


def _merge_cells(row: Any) -> None:
    """Merge the cells that older programs have marked as merged (w:hMerge), and repair widths."""
    first = None
    for cell in list(row.iterchildren(f"{W}tc")):
        properties = cell.find(f"{W}tcPr")
        if properties is None:
            first = None
            continue
        span = properties.find(f"{W}gridSpan")
        if span is not None:
            width = min(max(parse_number(span.get(f"{W}val"), 1), 1), MOST_COLUMNS)
            span.set(f"{W}val", str(width))
        merge = properties.find(f"{W}hMerge")
        if merge is None:
            first = None
        elif merge.get(f"{W}val") == "restart":
            first = properties
        elif first is not None and not get_text(cell):
            _widen_cell(first)
            remove_element(cell)


def _widen_cell(properties: Any) -> None:
    span = properties.find(f"{W}gridSpan")
    if span is None:
        span = make_element("gridSpan", val="1")
        properties.append(span)
    span.set(f"{W}val", str(min(parse_number(span.get(f"{W}val"), 1) + 1, MOST_COLUMNS)))


def _make_empty_cell(width: int) -> Any:
    cell = make_element("tc")
    properties = make_element("tcPr")
    properties.append(make_element("gridSpan", val=str(width)))
    cell.append(properties)
    cell.append(make_element("p"))
    return cell
