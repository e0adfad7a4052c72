"""Everything that speaks HTTP: the public pages, and the inbox of the demo.

What belongs here: FastAPI and uvicorn, templates and static files of our own, handlers that call
the verbs of the layers below. Pages are rendered on the server and work without JavaScript; they
load nothing from other hosts. What does not belong here: SQL, SMTP, rules of a noun.

    public/         the subscribers' pages, the archive and the press pages: `mailer serve`
    inbox.py        a local mail client over a folder of .eml files: `mailer inbox`
    mail_folder.py  that folder: an index of its messages, and one message parsed for display
    mail_frame.py   a mail's HTML, prepared for a frame without network
    sockets.py      the socket that pages are served on
    templates/      a folder for each group of pages
    static/         style sheets and icons
    locale/         the translations of the public pages
"""
