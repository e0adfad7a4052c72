"""Every bomb is refused within two seconds and 256 MB, by a MailerError; by its deadline where it
takes its time. ``python -m tests.integration.intake.bombs`` prints what each cost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.intake.bombs.files import ACCEPTED, FEEDS, PICTURES, XMLS, ZIPS
from tests.integration.intake.bombs.runner import BombOutcome, BombRunner
from tests.integration.intake.bombs.sites import LARGE, SLOW, install_bombs
from tests.integration.intake.site import HOST, LoopbackSite

FILES = {
    (kind, name): make
    for kind, bombs in (("zip", ZIPS), ("xml", XMLS), ("feed", FEEDS), ("picture", PICTURES))
    for name, make in bombs.items()
}


@pytest.fixture(scope="module")
def runner() -> Iterator[BombRunner]:
    with BombRunner() as running:
        yield running


@pytest.fixture(scope="module")
def site() -> Iterator[LoopbackSite]:
    with LoopbackSite() as running:
        yield running


@pytest.fixture(scope="module")
def places(site: LoopbackSite) -> dict[str, str]:
    return install_bombs(site)


def meet(
    runner: BombRunner, site: LoopbackSite, url: str, seconds: float, hangs: bool = False
) -> BombOutcome:
    return runner.run_job(
        kind="fetch", url=url, host=HOST, port=site.port, seconds=seconds, hangs=hangs
    )


def within(outcome: BombOutcome, seconds: float) -> None:
    assert outcome.seconds < seconds, outcome
    assert outcome.peak < 256, outcome


@pytest.mark.parametrize("name", LARGE)
def test_an_answer_that_grows_is_refused(
    runner: BombRunner, site: LoopbackSite, places: dict[str, str], name: str
) -> None:
    outcome = meet(runner, site, places[name], 10)
    assert outcome.refused, outcome
    assert "longer than 10" not in outcome.said
    within(outcome, 2)


@pytest.mark.parametrize("name", SLOW)
def test_an_answer_that_takes_its_time_ends_by_the_deadline(
    runner: BombRunner, site: LoopbackSite, places: dict[str, str], name: str
) -> None:
    outcome = meet(runner, site, places[name], 0.4)
    assert outcome.refused
    assert outcome.said == "it took longer than 0.4 seconds"
    within(outcome, 2)


def test_so_does_a_look_up_that_hangs(runner: BombRunner, site: LoopbackSite) -> None:
    outcome = meet(runner, site, site.build_url(), 0.4, hangs=True)
    assert outcome.refused
    assert outcome.said == "it took longer than 0.4 seconds"
    within(outcome, 2)


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_a_file_that_grows_is_refused(
    runner: BombRunner, tmp_path: Path, kind: str, name: str
) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(FILES[kind, name]())
    outcome = runner.run_job(kind=kind, path=str(path))
    assert outcome.refused, outcome
    within(outcome, 2)


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_picture_that_is_what_it_says_costs_nothing_to_ask(
    runner: BombRunner, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(ACCEPTED[name]())
    outcome = runner.run_job(kind="picture", path=str(path))
    assert "width=9, height=9" in outcome.said
    within(outcome, 2)
