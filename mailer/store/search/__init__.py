"""Searches for parts of words: their indexes, and their conditions.

    indexes.py     the indexes: created, checked and described
    sqlite.py      FTS5 tables of trigrams, and the triggers that keep them
    postgresql.py  GIN indexes, of trigrams if the server has pg_trgm
    conditions.py  the conditions of a statement that searches

The searched columns hold texts that ``mailer/words.py`` folded and padded. A condition on the
column itself decides whether a row matches; an index only says which rows need not be read.

The indexes do not belong to the schema's revision, since they depend on what the database's
software can do. Every upgrade and every restoration brings them up to date.
"""
