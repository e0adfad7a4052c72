"""A mailer for newsletters and press releases. This page is the map.

One road, no way back::

    articles -> digest chooses -> edition (draft) -> compose -> approve -> plan -> deliver

    errors.py      the one tree of errors
    lines.py       what a line of text may hold
    config/        frozen Settings: the only reader of config/ and of the environment
    tokens.py      signed links, each bound to one purpose
    languages.py   language tags, their direction and names
    words.py       words as a search compares them
    zones.py       time zones by their IANA names
    log.py         structured lines on stderr

  Nouns: records, rules, verbs, and the store Protocol that they need. No I/O.
    articles/      pieces of content, one a language; a slug names the story
    embargoes.py   until when a story is kept in, and who judges that
    sources.py     where articles come from by themselves
    audience/      topics, lists, subscribers, memberships, segments, suppressions,
                   media contacts
    digests/       standing orders: what goes into an edition, for whom, and its calendar
    schedules/     rules, observances, free days, and the occurrences that they give
    editions/      one mailing: its states, its approval
    archive.py     what anybody may read again
    press.py       press pages of releases
    notices.py     what staff are told, and what they can do next
    outbox/        deliveries: their states, and why somebody got nothing
    message/       a frozen body and a recipient -> the bytes of one MIME message

  Rooms that touch the world.
    intake/        files -> articles, CSV -> rows, iCalendar -> observances; guarded fetching
    render/        compose: an edition -> frozen bodies (Jinja2, premailer, checks)
    store/         all SQL: schema, migrations, and a file for each noun
    delivery/      courier, ledger, smtp, replies

    app/           the only wiring: open_mailer(settings)
    worker/        the clock: what is due is assembled, asked for, sent and told
    web/           pages: subscribers' own, the archive, and the inbox of caught mails
    demo/          the sample office that `make demo` runs
    cli/           thin commands, a file for each noun

Which noun? Its file, with the same name in every layer and in its test. Does it touch the world?
Then SQL stands in store/, SMTP in delivery/smtp.py, HTTP in web/, argv in cli/, files in intake/.
"""

__version__ = "0.1.0"
