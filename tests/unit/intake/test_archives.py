"""The check of zip archives refuses any whose directory does not tell the truth."""

import zipfile
from io import BytesIO
from pathlib import Path

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import InputError
from mailer.intake.archives import LARGEST, MOST_ENTRIES, check_zip


def make_archive(**files: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive_file:
        for name, content in files.items():
            archive_file.writestr(name, content)
    return buffer.getvalue()


def check_refusal(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        check_zip(data, "statement.docx")
    assert caught.value.where == "statement.docx"
    return caught.value


def test_archive_of_word_file_passes(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("Statement")
    document.save(str(tmp_path / "statement.docx"))
    check_zip((tmp_path / "statement.docx").read_bytes(), "statement.docx")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archive_by_zipfile_passes_streamed_or_not(method: int) -> None:
    class Stream(BytesIO):
        def seekable(self) -> bool:
            return False

    for buffer in (BytesIO(), Stream()):
        with zipfile.ZipFile(buffer, "w", method) as archive_file:
            archive_file.writestr("word/été.xml", b"<w/>" * 9000)
            archive_file.writestr("empty", b"")
            archive_file.comment = b"made by a test"
        check_zip(buffer.getvalue(), "")


def test_archive_after_other_bytes_passes(tmp_path: Path) -> None:
    check_zip(b"#!/bin/sh\n" + make_archive(a=b"held"), "")


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../a", "word/../../a", "..", "\\a", "a\\..\\b", "C:/a", "c:a", "a\0b", "a/.."],
)
def test_archive_with_path_traversal_is_refused(name: str) -> None:
    data = make_archive(**{"N" * len(name): b"held"})
    data = data.replace(b"N" * len(name), name.encode())
    assert "leads out" in check_refusal(data).message


def test_archive_with_dots_in_names_passes() -> None:
    check_zip(make_archive(**{"a..b": b"", "...": b"", "word/.rels": b"", "a/": b""}), "")


def test_archive_with_duplicate_names_is_refused() -> None:
    data = make_archive(**{"word/a.xml": b"one", "WORD/B.xml": b"two"}).replace(
        b"WORD/B", b"WORD/A"
    )
    assert "one name" in check_refusal(data).message


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archive_with_uncommon_compression_is_refused(method: int) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive_file:
        archive_file.writestr("a", b"held")
    assert "uncommon" in check_refusal(buffer.getvalue()).message


def test_archive_with_false_directory_is_refused() -> None:
    good = make_archive(a=bytes(5000))
    directory = good.index(b"PK\x01\x02")
    for offset, false_bytes in (
        (24, b"\x01\0\0\0"),
        (24, b"\xff\xff\0\0"),
        (16, b"abcd"),
        (10, b"\0\0"),
    ):
        data = bytearray(good)
        data[directory + offset : directory + offset + 4] = false_bytes
        check_refusal(bytes(data))
    check_refusal(good.replace(b"a", b"b", 1))
    check_refusal(good.replace(b"PK\x03\x04", b"PK\x03\x05"))


def test_archive_limits_of_entries_and_size() -> None:
    check_zip(make_archive(**{str(n): b"" for n in range(MOST_ENTRIES)}), "")
    assert (
        "2,000 files"
        in check_refusal(make_archive(**{str(n): b"" for n in range(MOST_ENTRIES + 1)})).message
    )
    check_zip(make_archive(a=bytes(LARGEST - 1), b=b"1"), "")
    assert "50 MB" in check_refusal(make_archive(a=bytes(LARGEST - 1), b=b"12")).message
    assert "50 MB" in check_refusal(bytes(LARGEST + 1)).message


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"<html>", b"PK\x05\x06" + bytes(18)[:10], b"x" * 9999]
)
def test_archive_check_refuses_other_files(data: bytes) -> None:
    assert "not a zip archive" in check_refusal(data).message


_GOOD = make_archive(**{"word/document.xml": b"<w:document/>" * 50, "b": b"held"})


@given(st.integers(0, len(_GOOD) - 1), st.binary(min_size=1, max_size=6))
def test_corrupted_archive_passes_or_is_refused(offset: int, inserted: bytes) -> None:
    data = _GOOD[:offset] + inserted + _GOOD[offset + len(inserted) :]
    try:
        check_zip(data, "")
    except InputError:
        return
    with zipfile.ZipFile(BytesIO(data)) as archive_file:
        assert archive_file.testzip() is None


@given(st.integers(0, len(_GOOD)))
def test_truncated_archive_is_refused(length: int) -> None:
    if length < len(_GOOD):
        check_refusal(_GOOD[:length])
