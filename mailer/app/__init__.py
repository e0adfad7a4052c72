"""The only wiring: settings in, a :class:`Mailer` out.

    mailer.py         settings, database and clock, and what is built from them
    messages.py       messages of an edition, and previews
    rendering.py      the renderer that verbs get
    source_import.py  importing what sources bring

Rules stand beside their nouns (``mailer.editions``, ``mailer.releases`` …), as functions that take
an open transaction.
"""

from mailer.app.mailer import MAX_ACTIVE_EDITIONS, Mailer, get_utc_now, open_mailer
from mailer.app.messages import Preview

__all__ = ["MAX_ACTIVE_EDITIONS", "Mailer", "Preview", "get_utc_now", "open_mailer"]
