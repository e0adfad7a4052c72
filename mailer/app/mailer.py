"""The office's mailer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mailer.errors import ComposeError, InputError, Refused
from mailer.store import Store, Transaction

if TYPE_CHECKING:  # most commands need a part of these only: each method imports what it uses
    import threading

    from mailer.audience.lists import MailingList
    from mailer.audience.signup.rate_limits import SignUpLimits
    from mailer.config import Settings
    from mailer.delivery.ledger_transaction import ActiveEdition
    from mailer.delivery.options import DeliveryOptions
    from mailer.delivery.outcomes import DeliveryProgress
    from mailer.digests import Digest, DigestPolicy
    from mailer.digests.calendar import DigestCalendar
    from mailer.editions import Edition, EditionBody, SendAppointment, SendTimeBasis
    from mailer.message import AttachedFile, MessageProfile, MessageTemplate, Recipient
    from mailer.outbox import DeliveryPlan, DeliveryReport
    from mailer.render import Composition
    from mailer.schedules.observances import Observance
    from mailer.schedules.records import Schedule

MAX_ACTIVE_EDITIONS = 1000
"""Editions that one run delivers side by side."""


def get_utc_now() -> datetime:
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
        self, settings: Settings, store: Store, clock: Callable[[], datetime] = get_utc_now
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self._observances: tuple[object, Mapping[str, Observance]] = (None, {})

    @property
    def sign_up_limits(self) -> SignUpLimits:
        """What strangers may do."""
        from mailer.audience.signup.rate_limits import SignUpLimits

        signup = self.settings.signup
        return SignUpLimits(signup.per_address, signup.per_client, signup.per_domain)

    @property
    def link_lifetime(self) -> timedelta:
        """For how long the link in a mail that asks for confirmation works."""
        return timedelta(days=self.settings.retention.unconfirmed_days)

    def compose_edition(
        self, tx: Transaction, edition: Edition
    ) -> tuple[Edition, Composition | None]:
        """The edition with its bodies frozen: composed now if it is open and something changed
        since. What has been approved is never composed again."""
        from mailer.editions import EditionState
        from mailer.intake.markup import to_html
        from mailer.render import compose_edition

        if edition.state is not EditionState.DRAFT:
            return edition, None
        composition = compose_edition(tx.editions.load_manuscript(edition), self.settings, to_html)
        if composition.content_hash != edition.content_hash:
            edition = tx.editions.freeze_edition(
                edition,
                composition.bodies,
                composition.order,
                composition.content_hash,
                composition.embargo_until,
            )
        return edition, composition

    def approve_edition(
        self,
        tx: Transaction,
        edition: Edition,
        approver: str,
        *,
        comment: str = "",
        seen_hash: str = "",
    ) -> Edition:
        """Compose once more, and approve what that gives. Raises ApprovalVoid when the approver
        has seen something else, and Refused for an author where the digest wants another person."""
        from mailer import editions
        from mailer.digests import ApprovalRule

        edition, _ = self.compose_edition(tx, edition)
        rule = self.get_policy(tx, edition).approval
        return editions.approve_edition(
            tx.editions,
            edition,
            approver,
            self.clock(),
            comment=comment,
            expected_hash=seen_hash,
            excluded_approvers=tx.editions.find_authors(edition)
            if rule is ApprovalRule.OTHER
            else frozenset(),
        )

    def get_policy(self, tx: Transaction, edition: Edition) -> DigestPolicy:
        """What its digest says; of an edition by itself, what goes without saying."""
        from mailer import digests

        return (
            digests.get_digest(tx.digests, edition.digest).settings.policy
            if edition.digest
            else digests.DigestPolicy()
        )

    def make_appointment(
        self, tx: Transaction, local_time: datetime, zone: str, send_time: SendTimeBasis
    ) -> SendAppointment:
        """A time to be sent at, for an edition by itself. Raises InputError for one that is
        past."""
        from mailer import zones
        from mailer.editions import SendAppointment
        from mailer.schedules import local_time as local_time_module

        if local_time_module.to_utc(local_time, zones.get_zone(zone, "--zone")) < self.clock():
            raise InputError(
                f"{local_time:%Y-%m-%d %H:%M} in {zone} is past",
                where="--at",
                hint="to send it now, use `mailer send`",
            )
        return self.refresh_appointment(
            tx, SendAppointment(self.clock(), local_time, zone, send_time)
        )

    def refresh_appointment(self, tx: Transaction, appointment: SendAppointment) -> SendAppointment:
        """The appointment with the moment at which clocks show its time, as the rules of zones are
        now and readers are in them."""
        from mailer.editions import SendTimeBasis
        from mailer.schedules import local_time as local_time_module

        zone_names = tx.reader_time_zones if appointment.send_time is SendTimeBasis.READER else ()
        return replace(
            appointment,
            moment=local_time_module.find_earliest_moment(
                appointment.wall, appointment.zone, zone_names
            ),
        )

    def build_calendar(self, tx: Transaction, digest: Digest) -> DigestCalendar:
        """When the digest is sent, was sent, and will be."""
        slug = digest.settings.slug
        digest_schedules = [
            schedule
            for schedule in tx.schedules.list_schedules()
            if schedule.settings.digest_slug == slug
        ]
        return self._assemble_calendars(tx, [digest], digest_schedules)[0]

    def build_calendars(self, tx: Transaction) -> list[DigestCalendar]:
        """Those of all digests that have a schedule."""
        schedules = tx.schedules.list_schedules()
        scheduled_slugs = {schedule.settings.digest_slug for schedule in schedules}
        all_digests = tx.digests.list_digests() if scheduled_slugs else []
        scheduled_digests = [
            digest for digest in all_digests if digest.settings.slug in scheduled_slugs
        ]
        return self._assemble_calendars(tx, scheduled_digests, schedules)

    def _assemble_calendars(
        self, tx: Transaction, digest_list: Sequence[Digest], schedules: Sequence[Schedule]
    ) -> list[DigestCalendar]:
        from mailer.digests.calendar import LOOK_BACK, DigestCalendar
        from mailer.editions import SendTimeBasis

        blackouts = tuple(blackout.days for blackout in tx.schedules.list_blackouts())
        # By name, and free days or staff may have moved what is named much earlier.
        saved_occurrences = tx.schedules.list_occurrences_since(self.clock() - 2 * LOOK_BACK)
        any_by_reader = any(
            listed_digest.settings.policy.send_time is SendTimeBasis.READER
            for listed_digest in digest_list
        )
        zone_names = tuple(tx.reader_time_zones) if any_by_reader else ()
        observance_table = self.read_observances()
        return [
            DigestCalendar(
                digest,
                tuple(
                    schedule
                    for schedule in schedules
                    if schedule.settings.digest_slug == digest.settings.slug
                ),
                tuple(saved_occurrences.get(digest.settings.slug, ())),
                blackouts,
                observance_table,
                zone_names if digest.settings.policy.send_time is SendTimeBasis.READER else (),
            )
            for digest in digest_list
        ]

    def read_observances(self) -> Mapping[str, Observance]:
        """Ours and the office's own, read again when a file has changed. Raises ConfigError."""
        from mailer.schedules import observances

        stamp = self.settings.observances_stamp
        if stamp != self._observances[0]:
            self._observances = (
                stamp,
                observances.parse_observances(self.settings.read_observances()),
            )
        return self._observances[1]

    def build_sender_profile(self, edition: Edition, mailing_list: MailingList) -> MessageProfile:
        from mailer.editions import EditionKind
        from mailer.message import MessageProfile

        settings = self.settings
        return MessageProfile(
            sender_name=settings.sender.name,
            sender_address=settings.sender.address,
            reply_to=settings.sender.reply_to,
            list_slug=mailing_list.slug if edition.kind is EditionKind.MAILING else "",
            list_name=mailing_list.name,
            list_id=mailing_list.id,
            base_url=settings.web.base_url,
            key=settings.read_secret_key(),
            edition=edition,
            unsubscribe_address=settings.sender.unsubscribe_address,
        )

    def build_message_templates(
        self, tx: Transaction, edition: Edition
    ) -> dict[str, MessageTemplate]:
        """A stencil for each of the edition's frozen bodies, by language."""
        from mailer.message import MessageTemplate

        sender_profile = self.build_sender_profile(edition, tx.editions.load_mailing_list(edition))
        return {
            body.language: MessageTemplate(body, sender_profile, self._load_attachments(tx, body))
            for body in tx.editions.list_bodies(edition)
        }

    def _load_attachments(self, tx: Transaction, body: EditionBody) -> list[AttachedFile]:
        from mailer.message import AttachedFile

        attached_files = []
        for attachment in body.attachments:
            content = tx.files.read_content(attachment.sha256)
            if content is None:
                raise Refused(
                    f"the file {attachment.name} is not there any more", hint="compose it anew"
                )
            attached_files.append(AttachedFile(attachment.name, attachment.media_type, content))
        return attached_files

    def preview_edition(
        self, tx: Transaction, edition: Edition, *, address: str = "", language: str = ""
    ) -> Preview:
        """The mail as the subscriber of `address` would get it; without one, as somebody without a
        name who gets every story, in `language` or the edition's own."""
        from mailer.message import Recipient

        edition, _ = self.compose_edition(tx, edition)
        message_templates = self.build_message_templates(tx, edition)
        if not message_templates:
            raise ComposeError(
                f"edition {edition.id} is {edition.state} and was never composed",
                hint="only an edition with stories can be previewed",
            )
        if address:
            recipient, language = self._make_recipient(tx, edition, address)
        else:
            language = language or edition.language
            if language not in message_templates:
                raise ComposeError(
                    f"edition {edition.id} is not composed in {language}",
                    hint=f"it is in {', '.join(message_templates)}",
                )
            all_stories = message_templates[language].body.stories
            recipient = Recipient(0, 0, "nobody@example.org", "", all_stories)
        message_template = message_templates[language]
        return Preview(
            language=language,
            subject=message_template.render_subject(recipient),
            text=message_template.render_text(recipient),
            html=message_template.render_html(recipient),
            message=message_template.build_message(recipient, self.clock()),
        )

    def _make_recipient(
        self, tx: Transaction, edition: Edition, address: str
    ) -> tuple[Recipient, str]:
        from mailer import outbox
        from mailer.audience import addresses
        from mailer.message import Recipient

        address = addresses.normalise_address(address)
        recipient_status = tx.outbox.get_recipient_status(edition, address)
        if recipient_status.delivery:
            delivery = recipient_status.delivery
            return (
                Recipient(
                    delivery.id,
                    delivery.subscriber_id,
                    delivery.address,
                    delivery.name,
                    delivery.stories,
                ),
                delivery.language,
            )
        if (
            recipient_status.subscriber_id is None
            or not recipient_status.stories
            or not recipient_status.language
        ):
            raise Refused(outbox.explain_outcome(tx.outbox, edition, address))
        subscriber = tx.subscribers.find_subscriber(address)
        assert subscriber is not None
        return (
            Recipient(0, subscriber.id, address, subscriber.person.name, recipient_status.stories),
            recipient_status.language,
        )

    def start_edition(
        self, tx: Transaction, edition: Edition
    ) -> tuple[Edition, DeliveryPlan | None]:
        """Begin to send: check the approval, freeze the audience. An edition that has begun stays
        as it is (no plan). Raises Refused for one that may not go out."""
        from mailer import editions
        from mailer.app.embargo_checks import check_may_send
        from mailer.editions import EditionState

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
            reason_text = f": {edition.reason}" if edition.reason else ""
            state_text = "a draft" if edition.state is EditionState.DRAFT else "in review"
            raise Refused(
                f"edition {edition.id} is {state_text}, not approved{reason_text}",
                hint=f"look at it and run `mailer edition approve {edition.id}`",
            )
        if edition.state is EditionState.SENT:
            raise Refused(
                f"edition {edition.id} was sent",
                hint=f"`mailer edition retry {edition.id} --failed` queues again what has failed",
            )
        editions.check_transition(edition, EditionState.SENDING)
        check_may_send(tx, edition, now)
        self._build_route()  # raises for wrong settings of a relay before anything begins
        editions.check_approval(tx.editions, edition, self.settings.sender_details)
        plan = tx.plans.plan_deliveries(edition, now)
        return tx.editions.set_state(edition, EditionState.SENDING, now), plan

    def deliver_editions(
        self,
        begun_editions: Sequence[Edition],
        stop: threading.Event,
        on_progress: Callable[[DeliveryProgress], None] = lambda _: None,
        *,
        follow_new: bool = False,
        at_once: bool = False,
    ) -> tuple[DeliveryProgress, list[DeliveryReport]]:
        """Send what is due of editions that have begun; with `follow` also of any other that has
        begun or begins meanwhile; with `at_once` also what was put off until later. A report of
        each.

        Raises RelayError and ConfigError; whatever happens, every row is on disk in its state."""
        from mailer import editions
        from mailer.app.release_follow_up import extend_releases, needs_follow_up
        from mailer.delivery.ledger_transaction import ActiveEdition
        from mailer.delivery.run import DeliveryRun
        from mailer.editions import EditionState

        wanted_ids = {edition.id for edition in begun_editions}

        with self.store.read() as tx:
            is_follow_up_due = needs_follow_up(tx, self.clock())
        if is_follow_up_due:
            with self.store.begin() as tx:
                extend_releases(tx, self.clock())

        def find_new_editions(known_ids: Sequence[int]) -> list[ActiveEdition]:
            if not follow_new and wanted_ids <= {*known_ids}:
                return []
            with self.store.read() as tx:
                running = tx.editions.list_recent_editions(
                    [EditionState.SENDING], MAX_ACTIVE_EDITIONS, notices=True
                )
                new_editions = [edition for edition in running if edition.id not in known_ids]
                new_editions = [
                    edition for edition in new_editions if follow_new or edition.id in wanted_ids
                ]
                active_editions = [
                    ActiveEdition(edition, self.build_message_templates(tx, edition))
                    for edition in new_editions
                ]
            seen_ids.update(active_edition.edition.id for active_edition in active_editions)
            if at_once:
                with self.store.begin() as tx:
                    for active_edition in active_editions:
                        tx.queue.make_deliveries_due(active_edition.edition)
            return active_editions

        seen_ids: set[int] = set()
        delivery_run = DeliveryRun(self.store, self._build_route(), self.clock, find_new_editions)
        progress = delivery_run.run(stop, on_progress)
        with self.store.read() as tx:
            edition_ids = sorted(wanted_ids | seen_ids)
            return progress, [
                tx.outbox.build_report(editions.get_edition(tx.editions, edition_id))
                for edition_id in edition_ids
            ]

    def _build_route(self) -> DeliveryOptions:
        from mailer.audience import addresses
        from mailer.delivery.options import DeliveryOptions
        from mailer.delivery.smtp import RelayCredentials

        settings = self.settings
        return DeliveryOptions(
            relays=tuple(
                relay.model_copy(
                    update={"ca_file": relay.ca_file and settings.resolve_path(relay.ca_file)}
                )
                for relay in settings.all_relays
            ),
            credentials={
                relay.name: RelayCredentials(relay.user, settings.read_relay_password(relay))
                for relay in settings.all_relays
                if relay.user
            },
            throttles={
                addresses.to_ascii_domain(domain): limits
                for domain, limits in settings.throttle.items()
            },
            envelope_sender=settings.sender.envelope_sender,
            lease=settings.delivery.lease,
            patience=settings.delivery.patience,
        )

    def cancel_edition(
        self, tx: Transaction, edition: Edition, *, reason: str, actor: str
    ) -> Edition:
        """Cancel an edition and what of it has not passed the gate."""
        from mailer import editions

        cancelled = editions.cancel_edition(
            tx.editions, edition, self.clock(), reason=reason, actor=actor
        )
        tx.queue.cancel_unsent_deliveries(cancelled.id)
        return cancelled

    def close(self) -> None:
        self.store.close()


@contextmanager
def open_mailer(
    settings: Settings, clock: Callable[[], datetime] = get_utc_now
) -> Iterator[Mailer]:
    """A mailer for these settings. Raises SchemaError unless the database is in order."""
    store = Store(settings.database_url, settings.read_secret_key(), settings.delivery.lease)
    mailer = Mailer(settings, store, clock)
    try:
        store.check_schema()
        yield mailer
    finally:
        mailer.close()
