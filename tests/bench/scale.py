"""The scale of the bench: how many messages, people and seconds each part takes.

:data:`SHORT` is that of a plain ``make bench``, which takes at most 15 minutes on two cores.
:data:`FULL` has the numbers for which the goals are set.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of the bench. Each field can be set in the environment, in capitals, such as
    ``N=2000``. The defaults of connections and window are the fastest of the sweep."""

    runs: int = 3
    """Runs of each program, or pairs of runs."""
    connections: int = 32
    window: int = 20
    n: int = 20_000
    """Messages of a run, if no field below says otherwise."""
    whole_n: int = 50_000
    """Messages of a run in which the start of the command counts."""
    plain_n: int = 1_000
    """Messages of the plain way, which sends one after another."""
    data_n: int = 1_600
    """Messages of a run over a distance without CHUNKING."""
    smtplib_n: int = 500
    """Messages of smtplib over a distance."""
    growth_n: int = 10_000
    relay_n: int = 5_000
    """Messages to a real Postfix."""
    small_queue_n: int = 10_000
    queue_n: int = 100_000
    """Messages of the large queue."""
    queue_runs: int = 2
    plan_n: int = 100_000
    import_n: int = 100_000
    large_import_n: int = 0
    """People of the large import; 0 leaves it out."""
    subscribers: int = 200_000
    """Subscribers of the database that pages read."""
    page_n: int = 200
    """Requests to each page alone."""
    page_runs: int = 2
    rate: int = 200
    """Mixed requests a second."""
    page_seconds: int = 15
    idle_seconds: int = 60
    command_people: int = 10_000
    """People of the large data set, with 20 deliveries for each."""
    command_runs: int = 3

    @classmethod
    def from_environ(cls, base: "Scale", environ: Mapping[str, str]) -> "Scale":
        """Change a scale by the environment. Exits the bench if a value is not a whole number from
        1 on."""
        values: dict[str, int] = {}
        for name in cls.__dataclass_fields__:
            if text := environ.get(name.upper(), ""):
                if not text.isascii() or not text.isdigit() or int(text) < 1:
                    sys.exit(f"{name.upper()} is {text!r}: give a whole number from 1 on")
                values[name] = int(text)
        return replace(base, **values)


SHORT = Scale()

FULL = Scale(
    runs=5,
    whole_n=100_000,
    data_n=4_000,
    smtplib_n=2_000,
    growth_n=20_000,
    relay_n=20_000,
    queue_n=1_000_000,
    queue_runs=3,
    plan_n=1_000_000,
    large_import_n=1_000_000,
    subscribers=1_000_000,
    page_n=500,
    page_runs=3,
    page_seconds=30,
    idle_seconds=600,
    command_people=1_000_000,
    command_runs=5,
)
