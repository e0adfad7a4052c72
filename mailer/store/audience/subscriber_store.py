"""The whole store of subscribers, put together from its parts."""

from mailer.store.audience.contacts import ContactQueries
from mailer.store.audience.subscribers import SubscriberQueries
from mailer.store.audience.suppressions import SuppressionQueries


class SqlSubscriberStore(SubscriberQueries, ContactQueries, SuppressionQueries):
    """Subscribers with their memberships, consent, suppressions and press contacts."""
