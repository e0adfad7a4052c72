"""The bench: ``make bench`` measures the mailer beside programs that have less to do.

    __main__.py   the command line: chooses parts, prints tables, writes JSON
    parts.py      the parts by name, and what each of them needs
    goals.py      the bounds that the figures should keep
    scale.py      how many messages, people and seconds each part takes
    context.py    what parts share: offices that are built once, runs in turns
    results.py    series, comparisons and reports: tables and JSON
    machine.py    the machine, its versions and its load
    delivery/     sending: throughput, distance, PostgreSQL, queues, plans
    people/       imports
    large/        the large data set, and commands and pages at its size
    web/          the public pages
    idle_parts.py   a worker that has nothing to do

A test runs every part at a small scale. No test asserts a time.
"""
