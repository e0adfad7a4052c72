"""Links of an approver, for tests of all pages: an edition in review, and a kill to confirm."""

from datetime import timedelta

from mailer import editions, releases, staff_links
from mailer.audience.links import LinkPurpose
from mailer.config import NoticesSection
from mailer.model.articles import ArticleKind
from mailer.model.editions import Edition
from mailer.staff_links import StaffLink
from mailer.store import SqlTransaction
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.web.public.fixtures import SeededOffice

APPROVER = "approver@staff.example.org"


def make_decision_tokens(seeded_office: SeededOffice) -> dict[str, str]:
    """Return a valid token for the page of each decision, by the page's letter."""
    mailer = seeded_office.mailer
    mailer.settings = mailer.settings.model_copy(
        update={"notices": NoticesSection(approvers=(APPROVER,))}
    )
    with seeded_office.store.begin() as tx:
        edition = _submit_edition(seeded_office, tx)
        kill_digest = _request_kill(seeded_office, tx)
    return {
        "d": sign_decision(
            seeded_office, LinkPurpose.EDITION_DECISION, str(edition.id), edition.content_hash
        ),
        "k": sign_decision(seeded_office, LinkPurpose.KILL_DECISION, "ferries", kill_digest),
    }


def sign_decision(
    seeded_office: SeededOffice, purpose: LinkPurpose, subject: str, digest: str
) -> str:
    link = StaffLink(APPROVER, subject, digest, NOW + timedelta(days=14))
    return staff_links.sign_staff_link(seeded_office.store.key, purpose, link)


def _submit_edition(seeded_office: SeededOffice, tx: SqlTransaction) -> Edition:
    renderer = seeded_office.mailer.renderer
    factories.add_story(tx, "harbour")
    edition = factories.create_edition(tx, "harbour", template="digest")
    edition, _ = editions.compose_edition(tx, STAFF, edition, renderer)
    return editions.request_approval(tx, STAFF, edition, NOW)


def _request_kill(seeded_office: SeededOffice, tx: SqlTransaction) -> str:
    """Request the kill of a release, once, and return the digest of the request."""
    if tx.releases.find_kill("ferries") is None:
        renderer = seeded_office.mailer.renderer
        factories.add_story(tx, "ferries", kind=ArticleKind.PRESS_RELEASE)
        plan = releases.prepare_release(
            tx, AMINA, "ferries", seeded_office.press, renderer, NOW, default_language="en"
        )
        releases.begin_release(tx, AMINA, plan, renderer, NOW)
        releases.request_kill(tx, AMINA, "ferries", {"": "Not so."}, NOW)
    request = releases.find_kill_request(tx, "ferries")
    assert request is not None
    return request.digest
