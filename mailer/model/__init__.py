"""The domain model: frozen records, their states, and the Protocols of the stores.

    articles.py … sources.py   records and states, one file for each noun
    stores/                    the Protocols through which verbs use the database
    transaction.py             the transaction that every verb takes first

Records hold data and answer questions about it. Rules and changes are verbs, beside their noun in
`mailer/articles`, `mailer/editions` and so on.
"""
