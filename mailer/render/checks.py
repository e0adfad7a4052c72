"""Check that a composed mail is complete, accessible and lawful.

:func:`check_reader_mail` raises ComposeError for a mail that must not be sent to readers, and
 returns warnings that staff should see before they approve. A notice to staff must pass only
 :func:`check_mail_structure`, so that it can report wrong settings.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from lxml import html as lxml_html

from mailer import text_breaks
from mailer.audience.reader_fields import load_fields
from mailer.audience.segments import find_undeclared_fields
from mailer.config import Settings
from mailer.errors import ComposeError
from mailer.message import (
    Slot,
    count_slots_and_marks,
    extract_visible_text,
    find_printed_slots,
    has_empty_default,
)
from mailer.model.editions import Edition, EditionBody
from mailer.model.segments import Filter
from mailer.render import colours

GMAIL_CLIP_BYTES = 102_400
"""Size of HTML in bytes above which Gmail cuts a mail off behind a link."""

LONG_SUBJECT = 90
"""Number of characters of a subject above which staff are warned. Most mail programs show only 40
to 70 characters."""


def check_organisation(settings: Settings) -> None:
    """Check the settings that every mail needs.

    Raises ComposeError if the postal address is missing or if the accent colour is too pale."""
    where = str(settings.config_file or "config/mailer.toml")
    organisation = settings.organisation
    if not organisation.postal_address.strip():
        raise ComposeError(
            "organisation.postal_address is empty, and every mail must carry one",
            where=where,
            hint="write the office's address into it",
        )
    if not colours.is_readable(organisation.accent):
        ratio = colours.compute_contrast(organisation.accent, colours.LIGHT_BACKGROUND)
        raise ComposeError(
            f"organisation.accent {organisation.accent} has a contrast of {ratio:.1f} on white",
            where=where,
            hint=f"choose a darker colour: readable text needs at least {colours.MIN_CONTRAST}",
        )


def check_segment(edition: Edition, segment_filter: Filter, settings: Settings) -> None:
    """Raise ComposeError if the edition's segment tests a field that the settings no longer
    declare."""
    if undeclared := find_undeclared_fields(segment_filter, load_fields(settings)):
        raise ComposeError(
            f"the segment {edition.segment!r} tests {', '.join(undeclared)}, which the settings no "
            "longer declare",
            where=f"edition {edition.id}",
            hint="declare the field again, or save the segment with another filter",
        )


def check_reader_mail(body: EditionBody, where: str, nameless_readers: int = 0) -> list[str]:
    """Check that a body may go to readers, and return warnings about it.

    `nameless_readers` is the number of readers without a name; `where` is the template's folder,
    for errors. Raises ComposeError if the body may not go to readers."""
    check_mail_structure(body, where)
    for name, part in (("body.txt", body.text), ("body.html", body.html)):
        if Slot.UNSUBSCRIBE not in find_printed_slots(part, body.marker, body.stories):
            raise ComposeError(
                "the mail has no unsubscribe link",
                where=f"{where}/{name}",
                hint="print links.unsubscribe",
            )
    return list(_find_warnings(body, where, nameless_readers))


def check_mail_structure(body: EditionBody, where: str) -> None:
    """Raise ComposeError unless slots and marks are intact, the subject is not empty, and the HTML
    is accessible. These rules hold for every mail, including notices to staff."""
    for name, part in (
        ("subject.txt", body.subject),
        ("body.txt", body.text),
        ("body.html", body.html),
    ):
        try:
            count_slots_and_marks(part, body.marker)
        except ValueError as error:
            raise ComposeError(
                f"{error}, so a personal field can't be filled in",
                where=f"{where}/{name}",
                hint="print personal fields as they are, without filters other than default",
            ) from error
    if not body.subject.strip():
        raise ComposeError("the subject is empty", where=f"{where}/subject.txt")
    problems = list(_find_html_problems(body))
    if problems:
        raise ComposeError(
            problems[0], where=f"{where}/body.html", hint="fix the template or story"
        )


def _measure_subject(body: EditionBody) -> int:
    """Return the number of characters of the longest subject that a reader may get."""
    masks = [body.stories] + [
        1 << bit for bit in range(body.stories.bit_length()) if body.stories >> bit & 1
    ]
    return max(
        len(text_breaks.split_clusters(extract_visible_text(body.subject, body.marker, mask)))
        for mask in masks
    )


def _parse_scheme(address: str) -> str:
    try:
        return urlsplit(address).scheme
    except ValueError:  # such as "https://[x"
        return ""


def _find_html_problems(body: EditionBody) -> Iterator[str]:
    root = lxml_html.document_fromstring(body.html)
    if not root.get("lang") or not root.get("dir"):
        yield "the html element has no lang or no dir"
    for link in root.iter("a"):
        target = link.get("href")
        if target is None:
            if text := " ".join(link.text_content().split()):
                yield f"the link {text[:80]!r} has no address"
            continue
        if body.marker in target:  # a personal link
            continue
        if target.startswith("#"):
            if not root.xpath("//*[@id=$name or @name=$name]", name=target[1:]):
                yield f"the link {target!r} has no target in the mail"
        elif _parse_scheme(target) not in {"http", "https", "mailto", "tel"}:
            yield f"the link {target!r} is not absolute"
    for picture in root.iter("img"):
        if picture.get("alt") is None:
            yield f"the picture {picture.get('src')!r} has no alt text"
        if _parse_scheme(picture.get("src") or "") not in {"http", "https"}:
            yield f"the picture {picture.get('src')!r} has no absolute address"
    for table in root.iter("table"):
        if table.get("role") not in {"presentation", "none", "table"}:
            yield "a table has no role: layout tables are role=presentation"


def _find_warnings(body: EditionBody, where: str, nameless_readers: int) -> Iterator[str]:
    subject_length = _measure_subject(body)
    if subject_length > LONG_SUBJECT:
        yield (
            f"{where} ({body.language}): the subject has {subject_length} characters; mail "
            f"programs cut it off, most of them before {LONG_SUBJECT}"
        )
    if nameless_readers and any(
        has_empty_default(part, body.marker, Slot.NAME)
        for part in (body.subject, body.text, body.html)
    ):
        yield (
            f"{where} ({body.language}): {nameless_readers} of the list's readers have no name, "
            "and the mail greets them with none; print {{ recipient.name | default('reader') }}"
        )
    size = len(extract_visible_text(body.html, body.marker, body.stories).encode())
    if size > GMAIL_CLIP_BYTES:
        yield f"{where} ({body.language}): {size // 1024} KB of HTML; Gmail cuts off after 100 KB"
