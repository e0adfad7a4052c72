"""``mailer config``: check the settings, describe them to editors, and make systemd units."""

from typing import Annotated, Any

import typer

from mailer.cli.command_groups import CommandGroup
from mailer.cli.global_options import GLOBALS
from mailer.cli.next_steps import describe_steps
from mailer.cli.options import JsonOption
from mailer.cli.output import Output
from mailer.cli.transactions import load_settings
from mailer.counts import count_noun
from mailer.errors import ConfigError, UsageError

app = CommandGroup(help="The settings: check them, or describe them to an editor.")

DEFAULT_USER = "mailer"
"""The user that runs the services."""


@app.command("check")
def check_configuration(
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no relay and no public page.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Check every setting, and what the settings name: files, the database, each relay with its
    log-in and each sender, and the public pages. Exit with code 3 if something is wrong.

    Each relay is asked with MAIL whether it accepts each sender, and RSET withdraws that: no mail
    is sent. Some relays refuse a sender only when they get a recipient.

    Example: mailer config check"""
    from mailer import config
    from mailer.app.config_checks import CheckOutcome, CheckResult, check_settings

    out = Output(json)
    if setting_errors := config.list_setting_errors(GLOBALS.config, GLOBALS.database):
        results = [
            CheckResult(error.where, CheckOutcome.PROBLEM, error.message, error.hint)
            for error in setting_errors
        ]
    else:
        results = list(check_settings(load_settings(), with_network=not offline))
    columns = {"result": "", "checked": "", "detail": ""}
    rows = [
        (result.outcome, result.subject, "; ".join(filter(None, _list_details(result))))
        for result in results
    ]
    out.print_table(results, columns, rows)
    if count := sum(result.outcome is CheckOutcome.PROBLEM for result in results):
        raise ConfigError(f"{count_noun(count, 'problem')} found", hint="see above")


def _list_details(result: Any) -> tuple[str, str, str]:
    return result.detail, result.hint, describe_steps(result.next_steps)


@app.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of config/mailer.toml. With it, an editor completes and checks the
    settings as they are typed.

    Write it to a file, and name the file in the first line of mailer.toml, as editors with Taplo
    read it: #:schema mailer.schema.json

    Example: mailer config schema > config/mailer.schema.json"""
    from mailer.config.schema import build_schema

    Output(as_json=True).print_json(build_schema())


@app.command("systemd")
def print_unit(
    service: Annotated[str, typer.Argument(help="The process: worker or serve.")],
    user: Annotated[str, typer.Option("--user", help="The user that runs it.")] = DEFAULT_USER,
) -> None:
    """Print a systemd unit for the worker or the public pages, with the paths of these settings.

    The process may write to the database's folder and to the folder in paths.state, and to nothing
    else.

    Example: mailer config systemd worker > /etc/systemd/system/mailer-worker.service"""
    from mailer.app.systemd_units import ServiceUnit, build_unit

    services = [unit.value for unit in ServiceUnit]
    if service not in services:
        raise UsageError(f"{service} is not one of {', '.join(services)}", field="service")
    Output().print_text(build_unit(ServiceUnit(service), load_settings(), user))
