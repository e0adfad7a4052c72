"""Zip archives are what their directory says, or are refused."""

import zipfile
from io import BytesIO
from pathlib import Path

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import InputError
from mailer.intake.archives import LARGEST, MOST_ENTRIES, check_zip


def archive(**files: bytes) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as writing:
        for name, held in files.items():
            writing.writestr(name, held)
    return made.getvalue()


def refused(data: bytes) -> InputError:
    with pytest.raises(InputError) as raised:
        check_zip(data, "statement.docx")
    assert raised.value.where == "statement.docx"
    return raised.value


def test_a_word_file_passes(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("Statement")
    document.save(str(tmp_path / "statement.docx"))
    check_zip((tmp_path / "statement.docx").read_bytes(), "statement.docx")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_zipfile_writes_passes_streamed_or_not(method: int) -> None:
    class Stream(BytesIO):
        def seekable(self) -> bool:
            return False

    for made in (BytesIO(), Stream()):
        with zipfile.ZipFile(made, "w", method) as writing:
            writing.writestr("word/été.xml", b"<w/>" * 9000)
            writing.writestr("empty", b"")
            writing.comment = b"made by a test"
        check_zip(made.getvalue(), "")


def test_what_stands_before_an_archive_is_no_reason(tmp_path: Path) -> None:
    check_zip(b"#!/bin/sh\n" + archive(a=b"held"), "")


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../a", "word/../../a", "..", "\\a", "a\\..\\b", "C:/a", "c:a", "a\0b", "a/.."],
)
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    data = archive(**{"N" * len(name): b"held"})
    data = data.replace(b"N" * len(name), name.encode())
    assert "leads out" in refused(data).message


def test_a_name_that_only_looks_like_it_passes() -> None:
    check_zip(archive(**{"a..b": b"", "...": b"", "word/.rels": b"", "a/": b""}), "")


def test_two_files_of_one_name_are_refused() -> None:
    data = archive(**{"word/a.xml": b"one", "WORD/B.xml": b"two"}).replace(b"WORD/B", b"WORD/A")
    assert "one name" in refused(data).message


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_uncommon_packing_is_refused(method: int) -> None:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", method) as writing:
        writing.writestr("a", b"held")
    assert "uncommon" in refused(made.getvalue()).message


def test_a_directory_that_lies_is_refused() -> None:
    good = archive(a=bytes(5000))
    directory = good.index(b"PK\x01\x02")
    for at, lie in ((24, b"\x01\0\0\0"), (24, b"\xff\xff\0\0"), (16, b"abcd"), (10, b"\0\0")):
        data = bytearray(good)
        data[directory + at : directory + at + 4] = lie
        refused(bytes(data))
    refused(good.replace(b"a", b"b", 1))
    refused(good.replace(b"PK\x03\x04", b"PK\x03\x05"))


def test_an_archive_within_its_bounds_passes_and_one_beyond_does_not() -> None:
    check_zip(archive(**{str(n): b"" for n in range(MOST_ENTRIES)}), "")
    assert (
        "2,000 files" in refused(archive(**{str(n): b"" for n in range(MOST_ENTRIES + 1)})).message
    )
    check_zip(archive(a=bytes(LARGEST - 1), b=b"1"), "")
    assert "50 MB" in refused(archive(a=bytes(LARGEST - 1), b=b"12")).message
    assert "50 MB" in refused(bytes(LARGEST + 1)).message


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"<html>", b"PK\x05\x06" + bytes(18)[:10], b"x" * 9999]
)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    assert "no zip archive" in refused(data).message


_GOOD = archive(**{"word/document.xml": b"<w:document/>" * 50, "b": b"held"})


@given(st.integers(0, len(_GOOD) - 1), st.binary(min_size=1, max_size=6))
def test_a_broken_archive_passes_or_is_refused_and_nothing_breaks(at: int, put: bytes) -> None:
    data = _GOOD[:at] + put + _GOOD[at + len(put) :]
    try:
        check_zip(data, "")
    except InputError:
        return
    with zipfile.ZipFile(BytesIO(data)) as reading:
        assert reading.testzip() is None


@given(st.integers(0, len(_GOOD)))
def test_no_archive_that_is_cut_off_passes(length: int) -> None:
    if length < len(_GOOD):
        refused(_GOOD[:length])
