"""The edition of the demo that waits for its approval, and the mail that asks for it."""

import threading
from datetime import timedelta

from mailer import editions, notices
from mailer.app import Mailer
from mailer.demo.office import APPROVER, STAFF
from mailer.model.edition_states import SendTimeBasis
from mailer.model.editions import NewEdition

STORY_COUNT = 3


def ask_for_approval(mailer: Mailer, slugs: tuple[str, ...]) -> int:
    """Make an edition of the first of these stories for tomorrow, and mail it to the approver.

    Returns the number of mails. Its link works while ``mailer serve`` runs."""
    now = mailer.clock()
    tomorrow = (now + timedelta(days=1)).replace(tzinfo=None, second=0, microsecond=0)
    with mailer.store.begin() as tx:
        new = NewEdition("Tomorrow’s edition", "news", stories=slugs[:STORY_COUNT])
        edition = editions.create_edition(tx, STAFF, new, now)
        appointment = editions.make_appointment(tx, tomorrow, "UTC", SendTimeBasis.OFFICE, now)
        edition = editions.set_send_time(tx, STAFF, edition, appointment, now)
        edition, _ = editions.compose_edition(tx, STAFF, edition, mailer.renderer)
        edition = editions.request_approval(tx, STAFF, edition, now)
        composer = mailer.build_notice_composer(tx)
        result = notices.notify_staff(tx, STAFF, edition, composer, mailer.staff_addresses, now)
    assert result is not None
    assert result.addresses == (APPROVER,)
    mailer.deliver_editions([], threading.Event(), follow_new=True)
    return len(result.addresses)
