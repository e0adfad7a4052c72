"""The demo's catcher, over loopback SMTP with the standard library's client."""

import smtplib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.demo.catcher import MAX_MESSAGE_BYTES, MAX_NAME_BYTES, Catcher, make_file_name
from mailer.errors import MailerError

MESSAGE = b"Subject: Hello\r\n\r\nOne line.\r\n"


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[Catcher]:
    with Catcher(tmp_path / "caught") as started_catcher:
        yield started_catcher


def send_message(catcher: Catcher, message: bytes, *recipients: str) -> None:
    """Send one message; the recipients are neither checked nor quoted."""
    with smtplib.SMTP("127.0.0.1", catcher.port, timeout=10) as smtp:
        smtp.ehlo("client.example.org")
        smtp.command_encoding = "utf-8"
        assert smtp.docmd("MAIL", "FROM:<news@example.org> SMTPUTF8")[0] == 250
        for recipient in recipients:
            assert smtp.docmd("RCPT", f"TO:<{recipient}>")[0] == 250
        assert smtp.data(message)[0] == 250


def list_files(catcher: Catcher) -> list[str]:
    return sorted(file.name for file in catcher.folder.iterdir())


@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        b".leading dot\r\n..two\r\n.\r\n...\r\n",
        b"Subject: =?utf-8?q?=C3=A9?=\r\n\r\n\xc3\xa9 and \xff\x00 as they are\r\n",
        b"Subject: no body\r\n\r\n",
        b"Subject: a long line\r\n\r\n" + b"x" * 200_000 + b"\r\n",
        b"\r\n\r\n  white space  \r\n\t\r\n\r\n",
    ],
    ids=["plain", "dots", "eight bits", "empty body", "long line", "white space"],
)
def test_catcher_saves_message_byte_for_byte(catcher: Catcher, message: bytes) -> None:
    send_message(catcher, message, "amina@example.org")
    assert (catcher.folder / "amina@example.org.eml").read_bytes() == message
    assert list_files(catcher) == ["amina@example.org.eml"], "no temporary file is left"


def test_catcher_numbers_further_messages_to_an_address(catcher: Catcher) -> None:
    for number in range(3):
        send_message(catcher, b"Subject: %d\r\n\r\n" % number, "amina@example.org")
    assert list_files(catcher) == [
        "amina@example.org-2.eml",
        "amina@example.org-3.eml",
        "amina@example.org.eml",
    ]
    assert (catcher.folder / "amina@example.org-3.eml").read_bytes() == b"Subject: 2\r\n\r\n"
    assert catcher.count == 3


def test_catcher_overwrites_nothing_of_an_earlier_run(tmp_path: Path) -> None:
    for subject in (b"first", b"second"):
        with Catcher(tmp_path) as catcher:
            send_message(catcher, b"Subject: " + subject + b"\r\n\r\n", "amina@example.org")
            assert catcher.count == 1
    assert b"first" in (tmp_path / "amina@example.org.eml").read_bytes()
    assert b"second" in (tmp_path / "amina@example.org-2.eml").read_bytes()


def test_catcher_saves_a_file_for_each_recipient(catcher: Catcher) -> None:
    send_message(catcher, MESSAGE, "amina@example.org", "bo@example.org")
    assert list_files(catcher) == ["amina@example.org.eml", "bo@example.org.eml"]
    assert catcher.count == 2


@pytest.mark.parametrize(
    "address",
    [
        "../../outside@example.org",
        '"../../outside"@example.org',
        "/etc/passwd@example.org",
        "..",
        ".hidden@example.org",
        '"a b\\"c"@example.org',
        "a\\b@example.org",
        "a%2Fb@example.org",
        '"C:evil"@example.org',
        "用户@例え.jp",
        "x" * 240 + "@example.org",
    ],
)
def test_hostile_addresses_stay_in_catcher_folder(catcher: Catcher, address: str) -> None:
    send_message(catcher, MESSAGE, address)
    [file] = catcher.folder.iterdir()
    assert file.read_bytes() == MESSAGE
    assert file.suffix == ".eml"
    assert not file.name.startswith(".")
    assert list(catcher.folder.parent.iterdir()) == [catcher.folder]


