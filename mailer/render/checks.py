"""What every mail must be, or it isn't composed: reachable, readable, and lawful.

:func:`check` raises ComposeError for what may not go out to readers, and returns warnings for what
staff should know before they approve. A notice to staff is held to :func:`check_form` alone: it
must be composable when settings are not in order, to say so.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from lxml import html as lxml_html

from mailer.config import Settings
from mailer.editions import Body
from mailer.errors import ComposeError
from mailer.message import Slot, printed, slots_and_marks, visible
from mailer.render import colours

CLIPPED_AT = 102_400
"""Bytes of HTML after which Gmail cuts a mail off behind a link."""

LONG_SUBJECT = 90


def check_organisation(settings: Settings) -> None:
    """Raises ComposeError where settings that every mail needs are missing or unreadable."""
    where = str(settings.config_file or "config/mailer.toml")
    ours = settings.organisation
    if not ours.postal_address.strip():
        raise ComposeError(
            "organisation.postal_address is empty, and every mail must carry one",
            where=where,
            hint="write the office's address there",
        )
    if not colours.readable(ours.accent):
        ratio = colours.contrast(ours.accent, colours.PAPER)
        raise ComposeError(
            f"organisation.accent {ours.accent} has a contrast of {ratio:.1f} on white",
            where=where,
            hint=f"choose a darker colour: at least {colours.LEAST} is needed to be read",
        )


def check(body: Body, where: str) -> list[str]:
    """Whether it may go to readers. Raises ComposeError, or returns warnings."""
    check_form(body, where)
    for name, part in (("body.txt", body.text), ("body.html", body.html)):
        if Slot.UNSUBSCRIBE not in printed(part, body.marker, body.stories):
            raise ComposeError(
                "it has no unsubscribe link",
                where=f"{where}/{name}",
                hint="print links.unsubscribe",
            )
    return list(_warnings(body, where))


def check_form(body: Body, where: str) -> None:
    """What holds of every mail, a notice to staff too: its slots and marks are whole, it has a
    subject, and its HTML can be read by everybody. Raises ComposeError."""
    for name, part in (
        ("subject.txt", body.subject),
        ("body.txt", body.text),
        ("body.html", body.html),
    ):
        try:
            slots_and_marks(part, body.marker)
        except ValueError as error:
            raise ComposeError(
                f"{error}, so a personal field can't be filled in",
                where=f"{where}/{name}",
                hint="print personal fields as they are, without filters other than default",
            ) from error
    if not body.subject.strip():
        raise ComposeError("the subject is empty", where=f"{where}/subject.txt")
    problems = list(_html_problems(body))
    if problems:
        raise ComposeError(
            problems[0], where=f"{where}/body.html", hint="mend the template or story"
        )


def _scheme(address: str) -> str:
    try:
        return urlsplit(address).scheme
    except ValueError:  # such as "https://[x"
        return ""


def _html_problems(body: Body) -> Iterator[str]:
    root = lxml_html.document_fromstring(body.html)
    if not root.get("lang") or not root.get("dir"):
        yield "the html element has no lang or no dir"
    for link in root.iter("a"):
        target = link.get("href")
        if target is None or body.marker in target:  # no link, or one that is personal
            continue
        if target.startswith("#"):
            if not root.xpath("//*[@id=$name or @name=$name]", name=target[1:]):
                yield f"the link {target!r} leads to no place in the mail"
        elif _scheme(target) not in {"http", "https", "mailto", "tel"}:
            yield f"the link {target!r} is not absolute"
    for picture in root.iter("img"):
        if picture.get("alt") is None:
            yield f"the picture {picture.get('src')!r} has no alt text"
        if _scheme(picture.get("src") or "") not in {"http", "https"}:
            yield f"the picture {picture.get('src')!r} has no absolute address"
    for table in root.iter("table"):
        if table.get("role") not in {"presentation", "none", "table"}:
            yield "a table has no role: layout tables are role=presentation"


def _warnings(body: Body, where: str) -> Iterator[str]:
    size = len(visible(body.html, body.marker, body.stories).encode())
    if size > CLIPPED_AT:
        yield f"{where} ({body.language}): {size // 1024} KB of HTML; Gmail cuts off after 100 KB"
