"""Options of commands that import tables of people."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailer.audience import lists
from mailer.audience.imports.columns import ImportColumn
from mailer.audience.imports.dates import DateOrder
from mailer.audience.imports.state_words import NAMED_STATES
from mailer.audience.imports.topic_names import TopicNames
from mailer.cli.options import parse_pairs
from mailer.counts import count_noun
from mailer.model.imports import RowState

if TYPE_CHECKING:
    from mailer.cli.bulk import RowTally
    from mailer.cli.output import Output
    from mailer.intake.row_format import ImportChoices
    from mailer.model.reader_fields import ReaderFields
    from mailer.store import SqlTransaction

TableFileArgument = Annotated[
    Path, typer.Argument(help="A CSV file with a header, or a spreadsheet (.xlsx, .ods).")
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="HEADER=COLUMN: read the file's column HEADER as COLUMN; repeatable. COLUMN is "
        f"status, {', '.join(ImportColumn)}, or a field of the settings.",
    ),
]
IgnoreOption = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="HEADER", help="A column to ignore; repeatable."),
]
StatusOption = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        help="WORD=STATE: the state that a word in the status column stands for; repeatable. "
        f"STATE is {', '.join(NAMED_STATES)}.",
    ),
]
DatesOption = Annotated[
    DateOrder | None,
    typer.Option(
        "--dates", help="In dates such as 01/02/2026, the day (dmy) or the month (mdy) comes first."
    ),
]
TopicNamesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        help="NAME=TOPIC: the file's word NAME means the topic TOPIC, a slug; repeatable.",
    ),
]
SheetOption = Annotated[
    str, typer.Option("--sheet", help="The sheet to read; default: the first that is not empty.")
]
EncodingOption = Annotated[
    str, typer.Option("--encoding", help="The file's encoding; default: recognised from the file.")
]


def parse_topic_names(tx: "SqlTransaction", options: list[str] | None) -> dict[str, str]:
    """Parse ``NAME=TOPIC`` options into slugs by name. Raises InputError, and NotFound for an
    unknown topic."""
    slugs = parse_pairs(options, "--topic")
    lists.get_topics(tx, sorted(set(slugs.values())))
    return slugs


def build_choices(
    mapping: list[str] | None,
    ignored: list[str] | None,
    status: list[str] | None,
    dates: DateOrder | None,
    sheet: str,
    encoding: str,
    topics: TopicNames,
    state: RowState | None = None,
    fields: "ReaderFields | None" = None,
) -> "ImportChoices":
    """Build the choices for an import from the options. Raises InputError."""
    from mailer.intake.csv_reader import FileChoices
    from mailer.intake.row_format import ImportChoices

    columns = parse_pairs(mapping, "--map")
    columns |= {head.strip(): ImportColumn.IGNORED.value for head in ignored or ()}
    return ImportChoices(
        mapping=columns,
        topics=topics,
        default_state=state,
        date_order=dates,
        state_words=parse_pairs(status, "--status"),
        file=FileChoices(encoding, sheet),
        fields=fields or {},
    )


def print_unknown_topics(
    tally: "RowTally", out: "Output", remedy: str = "add them with --create-topics"
) -> None:
    """Say what to do about words in the column of topics that no topic is called."""
    if not tally.unknown_topics:
        return
    names = ", ".join(
        f"{name!r} ({count_noun(count, 'row')})"
        for name, count in tally.unknown_topics.most_common(10)
    )
    out.print_note(
        f"unknown topics: {names}; {remedy}, or say what a name means with --topic NAME=TOPIC, and "
        "import the file again"
    )
