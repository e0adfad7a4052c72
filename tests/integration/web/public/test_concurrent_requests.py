"""Writes beside an open transaction: the second one waits, and then reads the current state."""

import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from fastapi import Response

from mailer.audience import preferences, subscribers
from mailer.audience.signup import confirmations
from mailer.model.imports import ImportRow
from mailer.model.signup import ConfirmationState
from mailer.model.subscribers import MembershipState, Person
from mailer.store import SqlTransaction, Store
from mailer.web.public.public_site import PublicSite
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import NO_LIMIT, SeededOffice

ANA, BEN = "ana@example.org", "ben@example.org"


def run_beside(
    store: Store,
    first_write: Callable[[SqlTransaction], object],
    second_write: Callable[[], object],
) -> None:
    """Start `second_write` while the transaction of `first_write` is still open."""
    first_done, may_commit = threading.Event(), threading.Event()

    def hold_transaction() -> None:
        with store.begin() as tx:
            first_write(tx)
            first_done.set()
            assert may_commit.wait(10)

    with ThreadPoolExecutor(2) as pool:
        first_future = pool.submit(hold_transaction)
        try:
            assert first_done.wait(10)
            second_future = pool.submit(second_write)
            time.sleep(0.3)  # the second write has read its rows by now, or waits
        finally:
            may_commit.set()
        first_future.result()
        second_future.result()


def test_unsubscribe_beside_a_merge_takes_effect(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    survivor, merged = seeded_office.add_person(ANA), seeded_office.add_person(BEN)

    def merge(tx: SqlTransaction) -> None:
        preferences.merge_subscribers(tx, STAFF, merged, survivor, NOW)

    def unsubscribe() -> None:
        assert (
            pages.send_form(seeded_office.build_unsubscribe_path(merged), {}).text
            == "unsubscribed\n"
        )

    run_beside(seeded_office.store, merge, unsubscribe)
    assert seeded_office.find_membership_state(ANA) is MembershipState.UNSUBSCRIBED


def test_saving_preferences_beside_an_address_change_keeps_both(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    person = seeded_office.add_person(ANA)

    def change_address(tx: SqlTransaction) -> None:
        preferences.change_address(tx, STAFF, person, BEN, NOW)

    def save_preferences() -> None:
        fields = {"list": "news", "topic news": "health", "language": "fr"}
        assert pages.send_form(seeded_office.build_preferences_path(person), fields).status == 200

    run_beside(seeded_office.store, change_address, save_preferences)
    moved_subscriber = seeded_office.find_subscriber(BEN)
    assert moved_subscriber is not None
    assert moved_subscriber.person.language == "fr"
    assert seeded_office.find_subscriber(ANA) is None


def test_address_change_beside_an_import_keeps_both(seeded_office: SeededOffice) -> None:
    person = seeded_office.add_person(ANA)

    def import_people(tx: SqlTransaction) -> None:
        news = factories.get_mailing_list(tx)
        tx.import_rows.import_people(
            STAFF, [ImportRow(2, Person(ANA, name="Ana"))], news, "a file", NOW
        )

    def change_address() -> None:
        with seeded_office.store.begin() as tx:
            subscriber = tx.subscribers.find_subscriber_by_id(person.id)
            assert subscriber is not None
            preferences.change_address(tx, STAFF, subscriber, BEN, NOW)

    run_beside(seeded_office.store, import_people, change_address)
    moved_subscriber = seeded_office.find_subscriber(BEN)
    assert moved_subscriber is not None
    assert moved_subscriber.person.name == "Ana"


def test_concurrent_saves_of_the_same_topics_succeed(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    first, second = seeded_office.add_person(ANA), seeded_office.add_person(BEN)

    def choose_topics(tx: SqlTransaction) -> None:
        news = factories.get_mailing_list(tx)
        preferences.change_membership(
            tx, STAFF, first, news, {"topics": ("climate", "health")}, NOW
        )

    def save_preferences() -> None:
        body = b"list=news&topic+news=climate&topic+news=health&language=en"
        answer = pages.send_request("POST", seeded_office.build_preferences_path(second), body)
        assert answer.status == 200

    run_beside(seeded_office.store, choose_topics, save_preferences)
    with seeded_office.store.read() as tx:
        for subscriber in (first, second):
            membership = subscribers.find_membership(tx, subscriber, "news")
            assert membership is not None
            assert membership.topics == ("climate", "health")


def test_confirming_an_address_of_another_subscriber_merges_them(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    requester, existing = (
        seeded_office.add_person(ANA, name="Ana"),
        seeded_office.add_person(BEN, list_slug="press"),
    )
    with seeded_office.store.begin() as tx:
        address_change = confirmations.build_address_change(tx, requester.id, BEN, "en", "x")
        confirmations.request_confirmation(tx, STAFF, NO_LIMIT, address_change, NOW)
        confirmation = tx.sign_ups.list_for_address(BEN)[-1]
        confirmations.move_confirmation(tx, STAFF, confirmation, ConfirmationState.MAILED, NOW)
    assert pages.get_page(seeded_office.build_confirm_path(confirmation.id)).status == 200
    for _ in range(2):
        assert pages.send_form(seeded_office.build_confirm_path(confirmation.id), {}).status == 200
    assert seeded_office.find_subscriber(ANA) is None
    merged_subscriber = seeded_office.find_subscriber(BEN)
    assert merged_subscriber is not None
    assert (merged_subscriber.id, merged_subscriber.person.name) == (existing.id, "Ana")
    assert (
        seeded_office.find_membership_state(BEN, "news")
        is seeded_office.find_membership_state(BEN, "press")
        is MembershipState.ACTIVE
    )
    assert pages.get_page(seeded_office.build_preferences_path(requester)).status == 200, (
        "old links lead to the merged subscriber"
    )


def test_edition_name_with_a_nul_is_not_found(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    assert pages.get_page("/archive/news/%00").status == 404


@pytest.mark.parametrize("form", ["sign-up", "preferences", "pause", "leave", "person", "undo"])
def test_answer_to_a_form_is_rendered_without_the_write_lock(
    pages: AsgiClient,
    seeded_office: SeededOffice,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    """Another process, such as a ledger, can write while the answer is being rendered."""
    if seeded_office.store.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has many writers at a time")
    person = seeded_office.add_person(ANA)
    preferences_path = seeded_office.build_preferences_path(person)
    unsubscribe_path = seeded_office.build_unsubscribe_path(person)
    path, fields = {
        "sign-up": ("/subscribe", {"email": "cai@example.org", "list": "news"}),
        "preferences": (preferences_path, {"list": "news", "topic news": "health"}),
        "pause": (f"{preferences_path}/pause", {"weeks": "4"}),
        "leave": (f"{preferences_path}/leave", {}),
        "person": (unsubscribe_path, {"person": "1"}),
        "undo": (f"{unsubscribe_path}/undo", {"frequency": ""}),
    }[form]
    rendered_templates = []
    render_page = PublicSite.render_page

    def write_beside_rendering(site: PublicSite, *args: Any, **context: Any) -> Response:
        database = seeded_office.store.engine.url.database
        with closing(sqlite3.connect(database or "", timeout=0)) as connection:
            connection.execute("BEGIN IMMEDIATE")  # fails at once if the lock is taken
        rendered_templates.append(args[1])
        return render_page(site, *args, **context)

    monkeypatch.setattr(PublicSite, "render_page", write_beside_rendering)
    assert pages.send_form(path, fields).status == 200
    assert len(rendered_templates) == 1
