"""The office's mailer."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from mailer import addresses, digests, editions, outbox, zones
from mailer.app.embargo_checks import check_may_send
from mailer.app.release_follow_up import extend_releases, needs_follow_up
from mailer.config import Settings
from mailer.delivery.ledger_transaction import ActiveEdition
from mailer.delivery.options import DeliveryOptions
from mailer.delivery.outcomes import DeliveryProgress
from mailer.delivery.run import DeliveryRun
from mailer.delivery.smtp import RelayCredentials
from mailer.digests.calendar import LOOK_BACK, DigestCalendar
from mailer.errors import ComposeError, InputError, Refused
from mailer.intake.markup import to_html
from mailer.message import AttachedFile, MessageProfile, MessageTemplate, Recipient
from mailer.model.deliveries import DeliveryPlan, DeliveryReport
from mailer.model.digests import ApprovalRule, Digest, DigestPolicy
from mailer.model.edition_states import EditionKind, EditionState, SendTimeBasis
from mailer.model.editions import Edition, EditionBody, SendAppointment
from mailer.model.lists import MailingList
from mailer.model.schedules import Schedule
from mailer.model.signup import SignUpLimits
from mailer.render import Composition, compose_edition
from mailer.schedules import local_time as local_time_module
from mailer.schedules import observances
from mailer.schedules.observances import Observance
from mailer.store import SqlTransaction, Store

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
        signup = self.settings.signup
        return SignUpLimits(signup.per_address, signup.per_client, signup.per_domain)

    @property
    def link_lifetime(self) -> timedelta:
        """For how long the link in a mail that asks for confirmation works."""
        return timedelta(days=self.settings.retention.unconfirmed_days)

    def compose_edition(
        self, tx: SqlTransaction, edition: Edition
    ) -> tuple[Edition, Composition | None]:
        """The edition with its bodies frozen: composed now if it is open and something changed
        since. What has been approved is never composed again."""
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
        tx: SqlTransaction,
        edition: Edition,
        approver: str,
        *,
        comment: str = "",
        seen_hash: str = "",
    ) -> Edition:
        """Compose once more, and approve what that gives. Raises ApprovalVoid when the approver
        has seen something else, and Refused for an author where the digest wants another person."""
        edition, _ = self.compose_edition(tx, edition)
        rule = self.get_policy(tx, edition).approval
        return editions.approve_edition(
            tx,
            edition,
            approver,
            self.clock(),
            comment=comment,
            expected_hash=seen_hash,
            excluded_approvers=tx.editions.find_authors(edition)
            if rule is ApprovalRule.OTHER
            else frozenset(),
        )

    def get_policy(self, tx: SqlTransaction, edition: Edition) -> DigestPolicy:
        """What its digest says; of an edition by itself, what goes without saying."""
        return (
            digests.get_digest(tx, edition.digest).settings.policy
            if edition.digest
            else DigestPolicy()
        )

    def make_appointment(
        self, tx: SqlTransaction, local_time: datetime, zone: str, send_time: SendTimeBasis
    ) -> SendAppointment:
        """A time to be sent at, for an edition by itself. Raises InputError for one that is
        past."""
        if local_time_module.to_utc(local_time, zones.get_zone(zone, "--zone")) < self.clock():
            raise InputError(
                f"{local_time:%Y-%m-%d %H:%M} in {zone} is past",
                where="--at",
                hint="to send it now, use `mailer send`",
            )
        return self.refresh_appointment(
            tx, SendAppointment(self.clock(), local_time, zone, send_time)
        )

    def refresh_appointment(
        self, tx: SqlTransaction, appointment: SendAppointment
    ) -> SendAppointment:
        """The appointment with the moment at which clocks show its time, as the rules of zones are
        now and readers are in them."""
        zone_names = tx.reader_time_zones if appointment.send_time is SendTimeBasis.READER else ()
        return replace(
            appointment,
            moment=local_time_module.find_earliest_moment(
                appointment.wall, appointment.zone, zone_names
            ),
        )

    def build_calendar(self, tx: SqlTransaction, digest: Digest) -> DigestCalendar:
        """When the digest is sent, was sent, and will be."""
        slug = digest.settings.slug
        digest_schedules = [
            schedule
            for schedule in tx.schedules.list_schedules()
            if schedule.settings.digest_slug == slug
        ]
        return self._assemble_calendars(tx, [digest], digest_schedules)[0]

    def build_calendars(self, tx: SqlTransaction) -> list[DigestCalendar]:
        """Those of all digests that have a schedule."""
        schedules = tx.schedules.list_schedules()
        scheduled_slugs = {schedule.settings.digest_slug for schedule in schedules}
        all_digests = tx.digests.list_digests() if scheduled_slugs else []
        scheduled_digests = [
            digest for digest in all_digests if digest.settings.slug in scheduled_slugs
        ]
        return self._assemble_calendars(tx, scheduled_digests, schedules)

    def _assemble_calendars(
        self, tx: SqlTransaction, digest_list: Sequence[Digest], schedules: Sequence[Schedule]
    ) -> list[DigestCalendar]:
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
        stamp = self.settings.observances_stamp
        if stamp != self._observances[0]:
            self._observances = (
                stamp,
                observances.parse_observances(self.settings.read_observances()),
            )
        return self._observances[1]

    def build_sender_profile(self, edition: Edition, mailing_list: MailingList) -> MessageProfile:
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
        self, tx: SqlTransaction, edition: Edition
    ) -> dict[str, MessageTemplate]:
        """A stencil for each of the edition's frozen bodies, by language."""
        sender_profile = self.build_sender_profile(edition, tx.editions.load_mailing_list(edition))
        return {
            body.language: MessageTemplate(body, sender_profile, self._load_attachments(tx, body))
            for body in tx.editions.list_bodies(edition)
        }

    def _load_attachments(self, tx: SqlTransaction, body: EditionBody) -> list[AttachedFile]:
        attached_files = []
        for attachment in body.attachments:
            content = tx.releases.read_content(attachment.sha256)
            if content is None:
                raise Refused(
                    f"the file {attachment.name} is not there any more", hint="compose it anew"
                )
            attached_files.append(AttachedFile(attachment.name, attachment.media_type, content))
        return attached_files

    def preview_edition(
        self, tx: SqlTransaction, edition: Edition, *, address: str = "", language: str = ""
    ) -> Preview:
        """The mail as the subscriber of `address` would get it; without one, as somebody without a
        name who gets every story, in `language` or the edition's own."""
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
        self, tx: SqlTransaction, edition: Edition, address: str
    ) -> tuple[Recipient, str]:
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
            raise Refused(outbox.explain_outcome(tx, edition, address))
        subscriber = tx.subscribers.find_subscriber(address)
        assert subscriber is not None
        return (
            Recipient(0, subscriber.id, address, subscriber.person.name, recipient_status.stories),
            recipient_status.language,
        )

    def start_edition(
        self, tx: SqlTransaction, edition: Edition
    ) -> tuple[Edition, DeliveryPlan | None]:
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
        self._build_route()  # what is wrong with the relays' settings is said before anything begins
        editions.check_approval(tx, edition, self.settings.sender_details)
        plan = tx.outbox.plan_deliveries(edition, now)
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
                        tx.outbox.make_deliveries_due(active_edition.edition)
            return active_editions

        seen_ids: set[int] = set()
        delivery_run = DeliveryRun(self.store, self._build_route(), self.clock, find_new_editions)
        progress = delivery_run.run(stop, on_progress)
        with self.store.read() as tx:
            edition_ids = sorted(wanted_ids | seen_ids)
            return progress, [
                tx.outbox.build_report(editions.get_edition(tx, edition_id))
                for edition_id in edition_ids
            ]

    def _build_route(self) -> DeliveryOptions:
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
        self, tx: SqlTransaction, edition: Edition, *, reason: str, actor: str
    ) -> Edition:
        """Cancel an edition and what of it has not passed the gate."""
        cancelled = editions.cancel_edition(tx, edition, self.clock(), reason=reason, actor=actor)
        tx.outbox.cancel_unsent_deliveries(cancelled.id)
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
