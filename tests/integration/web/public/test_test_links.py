"""The personal links of a test mail: opened or posted, they change nothing and say that it is a
test."""

import re
import threading

import pytest

from mailer import notices
from mailer.audience import unsubscribe_mail
from mailer.audience.links import LinkPurpose
from mailer.errors import TokenError
from mailer.languages import UN_LANGUAGES
from mailer.notices import StaffAddresses
from mailer.tokens import sign_token
from tests.actors import AMINA
from tests.conftest import KEY
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.web.public.asgi import FORM_TYPE, AsgiClient
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice, dump_tables

TESTER = "tester@example.org"
SITE = "https://mail.example.org"
CHANGING_PATHS = ("/undo", "/pause", "/leave", "/erase", "/address", "/about-me.json")


@pytest.fixture
def tested_paths(seeded_office: SeededOffice, relay: Relay) -> dict[str, str]:
    """The paths of the links in a test mail that shows the mail of a reader, by page."""
    mailer = seeded_office.mailer
    with mailer.store.begin() as tx:
        factories.add_story(tx, "boats", "health")
        edition = factories.create_edition(tx, "boats", template="digest")
        notices.queue_test_mail(
            tx,
            AMINA,
            edition,
            [TESTER],
            mailer.renderer,
            StaffAddresses(others=(TESTER,)),
            mailer.clock(),
            hourly_limit=5,
            reader_address=ADDRESSES["known"],
        )
    mailer.deliver_editions([], threading.Event(), follow_new=True)
    (mail,) = relay.list_mails(TESTER)
    part = mail.get_body(("plain",))
    assert part is not None
    text = part.get_content() + str(mail["List-Unsubscribe"])
    paths = set(re.findall(rf"{SITE}(/t/[\w/.-]+)", text))
    assert len(paths) == 3
    return {path.split("/")[2]: path for path in paths}


def test_opened_link_of_a_test_mail_says_so_and_changes_nothing(
    pages: AsgiClient, seeded_office: SeededOffice, tested_paths: dict[str, str]
) -> None:
    before = dump_tables(seeded_office.store)
    words = {
        "u": "this link stops the emails of the list",
        "p": "this link opens the reader’s choices",
        "v": "this link shows the email in the browser",
    }
    for page, path in tested_paths.items():
        for method in ("HEAD", "GET"):
            answer = pages.send_request(method, path)
            assert answer.status == 200
        assert "This is a test email" in answer.text
        assert words[page] in answer.text
        assert "<form" not in answer.text
    assert dump_tables(seeded_office.store) == before


@pytest.mark.parametrize("tag", UN_LANGUAGES)
def test_test_page_is_in_each_language(
    pages: AsgiClient, tested_paths: dict[str, str], tag: str
) -> None:
    answer = pages.get_page(f"{tested_paths['p']}?lang={tag}")
    assert f'<html lang="{tag}"' in answer.text
    assert ("This is a test email" in answer.text) == (tag == "en")


def test_one_click_post_to_a_test_link_unsubscribes_no_one(
    pages: AsgiClient, seeded_office: SeededOffice, tested_paths: dict[str, str]
) -> None:
    before = dump_tables(seeded_office.store)
    for content_type, body in (
        (FORM_TYPE, b"List-Unsubscribe=One-Click"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--\r\n"),
        ("", b""),
    ):
        answer = pages.send_request(
            "POST", tested_paths["u"], body, headers=[("Content-Type", content_type)]
        )
        assert (answer.status, answer.text) == (
            200,
            "This is a test email. Nothing has changed.\n",
        )
    assert dump_tables(seeded_office.store) == before


def test_token_of_a_test_mail_is_good_for_no_other_page(
    pages: AsgiClient, seeded_office: SeededOffice, tested_paths: dict[str, str]
) -> None:
    before = dump_tables(seeded_office.store)
    for path in tested_paths.values():
        token = path.rpartition("/")[2]
        for page in "upcve":
            assert pages.get_page(f"/{page}/{token}").status == 404
            assert pages.send_form(f"/{page}/{token}", {"weeks": "4"}).status in {404, 405}
        for end in CHANGING_PATHS:
            assert pages.send_form(f"/p/{token}{end}", {"weeks": "4"}).status in {404, 405}
            assert pages.send_form(f"{path}{end}", {"weeks": "4"}).status in {404, 405}
        with pytest.raises(TokenError), seeded_office.store.begin() as tx:
            unsubscribe_mail.unsubscribe_by_mail(
                tx, AMINA, KEY, f"Subject: unsubscribe {token}\n\n".encode(), factories.NOW
            )
    assert dump_tables(seeded_office.store) == before


def test_test_page_refuses_links_of_readers_mails_and_of_other_editions(
    pages: AsgiClient, seeded_office: SeededOffice, tested_paths: dict[str, str]
) -> None:
    subscriber = seeded_office.find_subscriber(ADDRESSES["known"])
    assert subscriber is not None
    with seeded_office.store.read() as tx:
        (mailing,) = tx.editions.list_recent_editions()
    reader_token = seeded_office.build_unsubscribe_path(subscriber)[3:]
    for token in (
        reader_token,
        sign_token(KEY, LinkPurpose.TEST, subscriber.id, 1, mailing.id),
        sign_token(KEY, LinkPurpose.TEST, subscriber.id, 1, 10**6),
    ):
        for page in tested_paths:
            assert pages.get_page(f"/t/{page}/{token}").status == 404
        assert pages.send_form(f"/t/u/{token}").status == 404
