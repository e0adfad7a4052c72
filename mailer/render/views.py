"""Build from records the plain data that templates see. The data is immutable, and does not refer
to records.

========================= ======================================================================
name                      is
========================= ======================================================================
organisation              name, postal_lines, website, logo_url, logo_alt, accent, accent_dark,
                          on_accent, band, band_dark, social (name, url)
edition                   name, number, date, list_name, language, dir, opening (HTML),
                          opening_text, opening_language, opening_dir; preheader (HTML, empty if
                          the template writes its own), preheader_language, preheader_dir; role
                          (plain, advance, release, correction, kill); changed and why (of a
                          correction or kill); counts_clicks (the footer must say so)
stories                   in the order in which readers see them; the first is the lead
sections                  name, slug, bits, stories: by topic, in the same order
recipient                 name, address: personal fields; fields: one for each of the office's own
links                     unsubscribe, preferences, view: personal, absolute addresses; subscribe,
                          archive: the list's own pages, empty for a private list
when                      any, first, rest, single, several, contents: parts for readers who get
                          these stories;
                          mail, web: parts for mails, and for public pages
lead_title                the title of each reader's own first story (in a subject or preheader)
========================= ======================================================================

A story has: bits, number (its position for each reader), slug, title, short_title, summary,
standfirst (the summary, or nothing if the text begins with it), teaser, brief (the teaser in about
two lines), html, prose (html as mails show it, with its dateline), url, kind, kind_name, topic,
language, dir, foreign (its language is not the mail's), image (url, small_url, alt, credit,
caption) or None, byline, dateline, published, release (subhead, quotes, notes, contacts, assets,
about: see ``releases.py``), event and pictures (see ``story_parts.py``), and
embargo (its times) if the mail states one, otherwise None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from mailer import bidi, languages, text_breaks
from mailer.assets import resolve_html, resolve_url
from mailer.config import Settings
from mailer.message import Slot
from mailer.model.articles import Article, ArticleKind, Story
from mailer.model.assets import RENDITION_WIDTHS, PictureAsset
from mailer.model.lists import MailingList, Topic, Visibility
from mailer.render import colours, prose, story_parts, text_part
from mailer.render.environment import PersonalField
from mailer.render.releases import EmbargoView, ReleaseView
from mailer.render.story_parts import EventView, ImageView

TEASER_LENGTH = 240


@dataclass(frozen=True, slots=True)
class OrganisationView:
    name: str
    postal_lines: tuple[str, ...]
    website: str
    logo_url: str
    logo_alt: str
    accent: str
    accent_dark: str
    on_accent: str
    band: str
    band_dark: str
    social: tuple["SocialLink", ...]


@dataclass(frozen=True, slots=True)
class SocialLink:
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class EditionView:
    name: str
    number: int
    date: PersonalField
    list_name: str
    language: str
    dir: str
    role: str
    changed: str
    why: str
    urgent: str
    opening: Markup
    opening_text: str
    opening_language: str
    opening_dir: str
    preheader: Markup
    preheader_language: str
    preheader_dir: str
    counts_clicks: bool = False


@dataclass(frozen=True, slots=True)
class StoryView:
    bits: int
    number: PersonalField
    slug: str
    title: str
    short_title: str
    summary: str
    standfirst: str
    teaser: str
    brief: str
    html: Markup
    prose: Markup
    url: str
    kind: str
    kind_name: str
    topic: str
    topic_slug: str
    language: str
    dir: str
    foreign: bool
    image: ImageView | None
    byline: str
    dateline: str
    published: datetime
    release: ReleaseView
    event: EventView | None
    pictures: tuple[ImageView, ...]
    embargo: EmbargoView | None


@dataclass(frozen=True, slots=True)
class SectionView:
    name: str
    slug: str
    bits: int
    stories: tuple[StoryView, ...]


@dataclass(frozen=True, slots=True)
class LinksView:
    unsubscribe: PersonalField
    preferences: PersonalField
    view: PersonalField
    subscribe: str
    archive: str


KIND_NAMES = {
    ArticleKind.NEWS: "News",
    ArticleKind.PRESS_RELEASE: "Press release",
    ArticleKind.EVENT: "Event",
    ArticleKind.STATEMENT: "Statement",
    ArticleKind.OP_ED: "Opinion",
    ArticleKind.PHOTO_STORY: "Photo story",
    ArticleKind.CAMPAIGN: "Campaign",
    ArticleKind.REPORT: "Report",
}
"""The English names; the .po files have the translations."""


def build_organisation_view(settings: Settings) -> OrganisationView:
    organisation = settings.organisation
    accent_dark = colours.find_lighter_tint(organisation.accent)
    return OrganisationView(
        name=organisation.name,
        postal_lines=tuple(
            line.strip() for line in organisation.postal_address.splitlines() if line.strip()
        ),
        website=organisation.website,
        logo_url=resolve_url(organisation.logo_url, settings.web.base_url, RENDITION_WIDTHS[-1]),
        logo_alt=organisation.logo_alt or organisation.name,
        accent=organisation.accent,
        accent_dark=accent_dark,
        on_accent=colours.LIGHT_BACKGROUND,
        band=colours.find_band(organisation.accent, colours.LIGHT_BACKGROUND),
        band_dark=colours.find_band(accent_dark, colours.DARK_BACKGROUND),
        social=tuple(SocialLink(name, url) for name, url in organisation.social.items()),
    )


def build_links_view(marker: str, mailing_list: MailingList, settings: Settings) -> LinksView:
    """Return the links of a mail to this list, except those of its stories."""
    site = settings.web.base_url.rstrip("/")
    is_public = mailing_list.visibility is Visibility.PUBLIC
    return LinksView(
        unsubscribe=PersonalField(marker, Slot.UNSUBSCRIBE),
        preferences=PersonalField(marker, Slot.PREFERENCES),
        view=PersonalField(marker, Slot.VIEW),
        subscribe=f"{site}/subscribe/{mailing_list.slug}" if is_public else "",
        archive=f"{site}/archive/{mailing_list.slug}" if is_public else "",
    )


def build_teaser(article: Article) -> str:
    """Return the article's summary, otherwise the beginning of its text."""
    if article.summary:
        return article.summary
    text = text_part.extract_first_paragraph(article.html)
    return text_breaks.shorten_text(text, TEASER_LENGTH)


