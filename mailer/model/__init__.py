"""The domain model: frozen records, their states, and the Protocols of the stores.

    articles.py … sources.py   records and states, one file for each noun
    stores/                    the Protocols through which verbs use the database
    transaction.py             the transaction, which is the first parameter of every verb

Records hold data and answer questions about it. Rules and changes are in verbs, in
`mailer/articles`, `mailer/editions` and so on.
"""
