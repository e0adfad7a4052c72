"""Approvers decide by the link in their mail: an edition, and the kill of a release."""

import re
import threading
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from mailer import articles, editions, notices, releases, staff_links
from mailer.actor import WORKER, create_local_actor
from mailer.audience.links import LinkPurpose
from mailer.config import NoticesSection, PersonSection
from mailer.errors import Refused
from mailer.log import create_logger
from mailer.model.articles import ArticleKind
from mailer.model.digests import ApprovalRule, DigestPolicy
from mailer.model.edition_states import EditionKind, EditionState, SendTimeBasis
from mailer.model.editions import Edition
from mailer.staff_links import StaffLink
from mailer.worker import Scheduler, jobs
from tests.deciding import find_decision_path
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.conftest import OfficeClock
from tests.integration.web.public.fixtures import SeededOffice, dump_tables

ANA, BEN, WATCHER = "ana@example.org", "ben@example.org", "watcher@example.org"
S = EditionState


@pytest.fixture(autouse=True)
def _staff(seeded_office: SeededOffice, relay: Relay) -> None:
    """Two approvers and a watcher. Ana, an approver, writes under the login amina."""
    mailer = seeded_office.mailer
    mailer.settings = mailer.settings.model_copy(
        update={
            "notices": NoticesSection(approvers=(ANA, BEN), watchers=(WATCHER,)),
            "people": {
                ANA: PersonSection(name="Ana", logins=("amina",), time_zone="America/New_York"),
                BEN: PersonSection(name="Ben", logins=()),
            },
        }
    )


def ask_for_approval(seeded_office: SeededOffice) -> Edition:
    """Submit an edition that the login amina has made, in English and French."""
    author = create_local_actor("amina")
    mailer = seeded_office.mailer
    with seeded_office.store.begin() as tx:
        if tx.editions.find_queued_slugs(["boats"]):
            edition = tx.editions.list_recent_editions([S.DRAFT], 1)[0]
        else:
            factories.add_digest(tx, "daily", policy=DigestPolicy(approval=ApprovalRule.OTHER))
            factories.add_subscriber(tx, "lea@readers.example.org", language="fr")
            factories.add_story(tx, "boats", "health")
            factories.add_story(tx, "boats", "health", language="fr", title="Les bateaux")
            edition = factories.create_edition(tx, "boats", digest="daily", template="digest")
            edition = editions.edit_edition(tx, author, edition, {"name": "The day"}, NOW)
            appointment = editions.make_appointment(
                tx, (NOW + timedelta(days=1)).replace(tzinfo=None), "UTC", SendTimeBasis.OFFICE, NOW
            )
            edition = editions.set_send_time(tx, author, edition, appointment, NOW)
        edition, _ = editions.compose_edition(tx, author, edition, mailer.renderer)
        return editions.request_approval(tx, author, edition, mailer.clock())


def deliver_notices(seeded_office: SeededOffice, edition: Edition) -> None:
    mailer = seeded_office.mailer
    with seeded_office.store.begin() as tx:
        notices.notify_staff(
            tx,
            WORKER,
            editions.get_edition(tx, edition.id),
            mailer.build_notice_composer(tx),
            mailer.staff_addresses,
            mailer.clock(),
        )
    mailer.deliver_editions([], threading.Event(), follow_new=True)


def find_edition(seeded_office: SeededOffice, edition: Edition) -> Edition:
    with seeded_office.store.read() as tx:
        return editions.get_edition(tx, edition.id)


