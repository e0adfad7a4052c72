"""The sender of an edition: chosen for the edition, otherwise for its list, otherwise the default.

A digest's sender is given to each of its editions when it is assembled, like its template and its
subject. The settings say what a sender's name stands for.
"""

from mailer.model.editions import Edition
from mailer.model.lists import MailingList


def choose_sender_name(edition: Edition, mailing_list: MailingList) -> str:
    """Return the name of the sender of an edition, or an empty string for the default one."""
    return edition.sender or mailing_list.sender
