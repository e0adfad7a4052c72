"""smtplib over as many connections as mailer send, each in a thread, with prebuilt messages.

MAIL, RCPT, DATA and the message are each answered before the next: four round trips. Nothing is
rendered or written to disk, so only the conversation is measured.

``prebuilt.py HOME DATABASE PORT COUNT CONNECTIONS`` prints its times as JSON.
"""

import json
import smtplib
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from mailer.app import open_mailer
from tests.bench.delivery.bench_run import BenchRun
from tests.bench.delivery.delay import open_delay_proxy
from tests.bench.delivery.fixtures import NOW, Office, load_edition, load_settings, to_recipient
from tests.bench.delivery.programs import LOOPBACK, build_module_command, measure_program
from tests.bench.delivery.sink import RelayRunner


def run_prebuilt(
    office: Office, *, relay: RelayRunner, count: int, connections: int, each_way: float
) -> BenchRun:
    """Send `count` messages over so many connections to a new relay, `each_way` seconds away."""
    with relay(office.folder) as server, open_delay_proxy(server.port, each_way) as port:
        measured_run = measure_program(
            build_module_command(
                "prebuilt", office.folder, office.database, port, count, connections
            ),
            cwd=office.folder,
        )
        figures = json.loads(measured_run.out)
        bench_run = BenchRun(
            count,
            figures["seconds"],
            figures["cpu"],
            measured_run.wall,
            measured_run.cpu,
            measured_run.peak,
        )
        bench_run.check_count(server.messages, "plain smtplib")
        return bench_run


# ---- the program --------------------------------------------------------------------------------


def _send_mails(port: int, envelope_sender: str, mails: Sequence[tuple[str, bytes]]) -> None:
    smtp = smtplib.SMTP(LOOPBACK, port)
    smtp.ehlo()
    for address, message in mails:
        for code, reply in (smtp.mail(envelope_sender), smtp.rcpt(address), smtp.data(message)):
            if code != 250:
                raise smtplib.SMTPResponseException(code, reply)
    smtp.quit()


def main(home: Path, database: Path, port: int, count: int, connections: int) -> None:
    with open_mailer(load_settings(home, database)) as mailer, mailer.store.read() as tx:
        edition = load_edition(tx)
        templates = mailer.build_message_templates(tx, edition)
        mails = [
            (
                delivery.address,
                templates[delivery.language].build_message(to_recipient(delivery), NOW),
            )
            for delivery in tx.outbox.list_deliveries(edition, limit=count)
        ]
        envelope_sender = mailer.settings.sender.envelope_sender
    threads = [
        threading.Thread(
            target=_send_mails, args=(port, envelope_sender, mails[offset::connections])
        )
        for offset in range(connections)
    ]
    start, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
