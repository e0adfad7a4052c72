"""Compose: an edition -> its frozen bodies, once for each language; a notice, a letter -> its one.

    compose.py       the road through this room
    notices.py       the same for what staff are told
    letters.py       and for what an address gets because of a sign-up
    views.py         records -> the plain data that a template sees
    environment.py   the sandboxed Jinja2, its filters, and personal fields
    translations.py  the words of the frame, from .po files
    plain.py         sanitised HTML -> text for the plain part
    inline.py        premailer: nothing else imports it
    colours.py       contrast (WCAG 2.2)
    checks.py        what every mail must be, or it isn't composed

Records come in, bodies go out. No database, no network, no clock.
"""

from mailer.render.compose import compose_edition
from mailer.render.notices import compose_notice
from mailer.render.service_mails import compose_service_mail

__all__ = ["compose_edition", "compose_notice", "compose_service_mail"]