@given(st.text(max_size=400))
def test_make_file_name_gives_one_safe_component(address: str) -> None:
    name = make_file_name(address)
    assert name not in {"", ".", ".."}
    assert not name.startswith(".")
    assert not set(name) & set('/\\\0:*?"<>|\n\r')
    assert len(name.encode()) <= MAX_NAME_BYTES


@given(st.text(max_size=40), st.text(max_size=40))
def test_make_file_name_is_unique_per_address(address: str, other_address: str) -> None:
    assert (make_file_name(address) == make_file_name(other_address)) == (address == other_address)


def test_catcher_announces_size_8bitmime_and_smtputf8(catcher: Catcher) -> None:
    with smtplib.SMTP("127.0.0.1", catcher.port, timeout=10) as smtp:
        smtp.ehlo("client.example.org")
        assert smtp.esmtp_features["size"] == str(MAX_MESSAGE_BYTES)
        assert smtp.has_extn("8bitmime")
        assert smtp.has_extn("smtputf8")


def test_catcher_accepts_mail_from_null_sender(catcher: Catcher) -> None:
    with smtplib.SMTP("127.0.0.1", catcher.port, timeout=10) as smtp:
        smtp.sendmail("", ["amina@example.org"], MESSAGE)
    assert catcher.count == 1


def test_catcher_counts_mail_from_many_connections(catcher: Catcher) -> None:
    def send_many(client_number: int) -> None:
        for number in range(10):
            send_message(
                catcher, MESSAGE, f"{client_number}-{number}@example.org", "all@example.org"
            )

    threads = [
        threading.Thread(target=send_many, args=(client_number,)) for client_number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert catcher.count == 160
    assert len(list_files(catcher)) == 160


def test_catcher_replies_452_if_it_cannot_write(catcher: Catcher) -> None:
    catcher.folder.rmdir()
    with smtplib.SMTP("127.0.0.1", catcher.port, timeout=10) as smtp:
        smtp.ehlo("client.example.org")
        smtp.mail("news@example.org")
        smtp.rcpt("amina@example.org")
        assert smtp.data(MESSAGE)[0] == 452
    assert catcher.count == 0


def test_catcher_does_not_save_incomplete_message(catcher: Catcher) -> None:
    with socket.create_connection(("127.0.0.1", catcher.port), timeout=10) as connection:
        connection.sendall(
            b"EHLO c\r\nMAIL FROM:<n@example.org>\r\nRCPT TO:<a@example.org>\r\n"
            b"DATA\r\nSubject: half\r\n"
        )
        while b"354" not in connection.recv(4096):
            pass
    catcher.stop()
    assert list_files(catcher) == []


def test_port_in_use_raises_mailer_error(catcher: Catcher) -> None:
    with pytest.raises(MailerError, match=r"can't listen.*choose another port"):
        Catcher(catcher.folder, port=catcher.port).start()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_folder_that_is_a_file_raises_mailer_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MailerError, match=r"no messages can be stored there.*another folder"):
        Catcher(tmp_path / place).start()


def test_invalid_port_raises_mailer_error(tmp_path: Path) -> None:
    with pytest.raises(MailerError, match="can't listen"):
        Catcher(tmp_path, port=70_000).start()


def test_catcher_leaves_no_warning_at_exit(tmp_path: Path) -> None:
    """Not even if a connection is open in the middle of a message."""
    script = """
import pathlib, socket, sys
from mailer.demo.catcher import Catcher
with Catcher(pathlib.Path(sys.argv[1])) as catcher:
    idle = socket.create_connection(("127.0.0.1", catcher.port))
    idle.recv(100)
    idle.sendall(b"EHLO c\\r\\nMAIL FROM:<a@b>\\r\\nRCPT TO:<a@b>\\r\\nDATA\\r\\nhalf")
idle.close()
"""
    result = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
