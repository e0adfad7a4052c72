"""Every bomb is refused by a MailerError within two seconds and 256 MB; slow answers end at the
deadline. ``python -m tests.integration.intake.bombs`` prints the cost of each."""

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
def bomb_urls(site: LoopbackSite) -> dict[str, str]:
    return install_bombs(site)


def fetch_bomb(
    runner: BombRunner, site: LoopbackSite, url: str, seconds: float, hangs: bool = False
) -> BombOutcome:
    return runner.run_job(
        kind="fetch", url=url, host=HOST, port=site.port, seconds=seconds, hangs=hangs
    )


def assert_within_limits(outcome: BombOutcome, seconds: float) -> None:
    assert outcome.seconds < seconds, outcome
    assert outcome.peak < 256, outcome


@pytest.mark.parametrize("name", LARGE)
def test_growing_answer_is_refused(
    runner: BombRunner, site: LoopbackSite, bomb_urls: dict[str, str], name: str
) -> None:
    outcome = fetch_bomb(runner, site, bomb_urls[name], 10)
    assert outcome.refused, outcome
    assert "longer than 10" not in outcome.message
    assert_within_limits(outcome, 2)


@pytest.mark.parametrize("name", SLOW)
def test_slow_answer_ends_at_deadline(
    runner: BombRunner, site: LoopbackSite, bomb_urls: dict[str, str], name: str
) -> None:
    outcome = fetch_bomb(runner, site, bomb_urls[name], 0.4)
    assert outcome.refused
    assert outcome.message == "the fetch took longer than 0.4 seconds"
    assert_within_limits(outcome, 2)


def test_hanging_look_up_ends_at_deadline(runner: BombRunner, site: LoopbackSite) -> None:
    outcome = fetch_bomb(runner, site, site.build_url(), 0.4, hangs=True)
    assert outcome.refused
    assert outcome.message == "the fetch took longer than 0.4 seconds"
    assert_within_limits(outcome, 2)


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_growing_file_is_refused(runner: BombRunner, tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(FILES[kind, name]())
    outcome = runner.run_job(kind=kind, path=str(path))
    assert outcome.refused, outcome
    assert_within_limits(outcome, 2)


@pytest.mark.parametrize("name", ACCEPTED)
def test_honest_picture_is_inspected_cheaply(runner: BombRunner, tmp_path: Path, name: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(ACCEPTED[name]())
    outcome = runner.run_job(kind="picture", path=str(path))
    assert "width=9, height=9" in outcome.message
    assert_within_limits(outcome, 2)
