"""Errors as the command line words them."""

from mailer.errors import MailerError


def describe_error(error: MailerError) -> str:
    """Describe an error in one sentence."""
    return str(error)
