"""``mailer inbox``: caught mails on a local page."""

from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.demo import DEMO_FOLDER, build_missing_error
from mailer.cli.output import Output


def show_inbox(
    folder: Annotated[Path, typer.Option(help="The folder of .eml files.")] = DEMO_FOLDER / "mail",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8025,
    host: Annotated[str, typer.Option(help="A loopback address to listen on.")] = "127.0.0.1",
) -> None:
    """Show caught mails on a local page until Ctrl-C.

    Example: mailer inbox --port 8025"""
    try:
        from mailer.web.inbox import serve_inbox
    except ImportError as error:
        raise build_missing_error(error) from error
    media = folder.parent / "media"
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    serve_inbox(
        folder,
        media if media.is_dir() else None,
        host,
        port,
        lambda: Output().print_note(f"caught mails on {address} (Ctrl-C ends)"),
    )
