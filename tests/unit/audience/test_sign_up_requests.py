"""Requests of strangers: what counts against which limit, and what a request beyond it does."""

from collections import Counter
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from mailer.actor import SUBSCRIBER
from mailer.audience.signup.requests import request_address_change, request_sign_up
from mailer.errors import InputError, TooManyRequests
from mailer.model.signup import Confirmation, SignUpLimits, SignUpWishes
from mailer.model.transaction import Transaction
from tests.fakes import make_transaction
from tests.unit.samples import NOW, make_mailing_list

CLIENT = "192.0.2.7"
ANA = "ana@example.org"
WISHES = SignUpWishes(lists=("news",))


class FakeSignUpStore:
    """Counts uses, and remembers the requests that were added."""

    def __init__(self) -> None:
        self.uses: Counter[tuple[str, str]] = Counter()
        self.requested: list[Confirmation] = []

    def use_allowance(self, action: str, subject: str, window: timedelta, now: datetime) -> int:
        self.uses[action, subject] += 1
        return self.uses[action, subject]

    def use_mail_allowance(self, *_: Any) -> bool:
        return True

    def add_confirmation(self, confirmation: Confirmation) -> Confirmation:
        self.requested.append(confirmation)
        return confirmation


@pytest.fixture
def sign_ups() -> FakeSignUpStore:
    return FakeSignUpStore()


@pytest.fixture
def tx(sign_ups: FakeSignUpStore) -> Transaction:
    return make_transaction(
        sign_ups=sign_ups,
        lists=SimpleNamespace(list_mailing_lists=lambda: [make_mailing_list()], list_topics=list),
        subscribers=SimpleNamespace(
            find_subscriber_by_id=lambda number: SimpleNamespace(id=number, address=ANA)
        ),
    )


def sign_up(tx: Transaction, address: str = ANA, per_domain: int = 9, **options: Any) -> None:
    limits = SignUpLimits(per_address=5, per_client=2, per_domain=per_domain)
    request_sign_up(tx, SUBSCRIBER, limits, CLIENT, address, WISHES, "en", "page", NOW, **options)


def test_sign_up_counts_client_and_domain(tx: Transaction, sign_ups: FakeSignUpStore) -> None:
    sign_up(tx)
    assert sign_ups.uses == {("client", CLIENT): 1, ("domain", "example.org"): 1}
    assert [confirmation.address for confirmation in sign_ups.requested] == [ANA]


def test_sign_up_beyond_the_limit_of_client_is_refused(
    tx: Transaction, sign_ups: FakeSignUpStore
) -> None:
    sign_up(tx)
    sign_up(tx)
    with pytest.raises(TooManyRequests):
        sign_up(tx)
    assert len(sign_ups.requested) == 2
    assert sign_ups.uses["domain", "example.org"] == 2


def test_sign_up_beyond_the_limit_of_domain_is_refused(
    tx: Transaction, sign_ups: FakeSignUpStore
) -> None:
    sign_up(tx, per_domain=1)
    with pytest.raises(TooManyRequests, match=r"example\.org"):
        sign_up(tx, "ben@example.org", per_domain=1)
    assert len(sign_ups.requested) == 1


def test_automated_sign_up_counts_and_is_dropped(
    tx: Transaction, sign_ups: FakeSignUpStore
) -> None:
    sign_up(tx, is_automated=True)
    assert sign_ups.uses == {("client", CLIENT): 1}
    assert sign_ups.requested == []


def test_sign_up_of_invalid_address_counts_only_the_client(
    tx: Transaction, sign_ups: FakeSignUpStore
) -> None:
    with pytest.raises(InputError):
        sign_up(tx, "nowhere")
    assert sign_ups.uses == {("client", CLIENT): 1}


def test_address_change_counts_client_subscriber_and_domain(
    tx: Transaction, sign_ups: FakeSignUpStore
) -> None:
    limits = SignUpLimits(per_address=5, per_client=2, per_domain=9)

    def change_address(client: str) -> None:
        request_address_change(
            tx, SUBSCRIBER, limits, client, 7, "new@example.net", "en", "page", NOW
        )

    change_address(CLIENT)
    change_address("192.0.2.8")
    with pytest.raises(TooManyRequests, match="subscriber 7"):
        change_address("192.0.2.9")
    assert sign_ups.uses["client", "subscriber 7"] == 3
    assert sign_ups.uses["domain", "example.net"] == 2
    assert len(sign_ups.requested) == 2
