"""smtplib over as many connections as ours, each in a thread, with messages made beforehand.

MAIL, RCPT, DATA and the message, each answered before the next: four round trips. Nothing is
rendered and nothing is written down: what is left is the conversation.

``prebuilt.py HOME DATABASE PORT COUNT CONNECTIONS`` prints what it took as JSON.
"""

import json
import smtplib
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from mailer.app import open_mailer
from tests.bench.delivery.children import LOOPBACK, measured, module
from tests.bench.delivery.delay import delayed
from tests.bench.delivery.figures import Run
from tests.bench.delivery.office import NOW, Office, edition_of, recipient, settings
from tests.bench.delivery.sink import sink


def run(office: Office, *, count: int, connections: int, each_way: float) -> Run:
    with sink(office.folder) as server, delayed(server.port, each_way) as port:
        done = measured(
            module("prebuilt", office.folder, office.database, port, count, connections),
            cwd=office.folder,
        )
        said = json.loads(done.out)
        run = Run(count, said["seconds"], said["cpu"], done.wall, done.cpu, done.peak)
        run.check(server.messages, "plain smtplib")
        return run


# ---- the program --------------------------------------------------------------------------------


def _carry(port: int, sender: str, mails: Sequence[tuple[str, bytes]]) -> None:
    smtp = smtplib.SMTP(LOOPBACK, port)
    smtp.ehlo()
    for address, message in mails:
        for code, said in (smtp.mail(sender), smtp.rcpt(address), smtp.data(message)):
            if code != 250:
                raise smtplib.SMTPResponseException(code, said)
    smtp.quit()


def main(home: Path, database: Path, port: int, count: int, connections: int) -> None:
    with open_mailer(settings(home, database)) as mailer, mailer.store.read() as tx:
        edition = edition_of(tx)
        stencils = mailer.stencils(tx, edition)
        mails = [
            (one.address, stencils[one.language].message(recipient(one), NOW))
            for one in tx.outbox.deliveries(edition, limit=count)
        ]
        sender = mailer.settings.sender.bounce_address
    threads = [
        threading.Thread(target=_carry, args=(port, sender, mails[at::connections]))
        for at in range(connections)
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
