"""Editions: their states, times and events (records.py), their contents (contents.py), and the
changes of state that several stores make (revert.py)."""

from mailer.store.editions.records import EditionQueries

__all__ = ["EditionQueries"]
