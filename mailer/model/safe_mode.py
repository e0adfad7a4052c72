"""The record of safe mode."""

from dataclasses import dataclass

NO_ONE = "no one gets mail"


@dataclass(frozen=True, slots=True)
class SafeMode:
    """Safe mode, in which only `recipients` get mail: addresses, and domains that begin with an @.
    `is_clone`: the database is a clone, which is in safe mode whatever the settings say."""

    recipients: tuple[str, ...]
    is_clone: bool = False

    def is_recipient(self, address: str) -> bool:
        """Check whether an address in its canonical spelling gets mail. The gate checks the same in
        its statement."""
        return any(
            address.endswith(recipient) if recipient.startswith("@") else address == recipient
            for recipient in self.recipients
        )

    @property
    def words(self) -> str:
        """The mode in words for people: who gets mail, and why."""
        recipients = ", ".join(recipient.removeprefix("@") for recipient in self.recipients)
        reason = "this database is a clone" if self.is_clone else "[safe] is set"
        return f"{reason}, and {f'mail goes only to {recipients}' if recipients else NO_ONE}"
