"""A mailer for newsletters and press releases. This page is the map.

Every mail passes these stages in this order::

    articles -> digest chooses -> edition (draft) -> compose -> approve -> plan -> deliver

Layers import downwards only (``pyproject.toml``, import-linter). From the bottom:

    errors.py      the one tree of errors
    lines.py       which characters a line of text may contain
    plain_data.py  records as plain data for JSON
    regular_files.py  files that are read within bounds
    config/        frozen settings: the only reader of config/ and of the environment
    tokens.py      signed links, each bound to one purpose
    languages.py   language tags, their direction and names
    counts.py      numbers with their nouns
    words.py       words in the form that a search compares
    zones.py       time zones by their IANA names
    log.py         structured lines on stderr
    addresses.py   mail addresses, checked and normalised
    actor.py       who acts: the command line, the worker, a subscriber
    schedules/     rules of dates, observances, holidays, and the occurrences that they give

    model/         records, their states, and the Protocols of the stores and the transaction

  Nouns: rules and verbs (functions whose first parameter is the transaction). No I/O.
    audience/      topics, lists, subscribers, memberships, segments, suppressions, consent,
                   sign-up, imports, media contacts
    signing_keys.py  the keys that sign links, and their rotation
    notices.py     the mails that staff get, and their next steps
    articles/      content in one language each; articles with the same slug are one story
    embargoes.py   the only code that decides whether a story is embargoed
    editions/      one mailing: its states, its approval
    digests/       standing orders: the stories and readers of editions, and their calendar
    message/       a frozen body and a recipient -> the bytes of one MIME message
    outbox/        deliveries, and the reasons why a member got none
    sources/       feeds, sites and folders that articles are imported from
    archive.py     the public archive of sent editions
    recovery/      restored and copied databases: recognition, and a person's decisions
    releases/      press pages of releases, corrections, kills

  Packages with I/O.
    intake/        files -> articles, CSV -> rows, iCalendar -> observances; guarded fetching
    render/        compose: an edition -> frozen bodies (Jinja2, premailer, checks)
    store/         all SQL: schema, migrations, and a file for each noun
    delivery/      runs, connections, the ledger, SMTP, replies

    app/           wiring: open_mailer(settings)
    worker/        assembles editions, asks for approval, sends, and notifies staff, when due
    web/           pages for subscribers, the archive, press pages, and the inbox of caught mails
    demo/          the sample office that `make demo` runs
    cli/           thin commands, a file for each noun

To find a line: ask which noun it is about. The noun has the same name in every layer and in its
tests. If the line does I/O, SQL is in store/, SMTP in delivery/smtp.py, HTTP in web/, the command
line in cli/, files in intake/.
"""

__version__ = "0.1.0"
