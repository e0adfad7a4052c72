"""Press releases on the web.

press_pages.py      the public pages, and their feed
advance_copies.py   pages of an advance copy, one for each trusted contact
rendering.py        code that both share
media_kit.py        a release and its files in one ZIP
structured_data.py  machine-readable releases: JSON-LD, ninjs
"""
