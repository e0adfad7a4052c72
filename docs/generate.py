"""Writes the pages of docs/reference/ that follow from the code: ``make docs``.

Commands, options, settings, states, template variables and errors come from the code; a sentence
on what each state and variable means comes from ``generator/meanings.toml``, and on what each
setting means from ``mailer/config/meanings.toml``. A setting or a state without a meaning stops the
script, and ``tests/unit/docs/`` holds the committed pages against what it gives. Pages for reading
(tutorial, how-to, explanation) are written by hand.
"""

import sys
from pathlib import Path

from generator import commands, errors, settings, states, template_variables

REFERENCE = Path(__file__).resolve().parent / "reference"


def build_pages() -> dict[Path, str]:
    """Return every generated page by its path below docs/reference/."""
    return {
        **{Path("commands") / name: text for name, text in commands.build_pages().items()},
        Path("settings.md"): settings.build_page(),
        Path("states.md"): states.build_page(),
        Path("template-variables.md"): template_variables.build_page(),
        Path("exit-codes.md"): errors.build_exit_codes_page(),
        Path("error-codes.md"): errors.build_error_codes_page(),
    }


def find_stale_pages(pages: dict[Path, str]) -> list[str]:
    """Return the names of pages that differ from what the code gives, are missing, or left over."""
    stale = [
        str(path)
        for path, text in pages.items()
        if not (REFERENCE / path).is_file() or (REFERENCE / path).read_text("utf-8") != text
    ]
    existing = (path.relative_to(REFERENCE) for path in (REFERENCE / "commands").glob("*.md"))
    return sorted([*stale, *(str(path) for path in existing if path not in pages)])


def write_pages(pages: dict[Path, str]) -> None:
    (REFERENCE / "commands").mkdir(parents=True, exist_ok=True)
    for path in (REFERENCE / "commands").glob("*.md"):
        if path.relative_to(REFERENCE) not in pages:
            path.unlink()
    for path, text in pages.items():
        (REFERENCE / path).write_text(text, "utf-8")


if __name__ == "__main__":
    built = build_pages()
    if "--check" in sys.argv[1:]:
        if stale_names := find_stale_pages(built):
            sys.exit(f"run `make docs`: {', '.join(stale_names)} differ from the code")
    else:
        write_pages(built)
