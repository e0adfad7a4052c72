"""Build the view of a press release for its template: embargo times at several places, quotes,
contacts, assets, and boilerplates."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_location
from markupsafe import Markup

from mailer import bidi, languages
from mailer.articles import boilerplates
from mailer.articles.boilerplates import OWN_ORGANISATION
from mailer.config import Settings
from mailer.errors import ComposeError, NextStep
from mailer.model.articles import Article, Boilerplate
from mailer.model.embargoes import EmbargoTerms
from mailer.model.press_release import Asset, Carriage, PressContact, Quote, Release
from mailer.render.prose import prepare_prose


@dataclass(frozen=True, slots=True)
class TimeView:
    """The local time of a moment at a place. `offset` is the difference from UTC, such as
    ``UTC−5``; it is empty for UTC."""

    place: str
    moment: datetime
    offset: str


@dataclass(frozen=True, slots=True)
class EmbargoView:
    """The end of an embargo in the local times of several places."""

    times: tuple[TimeView, ...]


@dataclass(frozen=True, slots=True)
class AssetView:
    """An asset. `url` is absolute; `size` is in kilobytes, or 0 if the asset is not stored here.
    `file_type` is its file's type as people name it, such as ``PDF``, or "". `attached`: the file
    comes with the mail."""

    kind: str
    title: str
    url: str
    name: str
    file_type: str
    size: int
    credit: str
    caption: str
    alt: str
    terms: str
    attached: bool


@dataclass(frozen=True, slots=True)
class AboutView:
    """A boilerplate. `language` and `dir` are those of its text."""

    name: str
    html: Markup
    language: str
    dir: str


@dataclass(frozen=True, slots=True)
class ReleaseView:
    subhead: str
    quotes: tuple[Quote, ...]
    notes: Markup
    contacts: tuple[PressContact, ...]
    assets: tuple[AssetView, ...]
    about: tuple[AboutView, ...]


def build_embargo_view(
    terms: EmbargoTerms, places: Mapping[str, str], language: str, place_names: Mapping[str, str]
) -> EmbargoView:
    """Return the embargo's end in the local times of `places` (a name -> its zone).

    If the embargo's own zone is not among them, the time in that zone comes first. `place_names`
    translates names of places into `language`."""
    ends_at = terms.moment
    zones_by_place = {place_names.get(place, place): zone for place, zone in places.items()}
    if terms.zone not in zones_by_place.values():
        zones_by_place = {name_place(terms.zone, language): terms.zone, **zones_by_place}
    times = []
    for place, zone in zones_by_place.items():
        moment = ends_at.astimezone(ZoneInfo(zone))
        times.append(TimeView(place, moment, "" if place == "UTC" else _format_utc_offset(moment)))
    return EmbargoView(tuple(times))


def name_place(zone: str, language: str) -> str:
    """Return the name of a zone's city in `language`, or the zone's own name if it has none."""
    if "/" not in zone:
        return zone
    locale = languages.get_locale(language)
    return str(get_timezone_location(ZoneInfo(zone), locale=locale, return_city=True))


def _format_utc_offset(moment: datetime) -> str:
    offset = moment.utcoffset()
    assert offset is not None
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "−" if minutes < 0 else "+"
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


def build_release_view(
    article: Article,
    available_boilerplates: Sequence[Boilerplate],
    settings: Settings,
    language: str,
    default: str,
) -> ReleaseView:
    """Return the view of an article's release.

    The office's own press contact is used if the release has none. Raises ComposeError if an
    organisation has no boilerplate, or if all attachments together are too large."""
    release = article.release or Release()
    attached_bytes = sum(
        asset.size for asset in release.assets if asset.carriage is Carriage.ATTACH
    )
    limit = settings.press.attach_limit
    if attached_bytes > limit:
        raise ComposeError(
            f"{article.slug} attaches {attached_bytes:,} bytes, and the limit is {limit:,}",
            hint="remove attach: from the largest files, so that the mail links to them; or raise "
            "press.attach_limit",
        )
    direction = languages.get_direction(article.language)
    return ReleaseView(
        subhead=bidi.isolate_numbers(release.subhead, direction),
        quotes=tuple(
            Quote(
                *(
                    bidi.isolate_numbers(text, direction)
                    for text in (statement.text, statement.speaker, statement.role)
                )
            )
            for statement in release.quotes
        ),
        notes=Markup(  # noqa: S704  (sanitised when it came in)
            prepare_prose(release.notes_html, direction=direction)
        ),
        contacts=release.contacts or _build_default_contacts(settings),
        assets=tuple(
            _build_asset_view(asset, article.slug, settings, direction) for asset in release.assets
        ),
        about=tuple(
            _build_about_views(
                article, release, available_boilerplates, settings, language, default
            )
        ),
    )


def find_translation_gaps(
    story_articles: Mapping[str, Article],
    available_boilerplates: Sequence[Boilerplate],
    default: str,
) -> Iterator[str]:
    """Yield a warning for each part that one translation of a release lacks and another has.

    `story_articles` are the translations by language. Gaps do not prevent sending, but the person
    who sends should know about them."""
    max_counts = {
        part: max(count_part(article.release or Release()) for article in story_articles.values())
        for part, count_part in _PART_COUNTERS.items()
    }
    for language, article in story_articles.items():
        for part, count_part in _PART_COUNTERS.items():
            if (part_count := count_part(article.release or Release())) < max_counts[part]:
                shortfall = (
                    f"{part_count} of {max_counts[part]} {part}"
                    if max_counts[part] > 1
                    else f"no {part}"
                )
                yield f"{article.slug} in {language} has {shortfall}"
        for organisation in dict.fromkeys(
            (*(article.release or Release()).about, OWN_ORGANISATION)
        ):
            boilerplate = boilerplates.choose_boilerplate(
                available_boilerplates, organisation, language, default
            )
            if boilerplate and languages.get_base_language(
                boilerplate.language
            ) != languages.get_base_language(language):
                owner = f" of {organisation}" if organisation != OWN_ORGANISATION else ""
                yield (
                    f"readers of {language} get the boilerplate{owner} in {boilerplate.language}, "
                    f"as it has no text in {language}"
                )


_PART_COUNTERS: Mapping[str, Callable[[Release], int]] = {
    "subhead": lambda release: bool(release.subhead),
    "quotes": lambda release: len(release.quotes),
    "notes to editors": lambda release: bool(release.notes),
    "press contacts": lambda release: len(release.contacts),
    "assets": lambda release: len(release.assets),
    "partners under about": lambda release: len(release.about),
}


def _build_default_contacts(settings: Settings) -> tuple[PressContact, ...]:
    press = settings.press
    if not (press.contact_phone or press.contact_email):
        return ()
    name = press.contact_name or settings.organisation.name
    return (PressContact(name, press.contact_role, press.contact_phone, press.contact_email),)


def _build_about_views(
    article: Article,
    release: Release,
    available_boilerplates: Sequence[Boilerplate],
    settings: Settings,
    language: str,
    default: str,
) -> list[AboutView]:
    about_views = []
    for organisation in dict.fromkeys((*release.about, OWN_ORGANISATION)):
        boilerplate = boilerplates.choose_boilerplate(
            available_boilerplates, organisation, language, default
        )
        if boilerplate is None and organisation != OWN_ORGANISATION:
            raise ComposeError(
                f"{article.slug} is also about {organisation!r}, which has no boilerplate",
                next_steps=[NextStep("set_boilerplate", organisation=organisation)],
            )
        if boilerplate is not None:
            name = boilerplate.name or settings.organisation.name
            direction = languages.get_direction(boilerplate.language)
            text = Markup(  # noqa: S704  (sanitised when it was stored)
                prepare_prose(boilerplate.html, direction=direction)
            )
            about_views.append(AboutView(name, text, boilerplate.language, direction))
    return about_views


def _build_asset_view(asset: Asset, slug: str, settings: Settings, direction: str) -> AssetView:
    site = settings.web.base_url.rstrip("/")
    return AssetView(
        kind=asset.kind.value,
        title=bidi.isolate_numbers(asset.title, direction),
        url=asset.url or f"{site}/press/{slug}/files/{asset.file[:16]}/{quote(asset.name)}",
        name=asset.name,
        file_type=_name_file_type(asset),
        size=-(-asset.size // 1000),
        credit=bidi.isolate_numbers(asset.credit, direction),
        caption=bidi.isolate_numbers(asset.caption, direction),
        alt=asset.alt,
        terms=bidi.isolate_numbers(asset.terms, direction),
        attached=asset.carriage is Carriage.ATTACH,
    )


_FILE_TYPE = re.compile(r"\.([A-Za-z0-9]{2,4})$")


def _name_file_type(asset: Asset) -> str:
    match = _FILE_TYPE.search(asset.name or urlsplit(asset.url).path)
    return match[1].upper() if match else ""
