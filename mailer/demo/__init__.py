"""The sample office of ``make demo``: a real delivery over real SMTP, but only on this machine.

    office.py    the office's topics, lists and readers
    run.py       the whole run, from article files to mailboxes
    catcher.py   an SMTP server on loopback that saves its messages as files
    articles/    the stories, in English, French, Spanish and Arabic
    media/       their pictures

Everything is invented: the office, its readers and its news. All addresses are at example.org.
"""
