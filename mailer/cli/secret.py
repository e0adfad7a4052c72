"""``mailer secret``: the keys that sign the links in mails."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import ByOption, DryRunOption, JsonOption, check_number, resolve_actor
from mailer.cli.output import Output, format_moment
from mailer.cli.transactions import open_for_reading, open_for_writing

if TYPE_CHECKING:
    from mailer.model.signing_keys import SigningKey

app = CommandGroup(help="The keys that sign the links in mails.")


@app.command("list")
def list_keys(json: JsonOption = False) -> None:
    """List the keys that sign and verify links. The keys themselves are never shown.

    Example: mailer secret list"""
    out = Output(json)
    with open_for_reading() as (mailer, tx):
        now = mailer.clock()
        keys = tx.signing_keys.list_signing_keys()
        data = [_to_plain(key, now) for key in keys]
        rows = [
            (
                str(key.id),
                _describe_state(key, now),
                format_moment(key.created_at) if key.salt else "",
                format_moment(key.expires_at),
                "" if key.salt else "the secret key itself",
            )
            for key in keys
        ]
        out.print_table(
            data,
            {"key": "right", "state": "left", "since": "left", "until": "left", "note": "left"},
            rows,
            empty="the secret key itself signs links; mailer secret rotate replaces it there",
        )


@app.command("rotate")
def rotate_key(
    keep: Annotated[
        int,
        typer.Option(
            "--keep", help="Days for which links in mails that were already sent still work."
        ),
    ] = 730,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Let a new key sign the links in mails. Links in mails that were already sent still work.

    Processes that run use the new key within seconds. The secret key in the configuration does not
    change: the hashes of suppressed addresses and the keys of links are derived from this key. Make
    a backup afterwards.

    Example: mailer secret rotate --keep 730"""
    from mailer import signing_keys

    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        key = signing_keys.rotate_signing_key(tx, actor, mailer.clock(), keep_days=keep)
        out.print_record(
            _to_plain(key, mailer.clock()),
            f"key {key.id} signs links from now on; older links work for {keep} days",
        )


@app.command("remove")
def remove_key(
    number: Annotated[
        int, typer.Argument(help="The key's number, from the list.", min=1, callback=check_number)
    ],
    even_if_valid: Annotated[
        bool,
        typer.Option(
            "--even-if-valid", help="Remove the key even if links that the key signed still work."
        ),
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove a key that has expired.

    Example: mailer secret remove 1"""
    from mailer import signing_keys

    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        key = signing_keys.remove_signing_key(
            tx, actor, number, mailer.clock(), even_if_valid=even_if_valid
        )
        out.print_record(_to_plain(key, mailer.clock()), f"key {number} is removed")


def _describe_state(key: "SigningKey", now: datetime) -> str:
    if key.signs:
        return "signs"
    return "verifies" if key.is_valid(now) else "expired"


def _to_plain(key: "SigningKey", now: datetime) -> dict[str, Any]:
    return {
        "key": key.id,
        "state": _describe_state(key, now),
        "is_secret_key": not key.salt,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "actor": key.actor,
    }
