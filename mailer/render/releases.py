"""A press release as its template sees it: until when it is embargoed in the clocks of several
places, who says what, whom to ask, what comes with it, and who stands behind it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_location
from markupsafe import Markup

from mailer import languages
from mailer.articles import Article, boilerplates
from mailer.articles.boilerplates import OURS, Boilerplate
from mailer.articles.release import Asset, Carriage, PressContact, Quote, Release
from mailer.config import Settings
from mailer.embargoes import Terms
from mailer.errors import ComposeError


@dataclass(frozen=True, slots=True)
class TimeView:
    """What clocks show at a place. `offset` is from UTC, such as ``UTC−5``; empty for UTC."""

    place: str
    moment: datetime
    offset: str


@dataclass(frozen=True, slots=True)
class EmbargoView:
    """When an embargo ends, in the clocks of several places."""

    times: tuple[TimeView, ...]


@dataclass(frozen=True, slots=True)
class AssetView:
    """`url` is whole, `attached` whether it comes with the mail, `size` in kilobytes (0: of what
    is elsewhere)."""

    kind: str
    title: str
    url: str
    name: str
    size: int
    credit: str
    caption: str
    alt: str
    terms: str
    attached: bool


@dataclass(frozen=True, slots=True)
class AboutView:
    """`language` and `dir` are those of its text."""

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


def embargo_view(
    terms: Terms, places: Mapping[str, str], language: str, names: Mapping[str, str]
) -> EmbargoView:
    """An embargo in the clocks of `places` (a name -> its zone), and first in those of its own zone
    where that is none of them. `names` are the places' in the language, where they differ."""
    ends = terms.moment
    shown = {names.get(place, place): zone for place, zone in places.items()}
    if terms.zone not in shown.values():
        shown = {_place(terms.zone, language): terms.zone, **shown}
    times = []
    for place, zone in shown.items():
        moment = ends.astimezone(ZoneInfo(zone))
        times.append(TimeView(place, moment, "" if place == "UTC" else _offset(moment)))
    return EmbargoView(tuple(times))


def _place(zone: str, language: str) -> str:
    if "/" not in zone:
        return zone
    locale = languages.locale(language)
    return str(get_timezone_location(ZoneInfo(zone), locale=locale, return_city=True))


def _offset(moment: datetime) -> str:
    offset = moment.utcoffset()
    assert offset is not None
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "−" if minutes < 0 else "+"
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


def release_view(
    article: Article,
    some: Sequence[Boilerplate],
    settings: Settings,
    language: str,
    default: str,
) -> ReleaseView:
    """Whom to ask is the release's, or else the office's own contact. Raises ComposeError for an
    organisation without boilerplate, and for files that are too much to attach."""
    ours = article.release or Release()
    attached = sum(one.size for one in ours.assets if one.carriage is Carriage.ATTACH)
    limit = settings.press.attach_limit
    if attached > limit:
        raise ComposeError(
            f"{article.slug} attaches {attached:,} bytes, and the limit is {limit:,}",
            hint="leave out attach: of the largest, so that they are links; or raise "
            "press.attach_limit",
        )
    return ReleaseView(
        subhead=ours.subhead,
        quotes=ours.quotes,
        notes=Markup(ours.notes_html),  # noqa: S704  (sanitised when it came in)
        contacts=ours.contacts or _office(settings),
        assets=tuple(_asset(one, article.slug, settings) for one in ours.assets),
        about=tuple(_about(article, ours, some, settings, language, default)),
    )


def uneven(
    story: Mapping[str, Article], some: Sequence[Boilerplate], default: str
) -> Iterator[str]:
    """What a translation of a release lacks that another has: nobody is stopped by that, who sends
    it should know. `story` is by language."""
    most = {
        what: max(count(one.release or Release()) for one in story.values())
        for what, count in _PARTS.items()
    }
    for language, one in story.items():
        for what, count in _PARTS.items():
            if (has := count(one.release or Release())) < most[what]:
                said = f"{has} of {most[what]} {what}" if most[what] > 1 else f"no {what}"
                yield f"{one.slug} in {language} has {said}"
        for organisation in dict.fromkeys((*(one.release or Release()).about, OURS)):
            about = boilerplates.best(some, organisation, language, default)
            if about and languages.base(about.language) != languages.base(language):
                whose = f" --organisation {organisation}" if organisation != OURS else ""
                yield (
                    f"readers of {language} read the boilerplate in {about.language}: "
                    f"mailer boilerplate set FILE{whose} --language {language}"
                )


_PARTS: Mapping[str, Callable[[Release], int]] = {
    "subhead": lambda one: bool(one.subhead),
    "quotes": lambda one: len(one.quotes),
    "notes to editors": lambda one: bool(one.notes),
    "press contacts": lambda one: len(one.contacts),
    "assets": lambda one: len(one.assets),
    "partners under about": lambda one: len(one.about),
}


def _office(settings: Settings) -> tuple[PressContact, ...]:
    press = settings.press
    if not (press.contact_phone or press.contact_email):
        return ()
    name = press.contact_name or settings.organisation.name
    return (PressContact(name, press.contact_role, press.contact_phone, press.contact_email),)


def _about(
    article: Article,
    ours: Release,
    some: Sequence[Boilerplate],
    settings: Settings,
    language: str,
    default: str,
) -> list[AboutView]:
    found = []
    for organisation in dict.fromkeys((*ours.about, OURS)):
        one = boilerplates.best(some, organisation, language, default)
        if one is None and organisation != OURS:
            raise ComposeError(
                f"{article.slug} is also about {organisation!r}, which has no boilerplate",
                hint=f"give it one: mailer boilerplate set FILE --organisation {organisation}",
            )
        if one is not None:
            name = one.name or settings.organisation.name
            text = Markup(one.html)  # noqa: S704  (sanitised when kept)
            said_in = one.language
            found.append(AboutView(name, text, said_in, languages.direction(said_in)))
    return found


def _asset(asset: Asset, slug: str, settings: Settings) -> AssetView:
    site = settings.web.base_url.rstrip("/")
    return AssetView(
        kind=asset.kind.value,
        title=asset.title,
        url=asset.url or f"{site}/press/{slug}/files/{asset.file[:16]}/{quote(asset.name)}",
        name=asset.name,
        size=-(-asset.size // 1000),
        credit=asset.credit,
        caption=asset.caption,
        alt=asset.alt,
        terms=asset.terms,
        attached=asset.carriage is Carriage.ATTACH,
    )
