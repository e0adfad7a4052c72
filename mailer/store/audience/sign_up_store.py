"""The store of sign-ups, composed of its parts."""

from mailer.store.audience.confirmations import AllowanceQueries, ConfirmationQueries


class SqlSignUpStore(ConfirmationQueries, AllowanceQueries):
    """Confirmations of sign-ups and changes of address, and rate limits."""
