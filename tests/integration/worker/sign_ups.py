"""Sign-ups that a worker answers by mail."""

from email.message import EmailMessage

from mailer.audience.lists import edit_list
from mailer.audience.signup import confirmations
from mailer.model.edition_states import PER_RECIPIENT_KINDS
from mailer.model.editions import Edition
from mailer.model.signup import Confirmation, ConfirmationState, SignUpWishes
from mailer.model.subscribers import Wording
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.worker.conftest import WorkerHarness

NEW = "new@example.org"


def request_sign_up(
    harness: WorkerHarness,
    address: str = NEW,
    language: str = "en",
    lists: tuple[str, ...] = ("news",),
) -> Confirmation | None:
    with harness.mailer.store.begin() as tx:
        sign_up = confirmations.build_sign_up(tx, address, SignUpWishes(lists), language, "page")
        limit = harness.mailer.sign_up_limits.per_address
        confirmations.request_confirmation(tx, STAFF, limit, sign_up, harness.now)
        return next(iter(reversed(tx.sign_ups.list_for_address(address))), None)


def confirm_sign_up(harness: WorkerHarness, confirmation_id: int, *list_slugs: str) -> None:
    with harness.mailer.store.begin() as tx:
        confirmation = tx.sign_ups.find_confirmation(confirmation_id)
        assert confirmation is not None
        confirmations.apply_confirmation(
            tx,
            STAFF,
            harness.mailer.sign_up_limits.per_address,
            confirmation,
            harness.now,
            wording=Wording("en", "I agree."),
            accepted_lists=list_slugs or None,
        )


def find_state(harness: WorkerHarness, confirmation_id: int) -> ConfirmationState | None:
    with harness.mailer.store.read() as tx:
        confirmation = tx.sign_ups.find_confirmation(confirmation_id)
        return confirmation.state if confirmation else None


def run_worker(harness: WorkerHarness) -> None:
    harness.run_tick()
    harness.deliver_editions()


def list_service_editions(harness: WorkerHarness) -> list[Edition]:
    """Return the editions of service mails, the oldest first."""
    with harness.mailer.store.read() as tx:
        newest_first = tx.editions.list_recent_editions([], 100, notices=True)
    return [edition for edition in reversed(newest_first) if edition.kind in PER_RECIPIENT_KINDS]


def get_text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


# ---- which service mail -----------------------------------------------------------------------


def add_press_list(harness: WorkerHarness, *welcoming_slugs: str) -> None:
    with harness.mailer.store.begin() as tx:
        factories.add_mailing_list(tx, "press")
        for slug in welcoming_slugs:
            edit_list(tx, STAFF, slug, {"welcome": True})
