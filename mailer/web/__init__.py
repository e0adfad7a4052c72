"""Pages: everything that speaks HTTP.

What may enter: FastAPI and uvicorn, templates and static files of our own, and what the layers
below give. Pages are made on the server and work without JavaScript; nothing is loaded from
elsewhere. What must not enter: SQL, SMTP, rules of a noun.

    public/        subscribers' pages and the archive: what `mailer serve` serves
    inbox.py       a local mail client over a folder of .eml files
    caught.py      that folder: an index by modification time, one message read for showing
    framed.py      a mail's HTML made fit to be shown in a frame without network
    listening.py   a socket to serve on
    templates/     a folder for each group of pages
    static/        style sheets and icons
    locale/        the words of the public pages in other languages than English
"""
