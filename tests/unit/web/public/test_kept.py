"""Answers that are kept for a moment."""

from fastapi import Response

from mailer.web.public.kept import MOST, SECONDS, Kept


class Stopwatch:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_is_made_once_a_second() -> None:
    stopwatch = Stopwatch()
    kept = Kept(stopwatch)
    made: list[int] = []

    def make() -> Response:
        made.append(1)
        stopwatch.now += SECONDS / 4  # it takes its time, which counts
        return Response(str(len(made)))

    first = kept.get(("/a",), make)
    stopwatch.now += SECONDS / 2
    assert kept.get(("/a",), make) is first
    assert kept.get(("/b",), make) is not first
    stopwatch.now += SECONDS / 4
    assert kept.get(("/a",), make).body == b"3"


def test_what_is_refused_is_asked_again() -> None:
    kept = Kept(Stopwatch())
    assert kept.get(("/a",), lambda: Response(status_code=404)).status_code == 404
    assert kept.get(("/a",), lambda: Response("here")).body == b"here"


def test_only_so_many_are_kept() -> None:
    kept = Kept(Stopwatch())
    for number in range(MOST + 1):
        kept.get((str(number),), lambda: Response("old"))
    assert kept.get(("0",), lambda: Response("new")).body == b"new"
    assert kept.get((str(MOST),), lambda: Response("new")).body == b"old"
