"""Check the files and addresses that the settings name, without the network."""

import os
from collections.abc import Iterator

from mailer import addresses
from mailer.app.config_checks.results import CheckOutcome, CheckResult, run_check
from mailer.app.mailer import normalise_safe_recipients
from mailer.app.markers import MarkerFolder
from mailer.app.staff import build_staff_directory, find_login
from mailer.config import NamedSender, Settings
from mailer.config.open_secrets import list_open_secrets
from mailer.errors import ConfigError, InputError
from mailer.render.checks import check_organisation
from mailer.schedules.observances import parse_observances

_EXAMPLE_DOMAINS = ("example.com", "example.net", "example.org")
_EXAMPLE_ENDINGS = (".example", ".invalid", ".test", ".localhost")
"""Domains that are never real (RFC 2606)."""


def check_local_settings(settings: Settings) -> Iterator[CheckResult]:
    """Yield the results about files and addresses."""
    source = str(settings.config_file or "no file: defaults and the environment")
    yield CheckResult("settings", CheckOutcome.OK, source)
    yield run_check("organisation", lambda: _describe_organisation(settings))
    yield run_check("secret key", lambda: _read_key(settings))
    for file in list_open_secrets(settings):
        yield CheckResult(
            "secret files",
            CheckOutcome.PROBLEM,
            f"other users can read {file}",
            f"chmod 600 {file}",
        )
    yield run_check("templates", lambda: _find_templates(settings))
    yield run_check("observances", lambda: _read_observances(settings))
    yield run_check("marker folder", lambda: _check_state_folder(settings))
    yield from _check_addresses(settings)
    yield from _check_staff(settings)
    if settings.throttle:
        yield run_check("throttle", lambda: _check_domains(settings))
    if settings.safe.recipients:
        yield run_check("safe.recipients", lambda: ", ".join(normalise_safe_recipients(settings)))


def _describe_organisation(settings: Settings) -> str:
    check_organisation(settings)
    return settings.organisation.name


def _read_key(settings: Settings) -> str:
    settings.read_secret_key()
    if settings.secret.key.get_secret_value():
        return "in the environment"
    return str(settings.resolve_path(settings.secret.key_file))


def _find_templates(settings: Settings) -> str:
    own_folder = settings.paths.templates
    if own_folder and not settings.resolve_path(own_folder).is_dir():
        raise ConfigError(
            "this is not a folder",
            where=f"paths.templates, {settings.resolve_path(own_folder)}",
            hint="make it, or remove the setting",
        )
    own_folders = settings.template_path[:-1]
    return str(own_folders[0]) if own_folders else "those that come with the mailer"


def _read_observances(settings: Settings) -> str:
    return f"{len(parse_observances(settings.read_observances()))} are known"


def _check_state_folder(settings: Settings) -> str:
    folder = settings.state_folder
    MarkerFolder(folder).read_markers()
    existing_folder = next(part for part in (folder, *folder.parents) if part.exists())
    if not os.access(existing_folder, os.W_OK | os.X_OK):
        raise ConfigError(
            "this user can't write there",
            where=str(folder),
            hint="set paths.state to another folder",
        )
    return str(folder)


def _check_addresses(settings: Settings) -> Iterator[CheckResult]:
    """Yield a problem for each text that is not a mail address, and a warning for each example."""
    checked_addresses = list(_list_addresses(settings))
    results = []
    for name, address in checked_addresses:
        try:
            normal_address = addresses.normalise_address(address)
        except InputError as error:
            results.append(CheckResult(name, CheckOutcome.PROBLEM, error.message, error.hint))
            continue
        if is_example(normal_address.rpartition("@")[2]):
            results.append(CheckResult(name, CheckOutcome.WARNING, f"{address} is only an example"))
    yield from results
    if not results:
        yield CheckResult("addresses", CheckOutcome.OK, f"{len(checked_addresses)} are well-formed")


def is_example(host: str) -> bool:
    """Check whether a domain is one of those reserved for examples."""
    return host.endswith(_EXAMPLE_ENDINGS) or any(
        host == domain or host.endswith(f".{domain}") for domain in _EXAMPLE_DOMAINS
    )


def _list_addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each mail address in the settings, with the name of its setting."""
    sections: list[tuple[str, NamedSender]] = [("sender", settings.sender)]
    sections += [(f"senders.{name}", sender) for name, sender in settings.senders.items()]
    for section, sender in sections:
        for field in ("address", "reply_to", "return_path"):
            if address := getattr(sender, field):
                yield f"{section}.{field}", address
    for name, address in (
        ("sender.unsubscribe_address", settings.sender.unsubscribe_address),
        ("press.contact_email", settings.press.contact_email),
        *(("notices.approvers", address) for address in settings.notices.approvers),
        *(("notices.watchers", address) for address in settings.notices.watchers),
        *(("staff.addresses", address) for address in settings.staff.addresses),
        *(("people", address) for address in settings.people),
    ):
        if address:
            yield name, address


def _check_domains(settings: Settings) -> str:
    """Check that each limited recipient domain has a form for SMTP."""
    for domain in settings.throttle:
        try:
            addresses.to_ascii_domain(domain)
        except UnicodeError as error:
            raise ConfigError(
                f"{domain!r} is not a domain ({error})", hint="write it as example.org"
            ) from error
    return ", ".join(settings.throttle)


def _check_staff(settings: Settings) -> Iterator[CheckResult]:
    if not settings.notices.approvers:
        yield CheckResult(
            "notices.approvers",
            CheckOutcome.WARNING,
            "no one is asked to approve, unless a digest names approvers",
        )
    else:
        yield CheckResult(
            "notices.approvers", CheckOutcome.OK, ", ".join(settings.notices.approvers)
        )
        login = find_login()
        if not build_staff_directory(settings).identify_login(login).other_keys:
            yield CheckResult(
                "people",
                CheckOutcome.WARNING,
                f"the login {login} is named at no one, so it counts as a person of its own",
                "if people run commands under it, name it in the logins of each of them",
            )
