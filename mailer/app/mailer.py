"""The office's mailer."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from mailer import digests, editions, outbox, zones
from mailer.app.follow_up import follow_up, is_late
from mailer.app.leaving import check_may_leave
from mailer.audience import addresses
from mailer.audience.limits import SignUpLimits
from mailer.audience.lists import MailingList
from mailer.config import Settings
from mailer.delivery.courier import Courier, Route
from mailer.delivery.outcomes import Progress
from mailer.delivery.smtp import Credentials
from mailer.delivery.turn import Consignment
from mailer.digests import ApprovalRule, Digest, Policy
from mailer.digests.calendar import LOOK_BACK, Calendar
from mailer.editions import (
    Appointment,
    Body,
    Edition,
    EditionState,
    Kind,
    SendTime,
)
from mailer.errors import ComposeError, InputError, Refused
from mailer.intake.markup import to_html
from mailer.message import AttachedFile, Letterhead, Recipient, Stencil
from mailer.outbox import Plan, Report
from mailer.render import Composition, compose
from mailer.schedules import observances, walls
from mailer.schedules.observances import Observance
from mailer.schedules.records import Schedule
from mailer.store import Store, Transaction

MOST_AT_ONCE = 1000
"""Editions that one run delivers side by side."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as one reader would get it: its parts, and the whole message."""

    language: str
    subject: str
    text: str
    html: str
    message: bytes


