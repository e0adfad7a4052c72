"""The press kit: all of a release in one ZIP file, for journalists to take away."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC

from mailer.config import Settings
from mailer.press import Page, Sheet
from mailer.render import plain, translations
from mailer.web.public.newsjson import asset_url, page_url

_TEXT = 72


def kit(
    sheet: Sheet,
    settings: Settings,
    content: Callable[[str], bytes | None],
    embargo: Sequence[str] = (),
) -> bytes:
    """Each language's text, the files, and a list of them with credits and terms. `content` gives a
    file by its hash. Lines of an `embargo` stand before each text: it goes with what is taken away.
    The same release gives the same bytes."""
    out = io.BytesIO()
    stamp = sheet.updated_at.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, data: bytes, *, packed: bool = True) -> None:
            entry = zipfile.ZipInfo(f"{sheet.slug}/{name}", stamp)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(entry, data)

        for page in sheet.pages:
            text = "\n".join(embargo) + "\n\n" if embargo else ""
            text += _release(sheet, page, settings)
            add(f"release.{page.language}.txt", text.encode())
        files = {
            (one.file, one.name.casefold()): one
            for page in sheet.pages
            for one in page.assets
            if one.file
        }
        taken: set[str] = set()
        for (sha256, _), asset in files.items():
            data = content(sha256)
            name = asset.name
            while name.casefold() in taken:  # two languages may have different files of a name
                name = f"{sha256[:8]}-{asset.name}"
            taken.add(name.casefold())
            if data is not None:
                add(f"files/{name}", data, packed=asset.media_type.startswith("text/"))
        add("files.txt", _list(sheet, settings).encode())
    return out.getvalue()


def _release(sheet: Sheet, page: Page, settings: Settings) -> str:
    frame = translations.frame(page.language, settings.template_path) or "en"
    say = translations.translations(frame, settings.template_path).gettext
    head = [page.title, page.subhead, page.summary, page.byline]
    parts = [plain.wrap(one, _TEXT) for one in head if one]
    dateline = f"{page.dateline} – " if page.dateline else ""
    parts.append(dateline + plain.plain(page.html))
    for one in page.quotes:
        role = f", {one.role}" if one.role else ""
        said = say("“%(text)s”") % {"text": one.text}
        parts.append(f"{plain.wrap(said, _TEXT)}\n— {one.speaker}{role}")
    parts.append(say("ENDS"))
    if page.notes:
        parts.append(f"{say('Notes to editors')}\n{plain.plain(page.notes)}")
    parts += [
        f"{say('About %(name)s') % {'name': one.name}}\n{plain.plain(one.html)}"
        for one in page.about
    ]
    parts += [
        "\n".join(filter(None, (one.name, one.role, one.phone, one.email))) for one in page.contacts
    ]
    parts.append(page_url(settings, sheet.slug, page.language))
    return "\n\n".join(parts) + "\n"


def _list(sheet: Sheet, settings: Settings) -> str:
    """What there is to use, whose it is, and what may be done with it."""
    lines: list[str] = []
    for page in sheet.pages:
        for one in page.assets:
            lines += filter(
                None,
                (
                    f"{one.title} ({one.kind}, {page.language})",
                    one.caption if one.caption != one.title else "",
                    f"alt: {one.alt}" if one.alt else "",
                    f"credit: {one.credit}" if one.credit else "",
                    f"terms: {one.terms}" if one.terms else "",
                    asset_url(settings, sheet.slug, one),
                ),
            )
            lines.append("")
    return "\n".join(lines) or "no files\n"
