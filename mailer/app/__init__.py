"""The wiring: builds a :class:`Mailer` from the settings.

    mailer.py       the class that joins settings, database and clock
    messages.py     messages of an edition, and previews
    rendering.py    the renderer for verbs
    recognition.py  the guard between a database and the processes that deliver from it
    markers.py      the markers of databases on this host
    link_keys.py    the keys of links, read again while a process runs
    config_checks/  checks of all that the settings name

Rules stand beside their nouns (``mailer.editions``, ``mailer.releases`` …), as functions that take
an open transaction.

The command line imports this package for almost every command, so it imports the renderer, delivery
and messages only in the methods that need them.
"""

from mailer.app.mailer import MAX_ACTIVE_EDITIONS, Mailer, get_utc_now, open_mailer

__all__ = ["MAX_ACTIVE_EDITIONS", "Mailer", "get_utc_now", "open_mailer"]
