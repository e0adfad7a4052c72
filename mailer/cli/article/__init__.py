"""``mailer article``: texts for mails, each text in one language.

group.py       the group of commands, and the options that several take
files.py       add
imports.py     fetch, paste
showing.py     list, show
editing.py     edit
lifecycle.py   queue, withdraw, restore
"""

from mailer.cli.article import files  # isort: skip  (help lists commands in this order)
from mailer.cli.article import imports  # isort: skip
from mailer.cli.article import showing  # isort: skip
from mailer.cli.article import editing  # isort: skip
from mailer.cli.article import lifecycle
from mailer.cli.article.group import app

__all__ = ["app", "editing", "files", "imports", "lifecycle", "showing"]
