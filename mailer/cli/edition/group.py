"""The group of commands about editions, and its panels."""

from mailer.cli.command_groups import CommandGroup

app = CommandGroup(help="Editions: mailings to a list, from draft to sent.")

EDITING = "Making and changing"
LOOKING = "Looking"
SENDING = "Approving and sending"
ARCHIVE = "Archive"
