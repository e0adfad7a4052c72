"""What every bomb costs, as a table."""

import tempfile
from pathlib import Path

from tests.integration.intake.bombs.files import FEEDS, PICTURES, TAKEN, XMLS, ZIPS
from tests.integration.intake.bombs.runner import Outcome, Runner
from tests.integration.intake.bombs.sites import SLOW, prepare
from tests.integration.intake.site import HOST, Site

KINDS = {"zip": ZIPS, "xml": XMLS, "feed": FEEDS, "picture": PICTURES | TAKEN}


def show(kind: str, name: str, outcome: Outcome) -> None:
    how = "refused" if outcome.refused else "taken"
    cost = f"{outcome.seconds:7.2f} s{outcome.peak:6.0f} MB"
    print(f"{kind:8}{name:46}{cost}  {how}: {outcome.said[:70]}", flush=True)


def main() -> None:
    with Runner() as runner, tempfile.TemporaryDirectory() as folder, Site() as site:
        show("", "nothing at all", runner.meet(kind="picture", path="/dev/null"))
        for name, url in prepare(site).items():
            seconds = 20.0 if name in SLOW else 10.0
            outcome = runner.meet(
                kind="fetch", url=url, host=HOST, port=site.port, seconds=seconds, hangs=False
            )
            show("fetch", name, outcome)
        outcome = runner.meet(
            kind="fetch", url=site.url(), host=HOST, port=site.port, seconds=20.0, hangs=True
        )
        show("fetch", "a look-up that hangs", outcome)
        for kind, bombs in KINDS.items():
            for name, make in bombs.items():
                path = Path(folder, "bomb")
                path.write_bytes(make())
                show(kind, name, runner.meet(kind=kind, path=str(path)))


main()
