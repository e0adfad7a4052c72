"""Articles, their topics and revisions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, or_, select, update

from mailer.actor import Actor
from mailer.model.articles import Article, ArticleKind, ArticleQuery, ArticleState, Content, Image
from mailer.model.edition_states import REVERTIBLE_STATES
from mailer.model.event_details import EventDetails
from mailer.model.press_release import Asset, AssetKind, Carriage, PressContact, Quote, Release
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.editions import revert
from mailer.store.search.conditions import build_conditions
from mailer.store.slug_lookup import get_inserted_id
from mailer.words import build_line_text, build_needle


class ArticleQueries(SqlStore):
    """Implements :class:`mailer.model.stores.content.ArticleStore`, except for boilerplates."""

    def find_article(self, slug: str, language: str) -> Article | None:
        articles = self._fetch_articles(
            select(schema.article).where(
                schema.article.c.slug == slug, schema.article.c.language == language
            )
        )
        return articles[0] if articles else None

    def find_articles(self, query: ArticleQuery) -> list[Article]:
        """Return the articles that match, the newest first."""
        statement = select(schema.article).order_by(
            schema.article.c.published_at.desc(), schema.article.c.slug, schema.article.c.language
        )
        if query.state:
            statement = statement.where(schema.article.c.state == query.state.value)
        if query.kind:
            statement = statement.where(schema.article.c.kind == query.kind.value)
        if query.language:
            statement = statement.where(schema.article.c.language == query.language)
        if query.slugs:
            statement = statement.where(schema.article.c.slug.in_(query.slugs))
        if query.search_words:
            needles = [build_needle(word) for word in query.search_words]
            statement = statement.where(
                *build_conditions(self._db, schema.article.c.search_text, needles)
            )
        if query.topic:
            statement = statement.where(
                schema.article.c.id.in_(
                    select(schema.article_topic.c.article_id)
                    .join(schema.topic, schema.topic.c.id == schema.article_topic.c.topic_id)
                    .where(schema.topic.c.slug == query.topic)
                )
            )
        if query.after:
            statement = statement.where(_is_after(*query.after))
        return self._fetch_articles(statement.limit(query.limit))

    def _fetch_articles(self, statement: Select[Any]) -> list[Article]:
        rows = self._db.execute(statement).all()
        topics: dict[int, list[str]] = {}
        ids = [row.id for row in rows]
        for start in range(0, len(ids), 500):
            for article_id, slug in self._db.execute(
                select(schema.article_topic.c.article_id, schema.topic.c.slug)
                .join(schema.topic, schema.topic.c.id == schema.article_topic.c.topic_id)
                .where(schema.article_topic.c.article_id.in_(ids[start : start + 500]))
                .order_by(schema.article_topic.c.position)
            ):
                topics.setdefault(article_id, []).append(slug)
        return [_build_article(row, topics.get(row.id, [])) for row in rows]

    def add_article(
        self,
        content: Content,
        now: datetime,
        author: Actor,
        state: ArticleState = ArticleState.QUEUED,
    ) -> Article:
        result = self._db.execute(
            insert(schema.article).values(
                slug=content.slug,
                language=content.language,
                state=state.value,
                revision=1,
                created_at=now,
                updated_at=now,
                first_queued_at=now if state is ArticleState.QUEUED else None,
                queued_at=now if state is ArticleState.QUEUED else None,
                **_build_columns(content),
            )
        )
        self._save_revision(get_inserted_id(result), 1, content, "added", now, author)
        return self._reload_article(content)

    def revise_article(
        self, article: Article, content: Content, note: str, now: datetime, author: Actor
    ) -> Article:
        revision = article.revision + 1
        self._db.execute(
            update(schema.article)
            .where(schema.article.c.id == article.id)
            .values(revision=revision, updated_at=now, **_build_columns(content))
        )
        self._save_revision(article.id, revision, content, note, now, author)
        return self._reload_article(content)

    def set_state(self, article: Article, state: ArticleState, now: datetime) -> Article:
        self._db.execute(
            update(schema.article)
            .where(schema.article.c.id == article.id)
            .values(state=state.value, **_build_queue_times(state, now))
        )
        return self._reload_article(article)

    def find_last_author_key(self, article: Article) -> str:
        """Return the key of the actor who wrote the article's newest revision."""
        author_key: str | None = self._db.scalar(
            select(schema.article_revision.c.author_key)
            .where(schema.article_revision.c.article_id == article.id)
            .order_by(schema.article_revision.c.revision.desc())
            .limit(1)
        )
        return author_key or ""

    def find_content_at(self, article: Article, moment: datetime) -> Content | None:
        """Return what the article said at a moment, or None if it did not exist."""
        content_values = self._db.scalar(
            select(schema.article_revision.c.content)
            .where(
                schema.article_revision.c.article_id == article.id,
                schema.article_revision.c.created_at <= moment,
            )
            .order_by(schema.article_revision.c.revision.desc())
            .limit(1)
        )
        return _build_content(content_values) if content_values else None

    def find_unknown_topics(self, slugs: Iterable[str]) -> Sequence[str]:
        topic_slugs = list(slugs)
        existing_slugs = set(
            self._db.scalars(
                select(schema.topic.c.slug).where(schema.topic.c.slug.in_(topic_slugs))
            )
        )
        return [slug for slug in topic_slugs if slug not in existing_slugs]

    def revert_editions_to_draft(
        self, slug: str, reason: str, now: datetime, actor: Actor | None = None
    ) -> Sequence[int]:
        """Revert unsent editions with the story to draft. Returns their ids."""
        edition_ids = self._db.scalars(
            select(schema.edition.c.id)
            .join(schema.edition_story, schema.edition_story.c.edition_id == schema.edition.c.id)
            .where(
                schema.edition_story.c.slug == slug,
                schema.edition.c.state.in_([state.value for state in REVERTIBLE_STATES]),
            )
            .order_by(schema.edition.c.id)
            # If another transaction is starting an edition, PostgreSQL waits for it, and then
            # leaves the edition out.
            .with_for_update(of=schema.edition)
        ).all()
        for edition_id in edition_ids:
            revert.revert_to_draft(
                self._db, edition_id, f"the story {slug} was changed: {reason}", now, actor
            )
        return edition_ids

    def _reload_article(self, content: Content) -> Article:
        article = self.find_article(content.slug, content.language)
        assert article is not None
        return article

    def _save_revision(
        self,
        article_id: int,
        revision: int,
        content: Content,
        note: str,
        now: datetime,
        author: Actor,
    ) -> None:
        content_values = asdict(content) | {"published": content.published.isoformat()}
        self._db.execute(
            insert(schema.article_revision).values(
                article_id=article_id,
                revision=revision,
                content=content_values,
                note=note,
                author=author.name,
                author_key=author.key,
                created_at=now,
            )
        )
        self._db.execute(
            delete(schema.article_topic).where(schema.article_topic.c.article_id == article_id)
        )
        if content.topics:
            topic_ids = dict(
                self._db.execute(
                    select(schema.topic.c.slug, schema.topic.c.id).where(
                        schema.topic.c.slug.in_(content.topics)
                    )
                ).all()
            )
            self._db.execute(
                insert(schema.article_topic),
                [
                    {"article_id": article_id, "topic_id": topic_ids[slug], "position": position}
                    for position, slug in enumerate(content.topics)
                ],
            )


