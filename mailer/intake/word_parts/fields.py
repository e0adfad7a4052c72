"""Resolve fields: Word computes their text from an instruction (ECMA-376 part 1 §17.16).

Readers see a field's result. Links keep their switches, check boxes become characters, and the text
of all other fields stays as Word computed it last.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from mailer.intake.omissions import OmissionReport
from mailer.intake.word_parts.names import (
    W,
    is_deleted,
    is_on,
    make_element,
    make_run,
    make_text,
    parse_number,
    remove_element,
    unwrap_element,
)

_VISIBLE_TAGS = {
    f"{W}{name}"
    for name in ("t", "sym", "tab", "br", "cr", "noBreakHyphen", "drawing", "pict", "object")
}
_WITHOUT_RESULT = frozenset(
    {"ADVANCE", "ASK", "BOOKMARK", "NEXT", "NEXTIF", "PRIVATE", "RD", "SET", "SKIPIF", "TA", "TC",
     "XE"}
)  # fmt: skip
"""Fields that show nothing on the page."""

_DATES = frozenset({"DATE", "EDITTIME", "PRINTDATE", "SAVEDATE", "TIME"})
_ERROR = re.compile(
    r"(?:[!¡]?\s*(?:Error|Fehler|Erreur|Erro|Errore|Fout|Fel|Feil|Fejl|Błąd|Ошибка|Hata)\s*!"
    r"|错误\s*[!！]|錯誤\s*[!！]|エラー|خطأ\s*!)",
    re.IGNORECASE,
)
"""The beginning of the text that Word writes in place of a result that it can't compute."""

