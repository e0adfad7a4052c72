"""The office's mailer: joins settings, database and clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mailer.errors import ConfigError, DatabaseUnrecognised, HistoryWentBack, InputError
from mailer.store import Store

if TYPE_CHECKING:  # most commands need only a part of these: each method imports what it uses
    import threading

    from mailer.actor import Actor
    from mailer.app.link_keys import LinkKeySource
    from mailer.app.messages import Preview
    from mailer.app.recognition import RecognitionGuard
    from mailer.app.rendering import SettingsRenderer
    from mailer.config import Settings
    from mailer.delivery.history import HistoryWatch
    from mailer.delivery.ledger_transaction import ActiveEdition
    from mailer.delivery.options import DeliveryOptions
    from mailer.delivery.outcomes import DeliveryProgress
    from mailer.digests.calendar import DigestCalendar
    from mailer.message import MessageTemplate
    from mailer.model.deliveries import DeliveryReport
    from mailer.model.digests import Digest
    from mailer.model.editions import Edition
    from mailer.model.reader_fields import ReaderFields
    from mailer.model.signup import SignUpLimits
    from mailer.notices import NoticeComposer, StaffAddresses
    from mailer.people import StaffDirectory
    from mailer.retention import RetentionPeriods
    from mailer.schedules.observances import Observance
    from mailer.store import SqlTransaction

MAX_ACTIVE_EDITIONS = 1000
"""Editions that one run delivers at the same time."""


def get_utc_now() -> datetime:
    return datetime.now(UTC)


class Mailer:
    """One office's mailer: its settings and its database. `clock` gives aware moments."""

    def __init__(
        self, settings: Settings, store: Store, clock: Callable[[], datetime] = get_utc_now
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        store.safe_recipients = normalise_safe_recipients(settings)
        self._observances: tuple[object, Mapping[str, Observance]] = (None, {})
        self._guard: RecognitionGuard | None = None
        self._link_keys: LinkKeySource | None = None

    @property
    def guard(self) -> RecognitionGuard:
        """The guard that says whether this process may deliver from the database."""
        from mailer.app.recognition import RecognitionGuard

        if self._guard is None:
            self._guard = RecognitionGuard(self.store, self.settings.state_folder, self.clock)
        return self._guard

    @property
    def link_keys(self) -> LinkKeySource:
        """The keys that sign and verify links, read again while this process runs."""
        from mailer.app.link_keys import LinkKeySource

        if self._link_keys is None:
            self._link_keys = LinkKeySource(self.store, self.clock)
        return self._link_keys

    @property
    def renderer(self) -> SettingsRenderer:
        """The renderer for verbs, with the current settings."""
        from mailer.app.rendering import SettingsRenderer

        return SettingsRenderer(self.settings)

    @property
    def reader_fields(self) -> ReaderFields:
        """The office's own fields of readers, which the settings declare."""
        from mailer.audience.reader_fields import load_fields

        return load_fields(self.settings)

    @property
    def sign_up_limits(self) -> SignUpLimits:
        """The limits on how often strangers may sign up."""
        from mailer.model.signup import SignUpLimits

        signup = self.settings.signup
        return SignUpLimits(signup.per_address, signup.per_client, signup.per_domain)

    @property
    def link_lifetime(self) -> timedelta:
        """The time for which the link in a confirmation mail is valid."""
        return timedelta(days=self.settings.retention.unconfirmed_days)

    @property
    def staff_addresses(self) -> StaffAddresses:
        """The addresses of staff in the settings."""
        from mailer.notices import StaffAddresses
        from mailer.people import normalise_staff_address

        notices = self.settings.notices
        return StaffAddresses(
            tuple(map(normalise_staff_address, notices.approvers)),
            notices.watchers,
            self.settings.staff.addresses,
            self.staff_directory,
        )

    @property
    def staff_directory(self) -> StaffDirectory:
        """The people in the settings."""
        from mailer.app.staff import build_staff_directory

        return build_staff_directory(self.settings)

    @property
    def retention_periods(self) -> RetentionPeriods:
        """The times for which the settings keep data."""
        from mailer.retention import RetentionPeriods

        retention = self.settings.retention
        return RetentionPeriods(
            link_lifetime=self.link_lifetime,
            notices_days=retention.notices_days,
            deliveries_months=retention.deliveries_months,
            left_months=retention.left_months,
            consent_years=retention.consent_years,
        )

    def build_notice_composer(self, tx: SqlTransaction) -> NoticeComposer:
        """Return the composer of notices that are built in this transaction."""
        from mailer.app.messages import build_edition_mails
        from mailer.app.rendering import SettingsNoticeComposer

        return SettingsNoticeComposer(
            self.settings,
            tx,
            lambda edition: build_edition_mails(
                self.settings, tx, edition, self.link_keys.load_keys(tx), self.clock()
            ),
        )

    def build_calendar(self, tx: SqlTransaction, digest: Digest) -> DigestCalendar:
        """Return the calendar of one digest, with the office's observances and clock."""
        from mailer.digests.loading import load_calendar

        return load_calendar(tx, digest, self.read_observances(), self.clock())

    def build_calendars(self, tx: SqlTransaction) -> list[DigestCalendar]:
        """Return the calendars of all digests that have a schedule."""
        from mailer.digests.loading import load_calendars

        return load_calendars(tx, self.read_observances(), self.clock())

    def read_observances(self) -> Mapping[str, Observance]:
        """Return the shipped observances and the office's own, read again when a file has changed.
        Raises ConfigError."""
        from mailer.schedules import observances

        stamp = self.settings.observances_stamp
        if stamp != self._observances[0]:
            self._observances = (
                stamp,
                observances.parse_observances(self.settings.read_observances()),
            )
        return self._observances[1]

    def build_message_templates(
        self, tx: SqlTransaction, edition: Edition
    ) -> dict[str, MessageTemplate]:
        """Return a message template for each of the edition's frozen bodies, by language."""
        from mailer.app import messages

        return messages.build_message_templates(
            self.settings, tx, edition, self.link_keys.load_keys(tx)
        )

    def preview_edition(
        self,
        tx: SqlTransaction,
        actor: Actor,
        edition: Edition,
        *,
        address: str = "",
        language: str = "",
    ) -> Preview:
        """Compose a draft and return its mail. The arguments are those of ``build_preview``."""
        from mailer import editions
        from mailer.app import messages

        edition, _ = editions.compose_edition(tx, actor, edition, self.renderer)
        return messages.build_preview(
            self.settings,
            tx,
            edition,
            self.link_keys.load_keys(tx),
            self.clock(),
            address=address,
            language=language,
        )

    def check_relays(self) -> None:
        """Check the relays' settings, before anything is started. Raises ConfigError."""
        self._build_delivery_options()

    def deliver_editions(
        self,
        begun_editions: Sequence[Edition],
        stop: threading.Event,
        on_progress: Callable[[DeliveryProgress], None] = lambda _: None,
        *,
        follow_new: bool = False,
        at_once: bool = False,
        history: HistoryWatch | None = None,
    ) -> tuple[DeliveryProgress, list[DeliveryReport]]:
        """Send the due deliveries of editions that have started, and return a report of each
        edition. With `follow_new`, all other started editions, and those that start while this
        runs, are sent too. With `at_once`, deferred deliveries are tried at once. `history` is what
        earlier runs of this process know to be committed.

        Raises RelayError, ConfigError, DatabaseUnrecognised if the database was restored or copied,
        and HistoryWentBack if the database has lost commits that it had confirmed. In every case,
        the state of each row is on disk."""
        from mailer import editions, outbox, releases
        from mailer.actor import DELIVERY, WORKER
        from mailer.app.recognition import SENDING_INTERVAL
        from mailer.app.relay_outages import OutageRecorder
        from mailer.delivery.history import HistoryWatch, check_plan_is_kept, restore_lost_plan
        from mailer.delivery.ledger_transaction import ActiveEdition
        from mailer.delivery.run import DeliveryRun
        from mailer.model.edition_states import EditionState

        wanted_ids = {edition.id for edition in begun_editions}

        self.guard.check_database()
        with self.store.read() as tx:
            is_follow_up_due = releases.needs_follow_up(tx, self.clock())
        if is_follow_up_due:
            with self.store.begin() as tx:
                releases.extend_releases(tx, WORKER, self.clock())

        def find_new_editions(known_ids: Sequence[int]) -> list[ActiveEdition]:
            self.guard.confirm_database(SENDING_INTERVAL)
            self.link_keys.refresh_keys()
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
                        outbox.make_deliveries_due(tx, DELIVERY, active_edition.edition)
            return active_editions

        recorder = OutageRecorder(self.store, self.clock)

        def note_progress(progress: DeliveryProgress) -> None:
            recorder.record_progress(progress)
            on_progress(progress)

        seen_ids: set[int] = set()
        history = history or HistoryWatch()
        lost_history: HistoryWentBack | None = None
        try:
            with self.guard.watch_run() as heartbeats:
                delivery_run = DeliveryRun(
                    self.store,
                    self._build_delivery_options(),
                    self.clock,
                    find_new_editions,
                    history,
                    heartbeats.save_heartbeat,
                )
                try:
                    progress = delivery_run.run(stop, note_progress)
                    with self.store.read() as tx:
                        for edition in begun_editions:
                            check_plan_is_kept(edition, tx.editions.find_edition(edition.id))
                except HistoryWentBack as error:
                    lost_history = error
                    for edition_id in sorted(wanted_ids | seen_ids):
                        with self.store.begin() as tx:
                            restore_lost_plan(tx, history, edition_id, self.renderer, self.clock())
                    raise
        except DatabaseUnrecognised as error:
            if lost_history is not None:  # the guard's marker tells it too, and less precisely
                raise lost_history from error
            raise
        with self.store.read() as tx:
            edition_ids = sorted(wanted_ids | seen_ids)
            return progress, [
                tx.outbox.build_report(editions.get_edition(tx, edition_id))
                for edition_id in edition_ids
            ]

    def _build_delivery_options(self) -> DeliveryOptions:
        from mailer import addresses
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
            lease=settings.delivery.lease,
            patience=settings.delivery.patience,
        )

    def close(self) -> None:
        self.store.close()


def normalise_safe_recipients(settings: Settings) -> tuple[str, ...]:
    """Return the recipients of safe mode in their canonical spelling, domains with an @ before
    them. Raises ConfigError."""
    if not settings.safe.recipients:
        return ()
    from mailer import addresses

    try:
        return tuple(
            addresses.normalise_address(recipient)
            if "@" in recipient
            else "@" + addresses.normalise_address(f"a@{recipient}").rpartition("@")[2]
            for recipient in settings.safe.recipients
        )
    except InputError as error:
        raise ConfigError(
            error.message, where="safe.recipients", hint="give addresses or domains"
        ) from error


@contextmanager
def open_mailer(
    settings: Settings, clock: Callable[[], datetime] = get_utc_now
) -> Iterator[Mailer]:
    """Open a mailer with these settings. Raises SchemaError unless the database is up to date."""
    store = Store(settings.database_url, settings.read_secret_key(), settings.delivery.lease)
    mailer = Mailer(settings, store, clock)
    try:
        store.check_schema()
        yield mailer
    finally:
        mailer.close()
