"""The organisation's own file of observances: adding to it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mailer.errors import InputError
from mailer.schedules.observances import Observance, to_toml

FILE_HEADER = "# Our own observances. An observance here replaces the mailer's of the same slug.\n"


def add_observances(
    file: Path,
    tables: Mapping[str, tuple[object, Path]],
    new_observances: Sequence[Observance],
    *,
    write: bool = True,
) -> None:
    """Add observances to the organisation's own file, all or none of them. Without `write`, only
    check that they can be added.

    `tables` are the observances as read from their files, by slug. An observance may replace a
    shipped one; raises InputError if the own file has one of that slug already."""
    for observance in new_observances:
        if observance.slug in tables and tables[observance.slug][1] == file:
            raise InputError(
                f"there is an observance {observance.slug!r} already",
                where=str(file),
                hint="edit the file",
            )
    if not new_observances or not write:
        return
    before = file.read_text("utf-8") if file.exists() else FILE_HEADER
    text = before.rstrip("\n") + "\n\n" + "\n".join(map(to_toml, new_observances))
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".new")
    temporary.write_text(text, "utf-8")
    temporary.replace(file)


def select_new_observances(
    observances: Sequence[Observance], existing: Mapping[str, Observance]
) -> list[Observance]:
    """Return the observances of an import whose slug does not exist yet: existing ones stay as they
    are."""
    return [observance for observance in observances if observance.slug not in existing]
