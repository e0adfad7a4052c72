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
from mailer.delivery.outgoing_mail import OutgoingMail, prepare_mail
from mailer.delivery.replies import Verdict
from mailer.errors import RelayError
from mailer.model.deliveries import DeliveryState
from tests.fake_relay import Relay
from tests.integration.delivery.proxy import Proxy
from tests.integration.delivery.smtp_dialogue import Conversation
from tests.integration.factories import begin_edition, make_addresses, read_delivery_states

MESSAGE = b"Subject: Hello\r\n\r\nOne.\r\n"
ANA, BO = "ana@example.org", "bo@example.org"
MAILS = (
    prepare_mail("news@example.org", ANA, MESSAGE),
    prepare_mail("news@example.org", BO, MESSAGE),
)


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


@pytest.mark.parametrize("replies", [False, True], ids=["client bytes", "relay bytes"])
def test_run_with_cut_connections_repeats_only_doubts(
    replies: bool,
    mailer: Mailer,
    relay: Relay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every other connection breaks, each at another byte; each carries two messages."""
    monkeypatch.setattr(relay_health, "FIRST_PAUSE", 0.0)
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

    mailer.deliver_editions([edition], threading.Event())
    accepted = Counter(relay.accepted)
    assert sorted(accepted) == readers, "no message is lost"
    assert {address for address in accepted if accepted[address] > 1} <= doubted_addresses
    assert set(read_delivery_states(mailer.store, edition).values()) == {DeliveryState.SENT}
