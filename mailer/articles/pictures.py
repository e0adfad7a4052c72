"""An article's pictures that are assets: their texts, which the article and the asset complete."""

from dataclasses import replace
from datetime import datetime

from mailer import assets, languages
from mailer.actor import Actor
from mailer.articles.checks import list_named_images
from mailer.assets import find_hashes, is_reference
from mailer.errors import InputError, NextStep
from mailer.model.articles import ArticleQuery, Content, Image
from mailer.model.assets import AssetChanges, PictureAsset
from mailer.model.transaction import Transaction


def complete_pictures(tx: Transaction, content: Content) -> Content:
    """Return the content with the texts that its pictures lack: the asset's alt text and caption in
    the article's language, and its credit.

    Raises InputError if an asset that the content names is not stored, or if a picture has no alt
    text in the article's language."""
    named_images = dict(list_named_images(content))
    addresses = {field: image.url for field, image in named_images.items()}
    assets.check_references(tx, {**addresses, "body": content.html})
    completed = {
        field: _complete_image(tx, image, content.language, field)
        for field, image in named_images.items()
    }
    image = completed.pop("image", None)
    return replace(content, image=image, pictures=tuple(completed.values()))


def _complete_image(tx: Transaction, image: Image, language: str, field: str) -> Image:
    if not is_reference(image.url):
        return image
    asset = _find_asset(tx, image.url)
    tag = languages.choose_language(language, sorted(asset.alts), "")
    caption_tag = languages.choose_language(language, sorted(asset.captions), "")
    alt = image.alt.strip() or asset.alts.get(tag, "")
    if not alt:
        raise InputError(
            f"the picture has no alt text in {language}",
            field=f"{field}.alt",
            hint="describe it for readers who can't see it",
            next_steps=[NextStep("describe_asset", asset=asset.sha256[:12], language=language)]
            if asset.alts
            else [],
        )
    caption = image.caption.strip() or asset.captions.get(caption_tag, "")
    credit = image.credit.strip() or asset.credit
    return replace(image, alt=alt, caption=caption, credit=credit)


def complete_assets(tx: Transaction, actor: Actor, content: Content, now: datetime) -> None:
    """Give the assets of an article's pictures the texts that only the article has, so that a
    translation with the same picture need not repeat its credit."""
    language = content.language
    for image in content.all_images:
        if not is_reference(image.url):
            continue
        asset = _find_asset(tx, image.url)
        changes = AssetChanges(
            language,
            alt=None if language in asset.alts else image.alt,
            caption=None if language in asset.captions or not image.caption else image.caption,
            credit=None if asset.credit or not image.credit else image.credit,
        )
        assets.edit_asset(tx, actor, asset, changes, now)


def share_credits(tx: Transaction, actor: Actor, content: Content, now: datetime) -> None:
    """Give the translations of a story the credit of the picture that they share with `content`, if
    they state none. So it makes no difference which translation is added first."""
    image = content.image
    if image is None or not image.credit or not is_reference(image.url):
        return
    for article in tx.articles.find_articles(ArticleQuery(slugs=(content.slug,))):
        picture = article.image
        if picture is not None and picture.url == image.url and not picture.credit:
            completed = replace(article.content, image=replace(picture, credit=image.credit))
            tx.articles.revise_article(article, completed, "the picture's credit", now, actor)


def _find_asset(tx: Transaction, reference: str) -> PictureAsset:
    asset = tx.assets.find_asset(find_hashes(reference)[0])
    assert asset is not None, "check_references has looked"
    return asset
