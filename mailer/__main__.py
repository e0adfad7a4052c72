"""``python -m mailer``: the same as the command ``mailer``."""

from mailer.cli import main

main()
