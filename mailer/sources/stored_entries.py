"""The stored data about the entries of a source."""

from dataclasses import replace

from mailer import articles
from mailer.actor import Actor, ActorKind
from mailer.articles import SLUG_LENGTH
from mailer.model.articles import Article, ArticleQuery, ArticleState, Content
from mailer.model.sources import Source, SourceEntry, SourceItem
from mailer.model.transaction import Transaction
from mailer.sources.decisions import StoredEntry


def load_entry(tx: Transaction, source: Source, entry: SourceEntry) -> StoredEntry:
    """Load the stored data that :func:`~mailer.sources.decide_import` needs for an entry."""
    content = entry.content
    if content is None:
        return StoredEntry()
    if entry.file is not None:
        article = tx.articles.find_article(content.slug, content.language)
        story_articles = tx.articles.find_articles(ArticleQuery(slugs=(content.slug,)))
        return StoredEntry(
            article=article,
            is_own_revision=article is None or _is_own_revision(tx, source, article),
            is_story_queued=any(
                story_article.state is ArticleState.QUEUED for story_article in story_articles
            ),
        )
    item = tx.sources.find_item(source, entry.key)
    same_item = (
        tx.sources.find_item_by_fingerprint(source, entry.fingerprint) if item is None else None
    )
    known_item = item or same_item
    if known_item is None:
        known_item = _find_same_article(tx, entry, content)
        same_item = known_item
    article = tx.articles.find_article(known_item.slug, known_item.language) if known_item else None
    return StoredEntry(
        item,
        same_item,
        article,
        is_own_revision=article is None or _is_own_revision(tx, source, article),
        free_slug="" if known_item else find_free_slug(tx, content),
    )


def _find_same_article(tx: Transaction, entry: SourceEntry, content: Content) -> SourceItem | None:
    """Return the item of an entry that staff have added already, such as a Word file, with the same
    content. Return None if there is no such article."""
    article = tx.articles.find_article(content.slug, content.language)
    if article is None or not has_same_content(article, content, dated=entry.dated):
        return None
    return SourceItem(entry.key, entry.fingerprint, article.slug, article.language)


def has_same_content(article: Article, content: Content, *, dated: bool) -> bool:
    """Check whether an article has this content. If the content is not `dated`, its date is that of
    reading, and does not count."""
    checked = articles.check_content(content)
    if not dated:
        checked = replace(checked, published=article.published)
    return checked.compute_fingerprint() == article.content.compute_fingerprint()


def _is_own_revision(tx: Transaction, source: Source, article: Article) -> bool:
    """Check whether the source wrote the last revision, since edits of staff are not
    overwritten."""
    return tx.articles.find_last_author_key(article) == build_author(source).key


def build_author(source: Source) -> Actor:
    return Actor(ActorKind.SOURCE, source.settings.name, f"source {source.settings.name}")


def find_free_slug(tx: Transaction, content: Content) -> str:
    """Return the content's slug, with a number if another story has it."""
    slug, number = content.slug, 1
    while tx.articles.find_articles(ArticleQuery(slugs=(slug,))):
        number += 1
        suffix = f"-{number}"
        slug = content.slug[: SLUG_LENGTH - len(suffix)].rstrip("-") + suffix
    return slug
