"""Long Word files: their runs are joined, no part of their reading is quadratic, and a folder's
other files don't wait for them."""

import os
import time
from pathlib import Path

import pytest

from mailer.errors import InputError
from mailer.intake import sources
from mailer.intake.drafts import DraftDefaults
from mailer.intake.omissions import OmissionReport
from mailer.intake.sources import load_word_file, read_source
from mailer.intake.word_parts import rewrite_package
from mailer.intake.word_parts.names import W
from mailer.intake.word_parts.package import WordPackage
from mailer.model.sources import SourceKind, SourceSettings
from tests.unit.intake.word_files import build_word_file, make_paragraph, make_run, read_body
from tests.unit.samples import NOW

DEFAULTS = DraftDefaults(NOW)
PAGE_BREAK = '<w:r><w:br w:type="page"/></w:r>'


def write_file(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    os.utime(path, (time.time() - 100,) * 2)


def test_adjacent_runs_of_same_format_are_joined() -> None:
    words = [
        make_run("The quay ", '<w:rFonts w:ascii="Arial"/><w:lang w:val="en-GB"/>'),
        make_run("opens ", '<w:sz w:val="22"/>'),
        make_run("at ", "<w:b/>"),
        make_run("noon", '<w:b/><w:color w:val="112233"/>'),
    ]
    package = WordPackage(build_word_file(make_paragraph(content="".join(words))))
    rewrite_package(package, OmissionReport(), lambda data: None)
    (body,) = package.list_body_parts()
    assert ["".join(run.itertext()) for run in body.root.iter(f"{W}r")] == [
        "The quay opens ",
        "at noon",
    ]
    draft = read_body(make_paragraph(content="".join(words)))
    assert draft.content.body == "The quay opens **at noon**"


def test_joined_runs_keep_links_notes_and_breaks() -> None:
    field = "".join(
        f"<w:r>{child}</w:r>"
        for child in (
            '<w:fldChar w:fldCharType="begin"/>',
            '<w:instrText> HYPERLINK "https://harbour.example/" </w:instrText>',
            '<w:fldChar w:fldCharType="separate"/>',
            "<w:t>the </w:t>",
            "<w:t>plan</w:t>",
            '<w:fldChar w:fldCharType="end"/>',
        )
    )
    content = make_run("See ") + field + "<w:r><w:br/></w:r>" + make_run("and ") + make_run("sign.")
    draft = read_body(make_paragraph(content=content))
    assert draft.content.body == "See [the plan](https://harbour.example/)\\\nand sign."


@pytest.mark.parametrize(
    "body",
    [
        make_paragraph(content=(make_run("a") + PAGE_BREAK) * 1500),
        make_paragraph("A", properties='<w:framePr w:dropCap="drop"/>') * 1500
        + make_paragraph("b"),
        make_paragraph("Some words of a list.") * 400,
    ],
    ids=["page breaks", "drop caps", "paragraphs"],
)
def test_word_file_takes_no_quadratic_time(body: str) -> None:
    start = time.thread_time()
    read_body(body)
    assert time.thread_time() - start < 3, "quadratic reading took 5 s to 60 s"


def test_folder_leaves_long_word_files_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LONG_WORD_TAGS", 600)
    write_file(tmp_path / "long.docx", build_word_file(make_paragraph("Words.") * 200))
    write_file(tmp_path / "short.docx", build_word_file(make_paragraph("Words.")))
    write_file(tmp_path / "torn.docx", build_word_file(make_paragraph("Words.") * 200)[:-9])
    settings = SourceSettings("office", SourceKind.FOLDER, str(tmp_path))
    content = read_source(settings, DEFAULTS)
    assert content.long_files == (tmp_path / "long.docx",)
    assert [draft.origin for draft in content.batch.drafts] == [str(tmp_path / "short.docx")]
    assert [problem.origin for problem in content.batch.problems] == [str(tmp_path / "torn.docx")]


def test_word_file_with_too_many_tags_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_WORD_TAGS", 600)
    write_file(tmp_path / "long.docx", build_word_file(make_paragraph("Words.") * 200))
    with pytest.raises(InputError, match="more than 600 tags"):
        load_word_file(tmp_path / "long.docx", DEFAULTS)


@pytest.mark.parametrize(
    "part",
    [
        make_run("tide ", "<w:caps/>") + make_run("table "),
        f'<w:fldSimple w:instr="REF a">{make_run("tide ")}</w:fldSimple>',
        f"<w:sdt><w:sdtPr/><w:sdtContent>{make_run('tide ')}</w:sdtContent></w:sdt>",
    ],
)
def test_word_paragraph_of_many_parts_takes_linear_time(part: str) -> None:
    def measure(count: int) -> float:
        data = build_word_file(f"<w:p>{part * count}</w:p>")
        started = time.process_time()
        rewrite_package(WordPackage(data), OmissionReport(), lambda data: None)
        return time.process_time() - started

    measure(100)  # loads what is loaded once
    short, long = min(measure(500), measure(500)), measure(4000)
    assert long < 8 * 3 * short + 0.2
