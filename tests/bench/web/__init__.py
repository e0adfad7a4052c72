"""The part of the bench that measures the public pages.

page_parts.py   runs the server and the sender, and measures the answers
pages.py        requests for the pages, each with another reader's link
client.py       a small HTTP client that costs little beside the server
"""
