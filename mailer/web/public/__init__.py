"""The public pages: sign-up, confirmation, preferences, unsubscribing, the archive, press releases.

A link in a mail identifies its reader. There are no cookies, so another site cannot make a browser
act for its user. GET and HEAD change nothing, because scanners open every link. Changes are made by
POST: from a form, or as a mail provider's one-click request (RFC 8058).

    app.py               building the application, and serving it
    routes.py            the route table: every address, its handler and its form's fields
    public_site.py       code that handlers share: rendering a page, common refusals
    page_languages.py    the language of a page, and its translations
    page_templates.py    the Jinja environments
    forwarding.py        the client of a request that a reverse proxy passes on
    connections.py       bounds on connections and on the heads of requests
    middleware.py        headers of every answer, limits on requests, the log
    error_pages.py       answers to requests that failed
    static_files.py      style sheets and icons
    forms.py             reading a submitted form
    batched_writes.py    one thread for the writes of all pages
    response_cache.py    a one-second cache of answers that are the same for all readers

    home.py              the lists to sign up for
    signup.py            sign-up, including in a frame of another site
    form_snippet.py      a sign-up form to paste into another site
    confirm.py           confirming a sign-up or a new address
    unsubscribe.py       unsubscribing from one list
    preferences/         lists, topics, language, pause, address, personal data
    time_zone_picker.py  time zones, as cities to choose from
    archive.py           a mail in the browser, earlier editions
    feeds.py             Atom, RSS, the sitemap
    stories.py           stories that have no address elsewhere
    releases/            press pages, press kits, advance copies
    health.py            the health check
    database_check.py    the check that the database answers in time
"""

from mailer.web.public.app import create_public_app, serve_public_pages

__all__ = ["create_public_app", "serve_public_pages"]
