"""The store of subscribers, composed of its parts."""

from mailer.store.audience.contacts import ContactQueries
from mailer.store.audience.exports import ExportQueries
from mailer.store.audience.subscriber_search import SubscriberSearchQueries
from mailer.store.audience.suppressions import SuppressionQueries


class SqlSubscriberStore(
    SubscriberSearchQueries, ContactQueries, SuppressionQueries, ExportQueries
):
    """Implements :class:`mailer.model.stores.audience.SubscriberStore`."""
