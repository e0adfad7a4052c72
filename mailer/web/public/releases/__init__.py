"""Press releases on the web.

press_pages.py      the open pages, and their feed
advance_copies.py   each trusted contact's own page of an embargoed release
rendering.py        what both share
media_kit.py        a release and its files in one ZIP
structured_data.py  a release for machines: JSON-LD, ninjs
"""
