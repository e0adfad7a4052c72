"""The rules that a digest sets for its editions."""

from mailer.errors import NextStep, NotFound
from mailer.model.digests import DigestPolicy
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction


def get_policy(tx: Transaction, edition: Edition) -> DigestPolicy:
    """Return the policy of the edition's digest, or the default one if it belongs to no digest."""
    if not edition.digest:
        return DigestPolicy()
    for digest in tx.digests.list_digests():
        if digest.settings.slug == edition.digest:
            return digest.settings.policy
    raise NotFound(f"there is no digest {edition.digest!r}", next_steps=[NextStep("list_digests")])
