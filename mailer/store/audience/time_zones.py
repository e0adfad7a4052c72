"""Which time zones people are in: asked each time that readers' own time counts."""

from sqlalchemy import Connection, func, select

from mailer.store import schema


def list_subscriber_time_zones(connection: Connection) -> list[str]:
    """The zones that subscribers gave, each once. From one to the next along the index: as many
    steps as there are zones, not as there are subscribers."""
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
    """The zones that lists have for members who gave none."""
    names = connection.scalars(select(schema.mailing_list.c.time_zone).distinct())
    return [name for name in names if name]
