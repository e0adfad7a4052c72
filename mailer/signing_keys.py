"""The keys that sign the links in mails: one key signs, and links of older keys work for a time.

Each key is derived from the secret key of the configuration and from a random salt in the database.
All processes of the office read the salts again within :data:`REFRESH_SECONDS`, so that a rotation
needs no restart and no file on each host. The first key is the secret key itself.

The secret key also hashes the addresses of suppressions and of the log of consent. These hashes
outlive the addresses, so they can't be computed again with another key, and a rotation does not
change them.
"""

import secrets
from datetime import datetime, timedelta

from mailer.actor import Actor
from mailer.errors import InputError, NextStep, NotFound, Refused
from mailer.model.signing_keys import SigningKey
from mailer.model.transaction import Transaction
from mailer.tokens import KeyRing, derive_signing_key

SALT_BYTES = 32

DEFAULT_KEEP_DAYS = 730
"""Days for which links work after the key that signed them was replaced: as long as deliveries are
stored by default."""

MIN_KEEP_DAYS = 1
"""Minimum of such days: mails that are being sent while the key is rotated still carry links that
the older key signed."""

MAX_KEEP_DAYS = 36_500

REFRESH_SECONDS = 5.0
"""Seconds after which a running process reads the keys again."""


def derive_keys(secret_key: bytes, signing_keys: list[SigningKey], now: datetime) -> list[bytes]:
    """Return the keys that are valid now. The first of them is the key that signs."""
    valid_keys = sorted(
        (key for key in signing_keys if key.is_valid(now)),
        key=lambda key: (key.signs, key.id),
        reverse=True,
    )
    return [derive_signing_key(secret_key, key.salt) for key in valid_keys] or [secret_key]


def load_key_ring(tx: Transaction, secret_key: bytes, now: datetime) -> KeyRing:
    """Return the ring of the keys that are valid now."""
    return KeyRing(derive_keys(secret_key, tx.signing_keys.list_signing_keys(), now))


def rotate_signing_key(
    tx: Transaction, actor: Actor, now: datetime, *, keep_days: int = DEFAULT_KEEP_DAYS
) -> SigningKey:
    """Let a new key sign links from now on. Links that the present key signed work for `keep_days`.

    Returns the new key. Raises InputError for a number of days outside the limits."""
    if not MIN_KEEP_DAYS <= keep_days <= MAX_KEEP_DAYS:
        raise InputError(
            f"{keep_days} is not between {MIN_KEEP_DAYS} and {MAX_KEEP_DAYS}",
            field="keep",
            value=keep_days,
            hint="mails that are on their way still carry links of the older key",
        )
    tx.signing_keys.lock_signing_keys()
    if not tx.signing_keys.list_signing_keys():
        tx.signing_keys.add_signing_key(b"", actor, now)  # the secret key itself signed so far
    expires_at = now + timedelta(days=keep_days)
    for key in tx.signing_keys.list_signing_keys():
        if key.signs:
            tx.signing_keys.expire_signing_key(key.id, expires_at)
    tx.signing_keys.add_signing_key(secrets.token_bytes(SALT_BYTES), actor, now)
    new_key = tx.signing_keys.list_signing_keys()[-1]
    tx.recovery.add_event(
        "key rotated", f"key {new_key.id} signs; older links work for {keep_days} days", now, actor
    )
    return new_key


def remove_signing_key(
    tx: Transaction, actor: Actor, key_id: int, now: datetime, *, even_if_valid: bool = False
) -> SigningKey:
    """Remove a key that has expired, and return it. With `even_if_valid`, also remove a key whose
    links still work; these links stop working at once.

    Raises NotFound. Raises Refused for the key that signs, and, without `even_if_valid`, for a key
    that has not expired."""
    tx.signing_keys.lock_signing_keys()
    key = next((key for key in tx.signing_keys.list_signing_keys() if key.id == key_id), None)
    if key is None:
        raise NotFound(f"there is no key {key_id}", next_steps=[NextStep("list_signing_keys")])
    if key.signs:
        raise Refused(
            f"key {key_id} signs the links of new mails",
            next_steps=[NextStep("rotate_signing_key")],
        )
    if key.is_valid(now) and not even_if_valid:
        raise Refused(
            f"links that key {key_id} signed work until {key.expires_at:%Y-%m-%d}",
            hint="readers could no longer unsubscribe by the links of earlier mails",
            next_steps=[NextStep("remove_valid_signing_key", key=key_id)],
        )
    tx.signing_keys.remove_signing_key(key_id)
    tx.recovery.add_event("key removed", f"key {key_id}", now, actor)
    return key
