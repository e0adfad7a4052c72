"""Sources: where articles come from by themselves. A feed, a WordPress site, or a folder of files
that somebody writes into.

What a source brings is a draft until somebody queues it, unless the source is trusted to queue. An
entry is known by its key in the source, and by its content: one that comes again changes nothing, a
changed one revises the draft. What staff have queued is revised only by a source that may queue:
nothing from outside changes what was chosen.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from mailer import languages
from mailer.audience.lists import check_line, check_slug
from mailer.errors import InputError, NotFound, Refused
from mailer.lines import replace_control
from mailer.model.sources import Source, SourceSettings, SourceState
from mailer.model.transaction import Transaction

MIN_INTERVAL = timedelta(minutes=5)
MAX_INTERVAL = timedelta(days=7)
MAX_BACK_OFF = timedelta(days=1)
"""How long a source that fails is left alone at most."""


def add_source(tx: Transaction, settings: SourceSettings, now: datetime) -> Source:
    """A new source, which is looked at next. Raises InputError naming the field."""
    check_slug(settings.name, "source")
    if any(source.settings.name == settings.name for source in tx.sources.list_sources()):
        raise InputError(
            f"there is a source {settings.name!r} already", hint="see `mailer source list`"
        )
    if not MIN_INTERVAL <= settings.every <= MAX_INTERVAL:
        raise InputError("it is not between 5m and 7d", where="--every", hint="such as 30m or 6h")
    return tx.sources.add_source(
        replace(
            settings,
            place=check_line(settings.place, "place"),
            language=languages.normalise_tag(settings.language) if settings.language else "",
            topics=tuple(dict.fromkeys(settings.topics)),
        ),
        now,
    )


def get_source(tx: Transaction, name: str) -> Source:
    """One source. Raises NotFound."""
    for source in tx.sources.list_sources():
        if source.settings.name == name:
            return source
    raise NotFound(f"there is no source {name!r}", hint="see `mailer source list`")


def list_due_sources(tx: Transaction, now: datetime) -> list[Source]:
    """Those to look at now, the longest due first."""
    due_sources = [
        source
        for source in tx.sources.list_sources()
        if source.state is SourceState.ACTIVE and source.next_at <= now
    ]
    return sorted(due_sources, key=lambda source: source.next_at)


def reload_source(tx: Transaction, source: Source) -> Source:
    """The source as it is now. Raises Refused where it was removed, or looks elsewhere by now: what
    was found at its old place is not its own any more."""
    current_source = tx.sources.find_current(source)
    if current_source is None or (current_source.settings.kind, current_source.settings.place) != (
        source.settings.kind,
        source.settings.place,
    ):
        raise Refused(
            f"the source {source.settings.name} was removed or changed while it was looked at",
            hint="nothing of what was found is kept",
        )
    return current_source


def record_success(
    tx: Transaction,
    source: Source,
    result: str,
    now: datetime,
    *,
    etag: str = "",
    last_modified: str = "",
    place: str = "",
) -> Source:
    """A look that went well. `place` is where it has moved to for good."""
    updated_source = replace(
        source,
        settings=replace(source.settings, place=place or source.settings.place),
        etag=etag,
        last_modified=last_modified,
        failures=0,
        said=replace_control(result),
        looked_at=now,
        next_at=now + source.settings.every,
    )
    tx.sources.save_source(updated_source)
    return updated_source


def record_failure(
    tx: Transaction,
    source: Source,
    reason: str,
    now: datetime,
    *,
    is_permanent: bool = False,
    retry_after: float = 0.0,
) -> Source:
    """A look that failed: the next is later each time, and not before `retry_after` seconds. One
    that is gone `for_good` is stopped."""
    failures = source.failures + 1
    delay = min(source.settings.every * 2 ** min(failures - 1, 10), MAX_BACK_OFF)
    delay = max(delay, timedelta(seconds=min(retry_after, MAX_INTERVAL.total_seconds())))
    updated_source = replace(
        source,
        failures=failures,
        said=replace_control(reason),
        looked_at=now,
        next_at=now + delay,
        state=SourceState.STOPPED if is_permanent else source.state,
    )
    tx.sources.save_source(updated_source)
    return updated_source


def resume_source(tx: Transaction, source: Source, now: datetime) -> Source:
    """Look at a source again that was stopped, or has failed, at once."""
    updated_source = replace(source, state=SourceState.ACTIVE, failures=0, next_at=now)
    tx.sources.save_source(updated_source)
    return updated_source
