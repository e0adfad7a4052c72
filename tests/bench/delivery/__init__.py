"""The parts of ``bench_delivery.py``.

    parts.py         what the bench measures, part by part
    figures.py       medians, ratios of pairs, tables
    fixtures.py      an office with an approved digest, and copies of its database
    stories.py       its stories
    readers.py       its readers, written directly into the tables
    mailer_send.py   runs `mailer send`, and checks its counts
    source.py        Postfix's smtp-source, and sink.py its smtp-sink
    plain.py         the plain way: render, build and send each message separately
    prebuilt.py      smtplib over several connections, with prebuilt messages
    delay.py         a TCP proxy that delays every byte: a distance, on one machine
    programs.py      starts these as processes, measures each one, and ends them all
    timed_mailer.py · probe.py    the measured process, and its parent

Everything runs on loopback. The mailer imports nothing from here, and its tests only import the
modules that they test.
"""
