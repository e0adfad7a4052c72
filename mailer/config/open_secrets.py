"""Files of secrets that too many users can read."""

from mailer.config.settings import Settings


def list_open_secrets(settings: Settings) -> list[str]:
    """Return the files of secrets (the key, the relays' passwords) that users outside the owner's
    group can read or write."""
    candidates = [settings.secret.key_file, *(relay.password_file for relay in settings.all_relays)]
    files = [settings.resolve_path(file) for file in candidates if file is not None]
    return [str(file) for file in files if file.is_file() and file.stat().st_mode & 0o007]
