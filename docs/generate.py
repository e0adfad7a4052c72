"""Writes the pages of docs/ that follow from the code and from measurements: ``make docs``.

Commands, options, settings, states, template variables and errors come from the code; a sentence
on what each state means comes from ``generator/meanings.toml``, on each template variable from
``mailer/render/template_meanings.toml``, and on what each setting means from
``mailer/config/meanings.toml``. The page on speed comes from the figures of a bench,
performance.json. A setting or a state without a meaning stops the script, and ``tests/unit/docs/``
holds the committed pages against what it gives. Pages for reading (tutorial, how-to, explanation)
are written by hand.
"""

import sys
from pathlib import Path

from generator import commands, errors, performance, settings, states, template_variables

DOCS = Path(__file__).resolve().parent
COMMANDS = DOCS / "reference" / "commands"


def build_pages() -> dict[Path, str]:
    """Return every generated page by its path."""
    reference = DOCS / "reference"
    return {
        **{COMMANDS / name: text for name, text in commands.build_pages().items()},
        reference / "settings.md": settings.build_page(),
        reference / "states.md": states.build_page(),
        reference / "template-variables.md": template_variables.build_page(),
        reference / "exit-codes.md": errors.build_exit_codes_page(),
        reference / "error-codes.md": errors.build_error_codes_page(),
        DOCS / "performance.md": performance.build_page(),
    }


def find_stale_pages(pages: dict[Path, str]) -> list[str]:
    """Return the names of pages that differ from what the code gives, are missing, or left over."""
    stale = [
        path
        for path, text in pages.items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]
    left_over = [path for path in COMMANDS.glob("*.md") if path not in pages]
    return sorted(str(path.relative_to(DOCS)) for path in [*stale, *left_over])


def write_pages(pages: dict[Path, str]) -> None:
    COMMANDS.mkdir(parents=True, exist_ok=True)
    for path in COMMANDS.glob("*.md"):
        if path not in pages:
            path.unlink()
    for path, text in pages.items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    built = build_pages()
    if "--check" in sys.argv[1:]:
        if stale_names := find_stale_pages(built):
            sys.exit(f"run `make docs`: {', '.join(stale_names)} differ from the code")
    else:
        write_pages(built)
