"""The pages that everybody may open: sign-up, confirmation, preferences, goodbye, the archive, the
press pages.

A page is asked for by a link in a mail, which is all that identifies its reader: there are no
cookies, so there is nothing that another site could make a browser send along. A GET or HEAD
changes nothing, as scanners open every link; what changes something is a POST of a form, or a mail
provider's one-click POST (RFC 8058).

    app.py          all routes together, and serving them
    site.py         what pages share: templates, languages, refusals
    guard.py        headers of every answer, limits on requests, the log
    forms.py        what a form sent
    writer.py       one thread that does what pages write
    signup.py       sign-up, also in a frame of another site
    confirm.py      answers to "was it you?"
    leave.py        unsubscribing
    preferences.py  what somebody gets, where and how often
    places.py       time zones, as cities to choose from
    archive.py      a mail in the browser, earlier editions
    kept.py         its answers, for a moment
    press.py        press pages, and advance copies for those who are trusted
    kit.py          a release and its files in one ZIP
    newsjson.py     a release for machines: JSON-LD, ninjs
    stories.py      stories that have no address elsewhere
    feeds.py        Atom, RSS, the sitemap
    health.py       whether it works
"""

from mailer.web.public.app import create_public_app, serve_public_pages

__all__ = ["create_public_app", "serve_public_pages"]
