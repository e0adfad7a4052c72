"""The members of staff in the settings, and the login of the person who runs this process."""

import os
import pwd

from mailer.config import Settings
from mailer.people import StaffDirectory, StaffMember


def build_staff_directory(settings: Settings) -> StaffDirectory:
    """Return the people of ``[people]``, and the other addresses of staff in the settings."""
    people = [
        StaffMember(address, section.name, section.time_zone, section.logins)
        for address, section in settings.people.items()
    ]
    notices = settings.notices
    return StaffDirectory(
        people, (*notices.approvers, *notices.watchers, *settings.staff.addresses)
    )


def find_login() -> str:
    """Return the login name of the effective user, or ``uid-NUMBER`` for a user without a name.

    The environment (``LOGNAME``, ``USER``) is not asked: anyone can set it."""
    user_id = os.geteuid()
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"uid-{user_id}"
