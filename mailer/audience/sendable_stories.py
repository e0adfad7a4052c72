"""The stories of a sent edition that may be sent again: in a copy for a new member, or in a repeat
for one reader."""

from datetime import datetime

from mailer.model.editions import Edition
from mailer.model.transaction import Transaction


def find_sendable_bits(tx: Transaction, edition: Edition, now: datetime) -> dict[str, int]:
    """Return the bits of the stories that may be sent again, by slug. Stories that were killed,
    withdrawn or corrected since, or are embargoed, are left out."""
    bits = tx.editions.fetch_story_bits(edition)
    allowed_slugs = (
        tx.editions.find_queued_slugs([*bits])
        - tx.digests.find_embargoed_slugs(now)
        - tx.service_mails.find_corrected_slugs(edition)
    )
    return {
        slug: bit
        for slug, bit in bits.items()
        if slug in allowed_slugs and tx.releases.find_kill(slug) is None
    }
