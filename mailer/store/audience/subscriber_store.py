"""The store of subscribers, composed of its parts."""

from mailer.store.audience.contacts import ContactQueries
from mailer.store.audience.exports import ExportQueries
from mailer.store.audience.subscribers import SubscriberQueries
from mailer.store.audience.suppressions import SuppressionQueries


class SqlSubscriberStore(SubscriberQueries, ContactQueries, SuppressionQueries, ExportQueries):
    """Implements :class:`mailer.model.stores.audience.SubscriberStore`."""
