"""The list of messages: order, search, pages, and what is read again."""

import os
from pathlib import Path

import pytest

from mailer.web import mail_folder
from mailer.web.inbox import PER_PAGE, create_inbox_app
from tests.integration.web.inbox.conftest import Get, list_recipients, make_client, make_message


def test_inbox_of_an_empty_folder_explains_the_next_step(get: Get) -> None:
    page = get("/")
    assert page.status_code == 200
    assert "Run <code>make demo</code>" in page.text


def test_inbox_of_a_missing_folder_is_empty(tmp_path: Path) -> None:
    assert "make demo" in make_client(create_inbox_app(tmp_path / "none"))("/").text


def test_inbox_list_shows_addresses_subject_date_and_language(folder: Path, get: Get) -> None:
    (folder / "amina@example.org.eml").write_bytes(
        make_message(subject="=?utf-8?q?L=27=C3=A9t=C3=A9?=")
    )
    page = get("/").text
    assert "amina@example.org" in page
    assert "news@example.org" in page
    assert "L&#39;été" in page
    assert "Fri 18 Dec 2026, 09:00 UTC+1" in page
    assert "French" in page


def test_inbox_search_finds_addresses_and_subjects(folder: Path, get: Get) -> None:
    (folder / "a.eml").write_bytes(make_message("amina@example.org", "Market mornings"))
    (folder / "b.eml").write_bytes(make_message("bo@example.com", "Paper promises"))
    assert list_recipients(get("/?q=AMINA")) == ["amina@example.org"]
    assert list_recipients(get("/?q=paper")) == ["bo@example.com"]
    assert list_recipients(get("/?q=bo+promises")) == ["bo@example.com"]
    empty_page = get("/?q=%3Cscript%3E")
    assert list_recipients(empty_page) == []
    assert "<script>" not in empty_page.text
    assert "0 of 2 match" in empty_page.text


def test_inbox_sorts_newest_first_or_by_address(folder: Path, get: Get) -> None:
    (folder / "1.eml").write_bytes(make_message("c@x.org", date="Fri, 18 Dec 2026 09:00:00 +0000"))
    (folder / "2.eml").write_bytes(make_message("a@x.org", date="Thu, 17 Dec 2026 09:00:00 +0000"))
    (folder / "3.eml").write_bytes(make_message("B@x.org", date="Fri, 18 Dec 2026 09:30:00 +0100"))
    assert list_recipients(get("/")) == ["c@x.org", "B@x.org", "a@x.org"]
    assert list_recipients(get("/?sort=name")) == ["a@x.org", "B@x.org", "c@x.org"]


def test_inbox_list_is_paged_and_follows_the_open_message(folder: Path, get: Get) -> None:
    for number in range(PER_PAGE + 5):
        (folder / f"{number:03}.eml").write_bytes(make_message(f"{number:03}@x.org"))
    assert len(list_recipients(get("/?sort=name"))) == PER_PAGE
    assert list_recipients(get("/?sort=name&page=2"))[0] == f"{PER_PAGE:03}@x.org"
    assert list_recipients(get("/?sort=name&page=99")) == list_recipients(get("/?sort=name&page=2"))
    message_page = get(f"/message/{PER_PAGE + 1:03}?sort=name")
    assert f"{PER_PAGE + 1:03}@x.org" in list_recipients(message_page)
    assert 'aria-current="page"' in message_page.text


@pytest.mark.parametrize("query", ["page=x", "page=-1", "page=9999999999", "view=x", "width=1"])
def test_inbox_ignores_invalid_query_values(folder: Path, get: Get, query: str) -> None:
    (folder / "a.eml").write_bytes(make_message())
    assert get(f"/?{query}").text == get("/").text
    assert get(f"/message/a?{query}").text == get("/message/a").text


def test_mail_folder_reads_only_new_and_changed_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (folder / f"{name}.eml").write_bytes(make_message(f"{name}@x.org"))
    read_keys: list[str] = []
    read_entry = mail_folder._read_entry

    def count_read(key: str, path: Path, stamp: tuple[int, int]) -> mail_folder.CaughtMail:
        read_keys.append(key)
        return read_entry(key, path, stamp)

    monkeypatch.setattr(mail_folder, "_read_entry", count_read)
    scanned_folder = mail_folder.MailFolder(folder)
    scanned_folder.scan_entries()
    assert sorted(read_keys) == ["a", "b", "c"]
    (folder / "b.eml").write_bytes(make_message("new@x.org"))
    os.utime(folder / "b.eml", (1, 1))
    (folder / "c.eml").unlink()
    assert {one.recipient for one in scanned_folder.scan_entries().values()} == {
        "a@x.org",
        "new@x.org",
    }
    assert read_keys[3:] == ["b"]
