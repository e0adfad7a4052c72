"""Articles, their topics and revisions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from mailer.articles import Article, ArticleState, Content, Image, Kind, Query
from mailer.articles.release import Asset, AssetKind, Carriage, PressContact, Quote, Release
from mailer.editions import VOIDED
from mailer.store import void
from mailer.store.ids import new_id
from mailer.store.schema import (
    article,
    article_revision,
    article_topic,
    edition,
    edition_story,
    topic,
)


class Articles:
    """Implements ``articles.ArticleStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def find(self, slug: str, language: str) -> Article | None:
        found = self._records(
            select(article).where(article.c.slug == slug, article.c.language == language)
        )
        return found[0] if found else None

    def matching(self, query: Query) -> list[Article]:
        """Newest first."""
        wanted = select(article).order_by(
            article.c.published_at.desc(), article.c.slug, article.c.language
        )
        if query.state:
            wanted = wanted.where(article.c.state == query.state.value)
        if query.kind:
            wanted = wanted.where(article.c.kind == query.kind.value)
        if query.language:
            wanted = wanted.where(article.c.language == query.language)
        if query.slugs:
            wanted = wanted.where(article.c.slug.in_(query.slugs))
        if query.topic:
            wanted = wanted.where(
                article.c.id.in_(
                    select(article_topic.c.article_id)
                    .join(topic, topic.c.id == article_topic.c.topic_id)
                    .where(topic.c.slug == query.topic)
                )
            )
        return self._records(wanted)

    def _records(self, wanted: Select[Any]) -> list[Article]:
        rows = self._db.execute(wanted).all()
        topics: dict[int, list[str]] = {}
        ids = [row.id for row in rows]
        for start in range(0, len(ids), 500):
            for owner, slug in self._db.execute(
                select(article_topic.c.article_id, topic.c.slug)
                .join(topic, topic.c.id == article_topic.c.topic_id)
                .where(article_topic.c.article_id.in_(ids[start : start + 500]))
                .order_by(article_topic.c.position)
            ):
                topics.setdefault(owner, []).append(slug)
        return [_record(row, topics.get(row.id, [])) for row in rows]

    def add(
        self,
        content: Content,
        now: datetime,
        author: str = "",
        state: ArticleState = ArticleState.QUEUED,
    ) -> Article:
        made = self._db.execute(
            insert(article).values(
                slug=content.slug,
                language=content.language,
                state=state.value,
                revision=1,
                created_at=now,
                updated_at=now,
                **_columns(content),
            )
        )
        self._keep(new_id(made), 1, content, "added", now, author)
        return self._again(content)

    def revise(
        self, article_: Article, content: Content, note: str, now: datetime, author: str = ""
    ) -> Article:
        number = article_.revision + 1
        self._db.execute(
            update(article)
            .where(article.c.id == article_.id)
            .values(revision=number, updated_at=now, **_columns(content))
        )
        self._keep(article_.id, number, content, note, now, author)
        return self._again(content)

    def set_state(self, article_: Article, state: ArticleState, now: datetime) -> Article:
        self._db.execute(
            update(article).where(article.c.id == article_.id).values(state=state.value)
        )
        return self._again(article_)

    def last_author(self, article_: Article) -> str:
        """Who wrote its newest revision; empty where that isn't known."""
        found: str | None = self._db.scalar(
            select(article_revision.c.author)
            .where(article_revision.c.article_id == article_.id)
            .order_by(article_revision.c.revision.desc())
            .limit(1)
        )
        return found or ""

    def unknown_topics(self, slugs: Iterable[str]) -> Sequence[str]:
        wanted = list(slugs)
        known = set(self._db.scalars(select(topic.c.slug).where(topic.c.slug.in_(wanted))))
        return [slug for slug in wanted if slug not in known]

    def void_editions(self, slug: str, reason: str, now: datetime) -> Sequence[int]:
        """Put editions that hold the story and are not sent yet back to draft; their ids."""
        holding = self._db.scalars(
            select(edition.c.id)
            .join(edition_story, edition_story.c.edition_id == edition.c.id)
            .where(
                edition_story.c.slug == slug,
                edition.c.state.in_([state.value for state in VOIDED]),
            )
            .order_by(edition.c.id)
            # PostgreSQL waits for whoever is beginning one just now, and then leaves it out.
            .with_for_update(of=edition)
        ).all()
        for edition_id in holding:
            void.back_to_draft(self._db, edition_id, f"the story {slug} was changed: {reason}", now)
        return holding

    def _again(self, content: Content) -> Article:
        found = self.find(content.slug, content.language)
        assert found is not None
        return found

    def _keep(
        self,
        article_id: int,
        number: int,
        content: Content,
        note: str,
        now: datetime,
        author: str,
    ) -> None:
        plain = asdict(content) | {"published": content.published.isoformat()}
        self._db.execute(
            insert(article_revision).values(
                article_id=article_id,
                revision=number,
                content=plain,
                note=note,
                author=author,
                created_at=now,
            )
        )
        self._db.execute(delete(article_topic).where(article_topic.c.article_id == article_id))
        if content.topics:
            ids = dict(
                self._db.execute(
                    select(topic.c.slug, topic.c.id).where(topic.c.slug.in_(content.topics))
                ).all()
            )
            self._db.execute(
                insert(article_topic),
                [
                    {"article_id": article_id, "topic_id": ids[slug], "position": position}
                    for position, slug in enumerate(content.topics)
                ],
            )


def _columns(content: Content) -> dict[str, Any]:
    return {
        "kind": content.kind.value,
        "title": content.title,
        "summary": content.summary,
        "body": content.body,
        "html": content.html,
        "published_at": content.published,
        "image": asdict(content.image) if content.image else None,
        "canonical_url": content.canonical_url,
        "byline": content.byline,
        "dateline": content.dateline,
        "lead": content.lead,
        "release": asdict(content.release) if content.release else None,
    }


def _record(row: Row[Any], topics: Sequence[str]) -> Article:
    return Article(
        id=row.id,
        slug=row.slug,
        language=row.language,
        kind=Kind(row.kind),
        state=ArticleState(row.state),
        revision=row.revision,
        title=row.title,
        summary=row.summary,
        body=row.body,
        html=row.html,
        published=row.published_at,
        topics=tuple(topics),
        image=Image(**row.image) if row.image else None,
        canonical_url=row.canonical_url,
        byline=row.byline,
        dateline=row.dateline,
        lead=row.lead,
        release=_release(row.release) if row.release else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _release(plain: Mapping[str, Any]) -> Release:
    return Release(
        subhead=plain["subhead"],
        quotes=tuple(Quote(**one) for one in plain["quotes"]),
        notes=plain["notes"],
        notes_html=plain["notes_html"],
        contacts=tuple(PressContact(**one) for one in plain["contacts"]),
        assets=tuple(
            Asset(**one | {"kind": AssetKind(one["kind"]), "carriage": Carriage(one["carriage"])})
            for one in plain["assets"]
        ),
        about=tuple(plain["about"]),
    )
