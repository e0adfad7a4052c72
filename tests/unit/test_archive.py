"""The contents of the public archive, and the language that a reader gets."""

from datetime import datetime
from typing import Any

import pytest

from mailer import archive
from mailer.errors import NotFound
from mailer.message import (
    READING_PLACE_BITS,
    MarkCondition,
    Slot,
    create_end_mark,
    create_mark,
    create_slot,
)
from mailer.model.archive import ArchivedVersion, ArchiveEntry
from mailer.model.edition_states import ArchiveVisibility, EditionKind, EditionState
from mailer.model.lists import MailingList, Visibility
from tests.fakes import make_transaction
from tests.unit.message.factories import MARKER, make_body
from tests.unit.samples import NOW, make_edition, make_mailing_list


def make_entry(*tags: str, language: str = "en", sent_at: datetime = NOW) -> ArchiveEntry:
    versions = tuple(ArchivedVersion(tag, f"In {tag}", "", ()) for tag in tags)
    return ArchiveEntry(7, "5f1d2c", "The week", "news", language, sent_at, versions)


@pytest.mark.parametrize("state", EditionState)
@pytest.mark.parametrize("archive_visibility", ArchiveVisibility)
@pytest.mark.parametrize("visibility", Visibility)
@pytest.mark.parametrize("kind", EditionKind)
def test_archive_has_only_public_mailings_of_public_lists(
    state: EditionState,
    archive_visibility: ArchiveVisibility,
    visibility: Visibility,
    kind: EditionKind,
) -> None:
    is_archived = archive.is_in_archive(
        make_edition(state=state, archive=archive_visibility, kind=kind),
        make_mailing_list(visibility=visibility),
    )
    assert is_archived == (
        (state.value, archive_visibility.value, visibility.value, kind.value)
        in {("sending", "public", "public", "mailing"), ("sent", "public", "public", "mailing")}
    )


@pytest.mark.parametrize(
    ("language", "expected"),
    [("fr", "fr"), ("fr-CA", "fr"), ("ar", "ar"), ("zh", "en"), ("", "en"), ("en-GB", "en")],
)
def test_archive_entry_chooses_best_language(language: str, expected: str) -> None:
    assert make_entry("ar", "en", "fr").choose_version(language).language == expected


def test_archive_entry_without_default_language_is_shown() -> None:
    assert make_entry("ar", "fr").choose_version("es").language == "ar"


class FakeListStore:
    """Lists in memory."""

    def __init__(self, *mailing_lists: MailingList) -> None:
        self.mailing_lists = list(mailing_lists)

    def list_mailing_lists(self) -> list[MailingList]:
        return self.mailing_lists


def test_private_list_has_no_archive() -> None:
    store: Any = FakeListStore(
        make_mailing_list(), make_mailing_list("staff", visibility=Visibility.PRIVATE)
    )
    assert [
        mailing_list.slug
        for mailing_list in archive.list_archived_lists(make_transaction(lists=store))
    ] == ["news"]
    assert archive.get_list(make_transaction(lists=store), "news").slug == "news"
    messages = []
    for slug in ("staff", "staph"):
        with pytest.raises(NotFound) as caught:
            archive.get_list(make_transaction(lists=store), slug)
        messages.append(str(caught.value).replace(slug, ""))
    assert messages[0] == messages[1]


def test_archive_search_text_has_no_personal_slots() -> None:
    footer = (
        create_mark(MARKER, MarkCondition.MAIL, READING_PLACE_BITS)
        + "You are on our list"
        + create_end_mark(MARKER)
    )
    name = create_slot(MARKER, Slot.NAME, "friend")
    body = make_body(
        subject=f"Événements for {name}",
        text=f"Boats came in.\nhttps://www.example.org/harbour\n{footer}",
        html="<p>Only in the pictures</p>",
    )
    assert archive.build_search_text(body) == ("  evenements  for  friend  boats  came  in")
