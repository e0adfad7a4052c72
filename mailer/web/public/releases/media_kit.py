"""The press kit: a release and all its files in one ZIP file for journalists."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC

from mailer import bidi, languages
from mailer.config import Settings
from mailer.model.releases import PageTranslation, ReleasePage
from mailer.render import prose, text_part, translations
from mailer.web.public.releases.structured_data import build_asset_url, build_page_url

_TEXT_WIDTH = 72


def build_kit(
    release: ReleasePage,
    settings: Settings,
    read_content: Callable[[str], bytes | None],
    embargo: Sequence[str] = (),
) -> bytes:
    """Return a ZIP file with the text in each language, the files, and a list of the files with
    credits and terms. The same release gives the same bytes.

    `read_content` returns a file by its hash. The lines of an `embargo` are at the top of each
    text, so that every copy of a text states it."""
    buffer = io.BytesIO()
    timestamp = release.updated_at.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:

        def add_file(name: str, data: bytes, *, packed: bool = True) -> None:
            entry = zipfile.ZipInfo(f"{release.slug}/{name}", timestamp)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(entry, data)

        for page in release.pages:
            text = "\n".join(embargo) + "\n\n" if embargo else ""
            text += _render_release_text(release, page, settings)
            add_file(f"release.{page.language}.txt", text.encode())
        files = {
            (asset_entry.file, asset_entry.name.casefold()): asset_entry
            for page in release.pages
            for asset_entry in page.assets
            if asset_entry.file
        }
        used_names: set[str] = set()
        for (sha256, _), asset in files.items():
            data = read_content(sha256)
            name = asset.name
            while name.casefold() in used_names:  # two languages may use a name for different files
                name = f"{sha256[:8]}-{asset.name}"
            used_names.add(name.casefold())
            if data is not None:
                add_file(f"files/{name}", data, packed=asset.media_type.startswith("text/"))
        add_file("files.txt", _render_file_list(release, settings).encode())
    return buffer.getvalue()


def _render_release_text(release: ReleasePage, page: PageTranslation, settings: Settings) -> str:
    frame = translations.choose_frame_language(page.language, settings.template_path) or "en"
    translate = translations.load_translations(frame, settings.template_path).gettext
    direction = languages.get_direction(page.language)
    heading_texts = [page.title, page.subhead, page.summary, page.byline]
    parts = [
        text_part.wrap_text(bidi.isolate_numbers(paragraph, direction), _TEXT_WIDTH)
        for paragraph in heading_texts
        if paragraph
    ]
    run_in = prose.build_run_in(page.dateline, translate)
    parts.append(
        text_part.to_plain_text(
            prose.prepare_prose(page.html, direction=direction, run_in=run_in), _TEXT_WIDTH
        )
    )
    for quote in page.quotes:
        speaker = quote.speaker
        if quote.role:
            names = {"name": quote.speaker, "role": quote.role}
            speaker = translate("%(name)s, %(role)s") % names
        quotation = translate("“%(text)s”") % {"text": quote.text}
        quotation = bidi.isolate_numbers(quotation, direction)
        parts.append(f"{text_part.wrap_text(quotation, _TEXT_WIDTH)}\n— {speaker}")
    parts.append(translate("ENDS"))
    if page.notes:
        notes = prose.prepare_prose(page.notes, direction=direction)
        parts.append(f"{translate('Notes to editors')}\n{text_part.to_plain_text(notes)}")
    for partner in page.about:
        heading = translate("About %(name)s") % {"name": partner.name}
        parts.append(f"{heading}\n{text_part.to_plain_text(partner.html)}")
    parts += [
        "\n".join(
            filter(
                None,
                (
                    contact.name,
                    contact.role,
                    bidi.isolate_numbers(contact.phone, direction),
                    contact.email,
                ),
            )
        )
        for contact in page.contacts
    ]
    parts.append(build_page_url(settings, release.slug, page.language))
    return "\n\n".join(parts) + "\n"


def _render_file_list(release: ReleasePage, settings: Settings) -> str:
    """Return the list of files with their captions, credits and terms of use."""
    lines: list[str] = []
    for page in release.pages:
        for asset in page.assets:
            lines += filter(
                None,
                (
                    f"{asset.title} ({asset.kind}, {page.language})",
                    asset.caption if asset.caption != asset.title else "",
                    f"alt: {asset.alt}" if asset.alt else "",
                    f"credit: {asset.credit}" if asset.credit else "",
                    f"terms: {asset.terms}" if asset.terms else "",
                    build_asset_url(settings, release.slug, asset),
                ),
            )
            lines.append("")
    return "\n".join(lines) or "no files\n"
