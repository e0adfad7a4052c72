"""Read Word files, and HTML pasted from word processors, as drafts.

mammoth reads a .docx by its styles, so text that only looks like a heading stays text. The caller
checks the file for zip bombs first; this module unpacks no more than :data:`LARGEST` bytes.
"""

import re
import zlib
from collections.abc import Mapping
from datetime import datetime
from html import escape, unescape
from io import BytesIO
from typing import Any
from zipfile import BadZipFile, ZipFile

from lxml import etree

from mailer.errors import InputError, MailerError
from mailer.intake import archives, documents
from mailer.intake.clipboard import convert_plain_text, is_html, read_clipboard
from mailer.intake.dates import parse_date
from mailer.intake.draft_pictures import (
    build_placeholder,
    find_shown_picture,
    show_embedded_pictures,
    take_data_pictures,
)
from mailer.intake.drafts import Draft, DraftDefaults, EmbeddedPicture, SourceArticle, build_draft
from mailer.intake.extra import import_package
from mailer.intake.normalise import to_plain_text
from mailer.intake.omissions import OmissionReport
from mailer.intake.picture_files import LocalPicture
from mailer.intake.word_parts import restore_html, rewrite_package
from mailer.intake.word_parts.names import W, get_text
from mailer.intake.word_parts.package import WordPackage
from mailer.intake.word_parts.paragraphs import make_style_id
from mailer.model.articles import ArticleKind

LARGEST = 200_000_000
"""Maximum size in bytes of all parts of a file, unpacked."""

DEEPEST_FILES = 2
"""Maximum depth of Word files within Word files."""


def _build_style_map() -> str:
    paragraph_elements = {
        "title": "p.title:fresh",
        "subtitle": "p.subtitle:fresh",
        "quote": "blockquote > p:fresh",
        "intense quote": "blockquote > p:fresh",
        "quotations": "blockquote > p:fresh",
        "preformatted text": "pre:separator('\\n')",
        "html preformatted": "pre:separator('\\n')",
        "caption": "p:fresh",
        "heading": "h1:fresh",
        **{f"heading {level}": f"h{min(level, 6)}:fresh" for level in range(1, 10)},
    }
    lines = [f"p.{make_style_id(name)} => {html}" for name, html in paragraph_elements.items()]
    lines += ["r[style-name='Emphasis'] => em", "r[style-name='Intense Emphasis'] => em > strong"]
    lines += ["r[style-name='Strong'] => strong", "u => u"]
    for level in range(1, 10):
        outer = "ul|ol > li > " * (level - 1)
        lines.append(f"p:unordered-list({level}) => {outer}ul > li:fresh")
        lines.append(f"p:ordered-list({level}) => {outer}ol > li:fresh")
    return "\n".join(lines)


