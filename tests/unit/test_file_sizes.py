"""Files stay short enough to be read at once: a longer file is split by subject."""

from tests.unit.source_tree import ROOT, list_sources

MAX_LINES = 400


def test_python_files_have_at_most_400_lines() -> None:
    line_counts = {
        path.relative_to(ROOT).as_posix(): path.read_bytes().count(b"\n")
        for path in list_sources("mailer", "tests")
    }
    assert line_counts, "no file was read"
    assert {name: count for name, count in line_counts.items() if count > MAX_LINES} == {}
