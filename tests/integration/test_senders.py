"""Sender identities: who is chosen, what approvals cover, and where answers and bounces go."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from mailer import digests, editions
from mailer.app import Mailer
from mailer.audience import lists
from mailer.config import NamedSender
from mailer.errors import ApprovalVoid, ComposeError, InputError
from mailer.model.edition_states import EditionKind, EditionState, SendTimeBasis
from mailer.model.editions import Edition, EditionBody, NewEdition
from mailer.model.senders import SenderIdentity
from mailer.notices import StaffAddresses, queue_test_mail
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.delivery.delivery_runs import with_settings
from tests.integration.factories import NOW

PRESS = NamedSender(
    name="Press office",
    address="press@office.example",
    reply_to="media@office.example",
    return_path="bounces@office.example",
)
CHIEF = NamedSender(name="The chief", address="chief@office.example")
SENDERS = {"press": PRESS, "chief": CHIEF}
READER = "ana@example.org"


@pytest.fixture
def office_mailer(mailer: Mailer) -> Mailer:
    """An office with two named senders, a list, a reader and a story."""
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.add_subscriber(tx, READER)
        factories.add_story(tx, "boats")
    return with_settings(mailer, senders=SENDERS)


def change_sender(mailer: Mailer, **senders: NamedSender) -> Mailer:
    return with_settings(mailer, senders={**mailer.settings.senders, **senders})


def choose_list_sender(mailer: Mailer, sender: str) -> None:
    with mailer.store.begin() as tx:
        lists.edit_list(tx, STAFF, "news", {"sender": sender}, senders=mailer.settings.senders)


def approve_edition(mailer: Mailer, **fields: Any) -> Edition:
    new = NewEdition(name="The week", list="news", stories=("boats",), template="digest", **fields)
    with mailer.store.begin() as tx:
        edition = editions.create_edition(tx, STAFF, new, NOW, senders=mailer.settings.senders)
        return editions.approve_edition(tx, AMINA, edition, mailer.renderer, mailer.clock())


def start_edition(mailer: Mailer, edition: Edition) -> Edition:
    with mailer.store.begin() as tx:
        current = factories.reload_edition(tx, edition)
        return editions.start_edition(tx, STAFF, current, mailer.renderer, mailer.clock())[0]


def deliver_all(mailer: Mailer) -> None:
    mailer.deliver_editions([], threading.Event(), follow_new=True)


# ---- who is chosen ----------------------------------------------------------------------------


def test_edition_without_a_sender_is_sent_by_the_default_one(
    office_mailer: Mailer, relay: Relay
) -> None:
    start_edition(office_mailer, approve_edition(office_mailer))
    deliver_all(office_mailer)
    (received,) = relay.received
    assert received.message["From"] == "Example Office <news@example.org>"
    assert received.message["Reply-To"] == "press@example.org"
    assert received.envelope_sender == "bounces@example.org"


def test_replies_and_bounces_follow_the_sender_of_the_list(
    office_mailer: Mailer, relay: Relay
) -> None:
    choose_list_sender(office_mailer, "press")
    start_edition(office_mailer, approve_edition(office_mailer))
    deliver_all(office_mailer)
    (received,) = relay.received
    assert received.message["From"] == "Press office <press@office.example>"
    assert received.message["Reply-To"] == "media@office.example"
    assert received.envelope_sender == "bounces@office.example"
    assert received.message["Message-ID"].endswith("@office.example>")
    assert received.message["List-Id"] == "News <news.example.org>", "it stays that of the list"


def test_sender_without_other_addresses_gets_replies_and_bounces(
    office_mailer: Mailer, relay: Relay
) -> None:
    start_edition(office_mailer, approve_edition(office_mailer, sender="chief"))
    deliver_all(office_mailer)
    (received,) = relay.received
    assert received.message["From"] == "The chief <chief@office.example>"
    assert received.message["Reply-To"] is None
    assert received.envelope_sender == "chief@office.example"


def test_sender_of_edition_beats_digest_and_digest_beats_list(office_mailer: Mailer) -> None:
    choose_list_sender(office_mailer, "press")
    with office_mailer.store.begin() as tx:
        factories.add_digest(tx, kinds=("news",))
        digest_edition, _ = digests.assemble_edition(tx, STAFF, "weekly", NOW)
        composed, _ = editions.compose_edition(tx, STAFF, digest_edition, office_mailer.renderer)
        assert composed.sender_identity is not None
        assert composed.sender_identity.name == PRESS.name
        editions.cancel_edition(tx, STAFF, composed, NOW)
        digests.edit_digest(tx, STAFF, "weekly", {"sender": "chief"}, NOW, senders=SENDERS)
        digest_edition, _ = digests.assemble_edition(tx, STAFF, "weekly", NOW)
        composed, _ = editions.compose_edition(tx, STAFF, digest_edition, office_mailer.renderer)
        assert composed.sender_identity is not None
        assert composed.sender_identity.name == CHIEF.name
        edited = editions.edit_edition(
            tx, STAFF, composed, {"sender": "press"}, NOW, senders=SENDERS
        )
        composed, _ = editions.compose_edition(tx, STAFF, edited, office_mailer.renderer)
        assert composed.sender_identity == SenderIdentity(
            PRESS.name, PRESS.address, PRESS.reply_to, PRESS.return_path
        )


def test_unknown_sender_is_refused_where_it_is_chosen(office_mailer: Mailer) -> None:
    with office_mailer.store.begin() as tx:
        edition = factories.create_edition(tx, "boats")
        digest = factories.add_digest(tx)
        for choose in (
            lambda: lists.edit_list(tx, STAFF, "news", {"sender": "x"}, senders=SENDERS),
            lambda: editions.edit_edition(
                tx, STAFF, edition, {"sender": "x"}, NOW, senders=SENDERS
            ),
            lambda: digests.edit_digest(
                tx, STAFF, digest.settings.slug, {"sender": "x"}, NOW, senders=SENDERS
            ),
        ):
            with pytest.raises(InputError, match="there is no sender 'x' in the settings"):
                choose()


def test_edition_whose_sender_left_the_settings_is_not_composed(office_mailer: Mailer) -> None:
    with office_mailer.store.begin() as tx:
        edition = editions.create_edition(
            tx,
            STAFF,
            NewEdition(name="x", list="news", stories=("boats",), sender="press"),
            NOW,
            senders=SENDERS,
        )
        poorer_mailer = with_settings(office_mailer, senders={"chief": CHIEF})
        with pytest.raises(ComposeError, match="there is no sender 'press' in the settings"):
            editions.compose_edition(tx, STAFF, edition, poorer_mailer.renderer)


# ---- approvals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Press team"},
        {"address": "team@office.example"},
        {"reply_to": "team@office.example"},
        {"return_path": "team@office.example"},
    ],
)
def test_change_of_the_senders_settings_voids_approval_before_the_start(
    office_mailer: Mailer, relay: Relay, changes: dict[str, str]
) -> None:
    approved = approve_edition(office_mailer, sender="press")
    changed_mailer = change_sender(office_mailer, press=PRESS.model_copy(update=changes))
    with pytest.raises(ApprovalVoid, match="was approved as"):
        start_edition(changed_mailer, approved)
    other_mailer = change_sender(office_mailer, chief=CHIEF.model_copy(update=changes))
    assert start_edition(other_mailer, approved).state is EditionState.SENDING
    deliver_all(other_mailer)
    assert relay.received[0].message["From"] == "Press office <press@office.example>"


def test_removed_sender_returns_scheduled_edition_to_draft_and_holds_it(
    office_mailer: Mailer,
) -> None:
    approved = approve_edition(office_mailer, sender="press")
    poorer_mailer = with_settings(office_mailer, senders={})
    with office_mailer.store.begin() as tx:
        appointment = editions.make_appointment(
            tx, NOW.replace(tzinfo=None) + timedelta(days=3650), "UTC", SendTimeBasis.OFFICE, NOW
        )
        scheduled = editions.set_send_time(tx, STAFF, approved, appointment, NOW)
        start = editions.start_due_edition(
            tx,
            STAFF,
            scheduled,
            poorer_mailer.renderer,
            NOW + timedelta(days=3650, minutes=1),
            check_relays=lambda: None,
        )
        assert start is not None
        assert start.edition.state is EditionState.DRAFT
        prepared = editions.prepare_edition(tx, STAFF, start.edition, poorer_mailer.renderer, NOW)
        assert prepared is not None
        assert prepared.edition.state is EditionState.ON_HOLD
        assert "there is no sender 'press'" in prepared.compose_error


def test_begun_edition_keeps_the_sender_that_was_approved(
    office_mailer: Mailer, relay: Relay
) -> None:
    """The approved bytes stay as frozen, whatever the settings say afterwards."""
    started = start_edition(office_mailer, approve_edition(office_mailer, sender="press"))
    choose_list_sender(office_mailer, "chief")
    changed = NamedSender(name="Changed", address="changed@office.example")
    changed_mailer = with_settings(office_mailer, senders={"press": changed})
    changed_mailer.deliver_editions([started], threading.Event())
    (received,) = relay.received
    assert received.message["From"] == "Press office <press@office.example>"
    assert received.envelope_sender == "bounces@office.example"


def test_preview_and_test_mail_have_the_senders_fields(office_mailer: Mailer, relay: Relay) -> None:
    with office_mailer.store.begin() as tx:
        edition = editions.create_edition(
            tx,
            STAFF,
            NewEdition(
                name="x", list="news", stories=("boats",), template="digest", sender="press"
            ),
            NOW,
            senders=SENDERS,
        )
        queue_test_mail(
            tx,
            AMINA,
            edition,
            [READER],
            office_mailer.renderer,
            StaffAddresses(others=(READER,)),
            office_mailer.clock(),
            hourly_limit=1,
        )
        preview = office_mailer.preview_edition(tx, STAFF, edition)
    assert b"From: Press office <press@office.example>\r\n" in preview.message
    deliver_all(office_mailer)
    (received,) = relay.received
    assert received.message["From"] == "Press office <press@office.example>"
    assert received.envelope_sender == "bounces@office.example"


# ---- mails that belong to no edition of a list ------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (EditionKind.NOTICE, "notices"),
        (EditionKind.SERVICE, "service"),
        (EditionKind.WELCOME, "service"),
    ],
)
def test_notices_and_service_mails_have_their_own_senders(
    office_mailer: Mailer, relay: Relay, kind: EditionKind, name: str
) -> None:
    body = EditionBody("en", "Hello", "Hello\n", "<p>Hello</p>", "z12345678", stories=1)
    choose_list_sender(office_mailer, "press")
    own_sender = NamedSender(name="Robot", address="robot@office.example")
    for mailer in (office_mailer, change_sender(office_mailer, **{name: own_sender})):
        with mailer.store.begin() as tx:
            edition = tx.notices.open_direct_edition(
                kind, body, NOW, STAFF, uid=f"u{id(mailer)}", name="x", list_slug="news",
                template="notice",
            )  # fmt: skip
            reader = tx.subscribers.find_subscriber(READER)
            assert reader is not None
            tx.notices.add_direct_deliveries(edition, body, [(READER, reader.id, "")])
        deliver_all(mailer)
    first, second = relay.received
    assert first.message["From"] == "Example Office <news@example.org>"
    assert second.message["From"] == "Robot <robot@office.example>"
    assert second.envelope_sender == "robot@office.example"


def test_service_mails_of_another_sender_begin_another_edition(office_mailer: Mailer) -> None:
    own_sender = NamedSender(name="Robot", address="robot@office.example")
    renderers = [
        office_mailer.renderer,
        change_sender(office_mailer, service=own_sender).renderer,
        change_sender(office_mailer, notices=own_sender).renderer,
    ]
    default, service, notices = [renderer.sender_details for renderer in renderers]
    assert default == notices != service


# ---- EHLO -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mail.example.org", "[192.0.2.7]"])
def test_relay_is_greeted_with_the_name_of_the_settings(
    office_mailer: Mailer, relay: Relay, name: str
) -> None:
    changed = office_mailer.settings.relay.model_copy(update={"ehlo": name})
    greeting_mailer = with_settings(office_mailer, relay=changed)
    start_edition(greeting_mailer, approve_edition(greeting_mailer))
    deliver_all(greeting_mailer)
    assert [line for line in relay.commands if line.lower().startswith("ehlo")] == [f"ehlo {name}"]
