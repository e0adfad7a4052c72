"""The whole store of sign-ups, put together from its parts."""

from mailer.store.audience.confirmations import AllowanceQueries, ConfirmationQueries


class SqlSignUpStore(ConfirmationQueries, AllowanceQueries):
    """Confirmations that people were asked for, and how often they may ask."""
