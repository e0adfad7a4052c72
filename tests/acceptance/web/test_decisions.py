"""An approver decides on the page that the mail links to, on a phone and on a desktop."""

from datetime import timedelta

import pytest

from mailer import editions
from mailer.config import NoticesSection, PersonSection
from mailer.model.edition_states import EditionState, SendTimeBasis
from mailer.model.editions import Edition, NewEdition
from tests.acceptance.web.browser import BrowserReader
from tests.acceptance.web.fixtures import STORY, ServedOffice
from tests.actors import STAFF

EDITOR = "editor@example.org"


def ask_for_approval(office: ServedOffice, edition: Edition | None = None) -> Edition:
    """Submit a new edition in three languages, or one again, and deliver the mail about it."""
    mailer = office.mailer
    now = mailer.clock()
    with mailer.store.begin() as tx:
        if edition is None:
            new = NewEdition(list="news", name="The week", stories=(STORY,), template="digest")
            edition = editions.create_edition(tx, STAFF, new, now)
            appointment = editions.make_appointment(
                tx, (now + timedelta(days=1)).replace(tzinfo=None, second=0, microsecond=0),
                "UTC", SendTimeBasis.OFFICE, now,
            )  # fmt: skip
            edition = editions.set_send_time(tx, STAFF, edition, appointment, now)
        edition, _ = editions.compose_edition(tx, STAFF, edition, mailer.renderer)
        edition = editions.request_approval(tx, STAFF, edition, now)
    office.run_worker()
    return edition


def find_edition(office: ServedOffice, edition: Edition) -> Edition:
    with office.mailer.store.read() as tx:
        return editions.get_edition(tx, edition.id)


def test_approver_approves_then_sends_back_what_has_changed(
    reader: BrowserReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = reader.office
    settings = office.mailer.settings.model_copy(
        update={
            "notices": NoticesSection(approvers=(EDITOR,)),
            "people": {EDITOR: PersonSection(name="Ed Sample", time_zone="America/New_York")},
        }
    )
    monkeypatch.setattr(office.mailer, "settings", settings)
    for language in ("fr", "ar"):
        office.subscribe_person(f"{language}-{reader.address}", language=language)
    office.run_worker()  # mails about other editions go first
    edition = ask_for_approval(office)
    reader.open_path(office.find_link(EDITOR, "d"))
    reader.check_page("decide", shows_mail=True)
    for title in ("Boats again", "Des bateaux à nouveau", "قوارب من جديد"):
        assert reader.page.locator(".shown", has_text=title).count() == 1
    reader.page.locator("button[value=approve]").click()
    reader.check_page("decide-approved", shows_mail=True)
    assert reader.status_message.count() == 1
    assert find_edition(office, edition).state is EditionState.SCHEDULED
    office.run_worker()
    with office.mailer.store.begin() as tx:
        editions.edit_edition(
            tx,
            STAFF,
            editions.get_edition(tx, edition.id),
            {"opening": {"en": "Rain is on the way.", "fr": "La pluie arrive."}},
            office.mailer.clock(),
        )
    ask_for_approval(office, find_edition(office, edition))
    reader.open_path(office.find_link(EDITOR, "d"))
    reader.check_page("decide-again", shows_mail=True)
    assert reader.page.locator("ins", has_text="La pluie arrive.").count() == 1
    reader.page.locator("button[value=send-back]").click()
    assert reader.error_message.count() == 1
    reader.check_page("decide-without-comment", shows_mail=True)
    reader.page.locator("textarea").fill("No rain, please.")
    reader.page.locator("button[value=send-back]").click()
    reader.check_page("decide-sent-back", shows_mail=True)
    sent_back = find_edition(office, edition)
    assert sent_back.state is EditionState.ON_HOLD
    assert sent_back.reason.endswith("Ed Sample <editor@example.org>: No rain, please.")
    office.run_worker()  # the mail about it is the last of this test
    for language in ("fr", "ar"):
        office.erase_person(f"{language}-{reader.address}")
