"""The press kit: all of a release in one ZIP file, for journalists to take away."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC

from mailer.config import Settings
from mailer.model.releases import PageTranslation, ReleasePage
from mailer.render import text_part, translations
from mailer.web.public.releases.structured_data import build_asset_url, build_page_url

_TEXT_WIDTH = 72


def build_kit(
    release_pages: ReleasePage,
    settings: Settings,
    read_content: Callable[[str], bytes | None],
    embargo: Sequence[str] = (),
) -> bytes:
    """Each language's text, the files, and a list of them with credits and terms. `content` gives a
    file by its hash. Lines of an `embargo` stand before each text: it goes with what is taken away.
    The same release gives the same bytes."""
    buffer = io.BytesIO()
    timestamp = release_pages.updated_at.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:

        def add_file(name: str, data: bytes, *, packed: bool = True) -> None:
            entry = zipfile.ZipInfo(f"{release_pages.slug}/{name}", timestamp)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(entry, data)

        for page in release_pages.pages:
            text = "\n".join(embargo) + "\n\n" if embargo else ""
            text += _render_release_text(release_pages, page, settings)
            add_file(f"release.{page.language}.txt", text.encode())
        files = {
            (asset_entry.file, asset_entry.name.casefold()): asset_entry
            for page in release_pages.pages
            for asset_entry in page.assets
            if asset_entry.file
        }
        used_names: set[str] = set()
        for (sha256, _), asset in files.items():
            data = read_content(sha256)
            name = asset.name
            while name.casefold() in used_names:  # two languages may have different files of a name
                name = f"{sha256[:8]}-{asset.name}"
            used_names.add(name.casefold())
            if data is not None:
                add_file(f"files/{name}", data, packed=asset.media_type.startswith("text/"))
        add_file("files.txt", _render_file_list(release_pages, settings).encode())
    return buffer.getvalue()


def _render_release_text(
    release_pages: ReleasePage, page: PageTranslation, settings: Settings
) -> str:
    frame = translations.choose_frame_language(page.language, settings.template_path) or "en"
    translate = translations.load_translations(frame, settings.template_path).gettext
    heading_texts = [page.title, page.subhead, page.summary, page.byline]
    parts = [
        text_part.wrap_text(paragraph, _TEXT_WIDTH) for paragraph in heading_texts if paragraph
    ]
    dateline = f"{page.dateline} – " if page.dateline else ""
    parts.append(dateline + text_part.to_plain_text(page.html))
    for quote in page.quotes:
        role = f", {quote.role}" if quote.role else ""
        quotation = translate("“%(text)s”") % {"text": quote.text}
        parts.append(f"{text_part.wrap_text(quotation, _TEXT_WIDTH)}\n— {quote.speaker}{role}")
    parts.append(translate("ENDS"))
    if page.notes:
        parts.append(f"{translate('Notes to editors')}\n{text_part.to_plain_text(page.notes)}")
    parts += [
        f"{translate('About %(name)s') % {'name': partner.name}}\n{text_part.to_plain_text(partner.html)}"
        for partner in page.about
    ]
    parts += [
        "\n".join(filter(None, (contact.name, contact.role, contact.phone, contact.email)))
        for contact in page.contacts
    ]
    parts.append(build_page_url(settings, release_pages.slug, page.language))
    return "\n\n".join(parts) + "\n"


def _render_file_list(release_pages: ReleasePage, settings: Settings) -> str:
    """What there is to use, whose it is, and what may be done with it."""
    lines: list[str] = []
    for page in release_pages.pages:
        for asset in page.assets:
            lines += filter(
                None,
                (
                    f"{asset.title} ({asset.kind}, {page.language})",
                    asset.caption if asset.caption != asset.title else "",
                    f"alt: {asset.alt}" if asset.alt else "",
                    f"credit: {asset.credit}" if asset.credit else "",
                    f"terms: {asset.terms}" if asset.terms else "",
                    build_asset_url(settings, release_pages.slug, asset),
                ),
            )
            lines.append("")
    return "\n".join(lines) or "no files\n"
