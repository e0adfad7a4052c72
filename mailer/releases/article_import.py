"""Importing an article file with its pictures, its attachments and its embargo."""

from datetime import datetime

from mailer import articles, assets, embargoes
from mailer.actor import Actor
from mailer.audience.lists import add_topic
from mailer.model.articles import Article, ArticleOutcome, ArticleState
from mailer.model.reading import ReadArticle
from mailer.model.transaction import Transaction


def import_article(
    tx: Transaction,
    actor: Actor,
    file: ReadArticle,
    now: datetime,
    *,
    create_topics: bool = False,
    state: ArticleState = ArticleState.QUEUED,
) -> tuple[Article, ArticleOutcome]:
    """Import an article file with its pictures, attachments and embargo, atomically. New articles
    start in `state`.

    Raises InputError, and Refused if the file's embargo differs from the story's."""
    assert file.content is not None
    tx.lock_releases()
    with tx.open_savepoint():
        if create_topics:
            for slug in tx.articles.find_unknown_topics(file.content.topics):
                add_topic(tx, actor, slug, {}, now)
        for attached_file in file.files:
            tx.releases.save_file(
                attached_file.sha256, attached_file.media_type, attached_file.content, now
            )
        for picture in file.pictures:
            assets.add_asset(tx, actor, picture, now)
        article, outcome = articles.add_article(
            tx, actor, file.content, now, dated=file.dated, state=state
        )
        if file.embargo:
            embargo = embargoes.declare_embargo(tx, actor, article.slug, file.embargo, now)
            if embargo.set_at == now and outcome is ArticleOutcome.UNCHANGED:
                outcome = ArticleOutcome.REVISED
    return article, outcome
