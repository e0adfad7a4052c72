"""The pages of exit codes and error codes, from the tree of errors."""

import inspect
import re
from collections.abc import Iterator

from generator.markdown import MeaningTable, format_page, format_table
from mailer.errors import MailerError

INTERRUPTED = "130"


def build_exit_codes_page() -> str:
    meanings = MeaningTable("exit_codes")
    codes = sorted(
        {"0", INTERRUPTED, *(str(error.exit_code) for error in _walk(MailerError))}, key=int
    )
    rows = [(f"`{code}`", meanings.get_meaning(code), _list_errors(int(code))) for code in codes]
    meanings.check_all_used()
    return format_page(
        "Exit codes",
        "Data goes to stdout, all other output to stderr. An error is one sentence that says what "
        "is wrong,\nwhere, and what to do. `--debug` shows the traceback.",
        format_table(("code", "meaning", "errors"), rows),
    )


def _list_errors(code: int) -> str:
    names = [_read_code(error) for error in _walk(MailerError) if error.exit_code == code]
    return ", ".join(f"[`{name}`](error-codes.md)" for name in names)


def build_error_codes_page() -> str:
    rows = [
        (f"`{_read_code(error)}`", f"`{error.exit_code}`", _read_meaning(error))
        for error in _walk(MailerError)
    ]
    return format_page(
        "Error codes",
        "With `--json`, a command that fails writes one JSON object on stderr: `error`, with "
        "`code`,\n`message`, `where`, `field`, `value`, `hint` and `next_steps` (each an "
        "`action`, its `facts`\nand the `command`).\n\n"
        "Every error has a code that programs can rely on, the field and the value that are "
        "wrong, and the\nnext steps that are possible. The codes form one tree "
        "(`mailer/errors.py`); a kind is listed\nbefore its narrower kinds.",
        format_table(("code", "exit code", "meaning"), rows),
    )


def _walk(error: type[MailerError]) -> Iterator[type[MailerError]]:
    yield error
    for narrower in error.__subclasses__():
        if narrower.__module__ == MailerError.__module__:
            yield from _walk(narrower)


def _read_code(error: type[MailerError]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", error.__name__).lower()


def _read_meaning(error: type[MailerError]) -> str:
    if error is MailerError:
        return "Something failed; the message says what."
    return (inspect.getdoc(error) or "").split("\n\n")[0]
