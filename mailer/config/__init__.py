"""Frozen settings: the only reader of ``config/`` and of the environment.

A setting is looked for on the command line (``--config``, ``--database``), in the environment
(``MAILER_`` + section + ``_`` + name), in ``config/mailer.toml``, and last in its default here.
Relative paths start at *home*: the folder that holds ``config/``.
"""

from mailer.config.sections import (
    Database,
    Defaults,
    DeliverySection,
    Notices,
    Organisation,
    Paths,
    Relay,
    Retention,
    Secret,
    Sender,
    SignUp,
    Throttle,
    Tls,
    Web,
    WorkerSection,
)
from mailer.config.settings import CONFIG_FILE, KEY_BYTES, Settings, load, new_key, shipped

__all__ = [
    "CONFIG_FILE",
    "KEY_BYTES",
    "Database",
    "Defaults",
    "DeliverySection",
    "Notices",
    "Organisation",
    "Paths",
    "Relay",
    "Retention",
    "Secret",
    "Sender",
    "Settings",
    "SignUp",
    "Throttle",
    "Tls",
    "Web",
    "WorkerSection",
    "load",
    "new_key",
    "shipped",
]
