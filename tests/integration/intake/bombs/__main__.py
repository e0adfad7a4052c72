"""Print the cost of every bomb as a table."""

import tempfile
from pathlib import Path

from tests.integration.intake.bombs.files import ACCEPTED, FEEDS, PICTURES, XMLS, ZIPS
from tests.integration.intake.bombs.runner import BombOutcome, BombRunner
from tests.integration.intake.bombs.sites import SLOW, install_bombs
from tests.integration.intake.site import HOST, LoopbackSite

KINDS = {"zip": ZIPS, "xml": XMLS, "feed": FEEDS, "picture": PICTURES | ACCEPTED}


def print_outcome(kind: str, name: str, outcome: BombOutcome) -> None:
    verdict = "refused" if outcome.refused else "taken"
    cost = f"{outcome.seconds:7.2f} s{outcome.peak:6.0f} MB"
    print(f"{kind:8}{name:46}{cost}  {verdict}: {outcome.message[:70]}", flush=True)


def main() -> None:
    with BombRunner() as runner, tempfile.TemporaryDirectory() as folder, LoopbackSite() as site:
        print_outcome("", "nothing at all", runner.run_job(kind="picture", path="/dev/null"))
        for name, url in install_bombs(site).items():
            seconds = 20.0 if name in SLOW else 10.0
            outcome = runner.run_job(
                kind="fetch", url=url, host=HOST, port=site.port, seconds=seconds, hangs=False
            )
            print_outcome("fetch", name, outcome)
        outcome = runner.run_job(
            kind="fetch", url=site.build_url(), host=HOST, port=site.port, seconds=20.0, hangs=True
        )
        print_outcome("fetch", "a look-up that hangs", outcome)
        for kind, bombs in KINDS.items():
            for name, make in bombs.items():
                path = Path(folder, "bomb")
                path.write_bytes(make())
                print_outcome(kind, name, runner.run_job(kind=kind, path=str(path)))


main()
