"""The option ``--after`` of long lists, and the note with the command for the next page.

Pages continue after a key, not after a number of rows, so that a page costs the same wherever it
is, and rows that come or go in the meantime shift nothing."""

import shlex
import sys

from mailer.cli.output import Output


def print_next_page(out: Output, key: object, more: str = "") -> None:
    """Say that there are more records than the list shows, with the command that goes on after
    `key`. `more` is added to the sentence."""
    words = [*_drop_after(sys.argv[1:]), f"--after={key}"]
    out.print_note(f"there are more: `{shlex.join(['mailer', *words])}`{more}")


def _drop_after(words: list[str]) -> list[str]:
    """Return the words of a command without the option --after and its value."""
    other_words: list[str] = []
    is_value = False
    for word in words:
        if is_value:
            is_value = False
        elif word == "--after":
            is_value = True
        elif not word.startswith("--after="):
            other_words.append(word)
    return other_words
