"""The parts of the bench that send mail.

    throughput_parts.py   against smtp-source and against the plain way
    distance_parts.py     relays far away, with CHUNKING and without, with TLS
    relay_parts.py        a real Postfix
    postgresql_parts.py   PostgreSQL against SQLite; several processes
    size_parts.py         large queues, their memory and their plan
    bench_run.py     one run, and the series of several
    fixtures.py      an office with an approved digest, and copies of its database
    stories.py       its stories
    readers.py       its readers, written directly into the tables
    mailer_send.py   runs `mailer send`, and checks its counts
    source.py        Postfix's smtp-source, and sink.py its smtp-sink
    python_sink.py   a sink with CHUNKING and TLS
    plain.py         the plain way: render, build and send each message separately
    prebuilt.py      smtplib over several connections, with prebuilt messages
    delay.py         a TCP proxy that delays every byte: a distance, on one machine
    programs.py      starts these as processes, measures each one, and ends them all
    timed_mailer.py · probe.py    the measured process, and its parent

Everything runs on loopback. The mailer imports nothing from here, and its tests only import the
modules that they test.
"""