def get_html(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def test_mail_to_approvers_is_the_edition_with_a_link_of_their_own(
    seeded_office: SeededOffice, relay: Relay
) -> None:
    edition = ask_for_approval(seeded_office)
    deliver_notices(seeded_office, edition)
    (mail,) = relay.list_mails(ANA)
    (other,) = relay.list_mails(BEN)
    assert relay.list_mails(WATCHER) == []
    assert mail["Subject"] == "Approve by Sat 21 Nov 09:00: The day", "half an hour before it goes"
    html = get_html(mail)
    text = str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    for part in (html, text):
        assert "Les bateaux" in part
        assert part.index("/d/") < part.index("Les bateaux") < part.index("mailer edition approve")
    attached = {part.get_filename(): part for part in mail.iter_attachments()}
    assert set(attached) == {f"edition-{edition.id}-en.eml", f"edition-{edition.id}-fr.eml"}
    french = attached[f"edition-{edition.id}-fr.eml"]
    assert french.get_content_type() == "message/rfc822"
    assert "Les bateaux" in get_html(french.get_content())
    assert find_decision_path(mail) != find_decision_path(other)
    with seeded_office.store.begin() as tx:  # the retention of notices ends
        notice = next(
            edition
            for edition in tx.editions.list_recent_editions([], 9, notices=True)
            if edition.kind is EditionKind.NOTICE
        )
        (body,) = tx.editions.list_bodies(notice)
        hashes = [attachment.sha256 for attachment in body.attachments]
        assert all(tx.releases.read_content(one) for one in hashes)
        tx.retention.delete_edition_rows(notice.id, 100)
        assert not any(tx.releases.read_content(one) for one in hashes)


def test_get_shows_everything_and_changes_nothing(
    seeded_office: SeededOffice, relay: Relay, pages: AsgiClient
) -> None:
    edition = ask_for_approval(seeded_office)
    deliver_notices(seeded_office, edition)
    path = find_decision_path(relay.list_mails(BEN)[0])
    before = dump_tables(seeded_office.store)
    for method in ("HEAD", "GET"):
        page = pages.send_request(method, path)
        assert page.status == 200
    assert dump_tables(seeded_office.store) == before
    assert page.get_header("X-Robots-Tag") == "noindex, nofollow, noarchive"
    assert "<script" not in page.text
    for words in (
        "Approve “<bdi>The day</bdi>”?",
        "Les bateaux",
        "French: 1",
        "Ben &lt;ben@",
        'class="findings"',
    ):
        assert words in page.text, words
    own = pages.get_page(find_decision_path(relay.list_mails(ANA)[0])).text
    assert "Eastern Standard Time" in own or "Eastern Daylight Time" in own, "in her time zone"
    assert "You have written or edited something in it" in own
    assert 'value="approve"' not in own


def test_decision_by_link_is_bound_to_person_and_content(
    seeded_office: SeededOffice, relay: Relay, pages: AsgiClient, clock: OfficeClock
) -> None:
    edition = ask_for_approval(seeded_office)
    deliver_notices(seeded_office, edition)
    ana_path, ben_path = (find_decision_path(relay.list_mails(one)[0]) for one in (ANA, BEN))
    approve = {"decision": "approve", "comment": "looks good"}
    assert pages.send_form(ana_path, approve).status == 409, "she has edited it under her login"
    assert pages.send_form(ben_path, {"decision": "send-back"}).status == 422, "no comment"
    assert pages.send_form(ben_path, {"comment": "well"}).status == 422, "no decision"
    assert find_edition(seeded_office, edition).state is S.IN_REVIEW
    page = pages.send_form(ben_path, approve)
    assert page.status == 200
    assert "is approved" in page.text
    approved = find_edition(seeded_office, edition)
    assert approved.state is S.SCHEDULED
    assert approved.approval is not None
    assert approved.approval.approver_key == f"staff:{BEN}"
    assert approved.approval.comment == "looks good"
    assert pages.send_form(ben_path, approve).status == 409, "it is decided"
    deliver_notices(seeded_office, approved)
    # A change voids the approval and the link; Ben is shown what has changed since he approved.
    with seeded_office.store.begin() as tx:
        editions.edit_edition(
            tx,
            create_local_actor("amina"),
            approved,
            {"opening": {"en": "Rain is on the way."}},
            NOW,
        )
    asked_again = ask_for_approval(seeded_office)
    assert "has changed" in pages.get_page(ben_path).text
    assert pages.send_form(ben_path, approve).status == 409
    clock.now = NOW + timedelta(hours=1)
    deliver_notices(seeded_office, asked_again)
    new_path = find_decision_path(relay.list_mails(BEN)[-1])
    watched = relay.list_mails(WATCHER)[-1]
    assert "Les bateaux" in get_html(watched), "watchers who were told of the approval see it"
    assert find_decision_path(watched) == ""
    page = pages.get_page(new_path)
    assert "What has changed since you approved it" in page.text
    assert re.search(r"<ins[^>]*>Rain is on the way\.</ins>", page.text)
    assert (
        pages.send_form(new_path, {"decision": "send-back", "comment": "No\r\nrain"}).status == 200
    )
    sent_back = find_edition(seeded_office, edition)
    assert (sent_back.state, sent_back.appointment) == (S.ON_HOLD, edition.appointment)
    assert sent_back.reason == f"sent back by Ben <{BEN}>: No rain"
    deliver_notices(seeded_office, edition)
    assert [str(relay.list_mails(one)[-1]["Subject"]) for one in (ANA, WATCHER)] == [
        "Sent back: The day"
    ] * 2


def test_invalid_links_get_the_same_answer(
    seeded_office: SeededOffice, relay: Relay, pages: AsgiClient, clock: OfficeClock
) -> None:
    edition = ask_for_approval(seeded_office)
    deliver_notices(seeded_office, edition)
    path = find_decision_path(relay.list_mails(BEN)[0])
    expiry = NOW + timedelta(days=3)
    link = StaffLink(BEN, str(edition.id), edition.content_hash, expiry)
    key = seeded_office.store.key

    def sign(purpose: LinkPurpose = LinkPurpose.EDITION_DECISION, **fields: Any) -> str:
        return staff_links.sign_staff_link(key, purpose, replace(link, **fields))

    assert pages.get_page(f"/d/{sign()}").status == 200
    invalid = [
        path[:-1] + ("A" if path[-1] != "A" else "B"),
        f"/d/{sign(LinkPurpose.KILL_DECISION)}",
        f"/d/{sign(address='stranger@example.org')}",
        f"/d/{sign(subject='999')}",
        f"/d/{sign(subject='boats')}",
        f"/d/{sign(expires_at=NOW)}",
        f"/k/{sign()}",
        f"/k/{sign(LinkPurpose.KILL_DECISION, subject='boats')}",
        "/d/x",
    ]
    for target in invalid:
        assert pages.get_page(target).status == 404, target
        assert pages.send_form(target, {"decision": "approve"}).status == 404, target
    clock.now = NOW + timedelta(days=30)
    assert pages.get_page(path).status == 404, "it has expired"
    assert find_edition(seeded_office, edition).state is S.IN_REVIEW


def send_release(seeded_office: SeededOffice) -> None:
    mailer = seeded_office.mailer
    with seeded_office.store.begin() as tx:
        factories.add_subscriber(tx, "cleo@readers.example.org", list_slug="press")
        factories.add_story(tx, "lanterns", kind=ArticleKind.PRESS_RELEASE)
        plan = releases.prepare_release(
            tx, WORKER, "lanterns", seeded_office.press, mailer.renderer, NOW, default_language="en"
        )
        releases.begin_release(tx, WORKER, plan, mailer.renderer, NOW)
        releases.request_kill(
            tx, create_local_actor("amina"), "lanterns", {"": "It is not true."}, NOW
        )


def ask_for_kill(seeded_office: SeededOffice, log: Any) -> None:
    mailer = seeded_office.mailer
    for _ in range(2):  # the second time there is nothing to do
        with seeded_office.store.begin() as tx:
            jobs.ask_for_kill(mailer, "lanterns", create_logger(log), tx)
    mailer.deliver_editions([], threading.Event(), follow_new=True)


def test_second_person_confirms_a_kill_by_link(
    seeded_office: SeededOffice, relay: Relay, pages: AsgiClient, log: Any
) -> None:
    send_release(seeded_office)
    ask_for_kill(seeded_office, log)
    (mail,) = relay.list_mails(BEN)
    assert str(mail["Subject"]).startswith("Confirm a kill: ")
    ana_path = find_decision_path(relay.list_mails(ANA)[0])
    path = find_decision_path(mail)
    before = dump_tables(seeded_office.store)
    assert "It is not true." in pages.get_page(path).text
    assert 'value="confirm"' not in pages.get_page(ana_path).text
    assert dump_tables(seeded_office.store) == before
    assert pages.send_form(ana_path, {"decision": "confirm"}).status == 409, "she has asked for it"
    assert pages.send_form(path, {}).status == 422
    with seeded_office.store.read() as tx:
        assert tx.releases.find_kill("lanterns").confirmed_at is None  # type: ignore[union-attr]
    assert "is killed" in pages.send_form(path, {"decision": "confirm"}).text
    with seeded_office.store.read() as tx:
        kill = tx.releases.find_kill("lanterns")
    assert kill is not None
    assert kill.confirmed_by_key == f"staff:{BEN}"
    assert pages.get_page(path).status == 404, "it is decided"


def test_no_one_who_shares_a_login_is_second_person_for_it(
    seeded_office: SeededOffice, relay: Relay, pages: AsgiClient, log: Any
) -> None:
    mailer = seeded_office.mailer
    people = {
        ANA: PersonSection(name="Ana", logins=("amina",)),
        BEN: PersonSection(name="Ben", logins=("ben", "Amina")),
    }
    mailer.settings = mailer.settings.model_copy(update={"people": people})
    send_release(seeded_office)
    ask_for_kill(seeded_office, log)
    edition = ask_for_approval(seeded_office)
    deliver_notices(seeded_office, edition)
    for address in (ANA, BEN):
        kill_path, edition_path = map(find_decision_path, relay.list_mails(address))
        assert (kill_path[:3], edition_path[:3]) == ("/k/", "/d/")
        assert pages.send_form(kill_path, {"decision": "confirm"}).status == 409
        assert pages.send_form(edition_path, {"decision": "approve"}).status == 409
    with seeded_office.store.read() as tx:
        kill = tx.releases.find_kill("lanterns")
    assert kill is not None
    assert kill.confirmed_at is None
    assert find_edition(seeded_office, edition).state is S.IN_REVIEW


def test_approvers_are_asked_again_when_the_story_of_a_kill_changes(
    seeded_office: SeededOffice, relay: Relay, pages: AsgiClient, log: Any
) -> None:
    mailer = seeded_office.mailer
    staffed = mailer.settings
    scheduler = Scheduler(mailer, create_logger(log), stopwatch=lambda: 1000.0)

    def run_worker() -> list[EmailMessage]:
        for _ in range(2):  # the second time there is nothing to do
            scheduler.run_tick()
        mailer.deliver_editions([], threading.Event(), follow_new=True)
        return relay.list_mails(BEN)

    send_release(seeded_office)
    mailer.settings = staffed.model_copy(update={"notices": NoticesSection()})
    assert run_worker() == [], "there is no approver yet"
    mailer.settings = staffed
    (first_mail,) = run_worker()
    with seeded_office.store.begin() as tx:
        articles.edit_article(
            tx, create_local_actor("amina"), "lanterns", "en", {"summary": "Fewer lanterns."}, NOW
        )
    _, second_mail = run_worker()
    assert pages.get_page(find_decision_path(first_mail)).status == 404
    path = find_decision_path(second_mail)
    assert "Fewer lanterns." in pages.get_page(path).text
    assert "is killed" in pages.send_form(path, {"decision": "confirm"}).text
    assert len([mail for mail in run_worker() if find_decision_path(mail)]) == 2


def test_second_person_refuses_a_kill_by_link(
    seeded_office: SeededOffice, relay: Relay, pages: AsgiClient, log: Any
) -> None:
    send_release(seeded_office)
    ask_for_kill(seeded_office, log)
    path = find_decision_path(relay.list_mails(BEN)[0])
    page = pages.send_form(path, {"decision": "refuse", "comment": "It is true."})
    assert "is not killed" in page.text
    with seeded_office.store.read() as tx:
        assert tx.releases.find_kill("lanterns") is None
        events = tx.embargoes.list_events("lanterns", 10)
        assert any(event.detail == "It is true." for event in events)
    # A person who asked by a link counts as the same one under their login.
    with seeded_office.store.begin() as tx:
        directory = seeded_office.mailer.staff_directory
        releases.request_kill(
            tx, directory.identify_holder(ANA), "lanterns", {"": "It is not."}, NOW
        )
        with pytest.raises(Refused, match="takes two people"):
            releases.preview_kill(
                tx, directory.identify_login("amina"), "lanterns",
                seeded_office.mailer.renderer, NOW,
            )  # fmt: skip


def test_comment_that_is_refused_is_shown_again(
    seeded_office: SeededOffice, relay: Relay, pages: AsgiClient, log: Any
) -> None:
    send_release(seeded_office)
    ask_for_kill(seeded_office, log)
    edition = ask_for_approval(seeded_office)
    deliver_notices(seeded_office, edition)
    kill_path, edition_path = map(find_decision_path, relay.list_mails(BEN))
    words = "Not so.\r\n" + "x" * 992
    before = dump_tables(seeded_office.store)
    for path, decision in (
        (kill_path, "refuse"),
        (edition_path, "send-back"),
        (edition_path, "approve"),
    ):
        page = pages.send_form(path, {"decision": decision, "comment": f"{words}y"})
        assert page.status == 422
        assert "The comment has 1,001 characters, and may have 1,000: shorten it" in page.text
        assert f"{words}y</textarea>".replace("\r", "") in page.text
        page = pages.send_form(path, {"decision": decision, "comment": "Not\a so."})
        assert page.status == 422
        assert "The comment holds characters that can’t be shown" in page.text
        assert ">Not\ufffd so.</textarea>" in page.text
    assert dump_tables(seeded_office.store) == before
    assert pages.send_form(kill_path, {"decision": "refuse", "comment": words}).status == 200
    assert pages.send_form(edition_path, {"decision": "send-back", "comment": words}).status == 200
    assert find_edition(seeded_office, edition).reason.endswith("x" * 992)
