"""The preferences pages: a subscriber's lists, topics and language, a pause, another address, the
end of all mails, a copy of the data stored about them, and its erasure.

The link in a mail's foot opens them; there is no password. Each page does one thing.

    reader.py           the subscriber that a link names, and rendering a page for them
    choices.py          the first page: lists, topics, frequency, language, time zone
    pause.py            pausing all mails
    address.py          changing the address
    unsubscribe_all.py  leaving all lists
    personal_data.py    the copy of the data, and its erasure
"""
