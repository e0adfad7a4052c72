"""The note of commands on a lawful basis that was not stated."""

from mailer.cli.output import Output
from mailer.model.subscribers import LawfulBasis


def print_basis_note(out: Output, basis: LawfulBasis) -> None:
    """Say that no lawful basis was stated, if none was."""
    if basis is LawfulBasis.UNKNOWN:
        out.print_note(
            "the log of consent records the lawful basis as unknown; `--basis` states it"
        )
