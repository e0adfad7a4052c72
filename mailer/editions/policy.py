"""The rules that a digest sets for its editions."""

from mailer.errors import NextStep, NotFound
from mailer.model.digests import DigestPolicy, DigestSettings
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction


def find_digest_settings(tx: Transaction, edition: Edition) -> DigestSettings | None:
    """Return the settings of the edition's digest, or None if it belongs to no digest. Raises
    NotFound if there is no such digest."""
    if not edition.digest:
        return None
    for digest in tx.digests.list_digests():
        if digest.settings.slug == edition.digest:
            return digest.settings
    raise NotFound(f"there is no digest {edition.digest!r}", next_steps=[NextStep("list_digests")])


def get_policy(tx: Transaction, edition: Edition) -> DigestPolicy:
    """Return the policy of the edition's digest, or the default one if it belongs to no digest."""
    settings = find_digest_settings(tx, edition)
    return settings.policy if settings else DigestPolicy()
