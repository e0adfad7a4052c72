"""Read Word files, and HTML pasted from word processors, as drafts.

mammoth reads a .docx by its styles, so text that only looks like a heading stays text. The caller
checks the file for zip bombs first; this module unpacks no more than :data:`LARGEST` bytes.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from io import BytesIO
from typing import Any
from zipfile import BadZipFile, ZipFile

from lxml import etree

from mailer.errors import InputError, MailerError
from mailer.intake.drafts import Draft, DraftDefaults, EmbeddedPicture, SourceArticle, build_draft
from mailer.intake.extra import import_package
from mailer.intake.normalise import find_title, to_plain_text
from mailer.intake.omissions import OmissionReport

LARGEST = 200_000_000
"""Maximum size in bytes of all parts of a file, unpacked."""

_STYLE_MAP = """
p[style-name='Title'] => p.title:fresh
p[style-name='Subtitle'] => p.subtitle:fresh
p[style-name='Quote'] => blockquote > p:fresh
p[style-name='Intense Quote'] => blockquote > p:fresh
p[style-name='Quotations'] => blockquote > p:fresh
p[style-name='Preformatted Text'] => pre:separator('\\n')
p[style-name='HTML Preformatted'] => pre:separator('\\n')
p[style-name='Caption'] => p:fresh
p[style-name='caption'] => p:fresh
r[style-name='Emphasis'] => em
r[style-name='Intense Emphasis'] => em > strong
"""
_PLACEHOLDER_AUTHORS = frozenset(
    {
        "admin",
        "administrator",
        "author",
        "microsoft office user",
        "microsoft user",
        "office",
        "python-docx",
        "unknown",
        "user",
        "windows user",
    }
)
"""Names that programs fill in if a file has no author."""

_OTHER_FORMATS = (
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Word file (.doc), or has a password",
        "save it in Word as .docx, without a password",
    ),
    (b"{\\rtf", "rich text (.rtf)", "save it as .docx"),
    (b"%PDF", "a PDF", "ask for the Word file that the PDF was made from"),
)


def read_docx(data: bytes, defaults: DraftDefaults, *, name: str) -> Draft:
    """Read a .docx as a draft; `name` is the file's name.

    The title is the text in the style Title, otherwise the first heading, otherwise the title in
    the file's properties. Pictures are returned separately from the text.

    Raises InputError for a file that is not a .docx or holds no text."""
    report = OmissionReport()
    properties = _read_properties(data, name, report)
    pictures: list[EmbeddedPicture] = []
    html = _convert_to_html(data, name, report, pictures)
    title, html = _take_styled_text(html, "title")
    subtitle, html = _take_styled_text(html, "subtitle")
    title = title or find_title(html) or properties.get("title", "")
    author = properties.get("creator", "")
    article = SourceArticle(
        origin=name,
        title=escape(title, quote=False),
        summary=escape(subtitle, quote=False),
        body=html,
        key=name,
        published=_parse_moment(properties.get("modified") or properties.get("created") or ""),
        language=properties.get("language", ""),
        authors=() if author.lower() in _PLACEHOLDER_AUTHORS else (author,),
        categories=tuple(re.split(r"[,;]", properties.get("keywords", ""))),
    )
    return build_draft(article, defaults, report, tuple(pictures))


def from_html(
    text: str, defaults: DraftDefaults, *, origin: str, title: str = "", base: str = ""
) -> Draft:
    """Read HTML that was pasted from Word, Outlook, Google Docs, LibreOffice or a page as a draft.

    The first heading replaces a missing `title`. Raises InputError if there is no text."""
    article = SourceArticle(
        origin=origin, title=escape(title or find_title(text), quote=False), body=text, base=base
    )
    return build_draft(article, defaults, OmissionReport())


# ---- the file's parts ---------------------------------------------------------------------------

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PAGE_EDGES = {"header": "hdr", "footer": "ftr"}


def _read_properties(data: bytes, name: str, report: OmissionReport) -> dict[str, str]:
    """Return the file's properties, and report the parts that mammoth leaves out silently.

    Raises InputError for a file that is not a .docx, or is damaged or too large."""
    try:
        with ZipFile(BytesIO(data)) as file:
            if sum(part.file_size for part in file.infolist()) > LARGEST:
                raise InputError(
                    f"the file unpacks to more than {LARGEST // 1_000_000} MB",
                    where=name,
                    hint="make its pictures smaller",
                )
            names = file.namelist()
            if not any(re.fullmatch(r"word/document\d*\.xml", part_name) for part_name in names):
                raise _create_format_error(data, name)
            properties: dict[str, str] = {}
            for part in names:
                if part == "docProps/core.xml":
                    properties = _parse_properties(file.read(part))
                elif re.fullmatch(r"word/document\d*\.xml", part):
                    _report_texts(file.read(part), "del", "tracked deletion", report)
                elif part == "word/comments.xml":
                    _report_texts(file.read(part), "comment", "comment", report)
                elif match := re.fullmatch(r"word/(header|footer)\d*\.xml", part):
                    _report_texts(
                        file.read(part), _PAGE_EDGES[match[1]], f"page {match[1]}", report
                    )
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _create_format_error(data, name) from error
    except etree.XMLSyntaxError as error:
        raise _create_damage_error(name, error) from error
    return properties


def _create_format_error(data: bytes, name: str) -> InputError:
    for signature, description, hint in _OTHER_FORMATS:
        if data.lstrip().startswith(signature):
            return InputError(f"the file is {description}", where=name, hint=hint)
    if data.startswith(b"PK") and b"opendocument.text" in data[:200]:
        return InputError(
            "the file is an OpenDocument text (.odt)", where=name, hint="save it as .docx"
        )
    return InputError("the file is not a Word file", where=name, hint="use a .docx file")


def _create_damage_error(name: str, error: Exception) -> InputError:
    return InputError(
        f"the Word file is damaged ({error})", where=name, hint="open it in Word and save it again"
    )


def _parse_xml(xml: bytes) -> Any:
    return etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True))


def _parse_properties(xml: bytes) -> dict[str, str]:
    return {
        etree.QName(element).localname: " ".join((element.text or "").split())
        for element in _parse_xml(xml)
        if isinstance(element.tag, str)
    }


def _report_texts(xml: bytes, tag: str, kind: str, report: OmissionReport) -> None:
    for element in _parse_xml(xml).iter(f"{_W}{tag}"):
        if text := " ".join(_iterate_texts(element)):
            report.add_omission(kind, text)


def _iterate_texts(element: Any) -> Iterable[str]:
    for text_element in element.iter(f"{_W}t", f"{_W}delText"):
        if text_element.text and text_element.text.strip():
            yield text_element.text.strip()


def _parse_moment(written: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# ---- the text -----------------------------------------------------------------------------------


def _convert_to_html(
    data: bytes, name: str, report: OmissionReport, pictures: list[EmbeddedPicture]
) -> str:
    """Convert the file to HTML with mammoth, and collect its pictures in `pictures`.

    mammoth must not open other files, and ignores the file's own style map. Raises InputError for a
    damaged file."""

    def collect_picture(image: Any) -> list[Any]:
        with image.open() as content:
            media_type = str(image.content_type or "application/octet-stream")
            suffix = re.sub(r"\W.*", "", media_type.partition("/")[2]) or "bin"
            embedded = EmbeddedPicture(
                f"picture-{len(pictures) + 1}.{suffix}",
                media_type,
                content.read(),
                image.alt_text or "",
            )
        pictures.append(embedded)
        report.add_omission("embedded picture", embedded.alt or embedded.name)
        return []

    try:
        result = import_package("mammoth").convert_to_html(
            BytesIO(data),
            style_map=_STYLE_MAP,
            convert_image=collect_picture,
            include_embedded_style_map=False,
            external_file_access=False,
        )
    except MailerError:
        raise
    except Exception as error:
        raise _create_damage_error(name, error) from error
    for message in result.messages:
        _report_message(str(message.message), report)
    return _separate_notes(str(result.value))


def _report_message(message: str, report: OmissionReport) -> None:
    """Report a part that mammoth left out, according to its message. Messages about styles are not
    reported."""
    if message.startswith("could not open external image"):
        report.add_omission("picture in another file", message.split("'")[1])
    elif not re.search(r"\bstyle\b|^Image of type", message):
        report.add_omission("part of the Word file", message)


def _separate_notes(html: str) -> str:
    """Return `html` with footnotes and endnotes as a list below a rule, without their links.

    The links would lead nowhere in a mail."""
    html = re.sub(r'<a href="#(?:foot|end)note-ref-[^"]*">↑</a>', "", html)
    html = re.sub(r'<a href="#(?:foot|end)note-[^"]*"[^>]*>(\[\d+\])</a>', r"\1", html)
    return re.sub(r'(<ol>)(?=<li id="(?:foot|end)note-)', r"<hr>\1", html)


def _take_styled_text(html: str, style: str) -> tuple[str, str]:
    """Return (text, html): the text of a style's paragraphs, and the HTML without them."""
    paragraph = re.compile(rf'<p class="{style}">(.*?)</p>', re.DOTALL)
    return to_plain_text(" ".join(paragraph.findall(html))), paragraph.sub("", html)
