"""Parts of the bench: relays that are far away, with CHUNKING and without."""

from tests.bench.delivery import mailer_send, prebuilt
from tests.bench.delivery.bench_base import BenchBase, divide_pairs, print_note, print_title
from tests.bench.delivery.figures import BenchRun, Goal, format_line, measure_ratio

EACH_WAY = 0.025
DISTANCES = (0.0, 0.005, 0.025, 0.075)
"""Seconds each way: no distance, a near relay, another country, another continent."""

MAX_CONNECTIONS = 256


class DistanceParts(BenchBase):
    """The parts that measure distance."""

    def measure_latency(self) -> None:
        scale = self.scale
        office = self._get_office(scale.latency_n)
        smtplib_count = max(scale.latency_n // 4, 1)
        our_runs: list[BenchRun] = []
        their_runs: list[BenchRun] = []
        for round_number in range(scale.runs):
            print_note(f"latency, round {round_number + 1} of {scale.runs}")
            our_runs.append(self._send_with_mailer(office, EACH_WAY))
            their_runs.append(
                prebuilt.run_prebuilt(
                    office, count=smtplib_count, connections=scale.connections, each_way=EACH_WAY
                )
            )
        print_title(
            f"A relay {EACH_WAY * 2000:.0f} ms away: {scale.connections} connections each, "
            f"{scale.latency_n:,} messages of mailer send, {smtplib_count:,} of plain smtplib, "
            "connecting included"
        )
        our_rates, their_rates = [run.rate for run in our_runs], [run.rate for run in their_runs]
        print(format_line("mailer send, sending phase", our_rates))
        print(format_line("smtplib, messages made before", their_rates))
        print(format_line("ratio", divide_pairs(our_rates, their_rates), "", 2))
        self.goals.append(
            Goal(
                "messages/s at 50 ms, mailer send to smtplib",
                measure_ratio(our_rates, their_rates),
                4,
                4,
            )
        )

    def measure_growth(self) -> None:
        """Compare connections that grow by themselves with 32 of smtplib, without PIPELINING."""
        scale = self.scale
        office = self._get_office(scale.n)
        smtplib_count = max(scale.latency_n // 4, 1)
        our_runs: list[BenchRun] = []
        their_runs: list[BenchRun] = []
        for round_number in range(scale.runs):
            print_note(f"growth, round {round_number + 1} of {scale.runs}")
            our_runs.append(
                mailer_send.send_edition(
                    office,
                    connections=32,
                    window=4,
                    each_way=EACH_WAY,
                    max_connections=MAX_CONNECTIONS,
                )
            )
            their_runs.append(
                prebuilt.run_prebuilt(
                    office, count=smtplib_count, connections=32, each_way=EACH_WAY
                )
            )
        print_title(
            f"A relay {EACH_WAY * 2000:.0f} ms away without PIPELINING, {scale.n:,} messages, "
            f"32 to {MAX_CONNECTIONS} connections"
        )
        our_rates, their_rates = [run.rate for run in our_runs], [run.rate for run in their_runs]
        print(format_line("mailer send, connections grow", our_rates))
        print(format_line("smtplib, 32 connections", their_rates))
        print(format_line("ratio", divide_pairs(our_rates, their_rates), "", 2))
        self.goals.append(
            Goal(
                "messages/s at 50 ms without PIPELINING, to smtplib",
                measure_ratio(our_rates, their_rates),
                4,
                4,
            )
        )

    def measure_chunking(self) -> None:
        """Compare distances over a relay that offers CHUNKING, and smtplib at one of them."""
        scale = self.scale
        office = self._get_office(scale.n)
        runs: dict[float, list[BenchRun]] = {each_way: [] for each_way in DISTANCES}
        their_runs: list[BenchRun] = []
        smtplib_count = max(scale.latency_n // 4, 1)
        for round_number in range(scale.runs):
            print_note(f"chunking, round {round_number + 1} of {scale.runs}")
            for each_way in DISTANCES:
                runs[each_way].append(self._send_with_mailer(office, each_way, chunking=True))
            their_runs.append(
                prebuilt.run_prebuilt(
                    office, count=smtplib_count, connections=scale.connections, each_way=EACH_WAY
                )
            )
        print_title(
            f"A relay with CHUNKING, {scale.n:,} messages, {scale.connections} connections, window "
            f"{scale.window}"
        )
        rates = {each_way: [run.rate for run in runs[each_way]] for each_way in DISTANCES}
        their_rates = [run.rate for run in their_runs]
        for each_way in DISTANCES:
            print(format_line(f"mailer send, {each_way * 2000:.0f} ms away", rates[each_way]))
        print(format_line(f"smtplib, {EACH_WAY * 2000:.0f} ms away", their_rates))
        for description, our_rates, other_rates, goal in (
            ("messages/s at 50 ms, CHUNKING, to smtplib", rates[EACH_WAY], their_rates, 20.0),
            ("messages/s, CHUNKING, 150 ms to 0 ms", rates[0.075], rates[0.0], 0.7),
        ):
            print(format_line(description, divide_pairs(our_rates, other_rates), "", 2))
            self.goals.append(Goal(description, measure_ratio(our_rates, other_rates), goal, goal))
