"""The rules by which a contact may see an advance copy, and the log of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailer.actor import SUBSCRIBER
from mailer.audience.links import MemberLink
from mailer.model.contacts import Contact, ContactProfile, Trust
from mailer.model.edition_states import EMBARGO_STATING_ROLES, EditionRole, EditionState
from mailer.model.editions import Edition
from mailer.model.embargoes import Embargo, EmbargoEvent, EmbargoEventType, EmbargoTerms
from mailer.model.releases import ReleasePage
from mailer.model.subscribers import Membership, MembershipState, Person, Subscriber
from mailer.model.transaction import Transaction
from mailer.releases import AdvanceCopy, AdvanceRefusal, open_advance_copy
from tests.fakes import make_transaction
from tests.unit.samples import DAY, NOW, make_edition

SLUG = "lanterns"
ENDS_AT = datetime(2026, 12, 20, 9, 0, tzinfo=UTC)
ANA = Subscriber(5, Person("ana@example.org"), "test", NOW - DAY)
LINK = MemberLink(ANA.id, 3, 7)
DESCRIPTION = "the page, with a browser"
ADVANCE = make_edition(
    list="press",
    role=EditionRole.ADVANCE,
    state=EditionState.SENT,
    stories=(SLUG,),
    planned_at=NOW - DAY,
    embargo_until=ENDS_AT,
)


class FakePressOffice:
    """A release that Ana may see. Its attributes are what the stores return: tests change them."""

    def __init__(self) -> None:
        self.release_editions: list[Edition] = [ADVANCE]
        self.subscribers: list[Subscriber] = [ANA]
        self.membership_state: MembershipState | None = MembershipState.ACTIVE
        self.trust: Trust | None = Trust.TRUSTED
        self.queued_slugs = frozenset({SLUG})
        self.embargo_end: datetime | None = ENDS_AT
        self.edition_ids_without_page: set[int] = set()
        self.recorded_events: list[EmbargoEvent] = []

    def make_transaction(self) -> Transaction:
        """Make a transaction in which each store is this object."""
        return make_transaction(
            editions=self, subscribers=self, embargoes=self, releases=self, lists=self
        )

    def open_copy(self, link: MemberLink = LINK) -> AdvanceCopy:
        return open_advance_copy(self.make_transaction(), SUBSCRIBER, link, DESCRIPTION, NOW)

    def find_edition(self, edition_id: int) -> Edition | None:
        return next((item for item in self.release_editions if item.id == edition_id), None)

    def list_release_editions(self, slug: str, list_slug: str) -> list[Edition]:
        assert (slug, list_slug) == (SLUG, "press")
        return self.release_editions

    def find_queued_slugs(self, slugs: Sequence[str]) -> frozenset[str]:
        return self.queued_slugs.intersection(slugs)

    def find_subscriber_by_id(self, subscriber_id: int) -> Subscriber | None:
        return next((item for item in self.subscribers if item.id == subscriber_id), None)

    def list_memberships(self, subscriber: Subscriber) -> list[Membership]:
        if self.membership_state is None:
            return []
        return [Membership("press", self.membership_state, (), "", NOW - DAY)]

    def find_contact(self, subscriber: Subscriber) -> Contact | None:
        return Contact(subscriber, ContactProfile(trust=self.trust), NOW) if self.trust else None

    def list_embargoes(self, since: datetime) -> list[Embargo]:
        if self.embargo_end is None:
            return []
        terms = EmbargoTerms(self.embargo_end.replace(tzinfo=None), "UTC")
        return [Embargo(SLUG, terms, self.embargo_end, NOW - DAY)]

    def read_clock(self) -> datetime:
        return NOW

    def find_page_of_edition(self, edition_id: int) -> ReleasePage | None:
        if edition_id in self.edition_ids_without_page:
            return None
        return ReleasePage(SLUG, edition_id, "en", NOW, NOW, ())

    def record_event(self, event: EmbargoEvent) -> None:
        self.recorded_events.append(event)


@pytest.fixture
def office() -> FakePressOffice:
    return FakePressOffice()


def assert_refused(office: FakePressOffice, refusal: AdvanceRefusal) -> None:
    """Assert that Ana gets no copy, and that the embargo's log gives the reason."""
    assert office.open_copy() == AdvanceCopy(refusal=refusal)
    assert office.recorded_events == [
        EmbargoEvent(
            SLUG,
            NOW,
            EmbargoEventType.REFUSED,
            ANA.address,
            f"{DESCRIPTION}: {refusal}",
            actor_key=SUBSCRIBER.key,
        )
    ]