class Mailer:
    """One office's mailer: its settings and its database. `clock` gives aware moments."""

    def __init__(
        self, settings: Settings, store: Store, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self._observances: tuple[object, Mapping[str, Observance]] = (None, {})

    @property
    def sign_up_limits(self) -> SignUpLimits:
        """What strangers may do."""
        ours = self.settings.signup
        return SignUpLimits(ours.per_address, ours.per_client, ours.per_domain)

    @property
    def links_last(self) -> timedelta:
        """For how long the link in a mail that asks for confirmation works."""
        return timedelta(days=self.settings.retention.unconfirmed_days)

    def composed(self, tx: Transaction, edition: Edition) -> tuple[Edition, Composition | None]:
        """The edition with its bodies frozen: composed now if it is open and something changed
        since. What has been approved is never composed again."""
        if edition.state is not EditionState.DRAFT:
            return edition, None
        composition = compose(tx.editions.manuscript(edition), self.settings, to_html)
        if composition.content_hash != edition.content_hash:
            edition = tx.editions.freeze(
                edition,
                composition.bodies,
                composition.order,
                composition.content_hash,
                composition.embargo_until,
            )
        return edition, composition

    def approve(
        self, tx: Transaction, edition: Edition, approver: str, *, comment: str = "", seen: str = ""
    ) -> Edition:
        """Compose once more, and approve what that gives. Raises ApprovalVoid when the approver
        has seen something else, and Refused for an author where the digest wants another person."""
        edition, _ = self.composed(tx, edition)
        rule = self.policy(tx, edition).approval
        return editions.approve(
            tx.editions,
            edition,
            approver,
            self.clock(),
            comment=comment,
            seen=seen,
            not_by=tx.editions.authors(edition) if rule is ApprovalRule.OTHER else frozenset(),
        )

    def policy(self, tx: Transaction, edition: Edition) -> Policy:
        """What its digest says; of an edition by itself, what goes without saying."""
        return digests.get(tx.digests, edition.digest).order.policy if edition.digest else Policy()

    def appointment(
        self, tx: Transaction, wall: datetime, zone: str, send_time: SendTime
    ) -> Appointment:
        """A time to be sent at, for an edition by itself. Raises InputError for one that is
        past."""
        if walls.moment(wall, zones.zone(zone, "--zone")) < self.clock():
            raise InputError(
                f"{wall:%Y-%m-%d %H:%M} in {zone} is past",
                where="--at",
                hint="to send it now, use `mailer send`",
            )
        return self.by_the_clock(tx, Appointment(self.clock(), wall, zone, send_time))

    def by_the_clock(self, tx: Transaction, when: Appointment) -> Appointment:
        """The appointment with the moment at which clocks show its time, as the rules of zones are
        now and readers are in them."""
        names = tx.reader_zones if when.send_time is SendTime.READER else ()
        return replace(when, moment=walls.first(when.wall, when.zone, names))

    def calendar(self, tx: Transaction, digest: Digest) -> Calendar:
        """When the digest is sent, was sent, and will be."""
        slug = digest.order.slug
        mine = [known for known in tx.schedules.schedules() if known.new.digest == slug]
        return self._calendars(tx, [digest], mine)[0]

    def calendars(self, tx: Transaction) -> list[Calendar]:
        """Those of all digests that have a schedule."""
        schedules = tx.schedules.schedules()
        wanted = {known.new.digest for known in schedules}
        all_digests = tx.digests.digests() if wanted else []
        some = [one for one in all_digests if one.order.slug in wanted]
        return self._calendars(tx, some, schedules)

    def _calendars(
        self, tx: Transaction, some: Sequence[Digest], schedules: Sequence[Schedule]
    ) -> list[Calendar]:
        blackouts = tuple(one.days for one in tx.schedules.blackouts())
        # By name, and free days or staff may have moved what is named much earlier.
        kept = tx.schedules.kept_since(self.clock() - 2 * LOOK_BACK)
        by_reader = any(one.order.policy.send_time is SendTime.READER for one in some)
        zones = tuple(tx.reader_zones) if by_reader else ()
        known = self.observances()
        return [
            Calendar(
                digest,
                tuple(one for one in schedules if one.new.digest == digest.order.slug),
                tuple(kept.get(digest.order.slug, ())),
                blackouts,
                known,
                zones if digest.order.policy.send_time is SendTime.READER else (),
            )
            for digest in some
        ]

    def observances(self) -> Mapping[str, Observance]:
        """Ours and the office's own, read again when a file has changed. Raises ConfigError."""
        stamp = self.settings.observances_stamp
        if stamp != self._observances[0]:
            self._observances = stamp, observances.read(self.settings.observances())
        return self._observances[1]

    def letterhead(self, edition: Edition, list_: MailingList) -> Letterhead:
        ours = self.settings
        return Letterhead(
            sender_name=ours.sender.name,
            sender_address=ours.sender.address,
            reply_to=ours.sender.reply_to,
            list_slug=list_.slug if edition.kind is Kind.MAILING else "",
            list_name=list_.name,
            list_number=list_.id,
            base_url=ours.web.base_url,
            key=ours.secret_key(),
            edition=edition,
            unsubscribe_address=ours.sender.unsubscribe_address,
        )

    def stencils(self, tx: Transaction, edition: Edition) -> dict[str, Stencil]:
        """A stencil for each of the edition's frozen bodies, by language."""
        letterhead = self.letterhead(edition, tx.editions.list_of(edition))
        return {
            body.language: Stencil(body, letterhead, self._files(tx, body))
            for body in tx.editions.bodies(edition)
        }

    def _files(self, tx: Transaction, body: Body) -> list[AttachedFile]:
        found = []
        for one in body.attachments:
            content = tx.files.content(one.sha256)
            if content is None:
                raise Refused(f"the file {one.name} is not there any more", hint="compose it anew")
            found.append(AttachedFile(one.name, one.media_type, content))
        return found

    def preview(
        self, tx: Transaction, edition: Edition, *, address: str = "", language: str = ""
    ) -> Preview:
        """The mail as the subscriber of `address` would get it; without one, as somebody without a
        name who gets every story, in `language` or the edition's own."""
        edition, _ = self.composed(tx, edition)
        stencils = self.stencils(tx, edition)
        if not stencils:
            raise ComposeError(
                f"edition {edition.id} is {edition.state} and was never composed",
                hint="only an edition with stories can be previewed",
            )
        if address:
            recipient, language = self._as_subscriber(tx, edition, address)
        else:
            language = language or edition.language
            if language not in stencils:
                raise ComposeError(
                    f"edition {edition.id} is not composed in {language}",
                    hint=f"it is in {', '.join(stencils)}",
                )
            everything = stencils[language].body.stories
            recipient = Recipient(0, 0, "nobody@example.org", "", everything)
        stencil = stencils[language]
        return Preview(
            language=language,
            subject=stencil.subject(recipient),
            text=stencil.text(recipient),
            html=stencil.html(recipient),
            message=stencil.message(recipient, self.clock()),
        )

    def _as_subscriber(
        self, tx: Transaction, edition: Edition, address: str
    ) -> tuple[Recipient, str]:
        address = addresses.normalise(address)
        standing = tx.outbox.standing(edition, address)
        if standing.delivery:
            row = standing.delivery
            return (
                Recipient(row.id, row.subscriber_id, row.address, row.name, row.stories),
                row.language,
            )
        if standing.subscriber_id is None or not standing.stories or not standing.language:
            raise Refused(outbox.explain(tx.outbox, edition, address))
        known = tx.subscribers.find_subscriber(address)
        assert known is not None
        return (
            Recipient(0, known.id, address, known.person.name, standing.stories),
            standing.language,
        )

    def start(self, tx: Transaction, edition: Edition) -> tuple[Edition, Plan | None]:
        """Begin to send: check the approval, freeze the audience. An edition that has begun stays
        as it is (no plan). Raises Refused for one that may not go out."""
        now = self.clock()
        if edition.state is EditionState.PAUSED:
            reason = f" ({edition.reason})" if edition.reason else ""
            raise Refused(
                f"edition {edition.id} is paused{reason}",
                hint=f"let it go on with `mailer edition resume {edition.id}`",
            )
        if edition.state is EditionState.SENDING:
            return edition, None
        if edition.state in {EditionState.DRAFT, EditionState.IN_REVIEW}:
            why = f": {edition.reason}" if edition.reason else ""
            word = "a draft" if edition.state is EditionState.DRAFT else "in review"
            raise Refused(
                f"edition {edition.id} is {word}, not approved{why}",
                hint=f"look at it and run `mailer edition approve {edition.id}`",
            )
        if edition.state is EditionState.SENT:
            raise Refused(
                f"edition {edition.id} was sent",
                hint=f"`mailer edition retry {edition.id} --failed` queues again what has failed",
            )
        editions.check_transition(edition, EditionState.SENDING)
        check_may_leave(tx, edition, now)
        self._route()  # what is wrong with the relays' settings is said before anything begins
        editions.check_approval(tx.editions, edition, self.settings.letterhead)
        plan = tx.plans.plan(edition, now)
        return tx.editions.set_state(edition, EditionState.SENDING, now), plan

    def deliver(
        self,
        begun: Sequence[Edition],
        stop: threading.Event,
        on_progress: Callable[[Progress], None] = lambda _: None,
        *,
        follow: bool = False,
        at_once: bool = False,
    ) -> tuple[Progress, list[Report]]:
        """Send what is due of editions that have begun; with `follow` also of any other that has
        begun or begins meanwhile; with `at_once` also what was put off until later. A report of
        each.

        Raises RelayError and ConfigError; whatever happens, every row is on disk in its state."""
        wanted = {edition.id for edition in begun}

        with self.store.read() as tx:
            late = is_late(tx, self.clock())
        if late:
            with self.store.begin() as tx:
                follow_up(tx, self.clock())

        def more(known: Sequence[int]) -> list[Consignment]:
            if not follow and wanted <= {*known}:
                return []
            with self.store.read() as tx:
                running = tx.editions.recent([EditionState.SENDING], MOST_AT_ONCE, notices=True)
                new = [one for one in running if one.id not in known]
                new = [one for one in new if follow or one.id in wanted]
                found = [Consignment(one, self.stencils(tx, one)) for one in new]
            seen.update(entry.edition.id for entry in found)
            if at_once:
                with self.store.begin() as tx:
                    for entry in found:
                        tx.queue.make_due(entry.edition)
            return found

        seen: set[int] = set()
        courier = Courier(self.store, self._route(), self.clock, more)
        progress = courier.run(stop, on_progress)
        with self.store.read() as tx:
            numbers = sorted(wanted | seen)
            return progress, [tx.outbox.report(editions.get(tx.editions, n)) for n in numbers]

    def _route(self) -> Route:
        ours = self.settings
        return Route(
            relays=tuple(
                relay.model_copy(update={"ca_file": relay.ca_file and ours.path(relay.ca_file)})
                for relay in ours.all_relays
            ),
            credentials={
                relay.name: Credentials(relay.user, ours.relay_password(relay))
                for relay in ours.all_relays
                if relay.user
            },
            throttles={
                addresses.ascii_domain(domain): limits for domain, limits in ours.throttle.items()
            },
            sender=ours.sender.bounce_address,
            lease=ours.delivery.lease,
            patience=ours.delivery.patience,
        )

    def cancel(self, tx: Transaction, edition: Edition, *, reason: str, actor: str) -> Edition:
        """Cancel an edition and what of it has not passed the gate."""
        cancelled = editions.cancel(tx.editions, edition, self.clock(), reason=reason, actor=actor)
        tx.queue.cancel_waiting(cancelled.id)
        return cancelled

    def close(self) -> None:
        self.store.close()


@contextmanager
def open_mailer(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Iterator[Mailer]:
    """A mailer for these settings. Raises SchemaError unless the database is in order."""
    store = Store(settings.database_url, settings.secret_key(), settings.delivery.lease)
    mailer = Mailer(settings, store, clock)
    try:
        store.check_schema()
        yield mailer
    finally:
        mailer.close()
