"""Ask the relays and the public pages that the settings name.

The pages are asked without the guard of ``intake/fetching``, which allows only public addresses:
the address is the office's own, from its settings, and may lead into its own network. Redirects are
not followed.
"""

import json
import ssl
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from mailer.app.config_checks.local_checks import is_example
from mailer.app.config_checks.results import CheckOutcome, CheckResult, create_problem
from mailer.config import Relay, Settings, Tls
from mailer.delivery.relay_probe import RelayAnswer, probe_relay
from mailer.delivery.replies import Reply, Verdict
from mailer.delivery.smtp import RelayCredentials
from mailer.errors import MailerError

PAGE_TIMEOUT = 10.0
"""Seconds to wait for the public pages."""

MAX_HEALTH_BYTES = 10_000


def check_network(settings: Settings) -> Iterator[CheckResult]:
    """Yield the results about relays, senders and public pages."""
    for relay in settings.all_relays:
        yield from _check_relay(settings, relay)
    yield check_pages(settings.web.base_url)


# ---- relays and senders -----------------------------------------------------------------------


def _check_relay(settings: Settings, relay: Relay) -> Iterator[CheckResult]:
    subject = relay.where
    senders = {"[sender]": settings.sender.envelope_sender} | {
        f"[senders.{name}]": sender.envelope_sender for name, sender in settings.senders.items()
    }
    try:
        credentials = None
        if relay.user:
            credentials = RelayCredentials(relay.user, settings.read_relay_password(relay))
        ca_file = relay.ca_file and settings.resolve_path(relay.ca_file)
        answer = probe_relay(
            relay.model_copy(update={"ca_file": ca_file}),
            credentials,
            dict.fromkeys(senders.values()),
        )
    except MailerError as error:
        yield create_problem(subject, error)
        return
    yield CheckResult(subject, CheckOutcome.OK, _describe_answer(relay, answer))
    for name, envelope_sender in senders.items():
        yield _judge_sender(
            f"{name} at {relay.name}", envelope_sender, answer.replies[envelope_sender]
        )


def _describe_answer(relay: Relay, answer: RelayAnswer) -> str:
    login = f"logged in as {relay.user}" if relay.user else "connected"
    encryption = "without encryption" if relay.tls is Tls.NONE else "over TLS"
    offer = f"; it offers {' and '.join(answer.extensions)}" if answer.extensions else ""
    return f"{login} {encryption}{offer}"


def _judge_sender(subject: str, envelope_sender: str, reply: Reply) -> CheckResult:
    if reply.verdict is Verdict.ACCEPTED:
        return CheckResult(subject, CheckOutcome.OK, f"{envelope_sender} is accepted")
    is_permanent = reply.code // 100 == 5
    return CheckResult(
        subject,
        CheckOutcome.PROBLEM if is_permanent else CheckOutcome.WARNING,
        f"{envelope_sender} is not accepted: {reply}",
        "let the relay accept this sender, or change its return_path or address"
        if is_permanent
        else "try again later",
    )


# ---- the public pages -------------------------------------------------------------------------


def check_pages(base_url: str) -> CheckResult:
    """Check that `mailer serve` answers at the address with which links in mails begin."""
    address = urlsplit(base_url)
    host = address.hostname or ""
    connection_class = HTTPSConnection if address.scheme == "https" else HTTPConnection
    try:
        connection = connection_class(host, address.port, timeout=PAGE_TIMEOUT)
        try:
            connection.request("GET", f"{address.path.rstrip('/')}/healthz")
            response = connection.getresponse()
            body = response.read(MAX_HEALTH_BYTES)
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        hint = "start `mailer serve`, and check the name, the certificate and the proxy before it"
        if is_example(host):
            hint = "set it to the web address of your pages"
        return _create_page_result(
            CheckOutcome.PROBLEM, f"{base_url} does not answer: {_describe_error(error)}", hint
        )
    if location := response.getheader("Location"):
        return _create_page_result(
            CheckOutcome.PROBLEM,
            f"{base_url} redirects to {location}",
            "set it to the address at which the pages are",
        )
    status = _read_status(body)
    if status is None:
        return _create_page_result(
            CheckOutcome.PROBLEM,
            f"{base_url} answers with {response.status}, but not as `mailer serve` does",
            "let the proxy pass requests on to `mailer serve`",
        )
    if response.status != 200:
        return _create_page_result(CheckOutcome.WARNING, f"{base_url} answers: {status}")
    if address.scheme != "https":
        return _create_page_result(
            CheckOutcome.WARNING,
            f"{base_url} answers without encryption",
            "use https: mail programs offer one-click unsubscribing only with it (RFC 8058)",
        )
    return _create_page_result(CheckOutcome.OK, f"{base_url} answers")


def _create_page_result(outcome: CheckOutcome, detail: str, hint: str = "") -> CheckResult:
    return CheckResult("web.base_url", outcome, detail, hint)


def _describe_error(error: Exception) -> str:
    """Describe in words why no answer came."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "it took too long"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _read_status(body: bytes) -> str | None:
    """Return the status in the answer of `mailer serve`, or None if it is another server's."""
    try:
        status = json.loads(body)["status"]
    except (ValueError, KeyError, TypeError):
        return None
    return str(status)
