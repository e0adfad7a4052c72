"""A test mail is the mail of a reader, marked, and sent to staff; its edition stays untouched."""

import threading
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from sqlalchemy import insert, update

from mailer import editions
from mailer.app import Mailer
from mailer.audience import erasure
from mailer.errors import ComposeError, InputError, Refused, RelayError, TooManyRequests
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionKind, EditionState
from mailer.model.editions import Edition
from mailer.notices import StaffAddresses
from mailer.store import Store, schema
from mailer.worker.status import read_status
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay, Step
from tests.integration import factories
from tests.integration.factories import NOW, read_delivery_states
from tests.integration.test_mails.conftest import APPROVER, READER, TESTER, QueueTest
from tests.integration.web.public.fixtures import dump_tables, find_words

ReadSent = Callable[[], list[EmailMessage]]

EDITION_TABLES = ("edition_body", "edition_words", "edition_story", "approval", "digest_story")


def read_text(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def read_edition_rows(store: Store, edition: Edition) -> dict[str, list[object]]:
    """Return the rows of an edition in all tables that describe it, except its events."""
    with store.read() as tx:
        rows: dict[str, list[object]] = {}
        for name in EDITION_TABLES:
            table = schema.metadata.tables[name]
            rows[name] = [
                *tx.connection.execute(table.select().where(table.c.edition_id == edition.id))
            ]
        statement = schema.edition.select().where(schema.edition.c.id == edition.id)
        rows["edition"] = [*tx.connection.execute(statement)]
    return rows


def approve_edition(mailer: Mailer, edition: Edition) -> Edition:
    with mailer.store.begin() as tx:
        return editions.approve_edition(
            tx, AMINA, factories.reload_edition(tx, edition), mailer.renderer, mailer.clock()
        )


# ---- the mail ---------------------------------------------------------------------------------


def test_test_mail_shows_the_readers_mail_with_subject_marked_and_banner(
    edition: Edition, queue_test: QueueTest, read_sent: ReadSent
) -> None:
    queue_test(edition, reader_address=READER)
    (mail,) = read_sent()
    assert mail["To"] == TESTER
    assert mail["Subject"].startswith("[Test] ")
    assert "Boats (fr)" in mail["Subject"], "the reader's own first story, in their language"
    assert mail["Content-Language"] == "fr"
    plain, html = read_text(mail), read_text(mail, "html")
    assert "TEST MAIL" in plain.splitlines()[1]
    assert f"Rana <Reader> <{READER}>" in plain
    assert f"Rana &lt;Reader&gt; &lt;{READER}&gt;" in html
    assert "Clinic" not in plain, "a story that the reader's topics exclude"
    assert html.index("Test mail") < html.index("Boats (fr)")
    assert html.index('class="preheader"') < html.index("Test mail"), "inboxes show the preheader"


def test_test_mail_in_another_language_has_the_readers_stories(
    edition: Edition, queue_test: QueueTest, read_sent: ReadSent
) -> None:
    queued_test = queue_test(edition, reader_address=READER, language="EN")
    (mail,) = read_sent()
    assert (queued_test.reader.language, mail["Content-Language"]) == ("en", "en")
    assert "Boats (en)" in read_text(mail)
    assert "Clinic" not in read_text(mail)
    assert "Language: English" in read_text(mail)


def test_test_mail_without_a_reader_has_every_story(
    edition: Edition, queue_test: QueueTest, read_sent: ReadSent
) -> None:
    queue_test(edition)
    (mail,) = read_sent()
    assert "Boats (en)" in read_text(mail)
    assert "Clinic" in read_text(mail)
    assert "a reader who gets every story" in " ".join(read_text(mail).split())


def test_personal_links_of_a_test_mail_lead_to_test_pages(
    edition: Edition, queue_test: QueueTest, read_sent: ReadSent
) -> None:
    queue_test(edition, reader_address=READER)
    (mail,) = read_sent()
    site = "https://mail.example.org"
    assert mail["List-Unsubscribe"].startswith(f"<{site}/t/u/")
    assert "mailto:" not in mail["List-Unsubscribe"]
    assert mail["List-Id"] == "News <news.example.org>"
    for kind in ("plain", "html"):
        text = read_text(mail, kind)
        for page in "upv":
            assert f"{site}/t/{page}/" in text
            assert f"{site}/{page}/" not in text


@pytest.mark.parametrize("language", ["fr", "ar", "zh"])
def test_banner_is_in_the_offices_language(
    office_mailer: Mailer, edition: Edition, language: str, relay: Relay
) -> None:
    from mailer import notices

    defaults = office_mailer.settings.defaults.model_copy(update={"language": language})
    settings = office_mailer.settings.model_copy(update={"defaults": defaults})
    mailer = Mailer(settings, office_mailer.store)
    with mailer.store.begin() as tx:
        notices.queue_test_mail(
            tx,
            AMINA,
            edition,
            [TESTER],
            mailer.renderer,
            StaffAddresses(others=(TESTER,)),
            mailer.clock(),
            hourly_limit=1,
        )
    mailer.deliver_editions([], threading.Event(), follow_new=True)
    html = read_text(relay.received[0].message, "html")
    words = {"fr": "Message de test", "ar": "رسالة تجريبية", "zh": "测试邮件"}
    assert words[language] in html
    direction = "rtl" if language == "ar" else "ltr"
    assert f'lang="{language}" dir="{direction}" bgcolor="#1c1f24"' in html


# ---- the edition stays untouched --------------------------------------------------------------


def test_test_mail_of_a_draft_leaves_the_draft_as_it_was(
    store: Store, edition: Edition, queue_test: QueueTest, read_sent: ReadSent
) -> None:
    rows_before = read_edition_rows(store, edition)
    queued_test = queue_test(edition, reader_address=READER)
    assert read_edition_rows(store, edition) == rows_before
    assert queued_test.edition.content_hash
    assert len(read_sent()) == 1
    assert read_edition_rows(store, edition) == rows_before


def test_test_mail_of_an_approved_edition_shows_what_was_approved(
    office_mailer: Mailer, edition: Edition, queue_test: QueueTest, read_sent: ReadSent
) -> None:
    approved = approve_edition(office_mailer, edition)
    rows_before = read_edition_rows(office_mailer.store, edition)
    queued_test = queue_test(approved)
    (mail,) = read_sent()
    assert approved.content_hash[:12] in read_text(mail)
    assert queued_test.edition.content_hash == approved.content_hash
    assert read_edition_rows(office_mailer.store, edition) == rows_before
    with office_mailer.store.begin() as tx:
        reloaded = factories.reload_edition(tx, edition)
        assert reloaded.approval == approved.approval
        editions.start_edition(tx, STAFF, reloaded, office_mailer.renderer, office_mailer.clock())


def test_test_mail_is_counted_in_no_report(
    office_mailer: Mailer, edition: Edition, queue_test: QueueTest, read_sent: ReadSent
) -> None:
    approved = approve_edition(office_mailer, edition)
    with office_mailer.store.begin() as tx:
        editions.start_edition(tx, STAFF, approved, office_mailer.renderer, office_mailer.clock())
    queue_test(edition, TESTER, APPROVER, reader_address=READER)
    assert len(read_sent()) == 4
    with office_mailer.store.read() as tx:
        report = tx.outbox.build_report(factories.reload_edition(tx, edition))
        assert report.total == 2
        assert [one.id for one in tx.editions.list_recent_editions()] == [edition.id]
        status = read_status(office_mailer, tx)
        assert (status.sending, status.stopped, status.failed) == ((), (), ())


def test_test_mail_is_recorded_with_its_recipients_and_without_its_reader(
    store: Store, edition: Edition, queue_test: QueueTest
) -> None:
    queue_test(edition, "Tester@Example.ORG", TESTER, reader_address=READER)
    with store.read() as tx:
        (event,) = [one for one in tx.editions.list_events(edition) if one.event_type != "edited"][
            -1:
        ]
    assert (event.event_type, event.actor, event.detail) == (
        "test mail",
        "Amina",
        f"fr: {TESTER}",
    )


# ---- who may get it ---------------------------------------------------------------------------


def test_test_mail_goes_only_to_staff(
    office_mailer: Mailer, edition: Edition, queue_test: QueueTest
) -> None:
    before = dump_tables(office_mailer.store)
    for address in (READER, "stranger@example.org"):
        with pytest.raises(Refused, match="not an address of staff") as caught:
            queue_test(edition, TESTER, address)
        assert caught.value.value == address
    with pytest.raises(InputError, match="not a mail address"):
        queue_test(edition, "tester")
    assert dump_tables(office_mailer.store) == before


def test_approvers_and_watchers_of_the_digest_may_get_its_test_mails(
    office_mailer: Mailer, queue_test: QueueTest, read_sent: ReadSent
) -> None:
    with office_mailer.store.begin() as tx:
        factories.add_digest(tx)
        edition = factories.create_edition(tx, "boats", digest="weekly", template="digest")
        tx.connection.execute(
            update(schema.digest).values(approvers=["ben@example.org"], watchers=["cy@example.org"])
        )
    queue_test(edition, "ben@example.org", "cy@example.org", staff=StaffAddresses())
    assert {mail["To"] for mail in read_sent()} == {"ben@example.org", "cy@example.org"}


def test_test_mails_are_limited_within_an_hour(
    store: Store, edition: Edition, queue_test: QueueTest
) -> None:
    queue_test(edition, TESTER, hourly_limit=3)
    with pytest.raises(TooManyRequests, match="1 test mails were sent within an hour"):
        queue_test(edition, TESTER, APPROVER, hourly_limit=2)
    queue_test(edition, TESTER, APPROVER, hourly_limit=3)
    with pytest.raises(TooManyRequests):
        queue_test(edition, TESTER, hourly_limit=3)
    with store.begin() as tx:
        tx.connection.execute(
            update(schema.edition)
            .where(schema.edition.c.kind == EditionKind.TEST.value)
            .values(created_at=NOW)
        )
    queue_test(edition, TESTER, hourly_limit=3)


def test_test_mail_for_someone_who_gets_nothing_is_refused_with_the_reason(
    edition: Edition, queue_test: QueueTest
) -> None:
    with pytest.raises(Refused, match="is not a subscriber"):
        queue_test(edition, reader_address="stranger@example.org")
    with pytest.raises(ComposeError, match="not composed in pt"):
        queue_test(edition, reader_address=READER, language="pt")


def test_test_mail_of_a_killed_story_is_refused(
    office_mailer: Mailer, edition: Edition, queue_test: QueueTest
) -> None:
    approve_edition(office_mailer, edition)
    with office_mailer.store.begin() as tx:
        tx.connection.execute(
            insert(schema.kill).values(
                slug="clinic", reasons={}, asked_by="Ben", asked_at=NOW, confirmed_by=""
            )
        )
    with pytest.raises(Refused, match="asked for clinic to be killed"):
        queue_test(edition)


# ---- delivery ---------------------------------------------------------------------------------


def test_suppressed_tester_gets_no_test_mail(
    office_mailer: Mailer, edition: Edition, queue_test: QueueTest, read_sent: ReadSent
) -> None:
    with office_mailer.store.begin() as tx:
        factories.suppress_address(tx, TESTER)
    queued_test = queue_test(edition, TESTER, APPROVER)
    assert [mail["To"] for mail in read_sent()] == [APPROVER]
    states = read_delivery_states(office_mailer.store, queued_test.mail)
    assert states == {TESTER: DeliveryState.SUPPRESSED, APPROVER: DeliveryState.SENT}


def test_test_mail_survives_a_relay_that_is_down_and_is_resumed(
    office_mailer: Mailer,
    edition: Edition,
    queue_test: QueueTest,
    relay: Relay,
    read_sent: ReadSent,
) -> None:
    queued_test = queue_test(edition)
    relay.answer_always(Step.CONNECT, "554 5.3.2 closed")
    with pytest.raises(RelayError):
        office_mailer.deliver_editions([queued_test.mail], threading.Event())
    relay.reset_script()
    with office_mailer.store.begin() as tx:
        paused = factories.reload_edition(tx, queued_test.mail)
        assert paused.state is EditionState.PAUSED
        later = office_mailer.clock() + editions.service_editions.RESUME_DELAY
        (resumable,) = editions.list_resumable_editions(tx, later)
        assert editions.resume_service_mails(tx, STAFF, resumable, later) is not None
    assert len(read_sent()) == 1


def test_erasing_the_reader_erases_the_test_mail(
    office_mailer: Mailer, edition: Edition, queue_test: QueueTest, read_sent: ReadSent
) -> None:
    queue_test(edition, reader_address=READER)
    read_sent()
    unsent_test = queue_test(edition, reader_address=READER)
    assert [*find_words(dump_tables(office_mailer.store), "Rana")]
    with office_mailer.store.begin() as tx:
        erasure.erase_person(tx, STAFF, READER, NOW)
    assert not [*find_words(dump_tables(office_mailer.store), "Rana")]
    assert len(read_sent()) == 1
    states = read_delivery_states(office_mailer.store, unsent_test.mail)
    assert states == {TESTER: DeliveryState.CANCELLED}
