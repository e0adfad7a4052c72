"""Signed links, each bound to one purpose.

A token is ``field.field….signature``. The signature is an HMAC-SHA256 (RFC 2104) over the fields,
cut to 128 bits and written in base64url (RFC 4648 §5). Each purpose has its own derived key, so
that a token made for one purpose is worthless for another. Checking a token needs no database.

Links are signed by the newest key of a :class:`KeyRing`; older keys of the ring still verify. The
keyed hashes of addresses never change: they use the secret key itself, whichever key signs links.
"""

import hmac
from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b, sha256

from mailer.errors import TokenError

SIGNATURE_BYTES = 16


class KeyRing:
    """The keys of links: the first key signs, and all keys verify. Threads may share a ring, since
    its keys are replaced in one step when they are read again."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    @property
    def keys(self) -> tuple[bytes, ...]:
        return self._keys

    @property
    def signing_key(self) -> bytes:
        return self._keys[0]

    def replace_keys(self, keys: Sequence[bytes]) -> bool:
        """Replace the keys, and return whether they have changed."""
        has_changed = tuple(keys) != self._keys
        if has_changed:
            self._keys = tuple(keys)
        return has_changed


LinkKeys = bytes | KeyRing
"""The keys of links: a ring, or the only key."""


def get_signing_key(keys: LinkKeys) -> bytes:
    return keys.signing_key if isinstance(keys, KeyRing) else keys


def derive_signing_key(secret_key: bytes, salt: bytes) -> bytes:
    """Derive the key that signs links from the secret key and a salt of the database. Without a
    salt, as in an office that never rotated its key, return the secret key itself."""
    return hmac.digest(secret_key, b"mailer signing key\0" + salt, "sha256") if salt else secret_key


@lru_cache(maxsize=64)
def _derive_key(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, b"mailer token\0" + purpose.encode(), "sha256")


class Signer:
    """A signer for one purpose. The two hashes of HMAC are initialised with the key once (RFC 2104
    §4) and copied for each token; ``hmac.digest`` would initialise them each time, which took 4.5
    times as long."""

    def __init__(self, key: bytes, purpose: str) -> None:
        block = _derive_key(key, purpose).ljust(64, b"\0")
        self._copy_inner = sha256(bytes(x ^ 0x36 for x in block)).copy
        self._copy_outer = sha256(bytes(x ^ 0x5C for x in block)).copy

    def compute_signature(self, body: bytes) -> bytes:
        inner, outer = self._copy_inner(), self._copy_outer()
        inner.update(body)
        outer.update(inner.digest())
        return b2a_base64(outer.digest()[:SIGNATURE_BYTES]).translate(_URL_SAFE, b"=\n")

    def sign_body(self, body: bytes) -> bytes:
        """Return a token for fields that are already joined by dots. `body` is ASCII."""
        return body + b"." + self.compute_signature(body)


@lru_cache(maxsize=64)
def get_signer(key: bytes, purpose: str) -> Signer:
    return Signer(key, purpose)


def _encode_text(text: str) -> bytes:
    # A link may contain lone surrogates, which must be refused and not crash the page.
    return text.encode("utf-8", "surrogatepass")


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def sign_token(keys: LinkKeys, purpose: str, *fields: int | str) -> str:
    """Return a token for `fields`. It is ASCII, safe in a URL, and without padding.

    Raises ValueError if a field holds a dot or is not ASCII, which is a bug of the caller."""
    body = ".".join(map(str, fields))
    if body.count(".") >= len(fields) or not body.isascii():
        raise ValueError(f"a token's fields are ASCII without dots: {fields!r}")
    return get_signer(get_signing_key(keys), purpose).sign_body(body.encode()).decode()


def verify_token(keys: LinkKeys, purpose: str, token: str) -> tuple[str, ...]:
    """Return the fields of a token, if :func:`sign_token` made it with one of these keys for this
    purpose.

    The check takes the same time whatever is wrong with the token. Raises TokenError."""
    body, _, signature = token.rpartition(".")
    is_valid = False
    for key in keys.keys if isinstance(keys, KeyRing) else (keys,):
        expected = get_signer(key, purpose).compute_signature(_encode_text(body))
        is_valid |= hmac.compare_digest(_encode_text(signature), expected)
    if not is_valid:
        raise TokenError("this link is not valid", hint="open the newest mail and use its link")
    return tuple(body.split("."))


def hash_address(key: bytes, address: str) -> str:
    """Return a keyed hash of a normalised address: 128 bits in hex.

    A suppression under this hash outlives the erasure of the address itself."""
    mac_key = _derive_key(key, "address")
    return blake2b(address.encode(), key=mac_key, digest_size=16).hexdigest()


def hash_addresses(key: bytes, addresses: Iterable[str]) -> list[str]:
    """Return :func:`hash_address` of each address, in order."""
    return [hash_address(key, address) for address in addresses]
