"""What sources bring: known by its key and by its content, so that nothing comes twice, and kept
from what staff have chosen."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from mailer import articles, sources
from mailer.app.mailer import Mailer
from mailer.app.press import take_in
from mailer.articles import SLUG_LENGTH, Article, ArticleState, Content, Outcome
from mailer.errors import ConfigError, FetchError, InputError, MailerError, Refused
from mailer.intake.carried import with_assets
from mailer.intake.drafts import Defaults, Draft
from mailer.intake.dropped import Dropped
from mailer.intake.fetching import Guard, Validators, user_agent
from mailer.intake.fetching.guard import PUBLIC
from mailer.intake.files import Found
from mailer.intake.gathering import Gathered, gather
from mailer.sources import Arrival, Item, Source
from mailer.store import Transaction

_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Brought:
    """What a look at a source gave. `taken` are those that were added or revised; `kept` of
    those that have changed there, and stay as they are as somebody has queued them."""

    taken: list[tuple[Outcome, Article, tuple[Dropped, ...]]] = field(default_factory=list)
    unchanged: int = 0
    kept: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    faults: bool = False
    """Whether some are missing for a fault of ours: the server is asked for all of it again."""

    def __str__(self) -> str:
        added = sum(outcome is Outcome.ADDED for outcome, _, _ in self.taken)
        counts = {
            "added": added,
            "revised": len(self.taken) - added,
            "unchanged": self.unchanged,
            "changed there, and kept as it is queued": len(self.kept),
            "refused": len(self.problems),
        }
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return said or "nothing there"


def defaults_of(mailer: Mailer, tx: Transaction, source: Source | None = None) -> Defaults:
    """What holds where a source says nothing. Categories that are named as topics are, or their
    slugs, become topics."""
    ours = mailer.settings.defaults
    known = {
        name.lower(): topic.slug
        for topic in tx.lists.topics()
        for name in (topic.slug, *topic.names.values())
    }
    order = source.order if source else None
    return Defaults(
        now=mailer.clock(),
        language=(order.language if order else "") or ours.language,
        kind=order.article_kind if order else articles.Kind.NEWS,
        topics=order.topics if order else (),
        time_zone=ours.time_zone,
        known=known,
    )


class _Undo(Exception):
    """Leaves a transaction whose work is not kept."""


def look(
    mailer: Mailer, source: Source, guard: Guard = PUBLIC, *, keep: bool = True
) -> Brought | None:
    """Look at a source, and take in what it has; None where nothing has changed there. What is
    fetched is fetched while no transaction is open. Raises what went wrong, which is kept with the
    source. Unless it is to `keep` what it brings, nothing is written."""
    with mailer.store.read() as tx:
        defaults = defaults_of(mailer, tx, source)
    try:
        found = gather(
            source.order,
            defaults,
            held=Validators(source.etag, source.last_modified),
            agent=user_agent(mailer.settings.organisation.website),
            guard=guard,
        )
        return _brought(mailer, source, found, keep=keep)
    except Exception as error:
        if keep:
            _failed(mailer, source, error)
        raise


def _failed(mailer: Mailer, source: Source, error: Exception) -> None:
    """Keep what went wrong with the source; also a fault of ours, or it would be first in turn
    again and again, and those behind it never looked at."""
    fetched = error if isinstance(error, FetchError) else None
    said = str(error) if isinstance(error, MailerError) else _fault(error)
    with suppress(Refused), mailer.store.begin() as tx:
        sources.failed(
            tx.sources,
            sources.still(tx.sources, source),
            said,
            mailer.clock(),
            for_good=bool(fetched and fetched.status == 410),
            retry_after=(fetched.retry_after if fetched else None) or 0.0,
        )


def _fault(error: Exception) -> str:
    return f"a fault of ours: {type(error).__name__}: {error}".splitlines()[0][:300]


def _brought(mailer: Mailer, source: Source, found: Gathered, *, keep: bool) -> Brought | None:
    brought: Brought | None = None
    with suppress(_Undo), mailer.store.begin() as tx:
        tx.alone()
        source = sources.still(tx.sources, source)
        brought = None if found.unchanged else bring_in(mailer, tx, source, found)
        held = Validators() if brought and brought.faults else found.validators
        sources.looked(
            tx.sources,
            source,
            "unchanged" if brought is None else str(brought),
            mailer.clock(),
            etag=held.etag or (source.etag if found.unchanged else ""),
            last_modified=held.last_modified or (source.last_modified if found.unchanged else ""),
            place=found.place,
        )
        if not keep:
            raise _Undo
    return brought


def bring_in(mailer: Mailer, tx: Transaction, source: Source, found: Gathered) -> Brought:
    """Take in what a source has. One bad entry keeps no other out."""
    brought = Brought(problems=[str(one.error) for one in found.batch.problems])
    # Oldest first, as they came out.
    for draft in reversed(found.batch.drafts):
        try:
            with tx.savepoint():
                _take(mailer, tx, source, draft, brought)
        except (InputError, Refused) as error:
            brought.problems.append(f"{draft.origin}: {error}")
        except ConfigError:
            raise
        except Exception as error:
            _leave_out(brought, draft.origin, error)
    told: dict[tuple[str, str], Found] = {}
    for one in found.files:
        if one.content is not None:
            first = told.setdefault((one.content.slug, one.content.language), one)
            if first is not one:  # they would revise each other at every look
                brought.problems.append(
                    f"{one.at('slug')}: {first.path} tells {one.content.slug} in "
                    f"{one.content.language} already; give one of them another slug or language"
                )
                continue
        try:
            with tx.savepoint():
                _take_file(mailer, tx, source, one, brought)
        except ConfigError:
            raise
        except Exception as error:
            _leave_out(brought, str(one.path), error)
    return brought


def _leave_out(brought: Brought, origin: str, error: Exception) -> None:
    brought.problems.append(f"{origin}: {_fault(error)}")
    brought.faults = True


def _take(mailer: Mailer, tx: Transaction, source: Source, draft: Draft, brought: Brought) -> None:
    now = mailer.clock()
    seen = _seen(draft)
    draft = _keep_files(tx, draft, now)
    key = draft.key or draft.content.canonical_url or draft.content.title
    item = tx.sources.item(source, key)
    if item is None and (same := tx.sources.by_fingerprint(source, seen)):
        # The same under another name: sites change their ids.
        item = Item(key, seen, same.slug, same.language)
        tx.sources.keep_item(source, item, now)
    if item is not None and item.fingerprint == seen:
        brought.unchanged += 1
        return
    if item is None:
        content = replace(draft.content, slug=_free(tx, draft.content))
    else:
        content = replace(draft.content, slug=item.slug, language=item.language)
    known = tx.articles.find(content.slug, content.language)
    tx.sources.keep_item(source, Item(key, seen, content.slug, content.language), now)
    queues = source.order.arrival is Arrival.QUEUE
    open_states = {ArticleState.DRAFT, ArticleState.QUEUED} if queues else {ArticleState.DRAFT}
    if known is not None and (known.state not in open_states or _is_edited(tx, known, source)):
        brought.kept.append(f"{content.slug} ({content.language})")
        return
    article, outcome = articles.add(
        tx.articles,
        content,
        now,
        dated=draft.dated,
        author=_author(source),
        state=ArticleState.QUEUED if queues else ArticleState.DRAFT,
    )
    if outcome is Outcome.UNCHANGED:
        brought.unchanged += 1
    else:
        brought.taken.append((outcome, article, draft.dropped))


def _is_edited(tx: Transaction, known: Article, source: Source) -> bool:
    """Whether somebody has written in it since the source brought it: that is not undone."""
    return tx.articles.last_author(known) != _author(source)


def _author(source: Source) -> str:
    return f"source {source.order.name}"


def _seen(draft: Draft) -> str:
    """What tells whether an entry has changed: not the moment at which one without a date came."""
    if draft.dated:
        return draft.fingerprint
    return replace(draft.content, published=_SOME_DAY).fingerprint()


def _free(tx: Transaction, content: Content) -> str:
    """A slug that no other story has."""
    slug, number = content.slug, 1
    while tx.articles.matching(articles.Query(slugs=(slug,))):
        number += 1
        end = f"-{number}"
        slug = content.slug[: SLUG_LENGTH - len(end)].rstrip("-") + end
    return slug


def _take_file(
    mailer: Mailer, tx: Transaction, source: Source, found: Found, brought: Brought
) -> None:
    """A Markdown file of a watched folder: as `mailer article add` takes it."""
    if found.content is None:
        brought.problems.append(str(found.error))
        return
    queues = source.order.arrival is Arrival.QUEUE
    known = tx.articles.find(found.content.slug, found.content.language)
    queued = [
        one
        for one in tx.articles.matching(articles.Query(slugs=(found.content.slug,)))
        if one.state is ArticleState.QUEUED
    ]
    if found.embargo and queued and not queues:
        # A file of a source that only makes drafts has no say in what is out.
        brought.problems.append(f"{found.at('embargo')}: {found.content.slug} is queued already")
        return
    theirs = known is not None and _is_edited(tx, known, source)
    if known is not None and (theirs or (known.state is not ArticleState.DRAFT and not queues)):
        if _differs(found, known):
            brought.kept.append(f"{known.slug} ({known.language})")
        else:
            brought.unchanged += 1
        return
    try:
        article, outcome = take_in(
            mailer,
            tx,
            found,
            author=_author(source),
            state=ArticleState.QUEUED if queues else ArticleState.DRAFT,
        )
    except (InputError, Refused) as error:
        brought.problems.append(f"{found.at(error.where)}: {error.what}")
        return
    if outcome is Outcome.UNCHANGED:
        brought.unchanged += 1
    else:
        brought.taken.append((outcome, article, ()))


def _differs(found: Found, known: Article) -> bool:
    assert found.content is not None
    made = articles.check(found.content)
    if not found.dated:
        made = replace(made, published=known.published)
    return made.fingerprint() != known.content.fingerprint()


def add_draft(
    mailer: Mailer, tx: Transaction, draft: Draft, *, author: str, queues: bool = False
) -> tuple[Article, Outcome, tuple[Dropped, ...]]:
    """Take in one draft that somebody has asked for by hand: as a draft, unless it `queues`. What
    is queued already is not changed by it. Returns also what was left out."""
    draft = _keep_files(tx, draft, mailer.clock())
    content = draft.content
    known = tx.articles.find(content.slug, content.language)
    same = known is not None and known.canonical_url == content.canonical_url
    if known is not None and not (same and (queues or known.state is ArticleState.DRAFT)):
        content = replace(content, slug=_free(tx, content))
    article, outcome = articles.add(
        tx.articles,
        content,
        mailer.clock(),
        dated=draft.dated,
        author=author,
        state=ArticleState.QUEUED if queues else ArticleState.DRAFT,
    )
    return article, outcome, draft.dropped


def _keep_files(tx: Transaction, draft: Draft, now: datetime) -> Draft:
    """The draft with its pictures as assets, where it has a place for them."""
    made, files = with_assets(draft)
    for one in files:
        tx.files.keep(one.sha256, one.media_type, one.content, now)
    return made


def said_of(dropped: Sequence[Dropped]) -> list[str]:
    """What was left out, for people."""
    return [
        f"left out: {one.what}"
        + (f" (× {one.times})" if one.times > 1 else "")
        + (f": {one.example}" if one.example else "")
        for one in dropped
    ]
