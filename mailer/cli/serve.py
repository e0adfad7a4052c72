"""``mailer serve``: the public pages."""

from typing import Annotated

import typer

from mailer.cli.transactions import load_settings
from mailer.errors import ConfigError


def serve_pages(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8000,
    host: Annotated[
        str, typer.Option(help="The address to listen on; a proxy in front of it speaks TLS.")
    ] = "127.0.0.1",
) -> None:
    """Serve the public pages until stopped.

    The pages are sign-up, preferences, unsubscribing, the archive and press releases. Links in
    mails lead to the address in web.base_url, where a proxy passes requests on to this process.
    `mailer worker` sends the mails that the pages ask for.

    Example: mailer serve --port 8000"""
    from mailer.app import open_mailer
    from mailer.log import create_logger

    try:
        from mailer.web.public import serve_public_pages
    except ImportError as error:
        raise ConfigError(
            f"the packages for web pages are not installed ({error.name} is missing)",
            hint="install them with `pip install 'pressmail[web]'`",
        ) from error
    log = create_logger()
    with open_mailer(load_settings()) as mailer:
        log.info("serving", host=host, port=port, base_url=mailer.settings.web.base_url)
        serve_public_pages(mailer, host, port, log)