_PAGE_NUMBERS = frozenset({"NUMPAGES", "PAGE", "PAGEREF", "SECTIONPAGES"})
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"?|(\\[^\s"])|([^\s"]+)')


@dataclass(slots=True)
class _Field:
    begin: Any
    instruction: list[str] = field(default_factory=list)
    instruction_nodes: list[Any] = field(default_factory=list)
    hidden_nodes: list[Any] = field(default_factory=list)
    """Nodes of the instruction that look like text."""
    marks: list[Any] = field(default_factory=list)
    result: list[Any] = field(default_factory=list)
    is_in_result: bool = False


def resolve_fields(root: Any, report: OmissionReport) -> None:
    """Rewrite the fields in `root` as text and links that mammoth reads."""
    for simple in list(root.iter(f"{W}fldSimple")):
        _expand_simple_field(simple)
    stack: list[_Field] = []
    for node in list(root.iter()):
        if not isinstance(node.tag, str) or is_deleted(node):
            continue
        if node.tag == f"{W}fldChar":
            _handle_mark(node, stack, report)
        elif node.tag == f"{W}instrText":
            if stack and not stack[-1].is_in_result:
                stack[-1].instruction.append(node.text or "")
                stack[-1].instruction_nodes.append(node)
            else:
                remove_element(node)
        elif node.tag in _VISIBLE_TAGS and stack:
            instructing = next((item for item in stack if not item.is_in_result), None)
            if instructing is None:
                stack[-1].result.append(node)
            else:
                instructing.hidden_nodes.append(node)
                if node.tag == f"{W}t":
                    instructing.instruction.append(node.text or "")
    for item in stack:  # fields that never end: their text stays
        for mark in (*item.marks, *item.instruction_nodes):
            remove_element(mark)


def _expand_simple_field(simple: Any) -> None:
    """Replace a w:fldSimple by the runs of a complex field."""
    for kind in ("begin", "instruction", "separate", "end"):
        run = make_element("r")
        if kind == "instruction":
            text = make_element("instrText")
            text.text = simple.get(f"{W}instr", "")
            run.append(text)
        else:
            run.append(make_element("fldChar", fldCharType=kind))
        if kind == "end":
            simple.append(run)
        else:
            simple.insert(("begin", "instruction", "separate").index(kind), run)
    unwrap_element(simple)


def _handle_mark(node: Any, stack: list[_Field], report: OmissionReport) -> None:
    kind = node.get(f"{W}fldCharType")
    if kind == "begin":
        stack.append(_Field(node, marks=[node]))
    elif not stack:
        remove_element(node)
    elif kind == "separate":
        stack[-1].is_in_result = True
        stack[-1].marks.append(node)
    elif kind == "end":
        item = stack.pop()
        item.marks.append(node)
        _finish_field(item, stack, report)


def _finish_field(item: _Field, stack: list[_Field], report: OmissionReport) -> None:
    for node in item.hidden_nodes:
        remove_element(node)
    instruction = " ".join("".join(item.instruction).split())
    name = instruction.partition(" ")[0].upper()
    text = " ".join("".join(node.text or "" for node in item.result if node.tag == f"{W}t").split())
    is_in_instruction = any(not outer.is_in_result for outer in stack)
    if stack:
        target = next((outer for outer in stack if not outer.is_in_result), stack[-1])
        if not is_in_instruction:
            target.result += item.result
    if name == "HYPERLINK" and item.result and not is_in_instruction:
        address = _build_address(instruction)
        if item.instruction_nodes and address:
            item.instruction_nodes[0].text = f' HYPERLINK "{address}" '
            for node in item.instruction_nodes[1:]:
                remove_element(node)
            return
        report.add_omission("link to no web address", text)
    elif name == "FORMCHECKBOX":
        _insert_text(item, "☒" if _is_box_ticked(item.begin) else "☐")
    elif name == "FORMDROPDOWN" and not text:
        if choice := _find_choice(item.begin):
            _insert_text(item, choice)
    elif name == "TOC":
        for node in item.result:
            remove_element(node)
        report.add_omission("table of contents", text)
    elif not is_in_instruction:
        _report_field(name, instruction, text, item, report)
    for node in (*item.marks, *item.instruction_nodes):
        remove_element(node)


def _report_field(
    name: str, instruction: str, text: str, item: _Field, report: OmissionReport
) -> None:
    if name in _WITHOUT_RESULT:
        return
    if name in {"MACROBUTTON", "GOTOBUTTON"}:
        report.add_omission("field that was not filled in", instruction.partition(" ")[2])
    elif not item.result:
        kind = "formula" if name == "EQ" else "field that Word computes, without a result"
        report.add_omission(kind, instruction)
    elif name == "MERGEFIELD" and "«" in text:
        report.add_omission(
            "nothing, but a merge field of Word's own mailings is in the text", text
        )
    elif _ERROR.match(text):
        report.add_omission("nothing, but an error message of Word is in the text", text)
    elif name in _DATES:
        report.add_omission("nothing, but a date that Word computes is in the text", text)
    elif name in _PAGE_NUMBERS:
        report.add_omission("nothing, but a page number is in the text", text)


def _build_address(instruction: str) -> str:
    """Return the address of a HYPERLINK field (§17.16.5.25): \\l names a place on the page."""
    address = anchor = ""
    pending = ""
    for match in _TOKEN.finditer(instruction.partition(" ")[2]):
        if match[2]:
            pending = match[2].lower()
            continue
        value = match[3] or re.sub(r"\\(.)", r"\1", match[1] or "")
        if pending == "\\l":
            anchor = value
        elif pending not in {"\\o", "\\t", "\\s"} and not address:
            address = value
        pending = ""
    address = address.strip().replace('"', "%22").replace(" ", "%20")
    anchor = anchor.strip().replace('"', "%22").replace(" ", "%20")
    if not anchor:
        return address
    return f"{address.partition('#')[0]}#{anchor}"


def _is_box_ticked(begin: Any) -> bool:
    box = begin.find(f"{W}ffData/{W}checkBox")
    if box is None:
        return False
    checked = box.find(f"{W}checked")
    return is_on(checked if checked is not None else box.find(f"{W}default"))


def _find_choice(begin: Any) -> str:
    choices = begin.find(f"{W}ffData/{W}ddList")
    if choices is None:
        return ""
    entries = [entry.get(f"{W}val", "") for entry in choices.findall(f"{W}listEntry")]
    number = choices.find(f"{W}result")
    number = choices.find(f"{W}default") if number is None else number
    index = parse_number(None if number is None else number.get(f"{W}val"))
    return entries[index] if 0 <= index < len(entries) else ""


def _insert_text(item: _Field, text: str) -> None:
    for node in item.result:
        remove_element(node)
    run = item.begin.getparent()
    if run is None:
        return
    if run.tag == f"{W}r":
        run.insert(run.index(item.begin), make_text(text))
    else:
        run.append(make_run(text))
