"""Editions: their records, the queries that find them, their contents, and their return to draft.

This package imports nothing: the stores of other nouns import its parts."""
