"""A connection may break at any byte, in either direction: no message is lost, and only messages in
doubt are sent twice. A message is in doubt only if it was written whole, with its final dot."""

import itertools
import random
import threading
from collections import Counter, deque
from collections.abc import Sequence

import pytest

from mailer.app import Mailer
from mailer.config import Relay as RelaySettings
from mailer.config import Tls
from mailer.delivery import relay_health
from mailer.delivery.outgoing_mail import OutgoingMail
from mailer.delivery.replies import Verdict
from mailer.errors import RelayError
from mailer.model.deliveries import DeliveryState
from tests.fake_relay import Relay
from tests.integration.delivery.proxy import Proxy
from tests.integration.delivery.smtp_dialogue import Conversation, prepare_mail
from tests.integration.factories import begin_edition, make_addresses, read_delivery_states

MESSAGE = b"Subject: Hello\r\n\r\nOne.\r\n"
ANA, BO, CY = "ana@example.org", "bo@example.org", "cy@example.org"
MAILS = (
    prepare_mail("news@example.org", ANA, MESSAGE),
    prepare_mail("news@example.org", BO, MESSAGE),
)

CHUNKED_MAILS = (*MAILS, prepare_mail("news@example.org", CY, MESSAGE))


@pytest.fixture
def backend() -> str:
    return "sqlite"


def deliver_all(port: int, mails: Sequence[OutgoingMail]) -> dict[str, Verdict]:
    """Deliver messages as a worker's connection does, over new connections while any is lost."""
    settings = RelaySettings(host="127.0.0.1", port=port, tls=Tls.NONE, timeout=10)
    waiting = deque(mails)
    verdicts: dict[str, Verdict] = {}
    while waiting:
        try:
            connection = Conversation(settings)
        except RelayError:
            continue
        with connection:
            while waiting:
                mail = waiting.popleft()
                following = waiting[0] if waiting else None
                reply = connection.deliver_mail(mail, get_following=lambda: following)  # noqa: B023
                if reply.verdict is Verdict.LOST:
                    waiting.appendleft(mail)
                else:
                    verdicts[mail.recipient] = reply.verdict
                if reply.needs_close:
                    break
    return verdicts


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "plain"])
@pytest.mark.parametrize("replies", [False, True], ids=["client bytes", "relay bytes"])
def test_cut_at_any_byte_loses_no_message(replies: bool, pipelining: bool) -> None:
    for cut in itertools.count(1):
        with Relay() as relay:
            if not pipelining:
                relay.remove_extension("PIPELINING")
            with Proxy(relay.port, iter([cut]), replies=replies) as proxy:
                first_verdicts = deliver_all(proxy.port, MAILS)
            if not proxy.connections[0].was_cut:
                break
            doubted_addresses = [
                address
                for address, verdict in first_verdicts.items()
                if verdict is Verdict.IN_DOUBT
            ]
            second_verdicts = deliver_all(
                relay.port, [address for address in MAILS if address.recipient in doubted_addresses]
            )
        assert {*first_verdicts.values(), *second_verdicts.values()} <= {
            Verdict.ACCEPTED,
            Verdict.IN_DOUBT,
        }
        accepted = Counter(relay.accepted)
        assert set(accepted) == {ANA, BO}, f"no message is lost at byte {cut}"
        assert {address for address in accepted if accepted[address] > 1} <= set(
            doubted_addresses
        ), cut
        assert set(doubted_addresses) <= set(proxy.connections[0].list_completed_recipients()), cut
    assert cut > 150, "the whole conversation was cut"


def send_all_in_window(port: int, mails: Sequence[OutgoingMail]) -> dict[str, Verdict]:
    """Deliver messages with CHUNKING, all in flight at once, and those that were lost again."""
    settings = RelaySettings(host="127.0.0.1", port=port, tls=Tls.NONE, timeout=10)
    waiting = list(mails)
    verdicts: dict[str, Verdict] = {}
    while waiting:
        try:
            connection = Conversation(settings)
        except RelayError:
            continue
        with connection:
            replies = connection.send_window(waiting)
        results = {
            mail.recipient: reply.verdict for mail, reply in zip(waiting, replies, strict=True)
        }
        waiting = [mail for mail in waiting if results[mail.recipient] is Verdict.LOST]
        verdicts |= {
            address: verdict for address, verdict in results.items() if verdict is not Verdict.LOST
        }
    return verdicts


