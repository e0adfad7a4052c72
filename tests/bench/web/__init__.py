"""What ``bench_web.py`` is made of.

pages.py    the pages, each with a link of a reader of its own
client.py   a small HTTP client that costs little beside what it measures
"""