def test_trusted_contact_opens_advance_copy_and_it_is_recorded(office: FakePressOffice) -> None:
    copy = office.open_copy()
    assert copy == AdvanceCopy(ADVANCE, ReleasePage(SLUG, ADVANCE.id, "en", NOW, NOW, ()))
    assert office.recorded_events == [
        EmbargoEvent(
            SLUG,
            NOW,
            EmbargoEventType.VIEWED,
            ANA.address,
            DESCRIPTION,
            actor_key=SUBSCRIBER.key,
        )
    ]


@pytest.mark.parametrize(
    "link", [replace(LINK, edition_id=8), replace(LINK, subscriber_id=6)], ids=str
)
def test_link_to_unknown_record_is_refused_and_not_recorded(
    office: FakePressOffice, link: MemberLink
) -> None:
    assert office.open_copy(link) == AdvanceCopy(refusal=AdvanceRefusal.INVALID_LINK)
    assert office.recorded_events == []


@pytest.mark.parametrize("role", sorted({*EditionRole} - {*EMBARGO_STATING_ROLES}))
def test_link_to_edition_that_states_no_embargo_is_refused(
    office: FakePressOffice, role: EditionRole
) -> None:
    office.release_editions = [replace(ADVANCE, role=role)]
    assert office.open_copy() == AdvanceCopy(refusal=AdvanceRefusal.INVALID_LINK)
    assert office.recorded_events == []


@pytest.mark.parametrize("state", [None, MembershipState.UNSUBSCRIBED, MembershipState.PENDING])
def test_contact_who_left_the_list_gets_no_advance_copy(
    office: FakePressOffice, state: MembershipState | None
) -> None:
    office.membership_state = state
    assert_refused(office, AdvanceRefusal.LEFT_LIST)


def test_advance_copy_of_withdrawn_release_is_refused(office: FakePressOffice) -> None:
    office.queued_slugs = frozenset()
    assert_refused(office, AdvanceRefusal.WITHDRAWN)


@pytest.mark.parametrize("trust", [None, Trust.UNTRUSTED])
def test_untrusted_contact_gets_no_advance_copy(
    office: FakePressOffice, trust: Trust | None
) -> None:
    office.trust = trust
    assert_refused(office, AdvanceRefusal.UNTRUSTED)


@pytest.mark.parametrize("trust", [None, Trust.UNTRUSTED])
def test_untrusted_contact_opens_copy_after_the_embargo(
    office: FakePressOffice, trust: Trust | None
) -> None:
    office.trust, office.embargo_end = trust, NOW - timedelta(minutes=1)
    assert office.open_copy().edition == ADVANCE


def test_advance_copy_with_old_embargo_time_is_refused(office: FakePressOffice) -> None:
    office.embargo_end = ENDS_AT + DAY
    assert_refused(office, AdvanceRefusal.EMBARGO_MOVED)


def test_cancelled_advance_copy_is_refused(office: FakePressOffice) -> None:
    office.release_editions = [replace(ADVANCE, state=EditionState.CANCELLED)]
    assert_refused(office, AdvanceRefusal.CANCELLED)


def test_advance_copy_that_has_not_begun_is_refused(office: FakePressOffice) -> None:
    office.release_editions = [replace(ADVANCE, state=EditionState.DRAFT, planned_at=None)]
    assert_refused(office, AdvanceRefusal.NOT_BEGUN)


def test_old_link_opens_newest_version_that_was_not_stopped(office: FakePressOffice) -> None:
    correction = replace(ADVANCE, id=8, role=EditionRole.CORRECTION)
    office.release_editions += [
        correction,
        replace(correction, id=9, state=EditionState.CANCELLED),
        replace(correction, id=10, state=EditionState.DRAFT, planned_at=None),
        replace(correction, id=11, role=EditionRole.KILL),
    ]
    copy = office.open_copy()
    assert copy.edition == correction
    assert copy.release is not None
    assert copy.release.edition_id == correction.id


def test_edition_without_page_opens_no_release(office: FakePressOffice) -> None:
    office.edition_ids_without_page = {ADVANCE.id}
    copy = office.open_copy()
    assert (copy.release, copy.refusal) == (None, None)
