"""``mailer topic``, ``mailer list`` and ``mailer suppression``.

common.py        what these commands share
topics.py        topics
lists.py         mailing lists
suppressions.py  addresses that must not be mailed
"""

from mailer.cli.audience import lists, suppressions, topics

__all__ = ["lists", "suppressions", "topics"]
