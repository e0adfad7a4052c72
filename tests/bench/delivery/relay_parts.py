"""Part of the bench: a real Postfix, near and far."""

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.context import Bench, compare_pairs
from tests.bench.delivery.bench_run import BenchRun, build_rates
from tests.bench.delivery.distance_parts import EACH_WAY
from tests.bench.results import Comparison
from tests.mail_servers import count_postfix_deliveries, run_discarding_postfix


@dataclass(frozen=True, slots=True)
class PostfixRun:
    """A Postfix as one run sees it: only the run's own messages count."""

    port: int
    folder: Path
    earlier_messages: int

    @property
    def messages(self) -> int:
        return count_postfix_deliveries(self.folder) - self.earlier_messages


def measure_postfix(bench: Bench) -> list[Comparison]:
    """Compare a Postfix behind a delay with the same Postfix without.

    It writes each message to its queue, as every Postfix does, and discards it afterwards, so that
    no mailbox slows it down. Each run ends when the queue is empty."""
    office = bench.get_office(bench.scale.relay_n)
    folder = bench.folder / "postfix"
    with run_discarding_postfix(folder) as port:

        def send(each_way: float) -> BenchRun:
            server = PostfixRun(port, folder, count_postfix_deliveries(folder))
            return bench.send(office, relay=lambda _: nullcontext(server), each_way=each_way)

        runs = bench.run_in_turns(
            "postfix", {"50 ms": partial(send, EACH_WAY), "0 ms": partial(send, 0.0)}
        )
    return [
        compare_pairs(
            "postfix-50-to-0",
            bench.describe_sending(bench.scale.relay_n, office.size)
            + "; Postfix queues each message on disk, and then discards it",
            build_rates("50 ms away", runs["50 ms"]),
            build_rates("no distance", runs["0 ms"]),
        )
    ]
