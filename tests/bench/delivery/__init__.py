"""What ``bench_delivery.py`` is made of.

    parts.py       what is measured, part by part
    figures.py     medians, ratios of pairs, tables
    office.py      an office whose digest is approved, and copies of its database
    stories.py     its stories
    crowd.py       its readers, written straight into the tables
    sender.py      `mailer send`, run and held against the database and the sink
    source.py      Postfix's smtp-source, and sink.py its smtp-sink
    plain.py       the plain way: render, build and send each message by itself
    prebuilt.py    smtplib over several connections, with messages made before
    delay.py       a relay of bytes that lets each wait: a distance, on one machine
    children.py    starts these as processes, measures each by itself, and ends them all
    timed.py · probe.py    the child's end of that

Everything runs on loopback. Nothing here is imported by the mailer or by its tests but what the
tests of these rooms themselves need.
"""
