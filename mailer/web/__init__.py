"""Pages: everything that speaks HTTP. Today the inbox of caught mails.

What may enter: FastAPI and uvicorn, templates and static files of our own, and what the layers
below give. Pages are made on the server and work without JavaScript; nothing is loaded from
elsewhere. What must not enter: SQL, SMTP, rules of a noun.

    inbox.py       a local mail client over a folder of .eml files
    caught.py      that folder: an index by modification time, one message read for showing
    framed.py      a mail's HTML made fit to be shown in a frame without network
    templates/     a folder for each group of pages
    static/        style sheets and icons
"""
