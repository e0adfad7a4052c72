"""A host without a marker joins a shared database that another host delivers from."""

from dataclasses import replace

from mailer.model.recovery import DatabaseIdentity, DatabaseState, Recognition
from mailer.recovery.recognition import GenerationWatch
from tests.unit.samples import NOW

IDENTITY = DatabaseIdentity("a" * 32, 4, DatabaseState.ACTIVE, "", NOW)


def test_database_is_recognised_once_its_generation_grows() -> None:
    watch = GenerationWatch()
    assert watch.judge_joining(IDENTITY) is Recognition.NO_MARKER
    assert watch.judge_joining(IDENTITY) is Recognition.NO_MARKER
    assert watch.judge_joining(replace(IDENTITY, generation=5)) is Recognition.RECOGNISED


def test_another_database_is_not_recognised() -> None:
    watch = GenerationWatch()
    watch.judge_joining(IDENTITY)
    other = replace(IDENTITY, identity="b" * 32, generation=9)
    assert watch.judge_joining(other) is Recognition.NO_MARKER
