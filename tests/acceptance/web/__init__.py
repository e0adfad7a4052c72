"""The public pages in a real browser, from a sign-up to a goodbye.

Every journey is gone in three languages, at the width of a phone and of a desktop, and once without
scripts; its links are taken out of mails that a worker has sent to a real relay. Each page on the
way is held against axe-core's rules (`axe.py`) and must not scroll sideways.

``PICTURES=var/pages pytest tests/acceptance/web`` keeps a picture of each page, for people to look
at.
"""
