"""What `docs/generate.py` writes the reference with: one module a page."""
