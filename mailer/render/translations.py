"""Load translations of a mail's frame from ``email/locale/LANGUAGE.po`` beside the templates.

English is the source. If a language has no file, a mail's frame can't be in it, so its readers get
the edition's default language.
"""

import gettext
import io
from functools import lru_cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from mailer import languages
from mailer.errors import ComposeError
from mailer.regular_files import MAX_CATALOGUE_BYTES, read_regular_file

SOURCE = "en"


def list_languages(template_path: tuple[Path, ...]) -> tuple[str, ...]:
    """Return the languages in which a mail's frame is available."""
    translated_tags = {
        file.stem for folder in template_path for file in (folder / "email/locale").glob("*.po")
    }
    return tuple(sorted({SOURCE, *translated_tags}))


def choose_frame_language(tag: str, template_path: tuple[Path, ...]) -> str:
    """Return the frame's language for readers of the language `tag`, or "" if there is none."""
    return languages.choose_language(tag, list_languages(template_path), "")


def load_translations(tag: str, template_path: tuple[Path, ...]) -> gettext.NullTranslations:
    """Load gettext translations for `tag`. Raises ComposeError for an invalid file."""
    for folder in template_path:
        file = folder / "email/locale" / f"{tag}.po"
        if file.is_file():
            return _read_catalogue(file, file.stat().st_mtime_ns)
    return gettext.NullTranslations()


@lru_cache(maxsize=32)
def _read_catalogue(file: Path, _changed: int) -> gettext.GNUTranslations:
    try:
        catalog = read_po(
            io.BytesIO(read_regular_file(file, MAX_CATALOGUE_BYTES)), abort_invalid=True
        )
        compiled = io.BytesIO()
        write_mo(compiled, catalog)
        compiled.seek(0)
        return gettext.GNUTranslations(compiled)
    except (PoFileError, OSError, ValueError) as error:
        raise ComposeError(f"the file is not a .po file ({error})", where=str(file)) from error
