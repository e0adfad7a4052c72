"""The members of staff in the settings."""

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
