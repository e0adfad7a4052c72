"""The audience: who gets what, because they said so.

    addresses.py      one spelling for each mail address
    lists.py          mailing lists and topics
    subscribers.py    people, their membership of a list and the topics chosen there
    choices.py        what subscribers choose for themselves, and staff for them
    consent.py        who agreed to what, kept as evidence
    confirmations.py  sign-ups and changes of address that wait for their owner
    letters.py        what an address is written because of those
    links.py          what stands in the links of mails
    limits.py         how often strangers may do something
    erasure.py        a copy of what is stored about a person, and its erasure
    segments.py       saved filters over a list's members: a closed tree, and how to write one
    suppressions.py   addresses that must not be mailed, and why
    by_mail.py        leaving by mail: what messages offer for it, and what comes back
    rows.py           rows of a table of people -> what each says
    arrivals.py       what becomes of each row of an import
    bulk.py           one change to many members of a list

Records, rules and verbs; each file says which store Protocol its verbs need. No I/O.
"""
