"""Compose mails: render an edition's frozen bodies, one for each language, and the body of a notice
or a service mail.

    compose.py       an edition -> its frozen bodies
    notices.py       a notice to staff -> its frozen body
    service_mails.py a service mail (about a sign-up) -> its body
    test_mails.py    marks a mail as a test mail
    closing.py       the words of a closed list's last mail
    views.py         records -> the plain data that templates see
    releases.py      a press release -> the plain data that templates see
    environment.py   the sandboxed Jinja2, its filters, and personal fields
    translations.py  words of a mail's frame, from .po files
    text_part.py     sanitised HTML -> the text part
    inline.py        CSS -> style attributes; the only import of premailer
    colours.py       contrast (WCAG 2.2)
    checks.py        requirements that every mail must meet

Rendering is pure: it uses no database, no network and no clock.
"""

from mailer.render.closing import write_closing_text
from mailer.render.compose import compose_edition
from mailer.render.notices import compose_notice
from mailer.render.service_mails import compose_service_mail
from mailer.render.test_mails import mark_test_mail

__all__ = [
    "compose_edition",
    "compose_notice",
    "compose_service_mail",
    "mark_test_mail",
    "write_closing_text",
]
