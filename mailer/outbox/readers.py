"""Find the reader of a mail that is made before it is sent, in a preview or a test mail."""

import json

from mailer import addresses, languages
from mailer.errors import ComposeError, Refused
from mailer.model.deliveries import EditionReader
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction
from mailer.outbox.explanation import explain_outcome

EXAMPLE_ADDRESS = "nobody@example.org"
"""The address in a mail for no particular subscriber (RFC 2606)."""


def find_reader(
    tx: Transaction, edition: Edition, address: str = "", language: str = ""
) -> EditionReader:
    """Return the subscriber with `address` as a reader of a composed edition, in `language` or the
    language in which they get it. Without an address, return a nameless reader who gets every
    story, in `language` or the edition's own.

    Raises ComposeError if the edition was never composed, or not in `language`, and Refused if it
    does not go to that address."""
    language = languages.normalise_tag(language) if language else ""
    masks = {body.language: body.stories for body in tx.editions.list_bodies(edition)}
    if not masks:
        raise ComposeError(
            f"edition {edition.id} is {edition.state} and was never composed",
            hint="only an edition with stories can be previewed",
        )
    if language and language not in masks:
        raise ComposeError(
            f"edition {edition.id} is not composed in {language}",
            hint=f"it is in {', '.join(masks)}",
        )
    if not address:
        language = language or edition.language
        return EditionReader(language, masks[language])
    reader = _find_subscriber(tx, edition, addresses.normalise_address(address), language)
    if not reader.stories:
        raise Refused(
            f"{reader.address} gets no story of edition {edition.id} in {reader.language}",
            hint="leave out the language, or the reader",
        )
    return reader


def _find_subscriber(
    tx: Transaction, edition: Edition, address: str, language: str
) -> EditionReader:
    status = tx.outbox.get_recipient_status(edition, address, language)
    if delivery := status.delivery:
        masks = {body.language: body.stories for body in tx.editions.list_bodies(edition)}
        language = language or delivery.language
        return EditionReader(
            language,
            delivery.stories & masks[language],
            delivery.subscriber_id,
            delivery.address,
            delivery.name,
            delivery.id,
            delivery.fields,
        )
    if status.subscriber_id is None or not (status.stories or language) or not status.language:
        raise Refused(explain_outcome(tx, edition, address))
    subscriber = tx.subscribers.find_subscriber(address)
    assert subscriber is not None
    return EditionReader(
        status.language,
        status.stories,
        subscriber.id,
        address,
        subscriber.person.name,
        fields=json.dumps(dict(subscriber.person.fields)),
    )
