"""Deciding by the link in a notice, on the real pages of an office."""

from email.message import EmailMessage
from io import StringIO

from mailer import config
from mailer.app import open_mailer
from mailer.log import create_logger
from mailer.web.public import create_public_app
from tests.acceptance.conftest import Shell
from tests.deciding import find_decision_path
from tests.integration.web.public.asgi import AsgiResponse, open_client


def decide_by_link(office: Shell, mail: EmailMessage, decision: str, comment: str = "") -> str:
    """Open the link in a mail, send its form, and return the page that answers."""
    settings = config.load_settings(office.folder / config.CONFIG_FILE, environ=office.env)
    path = find_decision_path(mail)
    with (
        open_mailer(settings) as mailer,
        open_client(create_public_app(mailer, create_logger(StringIO()))) as client,
    ):
        page = client.get_page(path)
        assert page.status == 200
        assert f'value="{decision}"' in page.text
        answer: AsgiResponse = client.send_form(path, {"decision": decision, "comment": comment})
        assert answer.status == 200
        return answer.text
