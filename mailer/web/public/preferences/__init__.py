"""The preferences pages: a subscriber's lists, topics and language, pausing, changing the address,
unsubscribing from all lists, and a copy or the erasure of the data stored about them.

A link at the foot of each mail opens them, without a password. Each page does one thing.

    reader.py           the subscriber that a link names, and rendering a page for them
    choices.py          the first page: lists, topics, frequency, language, time zone
    pause.py            pausing all mails
    address.py          changing the address
    unsubscribe_all.py  leaving all lists
    personal_data.py    the copy of the data, and its erasure
"""
