"""The tables of the baseline migration, by subject. They never change again.

They repeat the tables instead of importing them, as the schema of today's code may change while
this revision must not. A migration test compares the result with the schema.
"""
