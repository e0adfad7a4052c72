"""Files are read within bounds, and only regular ones: a pipe without a writer stops no reader."""

import io
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailer.cli.text_files import read_text
from mailer.config import load_settings
from mailer.errors import ConfigError, InputError
from mailer.intake import files
from mailer.intake.csv_reader import open_for_reading, read_table
from mailer.intake.drafts import DraftDefaults
from mailer.intake.releases import read_release
from mailer.intake.sources import load_word_file, read_source
from mailer.intake.text_encoding import LONGEST_LINE
from mailer.model.sources import SourceKind, SourceSettings
from mailer.regular_files import FileTooLarge, describe_non_file, read_bounded, read_regular_file
from tests.unit.samples import NOW

DEFAULTS = DraftDefaults(datetime(2027, 1, 1, tzinfo=UTC))


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix_socket:
        unix_socket.bind(str(path))


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_folder(path: Path) -> None:
    path.mkdir()


ODD_FILES: dict[str, Callable[[Path], None]] = {
    "a named pipe": make_pipe,
    "a socket or a device": make_socket,
    "a device": make_device,
    "a folder": make_folder,
}


@pytest.mark.parametrize("kind", ODD_FILES)
def test_file_that_is_not_regular_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    ODD_FILES[kind](path)
    with pytest.raises(OSError, match=f"it is {kind}, not a file"):
        read_regular_file(path, 100)


def test_regular_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    assert read_regular_file(path, 100) == b"x" * 100
    with pytest.raises(FileTooLarge, match="larger than 99 bytes"):
        read_regular_file(path, 99)
    with pytest.raises(FileTooLarge, match="larger than 2 MB"):
        read_bounded(io.BytesIO(b"x" * 2_000_001), 2_000_000, "stdin")


def read_markdown_file(path: Path) -> object:
    (article_file,) = files.read_files([path], NOW, language="en", time_zone="UTC")
    assert article_file.error
    raise article_file.error


def read_csv_file(path: Path) -> object:
    with open_for_reading(path) as raw:
        return read_table(path, raw)


def read_asset(path: Path) -> object:
    values = {"assets": [{"title": "x", "file": path.name}]}
    return read_release(values, path.parent / "a.md")


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "article": ("a.md", read_markdown_file),
    "asset": ("a.txt", read_asset),
    "Word file": ("a.docx", lambda path: load_word_file(path, DEFAULTS)),
    "CSV": ("a.csv", read_csv_file),
    "text": ("a.md", read_text),
    "settings": ("mailer.toml", lambda path: load_settings(path, environ={})),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("make", [make_pipe, make_socket], ids=["pipe", "socket"])
def test_reader_refuses_pipe_and_socket(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    file_name, read = READERS[name]
    make(tmp_path / file_name)
    with pytest.raises((InputError, ConfigError)) as caught:
        read(tmp_path / file_name)
    assert file_name in str(caught.value)


def test_asset_that_leads_to_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="lies outside the folder"):
        read_asset(tmp_path / "a.txt")


def test_asset_whose_name_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "a.txt")
    for name in ("a.txt", "n" * 300 + ".txt"):
        with pytest.raises(InputError, match="the file can't be read"):
            read_asset(tmp_path / name)


def test_csv_line_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"address\n" + b"x" * (LONGEST_LINE + 10))
    with open_for_reading(path) as raw, pytest.raises(InputError, match="line 2: the line is long"):
        list(read_table(path, raw).lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 5_000, "nest too deep"),
        ("[x]\n" + "a." * 300_000 + "a = 1", "line 2: the key has too many parts"),
        ("#" * 1_000_001, "it is larger than 1 MB"),
    ],
)
def test_settings_file_is_read_within_bounds(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mailer.toml"
    path.write_text(text, "utf-8")
    before = time.process_time()
    with pytest.raises(ConfigError, match=message):
        load_settings(path, environ={})
    assert time.process_time() - before < 1


def test_odd_files_in_a_folder_delay_no_other_file(tmp_path: Path) -> None:
    """Each odd file is a problem of its own, and the good file comes in within a second."""
    aliases = "".join(f"b{n}: &b{n} [{'*a, ' * 9}]\n" for n in range(20))
    texts = {
        "bomb.md": f"---\ntitle: x\n{aliases}---\nx\n",
        "brackets.md": "---\ntitle: x\n---\n" + "![ " * 100_000,
        "deep.md": f"---\ntitle: x\nbyline: {'[' * 50_000}\n---\nx\n",
        "large.md": "x" * (files.LARGEST + 1),
        "good.md": "---\ntitle: Relief\n---\nBoats came.\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    make_pipe(tmp_path / "pipe.md")
    make_pipe(tmp_path / "pipe.docx")
    make_device(tmp_path / "device.md")
    (tmp_path / "gone.md").symlink_to("nothing")
    (tmp_path / "folder.md").mkdir()
    for path in tmp_path.iterdir():
        if path.is_file():
            os.utime(path, (0, 0))
    settings = SourceSettings("desk", SourceKind.FOLDER, str(tmp_path))
    for name in ("pipe.md", "pipe.docx"):
        os.utime(tmp_path / name, (0, 0))
    before = time.process_time()
    content = read_source(settings, DEFAULTS)
    assert time.process_time() - before < 1
    problems = {file.path.name: str(file.error) for file in content.files if file.error}
    assert [file.path.name for file in content.files if file.content] == ["good.md"]
    assert set(problems) >= {"bomb.md", "brackets.md", "deep.md", "large.md", "gone.md", "pipe.md"}
    assert "it is a named pipe, not a file" in problems["pipe.md"]
    assert "an alias" in problems["bomb.md"] or "an anchor" in problems["bomb.md"]
    assert "pipe.docx" in str(content.batch.problems[0].error)


def test_path_that_is_no_file_of_settings_is_described(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "pipe" in describe_non_file(pipe)
    assert "device" in describe_non_file(Path("/dev/zero"))
    assert "folder" in describe_non_file(tmp_path)
    assert describe_non_file(tmp_path / "missing") == "there is no such file"