@pytest.mark.parametrize("replies", [False, True], ids=["client bytes", "relay bytes"])
def test_chunked_window_cut_at_any_byte_loses_no_message(replies: bool) -> None:
    cuts = itertools.count(1)
    longest_doubt = 0
    for cut in cuts:
        with Relay() as relay:
            relay.offer_extensions("CHUNKING")
            with Proxy(relay.port, iter([cut]), replies=replies) as proxy:
                verdicts = send_all_in_window(proxy.port, CHUNKED_MAILS)
            connection = proxy.connections[0]
            if not connection.was_cut:
                break
        doubted_addresses = {
            address for address, verdict in verdicts.items() if verdict is Verdict.IN_DOUBT
        }
        longest_doubt = max(longest_doubt, len(doubted_addresses))
        assert {*verdicts.values()} <= {Verdict.ACCEPTED, Verdict.IN_DOUBT}
        accepted = Counter(relay.accepted)
        assert max(accepted.values(), default=0) <= 1, f"a message was sent twice, byte {cut}"
        assert {ANA, BO, CY} - set(accepted) <= doubted_addresses, f"no message is lost, byte {cut}"
        assert doubted_addresses <= set(connection.list_completed_recipients()), cut
    assert cut > (150 if replies else 300), "the whole conversation was cut"
    assert longest_doubt == len(CHUNKED_MAILS), "every message was in flight"


@pytest.mark.parametrize("chunking", [False, True], ids=["DATA", "CHUNKING"])
@pytest.mark.parametrize("replies", [False, True], ids=["client bytes", "relay bytes"])
def test_run_with_cut_connections_repeats_only_doubts(
    replies: bool,
    chunking: bool,
    mailer: Mailer,
    relay: Relay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every other connection breaks, each at another byte; each carries two messages."""
    monkeypatch.setattr(relay_health, "FIRST_PAUSE", 0.0)
    if chunking:
        if "PIPELINING" not in relay.offers:
            pytest.skip("CHUNKING is used only with PIPELINING")
        relay.offer_extensions("CHUNKING")
    readers = make_addresses(500)
    edition = begin_edition(mailer, *readers)
    cuts = random.Random(7).sample(range(1, 260 if replies else 2050), 120)
    alternate_cuts = itertools.chain.from_iterable((cut, None) for cut in cuts)
    with Proxy(relay.port, alternate_cuts, replies=replies) as proxy:
        relay_settings = mailer.settings.relay.model_copy(
            update={"port": proxy.port, "connections": 2, "window": 4, "per_connection": 2}
        )
        proxied_mailer = Mailer(
            mailer.settings.model_copy(update={"relay": relay_settings}), mailer.store
        )
        progress, _ = proxied_mailer.deliver_editions([edition], threading.Event())
    doubted_addresses = {
        address
        for address, state in read_delivery_states(mailer.store, edition).items()
        if state is DeliveryState.IN_DOUBT
    }
    assert len([link for link in proxy.connections if link.was_cut]) > 80
    assert progress.in_doubt == len(doubted_addresses) > 10
    assert doubted_addresses <= {
        address
        for link in proxy.connections
        for address in link.list_completed_recipients()
        if link.was_cut
    }

    mailer.deliver_editions([edition], threading.Event(), at_once=True)
    accepted = Counter(relay.accepted)
    assert sorted(accepted) == readers, "no message is lost"
    assert {address for address in accepted if accepted[address] > 1} <= doubted_addresses
    assert set(read_delivery_states(mailer.store, edition).values()) == {DeliveryState.SENT}
