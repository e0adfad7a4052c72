"""The contents of an edition: its stories, its frozen bodies, its authors, and the ledger of the
stories that its digest has run."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, delete, func, insert, select

from mailer import embargoes
from mailer.articles import group_stories
from mailer.assets import describe_ended_terms, find_hashes
from mailer.audience.segments import from_plain
from mailer.editions import EDITED_EVENT
from mailer.model.articles import Article, ArticleQuery, ArticleState, Image, Story
from mailer.model.assets import PictureAsset
from mailer.model.edition_states import EditionRole
from mailer.model.editions import Attachment, Edition, EditionBody, Manuscript
from mailer.model.embargoes import Embargo
from mailer.model.lists import MailingList
from mailer.model.segments import All, Filter
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.articles import ArticleQueries
from mailer.store.assets import SqlAssetStore
from mailer.store.audience.lists import SqlListStore
from mailer.store.audience.segment_conditions import mailed_language, members
from mailer.store.base import SqlStore
from mailer.store.releases.embargoes import SqlEmbargoStore
from mailer.store.releases.files import BoilerplateQueries
from mailer.store.slug_lookup import find_id


class EditionContentQueries(SqlStore):
    """The part of ``EditionStore`` about the contents of editions."""

    def _set_stories(self, edition_id: int, slugs: Sequence[str]) -> None:
        self._db.execute(
            delete(schema.edition_story).where(schema.edition_story.c.edition_id == edition_id)
        )
        if slugs:
            self._db.execute(
                insert(schema.edition_story),
                [
                    {"edition_id": edition_id, "slug": slug, "position": position}
                    for position, slug in enumerate(slugs)
                ],
            )

    def load_stories(self, edition: Edition) -> list[Story]:
        """Load the edition's stories in their order, without withdrawn articles. For a kill, the
        killed article is included."""
        expected_state = (
            ArticleState.KILLED if edition.role is EditionRole.KILL else ArticleState.QUEUED
        )
        articles = [
            article
            for article in ArticleQueries(self._db, self._key).find_articles(
                ArticleQuery(slugs=edition.stories)
            )
            if article.state is expected_state
        ]
        by_slug = {story.slug: story for story in group_stories(articles)}
        return [by_slug[slug] for slug in edition.stories if slug in by_slug]

    def load_manuscript(self, edition: Edition) -> Manuscript:
        """Load all records that composing needs. The stories are those of :meth:`load_stories`."""
        mailing_list = self.load_mailing_list(edition)
        languages = self._db.scalars(
            select(mailed_language)
            .select_from(members)
            .where(
                schema.membership.c.list_id == mailing_list.id,
                schema.membership.c.state == MembershipState.ACTIVE.value,
            )
            .distinct()
        ).all()
        nameless_readers = self._db.scalar(
            select(func.count())
            .select_from(members)
            .where(
                schema.membership.c.list_id == mailing_list.id,
                schema.membership.c.state == MembershipState.ACTIVE.value,
                schema.subscriber.c.name == "",
            )
        )
        stories = self.load_stories(edition)
        stored_assets = self._find_assets(
            article for story in stories for article in story.articles
        )
        embargo_store = SqlEmbargoStore(self._db, self._key)
        send_moment = edition.appointment.moment if edition.appointment else None
        send_day = max(filter(None, (embargo_store.read_clock(), send_moment))).date()
        return Manuscript(
            edition=edition,
            stories=tuple(stories),
            topics=tuple(SqlListStore(self._db, self._key).list_topics()),
            list=mailing_list,
            filter=self.load_segment_filter(edition),
            languages=tuple(sorted({edition.language, *languages})),
            embargoes=self.find_embargoes(edition),
            boilerplates=tuple(BoilerplateQueries(self._db, self._key).list_boilerplates()),
            nameless_readers=nameless_readers or 0,
            assets=stored_assets,
            ended_terms=tuple(describe_ended_terms(stored_assets.values(), send_day)),
        )

    def _find_assets(self, articles: Iterable[Article]) -> dict[str, PictureAsset]:
        """Return the assets of the articles' pictures, by hash."""
        asset_store = SqlAssetStore(self._db, self._key)
        texts = (
            text
            for article in articles
            for text in (article.html, *(image.url for image in article.all_images))
        )
        found_assets = map(asset_store.find_asset, find_hashes(*texts))
        return {asset.sha256: asset for asset in found_assets if asset}

    def find_embargoes(self, edition: Edition) -> dict[str, Embargo]:
        """Return the embargoes that are active on an edition's stories now, by slug."""
        embargo_store = SqlEmbargoStore(self._db, self._key)
        embargoed_stories = embargoes.find_embargoed(embargo_store, embargo_store.read_clock())
        return {
            slug: embargoed_stories[slug] for slug in edition.stories if slug in embargoed_stories
        }

    def load_mailing_list(self, edition: Edition) -> MailingList:
        """Load the edition's list, without counting its members."""
        return SqlListStore(self._db, self._key).get_list(edition.list)

    def load_segment_filter(self, edition: Edition) -> Filter:
        """Load the edition's segment as a filter. Without a segment, return a filter that matches
        everyone."""
        if not edition.segment:
            return All(())
        tree = self._db.scalar(
            select(schema.segment.c.tree).where(schema.segment.c.slug == edition.segment)
        )
        assert tree is not None
        return from_plain(tree)

    def list_bodies(self, edition: Edition) -> list[EditionBody]:
        rows = self._db.execute(
            select(schema.edition_body)
            .where(schema.edition_body.c.edition_id == edition.id)
            .order_by(schema.edition_body.c.language)
        )
        return [build_body(row) for row in rows]

    def fetch_story_bits(self, edition: Edition) -> dict[str, int]:
        """Return the bit of each composed story in a delivery's mask, by slug."""
        rows = self._db.execute(
            select(schema.edition_story.c.slug, schema.edition_story.c.bit).where(
                schema.edition_story.c.edition_id == edition.id,
                schema.edition_story.c.bit.is_not(None),
            )
        )
        return dict(rows.all())

    def find_author_keys(self, edition: Edition) -> frozenset[str]:
        """Return the keys of the actors who edited the edition or wrote an article of it."""
        edition_editors = self._db.scalars(
            select(schema.edition_event.c.actor_key).where(
                schema.edition_event.c.edition_id == edition.id,
                schema.edition_event.c.event_type == EDITED_EVENT,
            )
        )
        article_authors = self._db.scalars(
            select(schema.article_revision.c.author_key)
            .join(schema.article, schema.article.c.id == schema.article_revision.c.article_id)
            .join(schema.edition_story, schema.edition_story.c.slug == schema.article.c.slug)
            .where(
                schema.edition_story.c.edition_id == edition.id,
                schema.article.c.state == ArticleState.QUEUED.value,
            )
        )
        return frozenset(filter(None, (*edition_editors, *article_authors)))

    def release_stories(self, edition: Edition, slugs: Sequence[str]) -> None:
        """Remove stories from the ledger, so that the digest may run them in a later edition."""
        self._db.execute(
            delete(schema.digest_story).where(
                schema.digest_story.c.edition_id == edition.id,
                schema.digest_story.c.slug.in_(slugs),
            )
        )

    def reserve_stories(self, edition: Edition, slugs: Sequence[str]) -> None:
        """Write stories into the digest's ledger. A story that staff run again on purpose is in the
        ledger already, and stays there."""
        if not edition.digest or not slugs:
            return
        digest_id = find_id(self._db, schema.digest, edition.digest, "digest")
        run_slugs = set(
            self._db.scalars(
                select(schema.digest_story.c.slug).where(
                    schema.digest_story.c.digest_id == digest_id,
                    schema.digest_story.c.slug.in_(slugs),
                )
            )
        )
        rows = [
            {"digest_id": digest_id, "slug": slug, "edition_id": edition.id}
            for slug in slugs
            if slug not in run_slugs
        ]
        if rows:
            self._db.execute(insert(schema.digest_story), rows)

    def find_queued_slugs(self, slugs: Sequence[str]) -> frozenset[str]:
        return frozenset(
            self._db.scalars(
                select(schema.article.c.slug).where(
                    schema.article.c.slug.in_(slugs),
                    schema.article.c.state == ArticleState.QUEUED.value,
                )
            )
        )


def build_body(row: Row[Any]) -> EditionBody:
    """Build a body from a row of ``edition_body``."""
    return EditionBody(
        language=row.language,
        subject=row.subject,
        text=row.text,
        html=row.html,
        marker=row.marker,
        stories=row.stories,
        titles=tuple(row.titles),
        summary=row.summary,
        picture=Image(**row.picture) if row.picture else None,
        page=row.page,
        attachments=tuple(Attachment(**one) for one in row.attachments),
    )
