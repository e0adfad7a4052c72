"""Rotating the key that signs links: links of mails sent before work, and hashes stay the same."""

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest

from mailer import signing_keys
from mailer.app import Mailer
from mailer.audience import links
from mailer.audience.links import LinkPurpose, MemberLink
from mailer.errors import InputError, NotFound, Refused, TokenError
from mailer.store import Store
from mailer.tokens import KeyRing, hash_address, sign_token
from tests.actors import STAFF
from tests.conftest import KEY
from tests.fake_relay import Envelope, Relay, Step
from tests.integration import factories
from tests.integration.factories import NOW

LINK = MemberLink(41, 3, 7)


def rotate(store: Store, keep_days: int = 30) -> int:
    with store.begin() as tx:
        return signing_keys.rotate_signing_key(tx, STAFF, NOW, keep_days=keep_days).id


def load_ring(store: Store, days_later: int = 0) -> KeyRing:
    with store.read() as tx:
        return signing_keys.load_key_ring(tx, store.key, NOW + timedelta(days=days_later))


def sign(keys: KeyRing, purpose: LinkPurpose) -> str:
    if purpose is LinkPurpose.VIEW:
        return sign_token(keys, purpose, 7, "en", "5")
    if purpose is LinkPurpose.CONFIRM:
        return links.sign_confirmation_link(keys, 12)
    return links.sign_member_link(keys, purpose, LINK)


VERIFIERS: dict[LinkPurpose, Callable[[KeyRing, str], object]] = {
    LinkPurpose.VIEW: links.verify_view_link,
    LinkPurpose.CONFIRM: links.verify_confirmation_link,
}


def verify(keys: KeyRing, purpose: LinkPurpose, token: str) -> object:
    if purpose in VERIFIERS:
        return VERIFIERS[purpose](keys, token)
    return links.verify_member_link(keys, purpose, token)


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_links_signed_before_each_rotation_verify_until_their_key_expires(
    store: Store, purpose: LinkPurpose
) -> None:
    tokens = [sign(load_ring(store), purpose)]
    for _ in range(3):
        rotate(store)
        tokens.append(sign(load_ring(store), purpose))
    assert len(set(tokens)) == 4
    for token in tokens:
        verify(load_ring(store, 29), purpose, token)
    later = load_ring(store, 31)
    verify(later, purpose, tokens[-1])
    for token in tokens[:-1]:
        with pytest.raises(TokenError):
            verify(later, purpose, token)


def test_link_verifies_for_no_other_purpose_after_rotation(store: Store) -> None:
    token = sign(load_ring(store), LinkPurpose.PREFERENCES)
    rotate(store)
    with pytest.raises(TokenError):
        links.verify_member_link(load_ring(store), LinkPurpose.UNSUBSCRIBE, token)


def test_rotation_leaves_hashes_of_addresses_alone(store: Store) -> None:
    address = "gone@example.org"
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.suppress_address(tx, address)
    rotate(store)
    with store.read() as tx:
        assert tx.subscribers.find_suppression(address) is not None
    assert hash_address(store.key, address) == hash_address(KEY, address)


def test_keys_are_not_in_the_database(store: Store) -> None:
    """The database has salts only: they sign nothing without the secret key."""
    rotate(store)
    with store.read() as tx:
        salts = [key.salt for key in tx.signing_keys.list_signing_keys()]
    assert salts[0] == b""
    assert len(salts[1]) == 32
    ring = load_ring(store)
    assert ring.keys[1] == KEY
    assert ring.signing_key not in {KEY, salts[1]}


def test_valid_or_signing_key_is_not_removed(store: Store) -> None:
    number = rotate(store)
    with store.begin() as tx:
        with pytest.raises(Refused, match="signs the links of new mails"):
            signing_keys.remove_signing_key(tx, STAFF, number, NOW)
        with pytest.raises(Refused, match="work until 2026-12-20"):
            signing_keys.remove_signing_key(tx, STAFF, number - 1, NOW)
        with pytest.raises(NotFound):
            signing_keys.remove_signing_key(tx, STAFF, number + 7, NOW)
        signing_keys.remove_signing_key(tx, STAFF, number - 1, NOW + timedelta(days=31))
        assert [key.id for key in tx.signing_keys.list_signing_keys()] == [number]
        assert [event.event_type for event in tx.recovery.list_events()] == [
            "key rotated",
            "key removed",
        ]


@pytest.mark.parametrize("keep_days", [0, -1, 10**9])
def test_days_outside_limits_are_refused(store: Store, keep_days: int) -> None:
    with pytest.raises(InputError, match="not between 1 and"):
        rotate(store, keep_days)


def test_removed_secret_key_no_longer_verifies(store: Store) -> None:
    token = sign(load_ring(store), LinkPurpose.UNSUBSCRIBE)
    number = rotate(store)
    with store.begin() as tx:
        signing_keys.remove_signing_key(tx, STAFF, number - 1, NOW, even_if_valid=True)
    with pytest.raises(TokenError):
        links.verify_member_link(load_ring(store), LinkPurpose.UNSUBSCRIBE, token)


def test_running_process_reads_a_new_key_when_a_link_needs_it(mailer: Mailer) -> None:
    mailer.clock = lambda: NOW
    assert mailer.link_keys.ring.keys == (KEY,)
    rotate(mailer.store)
    token = sign(load_ring(mailer.store), LinkPurpose.UNSUBSCRIBE)
    mailer.link_keys._read_at -= 1.1
    link = mailer.link_keys.read_link(
        lambda keys: links.verify_member_link(keys, LinkPurpose.UNSUBSCRIBE, token)
    )
    assert link == LINK


def find_unsubscribe_token(mail: EmailMessage) -> str:
    match = re.search(r"/u/([^>]+)>", str(mail["List-Unsubscribe"]))
    assert match
    return match[1]


def test_rotation_during_a_run_changes_the_links_of_later_mails(
    mailer: Mailer, relay: Relay
) -> None:
    mailer.clock = lambda: NOW
    addresses = factories.make_addresses(40)
    edition = factories.begin_edition(mailer, *addresses)
    rotated = threading.Event()

    def rotate_then_wait(_: Envelope) -> str:
        if len(relay.accepted) == 3:
            rotate(mailer.store)
            rotated.set()
        if rotated.is_set():
            time.sleep(0.05)
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, rotate_then_wait)
    settings = mailer.settings.relay.model_copy(update={"connections": 1, "window": 1})
    single = Mailer(
        mailer.settings.model_copy(update={"relay": settings}), mailer.store, mailer.clock
    )
    single.link_keys.refresh_keys = lambda *_: single.link_keys._read_keys()  # type: ignore[method-assign]
    single.deliver_editions([edition], threading.Event())
    tokens = [find_unsubscribe_token(mail.message) for mail in relay.received if mail.accepted]
    assert len(tokens) == 40
    new_ring = KeyRing([load_ring(mailer.store).signing_key])
    old_ring = KeyRing([KEY])
    links.verify_member_link(old_ring, LinkPurpose.UNSUBSCRIBE, tokens[0])
    links.verify_member_link(new_ring, LinkPurpose.UNSUBSCRIBE, tokens[-1])
    for token in tokens:
        links.verify_member_link(load_ring(mailer.store), LinkPurpose.UNSUBSCRIBE, token)
