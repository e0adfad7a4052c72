"""The sender identity of a mail, from the settings."""

from mailer.config import NamedSender, Settings
from mailer.errors import ComposeError
from mailer.model.edition_states import EditionKind
from mailer.model.senders import SenderIdentity

NOTICES_SENDER = "notices"
SERVICE_SENDER = "service"

SENDERS_BY_KIND = {
    EditionKind.NOTICE: NOTICES_SENDER,
    EditionKind.SERVICE: SERVICE_SENDER,
    EditionKind.WELCOME: SERVICE_SENDER,
}
"""The names of the senders of mails that belong to no edition of a list. If the settings have no
sender of that name, the default one sends them."""


def find_identity(settings: Settings, name: str) -> SenderIdentity:
    """Return the identity of the sender with this name, or of the default one for an empty name.
    Raises ComposeError if the settings have no such sender."""
    sender = settings.find_sender(name)
    if sender is None:
        raise ComposeError(
            f"there is no sender {name!r} in the settings",
            hint=f"add a section [senders.{name}], or choose another sender",
        )
    return _build_identity(sender)


def choose_identity(settings: Settings, kind: EditionKind) -> SenderIdentity:
    """Return the identity that sends editions of a kind without an identity of their own."""
    return _build_identity(settings.choose_sender(SENDERS_BY_KIND.get(kind, "")))


def _build_identity(sender: NamedSender) -> SenderIdentity:
    return SenderIdentity(sender.name, sender.address, sender.reply_to, sender.return_path)
