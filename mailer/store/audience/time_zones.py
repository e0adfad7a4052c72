"""The time zones of people, for mails that are sent in readers' time."""

from sqlalchemy import Connection, func, select

from mailer.store import schema


def list_subscriber_time_zones(connection: Connection) -> list[str]:
    """Return the distinct zones of subscribers. The statement steps along the index from one zone
    to the next, so it takes one step for each zone, not for each subscriber."""
    first_zone = select(func.min(schema.subscriber.c.time_zone).label("name")).cte(
        "zones", recursive=True
    )
    next_zone = (
        select(func.min(schema.subscriber.c.time_zone))
        .where(schema.subscriber.c.time_zone > first_zone.c.name)
        .correlate(first_zone)
        .scalar_subquery()
    )
    zones = first_zone.union_all(select(next_zone).where(first_zone.c.name.is_not(None)))
    names = connection.scalars(select(zones.c.name).where(zones.c.name.is_not(None)))
    return [name for name in names if name]


def list_mailing_list_time_zones(connection: Connection) -> list[str]:
    """Return the zones that lists use for members who gave no zone."""
    names = connection.scalars(select(schema.mailing_list.c.time_zone).distinct())
    return [name for name in names if name]
