"""Check the database that the settings name, and the senders that it names."""

from collections.abc import Iterator

from mailer.app.config_checks.results import (
    CheckOutcome,
    CheckResult,
    create_problem,
    run_check,
)
from mailer.app.mailer import Mailer
from mailer.assets import find_hashes, is_reference
from mailer.config import Settings
from mailer.errors import ConfigError, MailerError
from mailer.model.edition_states import EditionState
from mailer.store import SqlTransaction, Store

_UNSENT_STATES = (
    EditionState.DRAFT,
    EditionState.IN_REVIEW,
    EditionState.APPROVED,
    EditionState.SCHEDULED,
)
MAX_EDITIONS = 1000
"""Maximum number of unsent editions that are looked at, the latest first."""


def check_database(settings: Settings) -> Iterator[CheckResult]:
    """Yield the results about the database. Nothing in it is changed."""
    try:
        store = Store(settings.database_url, b"", settings.delivery.lease)
    except MailerError as error:
        yield create_problem("database", error)
        return
    try:
        yield from _check_store(settings, store)
    except MailerError as error:
        yield create_problem("database", error)
    finally:
        store.close()


def _check_store(settings: Settings, store: Store) -> Iterator[CheckResult]:
    store.check_schema()
    yield CheckResult("database", CheckOutcome.OK, store.display_url)
    for file in store.open_files:
        yield CheckResult(
            "secret files",
            CheckOutcome.PROBLEM,
            f"other users can read {file}",
            f"chmod 600 {file}",
        )
    mailer = Mailer(settings, store)
    if refusal := mailer.guard.find_refusal():
        yield CheckResult(
            "database",
            CheckOutcome.PROBLEM,
            f"nothing is sent from it: {refusal.reason}",
            refusal.hint,
            refusal.next_steps,
        )
    with store.read() as tx:
        if safe_mode := tx.outbox.find_safe_mode():
            yield CheckResult("safe mode", CheckOutcome.WARNING, f"it is on: {safe_mode.words}")
        yield run_check("chosen senders", lambda: _check_senders(settings, tx))
        if is_reference(settings.organisation.logo_url):
            yield run_check("logo", lambda: _check_logo(settings, tx))


def _check_logo(settings: Settings, tx: SqlTransaction) -> str:
    """Check that the logo's asset is stored, and that the reference ends as the asset's own."""
    reference = settings.organisation.logo_url
    asset = tx.assets.find_asset(find_hashes(reference)[0])
    if asset is None:
        raise ConfigError(
            "there is no asset with the hash in organisation.logo_url",
            hint="add the logo's file, and write the reference that is printed into the settings",
        )
    if asset.reference != reference:
        raise ConfigError(
            f"organisation.logo_url does not end as the asset {asset.name} does",
            hint=f'write logo_url = "{asset.reference}"',
        )
    return asset.name


def _check_senders(settings: Settings, tx: SqlTransaction) -> str:
    """Check that the settings have the sender of each list, digest and unsent edition."""
    chosen_senders = [
        *((f"the list {one.slug}", one.sender) for one in tx.lists.list_mailing_lists()),
        *(
            (f"the digest {digest.settings.slug}", digest.settings.sender)
            for digest in tx.digests.list_digests()
        ),
        *(
            (f"edition {edition.id}", edition.sender)
            for edition in tx.editions.list_recent_editions(_UNSENT_STATES, MAX_EDITIONS)
        ),
    ]
    for user, sender in chosen_senders:
        if sender and sender not in settings.senders:
            raise ConfigError(
                f"there is no sender {sender!r}, which {user} uses",
                hint=f"add a section [senders.{sender}], or choose another sender",
            )
    count = sum(bool(sender) for _, sender in chosen_senders)
    return f"{count} choose a sender" if count else "all use the default one"
