"""Boilerplate, the files that releases carry, and kills."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, select

from mailer.articles.boilerplates import Boilerplate
from mailer.articles.kills import Kill
from mailer.store.schema import boilerplate, file, kill
from mailer.store.upsert import upsert


class Boilerplates:
    """Implements ``articles.boilerplates.BoilerplateStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def all(self) -> list[Boilerplate]:
        rows = self._db.execute(
            select(boilerplate).order_by(boilerplate.c.organisation, boilerplate.c.language)
        )
        return [Boilerplate(**row._mapping) for row in rows]

    def keep(self, made: Boilerplate) -> None:
        values = {
            "name": made.name, "text": made.text, "html": made.html, "updated_at": made.updated_at,
        }  # fmt: skip
        self._db.execute(
            upsert(self._db.dialect.name, boilerplate)
            .values(organisation=made.organisation, language=made.language, **values)
            .on_conflict_do_update(index_elements=["organisation", "language"], set_=values)
        )

    def remove(self, known: Boilerplate) -> None:
        self._db.execute(
            delete(boilerplate).where(
                boilerplate.c.organisation == known.organisation,
                boilerplate.c.language == known.language,
            )
        )


class Files:
    """Bytes by their SHA-256, in hex. What is there never changes."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def keep(self, sha256: str, media_type: str, content: bytes, now: datetime) -> None:
        self._db.execute(
            upsert(self._db.dialect.name, file)
            .values(
                sha256=sha256,
                media_type=media_type,
                size=len(content),
                content=content,
                created_at=now,
            )
            .on_conflict_do_nothing()
        )

    def content(self, sha256: str) -> bytes | None:
        found: bytes | None = self._db.scalar(select(file.c.content).where(file.c.sha256 == sha256))
        return found

    def missing(self, hashes: Iterable[str]) -> set[str]:
        """Those of them that are not here."""
        wanted = {*hashes}
        here = self._db.scalars(select(file.c.sha256).where(file.c.sha256.in_(wanted)))
        return wanted - {*here}


class Kills:
    """Implements ``articles.kills.KillStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def find(self, slug: str) -> Kill | None:
        row = self._db.execute(select(kill).where(kill.c.slug == slug)).one_or_none()
        return Kill(**row._mapping) if row else None

    def keep(self, made: Kill) -> None:
        values = {
            "why": dict(made.why),
            "asked_by": made.asked_by,
            "asked_at": made.asked_at,
            "confirmed_by": made.confirmed_by,
            "confirmed_at": made.confirmed_at,
        }
        self._db.execute(
            upsert(self._db.dialect.name, kill)
            .values(slug=made.slug, **values)
            .on_conflict_do_update(index_elements=["slug"], set_=values)
        )

    def remove(self, known: Kill) -> None:
        self._db.execute(delete(kill).where(kill.c.slug == known.slug))
