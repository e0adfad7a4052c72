"""Service mails that delivery has paused resume by themselves."""

from datetime import timedelta

import pytest

from mailer import editions
from mailer.actor import DELIVERY, WORKER, Actor
from mailer.editions.service_editions import RESUME_DELAY
from mailer.model.edition_states import EditionKind
from tests.actors import AMINA
from tests.unit.editions.fakes import FakeEditionStore, S, make_edition_transaction
from tests.unit.samples import NOW, make_edition

SECOND = timedelta(seconds=1)


def pause_edition(kind: EditionKind, actor: Actor) -> FakeEditionStore:
    store = FakeEditionStore(make_edition(kind=kind, state=S.SENDING))
    tx = make_edition_transaction(editions=store)
    editions.pause_edition(tx, actor, store.saved_edition, NOW, reason="the password is wrong")
    return store


@pytest.mark.parametrize(
    ("kind", "actor", "resumes"),
    [
        (EditionKind.SERVICE, DELIVERY, True),
        (EditionKind.WELCOME, DELIVERY, True),
        (EditionKind.SERVICE, AMINA, False),
        (EditionKind.NOTICE, DELIVERY, False),
        (EditionKind.MAILING, DELIVERY, False),
    ],
)
def test_only_service_mails_that_delivery_paused_are_listed(
    kind: EditionKind, actor: Actor, resumes: bool
) -> None:
    store = pause_edition(kind, actor)
    tx = make_edition_transaction(editions=store)
    assert editions.list_resumable_editions(tx, NOW + RESUME_DELAY - SECOND) == []
    listed = editions.list_resumable_editions(tx, NOW + RESUME_DELAY)
    assert listed == ([store.saved_edition] if resumes else [])


def test_service_mails_resume_once_and_after_the_delay() -> None:
    store = pause_edition(EditionKind.SERVICE, DELIVERY)
    tx = make_edition_transaction(editions=store)
    early = NOW + RESUME_DELAY - SECOND
    assert editions.resume_service_mails(tx, WORKER, store.saved_edition, early) is None
    late = NOW + RESUME_DELAY
    resumed = editions.resume_service_mails(tx, WORKER, store.saved_edition, late)
    assert resumed is not None
    assert resumed.state is S.SENDING
    assert editions.resume_service_mails(tx, WORKER, resumed, late) is None
