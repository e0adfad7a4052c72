"""The public pages in a real browser, from signing up to unsubscribing.

Every test runs in three languages, at the width of a phone and of a desktop, and once without
scripts. Its links come from mails that a worker has sent to a real relay. Each page on the way is
checked against axe-core's rules (`axe.py`) and must not scroll sideways.

``PICTURES=var/pages pytest tests/acceptance/web`` saves a picture of each page.
"""
