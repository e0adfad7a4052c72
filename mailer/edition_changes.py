"""The changes in an edition since one person last approved it: the words, by language."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from mailer import message
from mailer.actor import Actor
from mailer.model.editions import Approval, Edition, EditionBody
from mailer.model.transaction import Transaction

_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class TextChange:
    """Neighbouring paragraphs that were removed, and those that stand in their place now. Either
    may be empty."""

    removed: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LanguageChanges:
    """The changes of the mail in one language. `is_new` and `is_gone` say that the mail in this
    language was added or removed as a whole; then there are no single `changes`."""

    language: str
    changes: tuple[TextChange, ...] = ()
    is_new: bool = False
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class EditionChanges:
    """The changes since an approval. Without `languages` the words are the same, and something else
    has changed, for example a picture, a link or the audience."""

    approval: Approval
    languages: tuple[LanguageChanges, ...]


def find_changes(tx: Transaction, actor: Actor, edition: Edition) -> EditionChanges | None:
    """Return what has changed since this person last approved the edition, or None if they never
    have, or if nothing has changed."""
    keys = {actor.key, *actor.other_keys}
    approval = tx.editions.find_last_approval(edition, keys)
    if approval is None or approval.content_hash == edition.content_hash:
        return None
    earlier = {body.language: body for body in tx.editions.list_approved_bodies(edition, keys)}
    current = {body.language: body for body in tx.editions.list_bodies(edition)}
    return EditionChanges(
        approval,
        tuple(
            change
            for language in sorted({*earlier, *current})
            if (change := _compare_bodies(language, earlier.get(language), current.get(language)))
        ),
    )


def _compare_bodies(
    language: str, earlier: EditionBody | None, current: EditionBody | None
) -> LanguageChanges | None:
    if earlier is None or current is None:
        return LanguageChanges(language, is_new=earlier is None, is_gone=current is None)
    changes = tuple(_compare_paragraphs(_list_paragraphs(earlier), _list_paragraphs(current)))
    return LanguageChanges(language, changes) if changes else None


def _list_paragraphs(body: EditionBody) -> list[str]:
    """Return the subject and the paragraphs of a body, each on one line, since a changed word may
    break all lines after it in other places."""
    paragraphs = [
        " ".join(paragraph.split())
        for paragraph in _PARAGRAPH_END.split(message.render_plain_text(body))
    ]
    return [message.render_heading(body), *filter(None, paragraphs)]


def _compare_paragraphs(earlier: Sequence[str], current: Sequence[str]) -> Iterator[TextChange]:
    matcher = SequenceMatcher(None, earlier, current, autojunk=False)
    for operation, start, end, new_start, new_end in matcher.get_opcodes():
        if operation != "equal":
            yield TextChange(tuple(earlier[start:end]), tuple(current[new_start:new_end]))
