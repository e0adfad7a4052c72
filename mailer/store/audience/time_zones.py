"""Which time zones people are in: asked each time that readers' own time counts."""

from sqlalchemy import Connection, func, select

from mailer.store.schema import mailing_list, subscriber


def time_zones(connection: Connection) -> list[str]:
    """The zones that subscribers gave, each once. From one to the next along the index: as many
    steps as there are zones, not as there are subscribers."""
    first = select(func.min(subscriber.c.time_zone).label("name")).cte("zones", recursive=True)
    after = (
        select(func.min(subscriber.c.time_zone))
        .where(subscriber.c.time_zone > first.c.name)
        .correlate(first)
        .scalar_subquery()
    )
    walk = first.union_all(select(after).where(first.c.name.is_not(None)))
    found = connection.scalars(select(walk.c.name).where(walk.c.name.is_not(None)))
    return [name for name in found if name]


def list_time_zones(connection: Connection) -> list[str]:
    """The zones that lists have for members who gave none."""
    found = connection.scalars(select(mailing_list.c.time_zone).distinct())
    return [name for name in found if name]
