"""Editions: their states, times and events (kept.py), and what they hold (contents.py)."""

from mailer.store.editions.records import EditionQueries

__all__ = ["EditionQueries"]
