"""The road through this room: a manuscript -> frozen bodies, one for each language.

The same manuscript gives the same bytes, whenever and wherever it is composed: that is what makes
a hash of them worth approving.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from mailer import languages, message, press
from mailer.articles import Article, Story
from mailer.articles.release import Carriage
from mailer.audience.lists import Topic
from mailer.config import Settings
from mailer.editions import STATES_EMBARGO, Attachment, Body, Manuscript, Role, content_hash
from mailer.errors import ComposeError
from mailer.render import checks, plain, translations, views
from mailer.render.environment import Personal, When, environment, render, render_line
from mailer.render.inline import inline
from mailer.render.releases import EmbargoView, embargo_view, release_view, uneven

DIGEST = "digest"
"""The template of digests."""


@dataclass(frozen=True, slots=True)
class Composition:
    """`order` gives each story its bit: the first has bit 0. `content_hash` is what an approval
    is bound to, `embargo_until` when the embargo ends that the bodies state."""

    bodies: tuple[Body, ...]
    order: tuple[str, ...]
    content_hash: str
    warnings: tuple[str, ...]
    embargo_until: datetime | None = None


def compose(
    manuscript: Manuscript, settings: Settings, to_html: Callable[[str], str]
) -> Composition:
    """Compose every language that the readers want and that can be framed, the default always.

    `to_html` makes sanitised HTML of the editor's Markdown. Raises ComposeError."""
    edition = manuscript.edition
    checks.check_organisation(settings)
    if not manuscript.stories:
        raise ComposeError(
            f"edition {edition.id} has no story",
            hint=f"add one with `mailer edition arrange {edition.id} SLUG`",
        )
    default = translations.frame(edition.language, settings.template_path)
    if not default:
        raise ComposeError(
            f"there are no words in {edition.language} for the frame of a mail",
            hint=f"add email/locale/{edition.language}.po beside the templates",
        )
    order = views.grouped(manuscript.stories)
    wanted = {edition.language} | {
        tag for tag in manuscript.languages if translations.frame(tag, settings.template_path)
    }
    bodies: list[Body] = []
    warnings: list[str] = []
    for language in sorted(
        {edition.language if tag == edition.language else _short(tag, wanted) for tag in wanted}
    ):
        chosen = [
            (bit, story, article)
            for bit, story in enumerate(order)
            if (article := story.in_language(language, edition.language))
        ]
        if not chosen:
            continue
        body = _compose_one(manuscript, settings, language, chosen, to_html)
        warnings += checks.check(body, f"email/{edition.template}")
        bodies.append(body)
    if edition.language not in {body.language for body in bodies}:
        raise ComposeError(
            f"edition {edition.id} has no story in its default language, {edition.language}",
            hint="add a translation, or change the edition's language",
        )
    for story in order:
        if not story.in_language(edition.language, edition.language):
            said = ", ".join(story.languages)
            warnings.append(f"{story.slug}: only readers of {said} get it, there is no other text")
        if edition.role not in {Role.PLAIN, Role.KILL}:
            texts = {tag: text for tag in story.languages if (text := story.in_language(tag, tag))}
            warnings += uneven(texts, manuscript.boilerplates, edition.language)
    return Composition(
        bodies=tuple(bodies),
        order=tuple(story.slug for story in order),
        content_hash=content_hash(
            edition, manuscript.list, manuscript.filter, settings.letterhead, bodies
        ),
        warnings=tuple(warnings),
        embargo_until=max((one.ends for one in manuscript.embargoes.values()), default=None)
        if edition.role in STATES_EMBARGO
        else None,
    )


def _short(tag: str, wanted: set[str]) -> str:
    return languages.base(tag) if languages.base(tag) in wanted else tag


