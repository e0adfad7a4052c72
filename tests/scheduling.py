"""How pytest-xdist shares tests among its processes."""

from xdist.scheduler import LoadFileScheduling

JOURNEYS = "tests/acceptance/web/"


class FixtureScheduling(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Keeps the tests of a file in one process, and all journeys in the browser in one, so that
    their shared fixtures are made once.

    pytest-xdist's ``loadgroup`` does not: it adds the group to a node's private name, which pytest
    9.2 no longer reads (measured: the tests of one file ran in both processes)."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "journeys" if file.startswith(JOURNEYS) else file
