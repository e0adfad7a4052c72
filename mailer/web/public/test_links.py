"""The pages to which the personal links of test mails lead. They change nothing, whatever is sent
to them: a test mail shows the mail of a reader to a member of staff.

The path names the page that the link has in the reader's mail. The token is signed for test mails
alone, so it is good for no other page, and no link of a reader's mail leads here.
"""

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse

from mailer.audience import links
from mailer.audience.links import LinkPurpose
from mailer.errors import TokenError
from mailer.model.edition_states import EditionKind
from mailer.store import SqlTransaction
from mailer.web.public.forms import SubmittedForm
from mailer.web.public.public_site import get_site


def show_unsubscribe_test(request: Request, token: str) -> Response:
    return _show_test_link(request, token, "unsubscribe")


def submit_unsubscribe_test(
    request: Request, form: SubmittedForm, tx: SqlTransaction, token: str
) -> Response:
    """Answer a mail provider's one-click POST (RFC 8058)."""
    if not _is_test_link(request, tx, token):
        return get_site(request).refuse_link(request)
    return PlainTextResponse("This is a test email. Nothing has changed.\n")


def show_preferences_test(request: Request, token: str) -> Response:
    return _show_test_link(request, token, "preferences")


def show_view_test(request: Request, token: str) -> Response:
    return _show_test_link(request, token, "view")


def _show_test_link(request: Request, token: str, page: str) -> Response:
    site = get_site(request)
    with site.mailer.store.read() as tx:
        if not _is_test_link(request, tx, token):
            return site.refuse_link(request)
    return site.render_page(request, "test-link.html", page=page)


def _is_test_link(request: Request, tx: SqlTransaction, token: str) -> bool:
    """Check that the token names a test mail that the database still has."""
    try:
        link = get_site(request).mailer.link_keys.read_link(
            lambda keys: links.verify_member_link(keys, LinkPurpose.TEST, token)
        )
    except TokenError:
        return False
    edition = tx.editions.find_edition(link.edition_id)
    return edition is not None and edition.kind is EditionKind.TEST
