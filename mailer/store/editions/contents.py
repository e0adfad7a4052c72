"""What an edition holds: its stories, its frozen bodies, who wrote them, and the ledger of what its
digest has run."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from mailer import embargoes
from mailer.articles import ArticleState, Query, stories
from mailer.audience.lists import MailingList
from mailer.audience.segments import All, Filter, from_plain
from mailer.audience.subscribers import MembershipState
from mailer.editions import EDITED, Attachment, Body, Edition, Manuscript, Role
from mailer.embargoes import Embargo
from mailer.store.articles import Articles
from mailer.store.audience.lists import Lists
from mailer.store.audience.segments import mailed_language, members
from mailer.store.embargoes import Embargoes
from mailer.store.ids import id_of
from mailer.store.press import Boilerplates
from mailer.store.schema import (
    article,
    article_revision,
    digest,
    digest_story,
    edition_body,
    edition_event,
    edition_story,
    membership,
    segment,
)


class Contents:
    """The part of ``editions.EditionStore`` that asks for, and keeps, what editions hold."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def _set_stories(self, number: int, slugs: Sequence[str]) -> None:
        self._db.execute(delete(edition_story).where(edition_story.c.edition_id == number))
        if slugs:
            self._db.execute(
                insert(edition_story),
                [
                    {"edition_id": number, "slug": slug, "position": position}
                    for position, slug in enumerate(slugs)
                ],
            )

    def manuscript(self, known: Edition) -> Manuscript:
        """All that composing needs; withdrawn articles are left out. A kill names what it takes
        back."""
        wanted = ArticleState.KILLED if known.role is Role.KILL else ArticleState.QUEUED
        queued = [
            found
            for found in Articles(self._db).matching(Query(slugs=known.stories))
            if found.state is wanted
        ]
        by_slug = {story.slug: story for story in stories(queued)}
        list_ = self.list_of(known)
        languages = self._db.scalars(
            select(mailed_language)
            .select_from(members)
            .where(
                membership.c.list_id == list_.id,
                membership.c.state == MembershipState.ACTIVE.value,
            )
            .distinct()
        ).all()
        return Manuscript(
            edition=known,
            stories=tuple(by_slug[slug] for slug in known.stories if slug in by_slug),
            topics=tuple(Lists(self._db).topics()),
            list=list_,
            filter=self.filter_of(known),
            languages=tuple(sorted({known.language, *languages})),
            embargoes=self.embargoes_of(known),
            boilerplates=tuple(Boilerplates(self._db).all()),
        )

    def embargoes_of(self, known: Edition) -> dict[str, Embargo]:
        """The embargoes that hold its stories just now, by slug."""
        kept = Embargoes(self._db)
        held = embargoes.held(kept, kept.now())
        return {slug: held[slug] for slug in known.stories if slug in held}

    def list_of(self, known: Edition) -> MailingList:
        """Its list, whose members are not counted."""
        return Lists(self._db).named(known.list)

    def filter_of(self, known: Edition) -> Filter:
        """The edition's segment as a tree; everyone, when it has none."""
        if not known.segment:
            return All(())
        tree = self._db.scalar(select(segment.c.tree).where(segment.c.slug == known.segment))
        assert tree is not None
        return from_plain(tree)

    def bodies(self, known: Edition) -> list[Body]:
        rows = self._db.execute(
            select(edition_body)
            .where(edition_body.c.edition_id == known.id)
            .order_by(edition_body.c.language)
        )
        return [body_of(row) for row in rows]

    def story_bits(self, known: Edition) -> dict[str, int]:
        """Each composed story's bit in a delivery's mask, by slug."""
        rows = self._db.execute(
            select(edition_story.c.slug, edition_story.c.bit).where(
                edition_story.c.edition_id == known.id, edition_story.c.bit.is_not(None)
            )
        )
        return dict(rows.all())

    def authors(self, known: Edition) -> frozenset[str]:
        """Who wrote or edited what it holds: the edition itself, or an article of its stories."""
        edited = self._db.scalars(
            select(edition_event.c.actor).where(
                edition_event.c.edition_id == known.id, edition_event.c.what == EDITED
            )
        )
        wrote = self._db.scalars(
            select(article_revision.c.author)
            .join(article, article.c.id == article_revision.c.article_id)
            .join(edition_story, edition_story.c.slug == article.c.slug)
            .where(
                edition_story.c.edition_id == known.id,
                article.c.state == ArticleState.QUEUED.value,
            )
        )
        return frozenset(name for name in (*edited, *wrote) if name)

    def release_stories(self, known: Edition, slugs: Sequence[str]) -> None:
        """Strike stories from the ledger: the digest may run them in a later edition."""
        self._db.execute(
            delete(digest_story).where(
                digest_story.c.edition_id == known.id, digest_story.c.slug.in_(slugs)
            )
        )

    def reserve_stories(self, known: Edition, slugs: Sequence[str]) -> None:
        """Write stories into the digest's ledger, but for those that it has run before: staff may
        run a story again on purpose."""
        if not known.digest or not slugs:
            return
        digest_id = id_of(self._db, digest, known.digest, "digest")
        run = set(
            self._db.scalars(
                select(digest_story.c.slug).where(
                    digest_story.c.digest_id == digest_id, digest_story.c.slug.in_(slugs)
                )
            )
        )
        rows = [
            {"digest_id": digest_id, "slug": slug, "edition_id": known.id}
            for slug in slugs
            if slug not in run
        ]
        if rows:
            self._db.execute(insert(digest_story), rows)

    def known_stories(self, slugs: Sequence[str]) -> frozenset[str]:
        return frozenset(
            self._db.scalars(
                select(article.c.slug).where(
                    article.c.slug.in_(slugs), article.c.state == ArticleState.QUEUED.value
                )
            )
        )


def body_of(row: Row[Any]) -> Body:
    """A row of ``edition_body``."""
    return Body(
        language=row.language,
        subject=row.subject,
        text=row.text,
        html=row.html,
        marker=row.marker,
        stories=row.stories,
        titles=tuple(row.titles),
        summary=row.summary,
        page=row.page,
        attachments=tuple(Attachment(**one) for one in row.attachments),
    )