def _compose_one(
    manuscript: Manuscript,
    settings: Settings,
    language: str,
    chosen: list[tuple[int, Story, Article]],
    to_html: Callable[[str], str],
) -> Body:
    edition = manuscript.edition
    frame = translations.frame(language, settings.template_path)
    env = environment(frame, settings.template_path)
    gettext = translations.translations(frame, settings.template_path).gettext
    marker = message.marker(_fingerprint(manuscript, settings, language, chosen))
    topics = {topic.slug: topic for topic in manuscript.topics}
    stories = tuple(
        views.story_view(
            article,
            bits=1 << bit,
            number=Personal(marker, message.Slot.NUMBER, str(bit)),
            section=story.topics[0] if story.topics else "",
            topics=topics,
            language=language,
            kind_name=gettext(views.KIND_NAMES[article.kind]),
            settings=settings,
            release=release_view(
                article, manuscript.boilerplates, settings, language, edition.language
            ),
            embargo=_embargo(manuscript, story, settings, language, gettext),
        )
        for bit, story, article in chosen
    )
    said_in = languages.choose(language, sorted(edition.opening), edition.language)
    opening = edition.opening.get(said_in, "")
    opening_html = to_html(opening)
    context: dict[str, Any] = {
        "organisation": views.organisation(settings),
        "edition": views.EditionView(
            name=edition.name,
            date=edition.created_at.astimezone(ZoneInfo(settings.defaults.time_zone)).date(),
            list_name=manuscript.list.name,
            language=language,
            dir=languages.direction(language),
            role=edition.role.value,
            changed=languages.told(edition.change.what, language)[0] if edition.change else "",
            why=languages.told(edition.change.why, language)[0] if edition.change else "",
            opening=Markup(opening_html),  # noqa: S704  (sanitised by to_html)
            opening_text=plain.plain(opening_html),
            opening_language=said_in,
            opening_dir=languages.direction(said_in),
        ),
        "stories": stories,
        "sections": views.sections(stories),
        "recipient": views.RecipientView(
            name=Personal(marker, message.Slot.NAME), address=Personal(marker, message.Slot.ADDRESS)
        ),
        "links": views.links(marker, manuscript.list, settings),
        "when": When(marker),
    }
    folder = f"email/{edition.template}"
    titles = "".join(
        message.mark(marker, message.Ask.FIRST, story.bits) + story.title + message.end(marker)
        for story in stories
    )
    in_subject = context | {"lead_title": titles}
    if edition.subject:
        subject = render_line(
            env, edition.subject, f"the subject of edition {edition.id}", in_subject
        )
    else:
        subject = render(env, f"{folder}/subject.txt", in_subject)
    text = render(env, f"{folder}/body.txt", in_subject)
    html = render(env, f"{folder}/body.html", context)
    return Body(
        language=language,
        subject=" ".join(subject.split()),
        text=text.rstrip() + "\n",
        html=inline(html, f"{folder}/body.html"),
        marker=marker,
        stories=sum(story.bits for story in stories),
        titles=tuple(story.title for story in stories),
        summary=plain.first_paragraph(opening_html) or stories[0].teaser,
        attachments=tuple(_attachments(manuscript, chosen)),
        page=None
        if edition.role in {Role.PLAIN, Role.KILL}
        else _page(chosen[0][2], stories[0], topics),
    )


def _page(article: Article, story: views.StoryView, topics: Mapping[str, Topic]) -> dict[str, Any]:
    """The press page of a release, in the language of its article."""
    made = press.page_of(
        article,
        topics=[topics[slug].name(article.language) for slug in article.topics if slug in topics],
        contacts=story.release.contacts,
        about=[press.About(one.name, str(one.html), one.language) for one in story.release.about],
    )
    return made.plain()


def _embargo(
    manuscript: Manuscript,
    story: Story,
    settings: Settings,
    language: str,
    gettext: Callable[[str], str],
) -> EmbargoView | None:
    """What an edition that may go out under embargo says of it. Raises ComposeError for a story
    that is not embargoed."""
    edition = manuscript.edition
    if edition.role not in STATES_EMBARGO:
        return None
    known = manuscript.embargoes.get(story.slug)
    if known is None and edition.role is not Role.ADVANCE:
        return None
    if known is None:
        raise ComposeError(
            f"edition {edition.id} is an advance copy of {story.slug}, which is not embargoed",
            hint=f"cancel it: mailer edition cancel {edition.id}",
        )
    places = settings.press.times
    return embargo_view(known.terms, places, language, {one: gettext(one) for one in places})


def _attachments(
    manuscript: Manuscript, chosen: list[tuple[int, Story, Article]]
) -> Iterator[Attachment]:
    """Of a release by itself: a digest only tells of it, and a kill takes it back."""
    edition = manuscript.edition
    if edition.template == DIGEST or edition.role is Role.KILL or len(chosen) > 1:
        return
    for _, _, article in chosen:
        for asset in article.release.assets if article.release else ():
            if asset.carriage is Carriage.ATTACH:
                yield Attachment(asset.name, asset.media_type, asset.file, asset.size)


def _fingerprint(
    manuscript: Manuscript,
    settings: Settings,
    language: str,
    chosen: list[tuple[int, Story, Article]],
) -> str:
    """A hash of what people wrote: a marker made from it can't stand in any of it."""
    edition = manuscript.edition
    parts = [
        edition.uid,
        edition.name,
        edition.subject,
        sorted(edition.opening.items()),
        language,
        [(bit, article.content.fingerprint()) for bit, _, article in chosen],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
