"""Editions: their records, how they are found, their contents, and how they return to draft.

This package imports nothing: the stores of other nouns import its parts."""
