"""Editions: their states, times and events (kept.py), and what they hold (contents.py)."""

from mailer.store.editions.kept import SqlEditionStore

__all__ = ["SqlEditionStore"]
