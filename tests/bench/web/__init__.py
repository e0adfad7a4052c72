"""The parts of ``bench_web.py``.

pages.py    requests for the pages, each with another reader's link
client.py   a small HTTP client that costs little beside the server
"""
