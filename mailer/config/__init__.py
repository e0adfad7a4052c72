"""Frozen settings: the only reader of ``config/`` and of the environment.

A setting comes from the command line (``--config``, ``--database``), the environment (``MAILER_`` +
section + ``_`` + name), ``config/mailer.toml``, or the default here, in this order of precedence.
Relative paths start at *home*: the folder that holds ``config/``.
"""

from mailer.config.loading import list_setting_errors, load_settings
from mailer.config.sections import (
    DatabaseSection,
    DefaultsSection,
    DeliverySection,
    NamedSender,
    NoticesSection,
    Organisation,
    Paths,
    PersonSection,
    Relay,
    RetentionSection,
    SafeSection,
    Secret,
    SenderSection,
    SignUp,
    StaffSection,
    Throttle,
    Tls,
    Web,
    WorkerSection,
)
from mailer.config.settings import (
    CONFIG_FILE,
    KEY_BYTES,
    Settings,
    find_shipped_folder,
    generate_key,
)

__all__ = [
    "CONFIG_FILE",
    "KEY_BYTES",
    "DatabaseSection",
    "DefaultsSection",
    "DeliverySection",
    "NamedSender",
    "NoticesSection",
    "Organisation",
    "Paths",
    "PersonSection",
    "Relay",
    "RetentionSection",
    "SafeSection",
    "Secret",
    "SenderSection",
    "Settings",
    "SignUp",
    "StaffSection",
    "Throttle",
    "Tls",
    "Web",
    "WorkerSection",
    "find_shipped_folder",
    "generate_key",
    "list_setting_errors",
    "load_settings",
]
