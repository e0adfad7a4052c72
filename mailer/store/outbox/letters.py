"""Letters into the outbox: one standing edition for all that say the same on the same day, and a
delivery of it for each.

A standing edition is begun when the first letter is put into it, and goes back to being sent with
each that follows, in the same transaction. Its row is locked meanwhile, as it is by whoever finds
that nothing is left of it and marks it sent (``delivery/ledger.py``): of the two one is first, and
the other one sees what it did, so that no letter is left behind in an edition that counts as sent.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from sqlalchemy import Connection, insert, select, update

from mailer.editions import Archive, Body, Edition, EditionState, Kind, NewEdition, Priority
from mailer.outbox import DeliveryState
from mailer.store.editions import Editions
from mailer.store.schema import database_now, delivery, edition
from mailer.tokens import address_key


@dataclass(frozen=True, slots=True)
class Standing:
    """What all letters of a standing edition share. Letters with another `seed` stand in another:
    whatever must not change within one goes into it. `list` is a slug."""

    kind: Kind
    template: str
    list: str
    name: str
    seed: str

    def uid(self, number: int) -> str:
        """That of the first edition, the second, and so on."""
        return hashlib.sha256(f"{self.seed}\n{number}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Addressee:
    """`reference` is what the mail's link names: see ``message.Recipient``."""

    reference: int
    name: str = ""


class Letters:
    """Puts letters into the outbox."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._db = connection
        self._key = key

    def put(
        self, standing: Standing, body: Body, to: Mapping[str, Addressee], now: datetime
    ) -> frozenset[str]:
        """Queue a letter to these addresses, due at once and before all else; to which of them.

        An edition has one delivery for each address. Who has had this letter today gets it from a
        further one; since no transaction takes two of them, that is for the next call: it gives
        back fewer addresses than it was given, but never none."""
        while True:
            number, fresh = self._room(standing, to)
            known = self._opened(standing, body, number, now)
            if known.state is not EditionState.CANCELLED:  # else it was, since it was looked at
                break
        if known.state is EditionState.SENT:
            Editions(self._db).set_state(known, EditionState.SENDING, now)
        self._db.execute(
            insert(delivery).values(
                edition_id=known.id,
                language=body.language,
                stories=body.stories,
                state=DeliveryState.QUEUED.value,
                next_attempt_at=database_now(),
                updated_at=database_now(),
            ),
            [
                {
                    "address": address,
                    "address_key": address_key(self._key, address),
                    "subscriber_id": to[address].reference,
                    "name": to[address].name,
                }
                for address in sorted(fresh)
            ],
        )
        return frozenset(fresh)

    def _room(self, standing: Standing, to: Mapping[str, Addressee]) -> tuple[int, set[str]]:
        """The first edition that has room for some of these addresses, and for which. One that was
        cancelled has none."""
        for number in count():
            row = self._db.execute(
                select(edition.c.id, edition.c.state).where(edition.c.uid == standing.uid(number))
            ).one_or_none()
            if row is None:
                return number, set(to)
            if row.state == EditionState.CANCELLED.value:
                continue
            there = self._db.scalars(
                select(delivery.c.address).where(
                    delivery.c.edition_id == row.id, delivery.c.address.in_(list(to))
                )
            )
            if fresh := set(to) - set(there):
                return number, fresh
        raise AssertionError("unreachable")

    def _opened(self, standing: Standing, body: Body, number: int, now: datetime) -> Edition:
        """That edition, locked; begun now if there is none."""
        editions = Editions(self._db)
        uid = standing.uid(number)
        there = self._db.scalar(select(edition.c.id).where(edition.c.uid == uid))
        if there is not None:
            found = editions.find(there)
            assert found is not None
            return found
        made = editions.create(
            NewEdition(
                name=standing.name + (f" ({number + 1})" if number else ""),
                list=standing.list,
                template=standing.template,
                language=body.language,
                priority=Priority.URGENT,
                state=EditionState.SENDING,
                kind=standing.kind,
                archive=Archive.PRIVATE,
            ),
            now,
        )
        editions.freeze(made, [body], (), body.digest())
        self._db.execute(
            update(edition).where(edition.c.id == made.id).values(planned_at=now, uid=uid)
        )
        found = editions.find(made.id)
        assert found is not None
        return found
