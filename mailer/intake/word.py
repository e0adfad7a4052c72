"""Word files, and what is pasted from word processors -> drafts.

mammoth reads a .docx by its styles: what looks like a heading but is none by its style stays text.
The caller checks the file for bombs before; here no more is unpacked than :data:`LARGEST`.
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
from mailer.intake.drafts import Defaults, Draft, Embedded, Said, draft
from mailer.intake.dropped import Report
from mailer.intake.extra import package
from mailer.intake.tidy import plain, title_in

LARGEST = 200_000_000
"""Bytes that all parts of a file may have, unpacked."""

_STYLES = """
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
_NO_NAMES = frozenset({
    "admin", "administrator", "author", "microsoft office user", "microsoft user", "office",
    "python-docx", "unknown", "user", "windows user",
})  # fmt: skip
"""Authors that programs put in for who has none."""

_OTHER = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Word file (.doc), or one with a password",
     "save it in Word as .docx, without a password"),
    (b"{\\rtf", "rich text (.rtf)", "save it as .docx"),
    (b"%PDF", "a PDF", "ask for the Word file that it was made of"),
)  # fmt: skip


def read(data: bytes, defaults: Defaults, *, name: str) -> Draft:
    """The draft of a .docx; `name` is the file's. Its title is the text in the style Title, else
    its first heading, else the file's property. Pictures in it come beside the text.

    Raises InputError for what is no .docx or holds no text."""
    report = Report()
    core = _parts(data, name, report)
    pictures: list[Embedded] = []
    html = _html(data, name, report, pictures)
    title, html = _taken(html, "title")
    subtitle, html = _taken(html, "subtitle")
    title = title or title_in(html) or core.get("title", "")
    author = core.get("creator", "")
    said = Said(
        origin=name,
        title=escape(title, quote=False),
        summary=escape(subtitle, quote=False),
        body=html,
        key=name,
        published=_moment(core.get("modified") or core.get("created") or ""),
        language=core.get("language", ""),
        authors=() if author.lower() in _NO_NAMES else (author,),
        categories=tuple(re.split(r"[,;]", core.get("keywords", ""))),
    )
    return draft(said, defaults, report, tuple(pictures))


def from_html(
    text: str, defaults: Defaults, *, origin: str, title: str = "", base: str = ""
) -> Draft:
    """The draft of HTML that was pasted, from Word, Outlook, Google Docs, LibreOffice or a page.
    Without a `title` it is the first heading. Raises InputError where there is no text."""
    said = Said(
        origin=origin, title=escape(title or title_in(text), quote=False), body=text, base=base
    )
    return draft(said, defaults, Report())


# ---- the file's parts ---------------------------------------------------------------------------

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_EDGES = {"header": "hdr", "footer": "ftr"}


def _parts(data: bytes, name: str, report: Report) -> dict[str, str]:
    """The file's properties. What mammoth leaves out without a word is reported on the way."""
    try:
        with ZipFile(BytesIO(data)) as file:
            if sum(part.file_size for part in file.infolist()) > LARGEST:
                raise InputError(
                    f"unpacked it is larger than {LARGEST // 1_000_000} MB",
                    where=name,
                    hint="make its pictures smaller",
                )
            names = file.namelist()
            if not any(re.fullmatch(r"word/document\d*\.xml", one) for one in names):
                raise _no_word(data, name)
            core: dict[str, str] = {}
            for part in names:
                if part == "docProps/core.xml":
                    core = _core(file.read(part))
                elif re.fullmatch(r"word/document\d*\.xml", part):
                    _report_texts(file.read(part), "del", "tracked deletion", report)
                elif part == "word/comments.xml":
                    _report_texts(file.read(part), "comment", "comment", report)
                elif found := re.fullmatch(r"word/(header|footer)\d*\.xml", part):
                    _report_texts(file.read(part), _EDGES[found[1]], f"page {found[1]}", report)
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _no_word(data, name) from error
    except etree.XMLSyntaxError as error:
        raise _damaged(name, error) from error
    return core


def _no_word(data: bytes, name: str) -> InputError:
    for begin, what, hint in _OTHER:
        if data.lstrip().startswith(begin):
            return InputError(f"it is {what}", where=name, hint=hint)
    if data.startswith(b"PK") and b"opendocument.text" in data[:200]:
        return InputError("it is an OpenDocument text (.odt)", where=name, hint="save it as .docx")
    return InputError("it is no Word file", where=name, hint="give a .docx")


def _damaged(name: str, error: Exception) -> InputError:
    return InputError(
        f"the Word file is damaged ({error})", where=name, hint="open it in Word and save it again"
    )


def _tree(xml: bytes) -> Any:
    return etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True))


def _core(xml: bytes) -> dict[str, str]:
    return {
        etree.QName(element).localname: " ".join((element.text or "").split())
        for element in _tree(xml)
        if isinstance(element.tag, str)
    }


def _report_texts(xml: bytes, tag: str, what: str, report: Report) -> None:
    for element in _tree(xml).iter(f"{_W}{tag}"):
        if text := " ".join(_texts(element)):
            report.add(what, text)


def _texts(element: Any) -> Iterable[str]:
    for one in element.iter(f"{_W}t", f"{_W}delText"):
        if one.text and one.text.strip():
            yield one.text.strip()


def _moment(written: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# ---- the text -----------------------------------------------------------------------------------


def _html(data: bytes, name: str, report: Report, pictures: list[Embedded]) -> str:
    """mammoth's HTML of the file. It may open no other file, and takes no styles from this one."""

    def picture(image: Any) -> list[Any]:
        with image.open() as content:
            kind = str(image.content_type or "application/octet-stream")
            ending = re.sub(r"\W.*", "", kind.partition("/")[2]) or "bin"
            one = Embedded(
                f"picture-{len(pictures) + 1}.{ending}", kind, content.read(), image.alt_text or ""
            )
        pictures.append(one)
        report.add("embedded picture", one.alt or one.name)
        return []

    try:
        found = package("mammoth").convert_to_html(
            BytesIO(data),
            style_map=_STYLES,
            convert_image=picture,
            include_embedded_style_map=False,
            external_file_access=False,
        )
    except MailerError:
        raise
    except Exception as error:
        raise _damaged(name, error) from error
    for message in found.messages:
        _tell(str(message.message), report)
    return _noted(str(found.value))


def _tell(message: str, report: Report) -> None:
    """Report what mammoth says that it left out; not what it says of styles."""
    if message.startswith("could not open external image"):
        report.add("picture in another file", message.split("'")[1])
    elif not re.search(r"\bstyle\b|^Image of type", message):
        report.add("part of the Word file", message)


def _noted(html: str) -> str:
    """Foot- and endnotes as a list below a line. Their links would lead nowhere in a mail."""
    html = re.sub(r'<a href="#(?:foot|end)note-ref-[^"]*">↑</a>', "", html)
    html = re.sub(r'<a href="#(?:foot|end)note-[^"]*"[^>]*>(\[\d+\])</a>', r"\1", html)
    return re.sub(r'(<ol>)(?=<li id="(?:foot|end)note-)', r"<hr>\1", html)


def _taken(html: str, named: str) -> tuple[str, str]:
    """The text of the paragraphs of a style, and the HTML without them."""
    paragraph = re.compile(rf'<p class="{named}">(.*?)</p>', re.DOTALL)
    return plain(" ".join(paragraph.findall(html))), paragraph.sub("", html)
