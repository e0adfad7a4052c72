"""The scale of the bench, and what several of its parts share."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.delivery import fixtures as offices
from tests.bench.delivery import mailer_send
from tests.bench.delivery.figures import BenchRun, Goal
from tests.bench.delivery.fixtures import Office
from tests.bench.delivery.postgresql_office import PostgresqlOffice


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of the bench. Each field can be set in the environment, in capitals. The defaults
    of connections and window are the fastest of the sweep."""

    n: int = 20_000
    runs: int = 5
    connections: int = 32
    window: int = 20
    plain_n: int = 1_000
    latency_n: int = 2_000
    memory_n: int = 500_000
    plan_n: int = 1_000_000

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Scale":
        """Read the scale. Exits the bench if a value is not a whole number from 1 on."""
        values: dict[str, int] = {}
        for name in cls.__dataclass_fields__:
            if text := environ.get(name.upper(), ""):
                if not text.isascii() or not text.isdigit() or int(text) < 1:
                    sys.exit(f"{name.upper()} is {text!r}: give a whole number from 1 on")
                values[name] = int(text)
        return cls(**values)


class BenchBase:
    """Builds offices when they are first needed, and saves runs for later parts."""

    def __init__(self, scale: Scale, folder: Path) -> None:
        self.scale = scale
        self.goals: list[Goal] = []
        self._folder = folder
        self._offices: dict[int, Office] = {}
        self._runs: dict[str, list[BenchRun]] = {}

    # ---- shared by several parts ----------------------------------------------------------------

    def _get_office(self, reader_count: int) -> Office:
        """Return a planned office with so many readers, which is built only once."""
        if reader_count not in self._offices:
            print_note(f"building an office with {reader_count:,} readers")
            self._offices[reader_count] = offices.build_office(
                self._folder / f"office-{reader_count}", reader_count
            )
        return self._offices[reader_count]

    def _send_with_mailer(
        self, office: Office | PostgresqlOffice, each_way: float = 0.0, *, chunking: bool = False
    ) -> BenchRun:
        scale = self.scale
        return mailer_send.send_edition(
            office,
            connections=scale.connections,
            window=scale.window,
            each_way=each_way,
            chunking=chunking,
        )


def divide_pairs(our_values: list[float], their_values: list[float]) -> list[float]:
    return [a / b for a, b in zip(our_values, their_values, strict=True)]


def print_title(text: str) -> None:
    print(f"\n{text}", flush=True)


def print_progress(total: int, sent: int) -> None:
    print_note(f"memory: {sent:,} of {total:,} sent")


def print_note(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)
