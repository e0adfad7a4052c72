"""A link may break at any byte, in either direction: nobody is lost, and whoever gets a message
twice was in doubt. In doubt is only who was written the whole message, its final dot too."""

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
from mailer.delivery.replies import Verdict
from mailer.delivery.smtp import OutgoingMail, prepare_mail
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


def carry(port: int, mails: Sequence[OutgoingMail]) -> dict[str, Verdict]:
    """Hand over messages as a carrier does, over new connections as long as any is lost."""
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
                one = waiting.popleft()
                following = waiting[0] if waiting else None
                reply = connection.deliver_mail(one, get_following=lambda: following)  # noqa: B023
                if reply.verdict is Verdict.LOST:
                    waiting.appendleft(one)
                else:
                    verdicts[one.recipient] = reply.verdict
                if reply.needs_close:
                    break
    return verdicts


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "plain"])
@pytest.mark.parametrize("replies", [False, True], ids=["what we say", "what the relay says"])
def test_at_every_byte_of_a_conversation(replies: bool, pipelining: bool) -> None:
    for cut in itertools.count(1):
        with Relay() as relay:
            if not pipelining:
                relay.remove_extension("PIPELINING")
            with Proxy(relay.port, iter([cut]), replies=replies) as proxy:
                first = carry(proxy.port, MAILS)
            if not proxy.connections[0].was_cut:
                break
            doubted = [one for one, verdict in first.items() if verdict is Verdict.IN_DOUBT]
            second = carry(relay.port, [one for one in MAILS if one.recipient in doubted])
        assert {*first.values(), *second.values()} <= {Verdict.ACCEPTED, Verdict.IN_DOUBT}
        accepted = Counter(relay.accepted)
        assert set(accepted) == {ANA, BO}, f"nobody is lost at byte {cut}"
        assert {one for one in accepted if accepted[one] > 1} <= set(doubted), cut
        assert set(doubted) <= set(proxy.connections[0].list_completed_recipients()), cut
    assert cut > 150, "the whole conversation was cut"


@pytest.mark.parametrize("replies", [False, True], ids=["what we say", "what the relay says"])
def test_in_a_run_whose_connections_break_one_after_the_other(
    replies: bool,
    mailer: Mailer,
    relay: Relay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each second connection breaks, of two messages each, and each at another byte."""
    monkeypatch.setattr(relay_health, "FIRST_PAUSE", 0.0)
    readers = make_addresses(500)
    edition = begin_edition(mailer, *readers)
    cuts = random.Random(7).sample(range(1, 260 if replies else 2050), 120)
    each_second = itertools.chain.from_iterable((cut, None) for cut in cuts)
    with Proxy(relay.port, each_second, replies=replies) as proxy:
        ours = mailer.settings.relay.model_copy(
            update={"port": proxy.port, "connections": 2, "window": 4, "per_connection": 2}
        )
        through = Mailer(mailer.settings.model_copy(update={"relay": ours}), mailer.store)
        first, _ = through.deliver_editions([edition], threading.Event())
    doubted = {
        one
        for one, state in read_delivery_states(mailer.store, edition).items()
        if state is DeliveryState.IN_DOUBT
    }
    assert len([link for link in proxy.connections if link.was_cut]) > 80
    assert first.in_doubt == len(doubted) > 10
    assert doubted <= {
        one
        for link in proxy.connections
        for one in link.list_completed_recipients()
        if link.was_cut
    }

    mailer.deliver_editions([edition], threading.Event())
    accepted = Counter(relay.accepted)
    assert sorted(accepted) == readers, "nobody is lost"
    assert {one for one in accepted if accepted[one] > 1} <= doubted
    assert set(read_delivery_states(mailer.store, edition).values()) == {DeliveryState.SENT}
