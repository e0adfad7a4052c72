"""The catcher, over loopback SMTP with the standard library's client."""

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
    with Catcher(tmp_path / "caught") as running:
        yield running


def hand_over(catcher: Catcher, message: bytes, *recipients: str) -> None:
    """One transaction, with recipients as they are: nothing checked, nothing quoted."""
    with smtplib.SMTP("127.0.0.1", catcher.port, timeout=10) as smtp:
        smtp.ehlo("client.example.org")
        smtp.command_encoding = "utf-8"
        assert smtp.docmd("MAIL", "FROM:<news@example.org> SMTPUTF8")[0] == 250
        for recipient in recipients:
            assert smtp.docmd("RCPT", f"TO:<{recipient}>")[0] == 250
        assert smtp.data(message)[0] == 250


def names(catcher: Catcher) -> list[str]:
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
def test_keeps_a_message_byte_for_byte(catcher: Catcher, message: bytes) -> None:
    hand_over(catcher, message, "amina@example.org")
    assert (catcher.folder / "amina@example.org.eml").read_bytes() == message
    assert names(catcher) == ["amina@example.org.eml"], "no temporary file is left"


def test_numbers_the_second_message_to_an_address(catcher: Catcher) -> None:
    for number in range(3):
        hand_over(catcher, b"Subject: %d\r\n\r\n" % number, "amina@example.org")
    assert names(catcher) == [
        "amina@example.org-2.eml",
        "amina@example.org-3.eml",
        "amina@example.org.eml",
    ]
    assert (catcher.folder / "amina@example.org-3.eml").read_bytes() == b"Subject: 2\r\n\r\n"
    assert catcher.count == 3


def test_overwrites_nothing_of_an_earlier_run(tmp_path: Path) -> None:
    for subject in (b"first", b"second"):
        with Catcher(tmp_path) as catcher:
            hand_over(catcher, b"Subject: " + subject + b"\r\n\r\n", "amina@example.org")
            assert catcher.count == 1
    assert b"first" in (tmp_path / "amina@example.org.eml").read_bytes()
    assert b"second" in (tmp_path / "amina@example.org-2.eml").read_bytes()


def test_keeps_a_file_for_each_recipient(catcher: Catcher) -> None:
    hand_over(catcher, MESSAGE, "amina@example.org", "bo@example.org")
    assert names(catcher) == ["amina@example.org.eml", "bo@example.org.eml"]
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
def test_hostile_addresses_stay_in_the_folder(catcher: Catcher, address: str) -> None:
    hand_over(catcher, MESSAGE, address)
    [file] = catcher.folder.iterdir()
    assert file.read_bytes() == MESSAGE
    assert file.suffix == ".eml"
    assert not file.name.startswith(".")
    assert list(catcher.folder.parent.iterdir()) == [catcher.folder]


@given(st.text(max_size=400))
def test_a_file_name_is_one_safe_component(address: str) -> None:
    name = make_file_name(address)
    assert name not in {"", ".", ".."}
    assert not name.startswith(".")
    assert not set(name) & set('/\\\0:*?"<>|\n\r')
    assert len(name.encode()) <= MAX_NAME_BYTES


@given(st.text(max_size=40), st.text(max_size=40))
def test_different_addresses_have_different_names(one: str, other: str) -> None:
    assert (make_file_name(one) == make_file_name(other)) == (one == other)


def test_announces_what_it_can(catcher: Catcher) -> None:
    with smtplib.SMTP("127.0.0.1", catcher.port, timeout=10) as smtp:
        smtp.ehlo("client.example.org")
        assert smtp.esmtp_features["size"] == str(MAX_MESSAGE_BYTES)
        assert smtp.has_extn("8bitmime")
        assert smtp.has_extn("smtputf8")


def test_takes_mail_from_the_null_sender(catcher: Catcher) -> None:
    with smtplib.SMTP("127.0.0.1", catcher.port, timeout=10) as smtp:
        smtp.sendmail("", ["amina@example.org"], MESSAGE)
    assert catcher.count == 1


def test_counts_mail_from_many_connections(catcher: Catcher) -> None:
    def send(sender: int) -> None:
        for number in range(10):
            hand_over(catcher, MESSAGE, f"{sender}-{number}@example.org", "all@example.org")

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert catcher.count == 160
    assert len(names(catcher)) == 160


def test_says_452_where_it_cannot_write(catcher: Catcher) -> None:
    catcher.folder.rmdir()
    with smtplib.SMTP("127.0.0.1", catcher.port, timeout=10) as smtp:
        smtp.ehlo("client.example.org")
        smtp.mail("news@example.org")
        smtp.rcpt("amina@example.org")
        assert smtp.data(MESSAGE)[0] == 452
    assert catcher.count == 0


def test_a_message_cut_off_is_not_kept(catcher: Catcher) -> None:
    with socket.create_connection(("127.0.0.1", catcher.port), timeout=10) as line:
        line.sendall(
            b"EHLO c\r\nMAIL FROM:<n@example.org>\r\nRCPT TO:<a@example.org>\r\n"
            b"DATA\r\nSubject: half\r\n"
        )
        while b"354" not in line.recv(4096):
            pass
    catcher.stop()
    assert names(catcher) == []


def test_a_port_in_use_is_one_sentence(catcher: Catcher) -> None:
    with pytest.raises(MailerError, match=r"can't listen.*name another port"):
        Catcher(catcher.folder, port=catcher.port).start()


def test_a_port_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MailerError, match="can't listen"):
        Catcher(tmp_path, port=70_000).start()


def test_leaves_no_warning_at_exit(tmp_path: Path) -> None:
    """Even with a connection open in the middle of a message."""
    script = """
import pathlib, socket, sys
from mailer.demo.catcher import Catcher
with Catcher(pathlib.Path(sys.argv[1])) as catcher:
    idle = socket.create_connection(("127.0.0.1", catcher.port))
    idle.recv(100)
    idle.sendall(b"EHLO c\\r\\nMAIL FROM:<a@b>\\r\\nRCPT TO:<a@b>\\r\\nDATA\\r\\nhalf")
idle.close()
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
