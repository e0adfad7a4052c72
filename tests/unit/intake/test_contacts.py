"""Files of media contacts: the columns of people, of journalists, and of those who left."""

from pathlib import Path

import pytest

from mailer.audience.imports.contacts import ContactRow
from mailer.audience.imports.topic_names import index_topics
from mailer.errors import InputError
from mailer.intake.contacts import open_contacts
from mailer.intake.row_format import ImportChoices
from mailer.model.contacts import Trust
from mailer.model.imports import RowResult, RowState
from mailer.model.lists import Topic

CHOICES = ImportChoices(topics=index_topics([Topic(1, "health", {"en": "Health"})]))


def read_contacts(path: Path, text: str) -> tuple[list[ContactRow], list[RowResult], list[str]]:
    path.write_text(text)
    with open_contacts(path, CHOICES) as contact_file:
        rows = list(contact_file.iterate_rows())
        unknown = contact_file.unknown_columns
    contacts = [row for row in rows if isinstance(row, ContactRow)]
    return contacts, [row for row in rows if isinstance(row, RowResult)], unknown


def test_contact_file_is_read_with_states_and_names(tmp_path: Path) -> None:
    rows, refused, unknown = read_contacts(
        tmp_path / "press.csv",
        "First name;Last name;Email;Organisation;Beats;Trusted;Email opt out;Country;Shoe\n"
        "Ana;Quay;Ana <ana@example.org>;The Example;health|law;yes;no;UK;38\n"
        "Bo;Roy;bo@example.org;;;;yes;France;\n"
        "Cy;Day;nobody;;;;;;\n"
        "Di;Fox;di@example.org;;;perhaps;;;\n",
    )
    ana, bo = rows
    assert (ana.row.person.name, ana.row.person.country) == ("Ana Quay", "GB")
    assert (ana.profile.outlet, ana.profile.beats) == ("The Example", ("health", "law"))
    assert (ana.profile.trust, ana.row.state) == (Trust.TRUSTED, RowState.ACTIVE)
    assert (bo.row.state, bo.row.person.country) == (RowState.UNSUBSCRIBED, "FR")
    assert [(result.line, result.reason.partition(":")[0]) for result in refused] == [
        (4, "address"),
        (5, "trust"),
    ]
    assert unknown == ["Shoe"]


def test_contact_file_with_unclear_status_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "press.csv"
    with pytest.raises(InputError, match=r"press\.csv, line 1: the column 'status' .* 'gold'"):
        read_contacts(path, "email,status\nana@example.org,gold\n")
