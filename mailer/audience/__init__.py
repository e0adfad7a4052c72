"""The audience: the people who get mails because they agreed to get them.

    lists.py             mailing lists and topics
    subscribers.py       people, their membership of a list and the topics chosen there
    preferences.py       choices by subscribers, or by staff for them: pause, change, resubscribe
    consent.py           the log of consent, kept as evidence
    erasure.py           a copy of the data stored about a person, and its erasure
    suppressions.py      addresses that must not be mailed, and why
    segments.py          saved filters over a list's members
    contacts.py          media contacts of the press office
    links.py             the signed links in mails
    unsubscribe_mail.py  unsubscribing by mail
    signup/              sign-ups and changes of address, with their confirmation
    imports/             imports of people from tables, and bulk changes of members

These are rules and verbs without I/O. The records are in `mailer/model`.
"""
