"""The code that speaks HTTP: the public pages, and the inbox of the demo.

This package has the FastAPI and uvicorn code, templates, static files, and handlers that call the
verbs of the layers below. Pages are rendered on the server, work without JavaScript, and load
nothing from other hosts. SQL, SMTP and the rules of nouns do not belong here.

    public/              the subscribers' pages, the archive and the press pages: `mailer serve`
    inbox.py             a local mail client over a folder of .eml files: `mailer inbox`
    mail_folder.py       the folder of the inbox: an index of messages, and one message parsed
    mail_frame.py        prepares a mail's HTML for a frame without network access
    page_environment.py  the Jinja environment that the pages and the inbox begin with
    sockets.py           opens the socket for the pages
    templates/           templates, with a folder for each group of pages
    static/              style sheets and icons
    locale/              the translations of the public pages
"""
