"""The sample office that ``make demo`` runs: a real delivery, over real SMTP, on this machine only.

    office.py    its topics, lists and readers, all made up
    run.py       the whole road, from files to mailboxes
    catcher.py   an SMTP server on loopback that keeps what it is given
    articles/    its stories, in English, French, Spanish and Arabic
    media/       their pictures

Everything is invented: the office, its readers and its news. Addresses are of example.org.
"""
