"""The only wiring: settings in, a :class:`Mailer` out, whose few verbs cross the rooms.

    mailer.py  the office's mailer: compose, approve, start, deliver, preview
    press.py   taking articles in, and the course of a release
    arrivals.py     what sources bring
    leaving.py      whether an edition may leave the house
    follow_up.py    who turns out to have got a release after all
    corrections.py  what becomes of a release afterwards: corrected, or killed

What concerns one noun is a function beside that noun, called with the store of an open transaction;
here stands only what needs composing, the store and delivery together.
"""

from mailer.app.mailer import MAX_ACTIVE_EDITIONS, Mailer, Preview, get_utc_now, open_mailer

__all__ = ["MAX_ACTIVE_EDITIONS", "Mailer", "Preview", "get_utc_now", "open_mailer"]
