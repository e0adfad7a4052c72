"""The note of commands on a lawful basis that was not stated."""

from mailer.cli.output import Output
from mailer.model.subscribers import LawfulBasis


def print_basis_note(out: Output, basis: LawfulBasis) -> None:
    """If no lawful basis was stated, print a note that says so."""
    if basis is LawfulBasis.UNKNOWN:
        out.print_note(
            "the log of consent records the lawful basis as unknown; `--basis` states it"
        )
