"""Changing fields of an article."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from mailer import articles, assets
from mailer.cli.article.group import LanguageOption, app
from mailer.cli.options import ByOption, DryRunOption, JsonOption, StorySlug, resolve_actor
from mailer.cli.output import Output
from mailer.cli.text_files import read_text
from mailer.cli.transactions import open_for_writing
from mailer.errors import InputError, UsageError
from mailer.model.articles import Article, ArticleKind, Image
from mailer.model.event_details import EventDetails


@app.command("edit")
def edit_article(
    slug: StorySlug,
    language: LanguageOption = "",
    title: Annotated[str | None, typer.Option(help="The title.")] = None,
    summary: Annotated[str | None, typer.Option(help="The summary.")] = None,
    kind: Annotated[ArticleKind | None, typer.Option(help="The article's kind.")] = None,
    published: Annotated[
        str | None,
        typer.Option(help="The publication date, such as 2026-12-18, or the date and time."),
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="A topic; repeatable; the given topics replace the earlier ones."),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(help="The picture's file or web address; empty: remove the picture."),
    ] = None,
    image_alt: Annotated[str | None, typer.Option(help="The picture's alt text.")] = None,
    image_credit: Annotated[str | None, typer.Option(help="The picture's credit.")] = None,
    image_caption: Annotated[str | None, typer.Option(help="The picture's caption.")] = None,
    canonical_url: Annotated[
        str | None, typer.Option(help="The address of the article on the web.")
    ] = None,
    byline: Annotated[str | None, typer.Option(help="The byline.")] = None,
    dateline: Annotated[str | None, typer.Option(help="The dateline.")] = None,
    starts: Annotated[
        str | None,
        typer.Option(help='When the event begins: "2026-12-18 15:30", or a day; "" to remove it.'),
    ] = None,
    ends: Annotated[
        str | None, typer.Option(help="When the event ends; a time means the same day.")
    ] = None,
    place: Annotated[str | None, typer.Option(help="Where the event takes place.")] = None,
    body: Annotated[Path | None, typer.Option(help="A Markdown file with the new text.")] = None,
    lead: Annotated[
        bool | None,
        typer.Option("--lead/--no-lead", help="Ask digests to put the article first, or not."),
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change fields of an article, which makes a new revision.

    Unsent editions with the article return to draft. A new picture from a file takes the texts
    that are not given from its asset.

    Example: mailer article edit open-day --title "Open day on Friday" --lead"""
    from mailer.intake.article_pictures import ArticlePictures
    from mailer.intake.link_checks import is_local_picture
    from mailer.intake.markdown_checks import read_markdown
    from mailer.intake.picture_files import LocalPicture, read_picture_file

    out = Output(json)
    changes: dict[str, Any] = {
        key: value
        for key, value in {
            "title": title,
            "summary": summary,
            "kind": kind,
            "canonical_url": canonical_url,
            "byline": byline,
            "dateline": dateline,
            "lead": lead,
        }.items()
        if value is not None
    }
    if topic is not None:
        changes["topics"] = tuple(topic)
    body_pictures = ArticlePictures(body.parent if body else Path())
    if body is not None:
        text = body_pictures.replace_files(read_text(body), body)
        changes |= {"body": text, "html": read_markdown(text, str(body))}
    pictures: list[LocalPicture] = list(body_pictures.pictures.values())
    if image and is_local_picture(image):
        pictures.append(read_picture_file(Path(image)))
        image = pictures[-1].reference
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out, pictures) as (mailer, tx):
        language = language or mailer.settings.defaults.language
        current_article = articles.get_article(tx, slug, language)
        if published is not None:
            changes["published"] = _parse_moment(published, mailer.settings.defaults.time_zone)
        for picture in pictures:
            assets.add_asset(tx, actor, picture, mailer.clock())
        if (image, image_alt, image_credit, image_caption) != (None,) * 4:
            changes["image"] = _change_image(
                current_article, image, image_alt, image_credit, image_caption
            )
        if (starts, ends, place) != (None, None, None):
            changes["event"] = _change_event(
                current_article, starts, ends, place, mailer.settings.defaults.time_zone
            )
        if not changes:
            raise UsageError("no change was given", hint="see `mailer article edit --help`")
        article, outcome = articles.edit_article(
            tx,
            actor,
            slug,
            language,
            changes,
            mailer.clock(),
        )
        message = f"{article.slug} ({article.language}): {outcome}, revision {article.revision}"
        out.print_record(article, message)


def _parse_moment(text: str, zone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{text!r} is not a date", where="--published", hint="write it as 2026-12-18"
        ) from error


def _change_image(
    article: Article, url: str | None, alt: str | None, credit: str | None, caption: str | None
) -> Image | None:
    """Return the changed picture. A new picture that is an asset keeps no text of the old one."""
    if url == "":
        return None
    current_image = article.image or Image("", "")
    if url is not None and url != current_image.url and assets.is_reference(url):
        current_image = Image(url, "")
    return Image(
        current_image.url if url is None else url,
        current_image.alt if alt is None else alt,
        current_image.credit if credit is None else credit,
        current_image.caption if caption is None else caption,
    )


def _change_event(
    article: Article, starts: str | None, ends: str | None, place: str | None, zone: str
) -> EventDetails | None:
    if starts == "":
        return None
    current = article.event or EventDetails("", zone)
    return articles.read_event_details(
        current.starts if starts is None else starts,
        current.ends if ends is None else ends,
        current.place if place is None else place,
        current.zone,
    )