def has_own_summary(summary: str, html: str) -> bool:
    """Check that a summary says something that the beginning of the text does not repeat."""
    beginning = " ".join(Markup(html).striptags().split())  # noqa: S704  (only compared)
    return bool(summary) and not beginning.startswith(" ".join(summary.split())[:60])


def build_story_url(settings: Settings, article: Article) -> str:
    """Return the web address of a story: its canonical address, otherwise that of the mailer's own
    page."""
    if article.canonical_url:
        return article.canonical_url
    site = settings.web.base_url.rstrip("/")
    if article.kind is ArticleKind.PRESS_RELEASE:
        return f"{site}/press/{article.slug}?lang={article.language}"
    return f"{settings.web.base_url.rstrip('/')}/stories/{article.slug}/{article.language}"


def group_stories(stories: Sequence[Story]) -> tuple[Story, ...]:
    """Return the stories in the order in which readers see them: the first, then by topic.

    A topic's place is that of its first story; within a topic, the order is kept."""
    topics = list(dict.fromkeys(_get_section_slug(story) for story in stories[1:]))
    other_stories = sorted(stories[1:], key=lambda story: topics.index(_get_section_slug(story)))
    return (*stories[:1], *other_stories)


def _get_section_slug(story: Story) -> str:
    return story.topics[0] if story.topics else ""


def build_story_view(
    article: Article,
    *,
    bits: int,
    number: PersonalField,
    section: str,
    topics: dict[str, Topic],
    language: str,
    kind_name: str,
    settings: Settings,
    release: ReleaseView,
    embargo: EmbargoView | None = None,
    event: EventView | None = None,
    run_in: str = "",
    stored_assets: Mapping[str, PictureAsset] | None = None,
) -> StoryView:
    """Return the view of an article. `run_in` is its dateline as the mail's language writes it, and
    `stored_assets` are the assets of its pictures, by hash."""
    zone = ZoneInfo(settings.defaults.time_zone)
    base_url = settings.web.base_url
    html = resolve_html(article.html, base_url)
    direction = languages.get_direction(article.language)
    standfirst = article.summary if has_own_summary(article.summary, article.html) else ""
    teaser = build_teaser(article)
    return StoryView(
        bits=bits,
        number=number,
        slug=article.slug,
        title=bidi.isolate_numbers(article.title, direction),
        short_title=bidi.isolate_numbers(
            story_parts.shorten_title(article.title, article.language), direction
        ),
        summary=bidi.isolate_numbers(article.summary, direction),
        standfirst=bidi.isolate_numbers(standfirst, direction),
        teaser=bidi.isolate_numbers(teaser, direction),
        brief=bidi.isolate_numbers(story_parts.shorten_teaser(teaser, article.language), direction),
        html=Markup(html),  # noqa: S704  (sanitised when it came in)
        prose=Markup(  # noqa: S704  (sanitised when it came in)
            prose.prepare_prose(html, direction=direction, run_in=run_in)
        ),
        url=build_story_url(settings, article),
        kind=article.kind.value,
        kind_name=kind_name,
        topic=topics[section].get_name(language) if section in topics else "",
        topic_slug=section,
        language=article.language,
        dir=direction,
        foreign=languages.get_base_language(article.language)
        != languages.get_base_language(language),
        image=story_parts.build_image_view(article.image, direction, base_url)
        if article.image
        else None,
        byline=bidi.isolate_numbers(article.byline, direction),
        dateline=article.dateline,
        published=article.published.astimezone(zone),
        release=release,
        event=event,
        pictures=story_parts.list_pictures(article, base_url, stored_assets or {}),
        embargo=embargo,
    )


def build_sections(stories: Sequence[StoryView]) -> tuple[SectionView, ...]:
    """Return sections of stories by topic, in the order of :func:`group_stories`.

    The first story is in no section, since it is the lead for every reader who gets it."""
    stories_by_topic: dict[str, list[StoryView]] = {}
    for story in stories[1:]:
        stories_by_topic.setdefault(story.topic_slug, []).append(story)
    return tuple(
        SectionView(
            name=section_stories[0].topic,
            slug=slug,
            bits=sum(story.bits for story in section_stories),
            stories=tuple(section_stories),
        )
        for slug, section_stories in stories_by_topic.items()
    )
