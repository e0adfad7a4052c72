"""The verbs on sources: add, find and resume them, and record the results of reading them."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePath

from mailer import languages
from mailer.actor import Actor
from mailer.articles import check_web_address
from mailer.audience.lists import check_line, check_slug
from mailer.errors import InputError, NextStep, NotFound, Refused
from mailer.lines import replace_control
from mailer.model.sources import Source, SourceKind, SourceSettings, SourceState
from mailer.model.transaction import Transaction

MIN_INTERVAL = timedelta(minutes=5)
MAX_INTERVAL = timedelta(days=7)
MAX_BACK_OFF = timedelta(days=1)
"""The longest wait after a failure."""

_FILE_SEPARATOR = "; read by itself: "


def add_source(tx: Transaction, actor: Actor, settings: SourceSettings, now: datetime) -> Source:
    """Add a source, which is due at once. Raises InputError naming the field."""
    check_slug(settings.name, "source")
    if any(source.settings.name == settings.name for source in tx.sources.list_sources()):
        raise InputError(
            f"there is a source {settings.name!r} already",
            field="name",
            next_steps=[NextStep("list_sources")],
        )
    if not MIN_INTERVAL <= settings.every <= MAX_INTERVAL:
        raise InputError("it is not between 5m and 7d", field="every", hint="such as 30m or 6h")
    if settings.kind is not SourceKind.FOLDER:
        check_web_address(settings.place, "place")
    if unknown_topics := tx.articles.find_unknown_topics(settings.topics):
        raise InputError(
            f"there is no topic {unknown_topics[0]!r}",
            field="topics",
            next_steps=[NextStep("list_topics")],
        )
    return tx.sources.add_source(
        replace(
            settings,
            place=check_line(settings.place, "place"),
            language=languages.normalise_tag(settings.language) if settings.language else "",
            topics=tuple(dict.fromkeys(settings.topics)),
        ),
        now,
        actor,
    )


def get_source(tx: Transaction, name: str) -> Source:
    """Return a source by name. Raises NotFound."""
    for source in tx.sources.list_sources():
        if source.settings.name == name:
            return source
    raise NotFound(f"there is no source {name!r}", next_steps=[NextStep("list_sources")])


def remove_source(tx: Transaction, actor: Actor, name: str) -> Source:
    """Remove a source; its articles stay. Returns the removed source. Raises NotFound."""
    source = get_source(tx, name)
    tx.sources.remove_source(source)
    return source


def list_due_sources(tx: Transaction, now: datetime) -> list[Source]:
    """Return the sources that are due, the longest due first."""
    due_sources = [
        source
        for source in tx.sources.list_sources()
        if source.state is SourceState.ACTIVE and source.next_at <= now
    ]
    return sorted(due_sources, key=lambda source: source.next_at)


def reload_source(tx: Transaction, source: Source) -> Source:
    """Return the present record of the source. Raises Refused if the source was removed or has a
    new address, since entries from its old address no longer belong to it."""
    current_source = tx.sources.find_current(source)
    if current_source is None or (current_source.settings.kind, current_source.settings.place) != (
        source.settings.kind,
        source.settings.place,
    ):
        raise Refused(
            f"the source {source.settings.name} was removed or changed while it was being read",
            hint="nothing was imported",
        )
    return current_source


def record_success(
    tx: Transaction,
    actor: Actor,
    source: Source,
    result: str,
    now: datetime,
    *,
    etag: str = "",
    last_modified: str = "",
    place: str = "",
) -> Source:
    """Record that reading a source succeeded. `place` is the address to which it has moved
    permanently, if any."""
    updated_source = replace(
        source,
        settings=replace(source.settings, place=place or source.settings.place),
        etag=etag,
        last_modified=last_modified,
        failures=0,
        last_result=replace_control(result),
        last_read_at=now,
        next_at=now + source.settings.every,
    )
    tx.sources.save_source(updated_source)
    return updated_source


def record_file_result(
    tx: Transaction, actor: Actor, source: Source, path: str, result: str
) -> Source:
    """Add the result of a long file, which was read after the others, to the source's result."""
    earlier_result, _, _ = source.last_result.partition(_FILE_SEPARATOR)
    updated_source = replace(
        source,
        last_result=replace_control(
            f"{earlier_result}{_FILE_SEPARATOR}{PurePath(path).name}, {result}"
        ),
    )
    tx.sources.save_source(updated_source)
    return updated_source


def record_failure(
    tx: Transaction,
    actor: Actor,
    source: Source,
    reason: str,
    now: datetime,
    *,
    is_permanent: bool = False,
    retry_after: float = 0.0,
) -> Source:
    """Record that reading a source failed. The wait doubles with each failure, and is at least
    `retry_after` seconds. A source whose failure `is_permanent` is stopped."""
    failures = source.failures + 1
    delay = min(source.settings.every * 2 ** min(failures - 1, 10), MAX_BACK_OFF)
    delay = max(delay, timedelta(seconds=min(retry_after, MAX_INTERVAL.total_seconds())))
    updated_source = replace(
        source,
        failures=failures,
        last_result=replace_control(reason),
        last_read_at=now,
        next_at=now + delay,
        state=SourceState.STOPPED if is_permanent else source.state,
    )
    tx.sources.save_source(updated_source)
    return updated_source


def resume_source(tx: Transaction, actor: Actor, source: Source, now: datetime) -> Source:
    """Make a source that was stopped or has failed due at once."""
    updated_source = replace(source, state=SourceState.ACTIVE, failures=0, next_at=now)
    tx.sources.save_source(updated_source)
    return updated_source
