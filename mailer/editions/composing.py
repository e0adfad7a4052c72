"""Composing an edition: from records to the frozen bodies that an approval covers."""

from mailer.actor import Actor
from mailer.model.edition_states import UNAPPROVED_STATES, EditionState
from mailer.model.editions import Edition
from mailer.model.rendering import Composition, Renderer
from mailer.model.transaction import Transaction


def find_warnings(tx: Transaction, edition: Edition, renderer: Renderer) -> tuple[str, ...]:
    """Return what staff should know of an edition before they approve it, whether it is a draft or
    in review. Nothing is written."""
    if edition.state not in UNAPPROVED_STATES or not edition.stories:
        return ()
    return renderer.compose_edition(tx.editions.load_manuscript(edition)).warnings


def compose_edition(
    tx: Transaction, actor: Actor, edition: Edition, renderer: Renderer
) -> tuple[Edition, Composition | None]:
    """Compose a draft, freeze its bodies if they have changed, and return it with the composition.

    An edition in any other state is returned unchanged, with None, because an edition that was
    submitted for approval is never composed again. Composing depends only on the records, so the
    actor is not recorded."""
    if edition.state is not EditionState.DRAFT:
        return edition, None
    composition = renderer.compose_edition(tx.editions.load_manuscript(edition))
    if composition.content_hash != edition.content_hash:
        edition = tx.editions.freeze_edition(
            edition,
            composition.bodies,
            composition.order,
            composition.content_hash,
            composition.embargo_until,
            composition.sender,
        )
    return edition, composition
