"""Boilerplate, files of releases, and kills."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select

from mailer.model.articles import Boilerplate
from mailer.model.releases import Kill
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.upsert import build_upsert


class BoilerplateQueries(SqlStore):
    """The part of ``ArticleStore`` about boilerplates."""

    def list_boilerplates(self) -> list[Boilerplate]:
        rows = self._db.execute(
            select(schema.boilerplate).order_by(
                schema.boilerplate.c.organisation, schema.boilerplate.c.language
            )
        )
        return [Boilerplate(**row._mapping) for row in rows]

    def save_boilerplate(self, boilerplate: Boilerplate) -> None:
        values = {
            "name": boilerplate.name,
            "text": boilerplate.text,
            "html": boilerplate.html,
            "updated_at": boilerplate.updated_at,
        }
        self._db.execute(
            build_upsert(self._db.dialect.name, schema.boilerplate)
            .values(organisation=boilerplate.organisation, language=boilerplate.language, **values)
            .on_conflict_do_update(index_elements=["organisation", "language"], set_=values)
        )

    def remove_boilerplate(self, boilerplate: Boilerplate) -> None:
        self._db.execute(
            delete(schema.boilerplate).where(
                schema.boilerplate.c.organisation == boilerplate.organisation,
                schema.boilerplate.c.language == boilerplate.language,
            )
        )


class FileQueries(SqlStore):
    """Bytes by their SHA-256, in hex. A stored file never changes."""

    def save_file(self, sha256: str, media_type: str, content: bytes, now: datetime) -> None:
        self._db.execute(
            build_upsert(self._db.dialect.name, schema.file)
            .values(
                sha256=sha256,
                media_type=media_type,
                size=len(content),
                content=content,
                created_at=now,
            )
            .on_conflict_do_nothing()
        )

    def read_content(self, sha256: str) -> bytes | None:
        content: bytes | None = self._db.scalar(
            select(schema.file.c.content).where(schema.file.c.sha256 == sha256)
        )
        return content

    def find_missing_hashes(self, hashes: Iterable[str]) -> set[str]:
        """Return the given hashes for which no file is stored."""
        wanted_hashes = {*hashes}
        present_hashes = self._db.scalars(
            select(schema.file.c.sha256).where(schema.file.c.sha256.in_(wanted_hashes))
        )
        return wanted_hashes - {*present_hashes}


class KillQueries(SqlStore):
    """The part of ``ReleaseStore`` about kills."""

    def find_kill(self, slug: str) -> Kill | None:
        row = self._db.execute(select(schema.kill).where(schema.kill.c.slug == slug)).one_or_none()
        return Kill(**row._mapping) if row else None

    def list_kill_requests(self) -> list[Kill]:
        """Return the requests that wait for the second person, the oldest first."""
        statement = (
            select(schema.kill)
            .where(schema.kill.c.confirmed_at.is_(None))
            .order_by(schema.kill.c.asked_at)
        )
        return [Kill(**row._mapping) for row in self._db.execute(statement)]

    def save_kill(self, kill: Kill) -> None:
        values = {
            "reasons": dict(kill.reasons),
            "asked_by": kill.asked_by,
            "asked_by_key": kill.asked_by_key,
            "asked_at": kill.asked_at,
            "confirmed_by": kill.confirmed_by,
            "confirmed_by_key": kill.confirmed_by_key,
            "confirmed_at": kill.confirmed_at,
            "notified_at": kill.notified_at,
            "notified_digest": kill.notified_digest,
        }
        self._db.execute(
            build_upsert(self._db.dialect.name, schema.kill)
            .values(slug=kill.slug, **values)
            .on_conflict_do_update(index_elements=["slug"], set_=values)
        )

    def remove_kill(self, kill: Kill) -> None:
        self._db.execute(delete(schema.kill).where(schema.kill.c.slug == kill.slug))
