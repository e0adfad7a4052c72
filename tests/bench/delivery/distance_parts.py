"""Parts of the bench: relays that are far away, with CHUNKING, without, and with TLS."""

from functools import partial

from tests.bench.context import Bench, compare_pairs
from tests.bench.delivery import prebuilt
from tests.bench.delivery.bench_run import build_rates
from tests.bench.delivery.python_sink import run_python_sink
from tests.bench.delivery.sink import run_sink
from tests.bench.results import Comparison
from tests.certificate import create_certificate

EACH_WAY = 0.025
"""Seconds to a relay whose round trip is 50 ms."""

ROUND_TRIPS = (0, 1, 10, 50, 150)
"""Milliseconds: this machine, this building, a near relay, another country, another continent."""

MAX_CONNECTIONS = 256
"""The most connections that a run without PIPELINING may open."""

NO_PIPELINING_WINDOW = 4


def measure_distances(bench: Bench) -> list[Comparison]:
    """Measure every distance with CHUNKING and without, to the same sink, and smtplib at 50 ms."""
    scale = bench.scale
    chunking_office, data_office = bench.get_office(scale.n), bench.get_office(scale.data_n)
    chunking_sink = partial(run_python_sink, chunking=True)
    data_sink = partial(run_python_sink, chunking=False)
    measurers = (
        {
            f"CHUNKING, {milliseconds} ms": partial(
                bench.send, chunking_office, relay=chunking_sink, each_way=milliseconds / 2000
            )
            for milliseconds in ROUND_TRIPS
        }
        | {
            f"without CHUNKING, {milliseconds} ms": partial(
                bench.send, data_office, relay=data_sink, each_way=milliseconds / 2000
            )
            for milliseconds in ROUND_TRIPS
        }
        | {
            "smtplib, 50 ms": partial(
                prebuilt.run_prebuilt,
                data_office,
                relay=data_sink,
                count=min(scale.smtplib_n, scale.data_n),
                connections=scale.connections,
                each_way=EACH_WAY,
            )
        }
    )
    runs = bench.run_in_turns("distance", measurers)
    series = {name: build_rates(name, runs[name]) for name in measurers}
    conditions = "; a sink of the bench in Python on the same machine, behind a delay"
    chunking_conditions = bench.describe_sending(scale.n, chunking_office.size) + conditions
    data_conditions = bench.describe_sending(scale.data_n, data_office.size) + conditions
    smtplib_conditions = (
        f"; {min(scale.smtplib_n, scale.data_n):,} messages of smtplib, made before, on as many "
        "connections"
    )

    def get_nearer(words: str) -> list[str]:
        return [f"{words}, {milliseconds} ms" for milliseconds in ROUND_TRIPS[1:-1]]

    return [
        compare_pairs(
            "chunking-150-to-0",
            chunking_conditions,
            series["CHUNKING, 150 ms"],
            series["CHUNKING, 0 ms"],
            *(series[name] for name in get_nearer("CHUNKING")),
        ),
        compare_pairs(
            "chunking-to-smtplib",
            chunking_conditions + smtplib_conditions,
            series["CHUNKING, 50 ms"],
            series["smtplib, 50 ms"],
        ),
        compare_pairs(
            "data-150-to-0",
            data_conditions,
            series["without CHUNKING, 150 ms"],
            series["without CHUNKING, 0 ms"],
            *(series[name] for name in get_nearer("without CHUNKING")),
        ),
        compare_pairs(
            "data-to-smtplib",
            data_conditions + smtplib_conditions,
            series["without CHUNKING, 50 ms"],
            series["smtplib, 50 ms"],
        ),
    ]


def measure_growth(bench: Bench) -> list[Comparison]:
    """Compare connections that grow by themselves with those of smtplib, without PIPELINING."""
    scale = bench.scale
    office = bench.get_office(scale.growth_n)
    smtplib_count = min(scale.smtplib_n, scale.growth_n)
    no_pipelining = partial(run_sink, pipelining=False)
    runs = bench.run_in_turns(
        "growth",
        {
            "mailer send": partial(
                bench.send,
                office,
                relay=no_pipelining,
                each_way=EACH_WAY,
                window=NO_PIPELINING_WINDOW,
                settings={"MAILER_RELAY_MAX_CONNECTIONS": str(MAX_CONNECTIONS)},
            ),
            "smtplib": partial(
                prebuilt.run_prebuilt,
                office,
                relay=no_pipelining,
                count=smtplib_count,
                connections=scale.connections,
                each_way=EACH_WAY,
            ),
        },
    )
    return [
        compare_pairs(
            "growth-to-smtplib",
            f"{scale.growth_n:,} messages of {office.size:,} bytes, {scale.connections} to "
            f"{MAX_CONNECTIONS} connections, window {NO_PIPELINING_WINDOW}; {smtplib_count:,} "
            f"messages of smtplib on {scale.connections} connections",
            build_rates("mailer send, connections grow", runs["mailer send"]),
            build_rates("smtplib", runs["smtplib"]),
        )
    ]


def measure_tls(bench: Bench) -> list[Comparison]:
    """Compare a relay with TLS and one without."""
    office = bench.get_office(bench.scale.n)
    certificate = create_certificate(bench.folder)
    tls_settings = {
        "MAILER_RELAY_TLS": "implicit",
        "MAILER_RELAY_CA_FILE": str(certificate[0]),
    }
    runs = bench.run_in_turns(
        "tls",
        {
            "TLS": partial(
                bench.send,
                office,
                relay=partial(run_python_sink, certificate=certificate),
                settings=tls_settings,
            ),
            "no encryption": partial(bench.send, office, relay=run_python_sink),
        },
    )
    return [
        compare_pairs(
            "tls-to-none",
            bench.describe_sending(bench.scale.n, office.size)
            + "; a sink of the bench in Python, which decrypts on the same machine",
            build_rates("TLS", runs["TLS"]),
            build_rates("no encryption", runs["no encryption"]),
        )
    ]
