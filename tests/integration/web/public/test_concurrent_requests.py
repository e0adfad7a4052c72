"""What pages write while somebody else's transaction is open: whoever comes second waits, and finds
things as they are then."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mailer.audience import preferences, subscribers
from mailer.audience.imports.rows import ImportRow
from mailer.audience.signup import confirmations
from mailer.model.signup import ConfirmationState
from mailer.model.subscribers import MembershipState, Person
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import NO_LIMIT, SeededOffice

ANA, BEN = "ana@example.org", "ben@example.org"


def beside(
    store: Store, first: Callable[[SqlTransaction], object], then: Callable[[], object]
) -> None:
    """`then`, begun while the transaction in which `first` was done is still open."""
    done, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with store.begin() as tx:
            first(tx)
            done.set()
            assert go_on.wait(10)

    with ThreadPoolExecutor(2) as pool:
        holder = pool.submit(hold)
        try:
            assert done.wait(10)
            second = pool.submit(then)
            time.sleep(0.3)  # it has read what it reads, or waits
        finally:
            go_on.set()
        holder.result()
        second.result()


def test_whoever_is_merged_while_they_leave_has_left(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    kept, gone = stage.add_person(ANA), stage.add_person(BEN)

    def merge(tx: SqlTransaction) -> None:
        preferences.merge_subscribers(tx, STAFF, gone, kept, NOW)

    def leave() -> None:
        assert pages.send_form(stage.build_unsubscribe_path(gone), {}).text == "unsubscribed\n"

    beside(stage.store, merge, leave)
    assert stage.find_membership_state(ANA) is MembershipState.UNSUBSCRIBED


def test_a_new_address_is_not_undone_by_what_is_saved_beside_it(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    person = stage.add_person(ANA)

    def move(tx: SqlTransaction) -> None:
        preferences.change_address(tx, STAFF, person, BEN, NOW)

    def save() -> None:
        fields = {"list": "news", "topic news": "health", "language": "fr"}
        assert pages.send_form(stage.build_preferences_path(person), fields).status == 200

    beside(stage.store, move, save)
    moved = stage.find_subscriber(BEN)
    assert moved is not None
    assert moved.person.language == "fr"
    assert stage.find_subscriber(ANA) is None


def test_a_new_address_is_not_undone_by_an_import_beside_it(stage: SeededOffice) -> None:
    person = stage.add_person(ANA)

    def bring(tx: SqlTransaction) -> None:
        news = factories.get_mailing_list(tx)
        tx.import_rows.import_people(
            STAFF, [ImportRow(2, Person(ANA, name="Ana"))], news, "a file", NOW
        )

    def move() -> None:
        with stage.store.begin() as tx:
            found = tx.subscribers.find_subscriber_by_id(person.id)
            assert found is not None
            preferences.change_address(tx, STAFF, found, BEN, NOW)

    beside(stage.store, bring, move)
    moved = stage.find_subscriber(BEN)
    assert moved is not None
    assert moved.person.name == "Ana"


def test_two_make_the_same_combination_of_topics(pages: AsgiClient, stage: SeededOffice) -> None:
    first, second = stage.add_person(ANA), stage.add_person(BEN)

    def choose(tx: SqlTransaction) -> None:
        news = factories.get_mailing_list(tx)
        preferences.change_membership(
            tx, STAFF, first, news, {"topics": ("climate", "health")}, NOW
        )

    def save() -> None:
        body = b"list=news&topic+news=climate&topic+news=health&language=en"
        answer = pages.send_request("POST", stage.build_preferences_path(second), body)
        assert answer.status == 200

    beside(stage.store, choose, save)
    with stage.store.read() as tx:
        for one in (first, second):
            found = subscribers.find_membership(tx, one, "news")
            assert found is not None
            assert found.topics == ("climate", "health")


def test_a_new_address_that_is_a_subscriber_already_makes_one_person(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    asks, there = stage.add_person(ANA, name="Ana"), stage.add_person(BEN, list_slug="press")
    with stage.store.begin() as tx:
        new = confirmations.build_address_change(tx, asks.id, BEN, "en", "x")
        confirmations.request_confirmation(tx, STAFF, NO_LIMIT, new, NOW)
        made = tx.sign_ups.list_for_address(BEN)[-1]
        confirmations.move_confirmation(tx, STAFF, made, ConfirmationState.MAILED, NOW)
    assert pages.get_page(stage.build_confirm_path(made.id)).status == 200
    for _ in range(2):
        assert pages.send_form(stage.build_confirm_path(made.id), {}).status == 200
    assert stage.find_subscriber(ANA) is None
    now = stage.find_subscriber(BEN)
    assert now is not None
    assert (now.id, now.person.name) == (there.id, "Ana")
    assert (
        stage.find_membership_state(BEN, "news")
        is stage.find_membership_state(BEN, "press")
        is MembershipState.ACTIVE
    )
    assert pages.get_page(stage.build_preferences_path(asks)).status == 200, (
        "old links lead to them"
    )


def test_a_name_that_no_database_takes_is_of_no_edition(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    assert pages.get_page("/archive/news/%00").status == 404