def _is_after(published: datetime, slug: str, language: str) -> ColumnElement[bool]:
    """Return the condition that an article comes after another one, the newest first. The condition
    on the time alone is for the index."""
    columns = schema.article.c
    return and_(
        columns.published_at <= published,
        or_(
            columns.published_at < published,
            columns.slug > slug,
            and_(columns.slug == slug, columns.language > language),
        ),
    )


def _build_queue_times(state: ArticleState, now: datetime) -> dict[str, Any]:
    """Build the columns that say when an article was queued, if its new state is queued."""
    if state is not ArticleState.QUEUED:
        return {}
    return {
        "queued_at": now,
        "first_queued_at": func.coalesce(schema.article.c.first_queued_at, now),
    }


def _build_columns(content: Content) -> dict[str, Any]:
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
        "event": asdict(content.event) if content.event else None,
        "pictures": [asdict(picture) for picture in content.pictures],
        "search_text": build_line_text(content.title, content.slug),
    }


def _build_article(row: Row[Any], topics: Sequence[str]) -> Article:
    return Article(
        id=row.id,
        slug=row.slug,
        language=row.language,
        kind=ArticleKind(row.kind),
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
        release=_build_release(row.release) if row.release else None,
        event=EventDetails(**row.event) if row.event else None,
        pictures=tuple(Image(**picture) for picture in row.pictures),
        created_at=row.created_at,
        updated_at=row.updated_at,
        queued_at=row.queued_at,
    )


def _build_content(content_values: Mapping[str, Any]) -> Content:
    """Build the content of a revision from the values that :meth:`ArticleQueries._save_revision`
    saved."""
    image, release, event = (content_values[name] for name in ("image", "release", "event"))
    changed_values = {
        "kind": ArticleKind(content_values["kind"]),
        "published": datetime.fromisoformat(content_values["published"]),
        "topics": tuple(content_values["topics"]),
        "image": Image(**image) if image else None,
        "release": _build_release(release) if release else None,
        "event": EventDetails(**event) if event else None,
        "pictures": tuple(Image(**picture) for picture in content_values["pictures"]),
    }
    return Content(**{**content_values, **changed_values})


def _build_release(release_values: Mapping[str, Any]) -> Release:
    return Release(
        subhead=release_values["subhead"],
        quotes=tuple(Quote(**quote) for quote in release_values["quotes"]),
        notes=release_values["notes"],
        notes_html=release_values["notes_html"],
        contacts=tuple(PressContact(**contact) for contact in release_values["contacts"]),
        assets=tuple(_build_asset(asset_values) for asset_values in release_values["assets"]),
        about=tuple(release_values["about"]),
    )


def _build_asset(asset_values: Mapping[str, Any]) -> Asset:
    enums = {
        "kind": AssetKind(asset_values["kind"]),
        "carriage": Carriage(asset_values["carriage"]),
    }
    return Asset(**{**asset_values, **enums})
