"""Editions: their states, times and events (`records`), what they hold (`contents`), and their
return to draft (`revert`), which stores of other nouns import: so nothing is imported here."""
