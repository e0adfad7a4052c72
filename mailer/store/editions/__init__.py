"""Editions: their states, times and events (kept.py), and what they hold (contents.py)."""

from mailer.store.editions.kept import Editions

__all__ = ["Editions"]