_STYLE_MAP = _build_style_map()
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
    the file's properties. Pictures are returned separately; the text also shows those that
    a mail can show, except in a press release, whose page offers them as files.

    Raises InputError for a file that is not a .docx or holds no text."""
    report = OmissionReport()
    package = _open_package(data, name)
    properties = _read_properties(package, name, report)
    pictures: list[EmbeddedPicture] = []
    shown_pictures: list[LocalPicture] | None = (
        None if defaults.kind is ArticleKind.PRESS_RELEASE else []
    )
    html = _convert_to_html(package, name, report, pictures, shown_pictures)
    title, html = _take_styled_text(html, "title")
    subtitle, html = _take_styled_text(html, "subtitle")
    article = SourceArticle(
        origin=name,
        title=escape(title, quote=False),
        summary=escape(subtitle, quote=False),
        body=html,
        key=name,
        published=_find_date(properties),
        language=properties.get("language", ""),
        authors=(properties.get("creator", ""),),
        categories=tuple(re.split(r"[,;]", properties.get("keywords", ""))),
        heading_is_title=True,
        fallback_title=properties.get("title", ""),
    )
    draft = build_draft(article, defaults, report, tuple(pictures))
    return show_embedded_pictures(draft, shown_pictures or ())


def read_pasted(data: bytes, defaults: DraftDefaults, *, origin: str, title: str = "") -> Draft:
    """Read what a program put on the clipboard as a draft: HTML, or plain text.

    Raises InputError if there is no text."""
    pasted = read_clipboard(data)
    return from_html(
        pasted.html,
        defaults,
        origin=origin,
        title=title,
        base=pasted.base,
        encoding_problem=pasted.problem,
    )


def from_html(
    text: str,
    defaults: DraftDefaults,
    *,
    origin: str,
    title: str = "",
    base: str = "",
    encoding_problem: str = "",
) -> Draft:
    """Read HTML that was pasted from Word, Outlook, Google Docs, LibreOffice or a page as a draft.

    The first heading replaces a missing `title`. Text that is not HTML keeps its paragraphs.
    Raises InputError if there is no text."""
    pictures: list[LocalPicture] = []
    if is_html(text):
        text, pictures = take_data_pictures(text)
    else:
        text = convert_plain_text(unescape(text))
    report = OmissionReport()
    if encoding_problem:
        report.add_omission("doubtful characters", encoding_problem)
    article = SourceArticle(
        origin=origin,
        title=escape(title, quote=False),
        body=text,
        base=base,
        heading_is_title=True,
    )
    return show_embedded_pictures(build_draft(article, defaults, report), pictures)


# ---- the file's parts ---------------------------------------------------------------------------

_PAGE_EDGES = {"header": "hdr", "footer": "ftr"}


def _open_package(data: bytes, name: str) -> WordPackage:
    """Open a .docx. Raises InputError for a file that is not a .docx, is damaged or is too
    large."""
    try:
        with ZipFile(BytesIO(data)) as file:
            if sum(part.file_size for part in file.infolist()) > LARGEST:
                raise InputError(
                    f"the file unpacks to more than {LARGEST // 1_000_000} MB",
                    where=name,
                    hint="make its pictures smaller",
                )
        return WordPackage(data)
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, zlib.error) as error:
        raise _create_format_error(data, name) from error
    except KeyError as error:
        raise _create_format_error(data, name) from error
    except etree.XMLSyntaxError as error:
        raise _create_damage_error(name, error) from error


def _read_properties(package: WordPackage, name: str, report: OmissionReport) -> dict[str, str]:
    """Return the file's properties, and report the texts that are not part of the article: tracked
    deletions, comments, and page headers and footers."""
    try:
        for part in package.list_body_parts():
            _report_texts(part.root, "del", "tracked deletion", report)
        comments = package.find_part("comments")
        if comments is not None:
            _report_texts(comments, "comment", "comment", report)
        for edge, tag in _PAGE_EDGES.items():
            for root in package.iterate_parts(edge):
                _report_texts(root, tag, f"page {edge}", report)
        core = package.get_content("docProps/core.xml")
        return {} if core is None else _parse_properties(core)
    except etree.XMLSyntaxError as error:
        raise _create_damage_error(name, error) from error


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


def _parse_properties(xml: bytes) -> dict[str, str]:
    root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True))
    return {
        etree.QName(element).localname: " ".join((element.text or "").split())
        for element in root
        if isinstance(element.tag, str)
    }


def _report_texts(root: Any, tag: str, kind: str, report: OmissionReport) -> None:
    for element in root.iter(f"{W}{tag}"):
        if text := get_text(element):
            report.add_omission(kind, text)


def _find_date(properties: Mapping[str, str]) -> datetime | None:
    """Return the moment at which the article was saved last, or None if it was not saved after its
    creation.

    Such a file may have the date of its template."""
    created = parse_date(properties.get("created", ""), "UTC")
    modified = parse_date(properties.get("modified", ""), "UTC")
    return modified if modified and created and modified > created else None


# ---- the text -----------------------------------------------------------------------------------


def _convert_to_html(
    package: WordPackage,
    name: str,
    report: OmissionReport,
    pictures: list[EmbeddedPicture],
    shown_pictures: list[LocalPicture] | None,
    depth: int = 1,
) -> str:
    """Convert the file to HTML with mammoth, and collect its pictures in `pictures`. Those that a
    mail can show become part of the HTML, and are collected in `shown_pictures` unless that is
    None.

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
        shown_picture = None if shown_pictures is None else find_shown_picture(embedded)
        if shown_pictures is None or shown_picture is None:
            report.add_omission("embedded picture", embedded.alt or embedded.name)
            return []
        shown_pictures.append(shown_picture)
        attributes = {"src": build_placeholder(shown_picture), "alt": embedded.alt}
        return [import_package("mammoth.html").element("img", attributes)]

    def read_inner_file(data: bytes) -> str | None:
        if depth >= DEEPEST_FILES:
            return None
        try:
            archives.check_zip(data, name)
            inner = _open_package(data, name)
            for part_name in inner.list_xml_names():
                documents.check_xml(inner.get_content(part_name) or b"", name)
            _read_properties(inner, name, report)
            return _convert_to_html(inner, name, report, pictures, shown_pictures, depth + 1)
        except InputError:
            return None

    try:
        chunk_texts = rewrite_package(package, report, read_inner_file)
        result = import_package("mammoth").convert_to_html(
            BytesIO(package.to_bytes()),
            style_map=_STYLE_MAP,
            # mammoth's own map names styles that the rewritten file no longer has.
            include_default_style_map=False,
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
    return restore_html(_separate_notes(str(result.value)), chunk_texts)


def _report_message(message: str, report: OmissionReport) -> None:
    """Report a part that mammoth left out, according to its message. Messages about styles are not
    reported."""
    if message.startswith("could not open external image"):
        report.add_omission("picture in another file", message.split("'")[1])
    elif "cell merging" in message:
        report.add_omission("nothing, but the cells of a table may be merged wrongly")
    elif "image" in message.lower() and not message.startswith("Image of type"):
        report.add_omission("picture that the file lacks")
    elif not re.search(r"\bstyle\b|^Image of type", message):
        report.add_omission("part of the Word file that the mailer does not know")


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
