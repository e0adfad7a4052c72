"""Compose an edition: render its manuscript as frozen bodies, one for each language.

The same manuscript gives the same bytes at any time and on any machine, so an approval can be bound
to the hash of these bytes.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from mailer import bidi, languages, message
from mailer.assets import resolve_html, resolve_url
from mailer.config import Settings
from mailer.editions import choose_sender_name, compute_content_hash
from mailer.errors import ComposeError, NextStep
from mailer.message.senders import find_identity
from mailer.model.articles import Article, Story
from mailer.model.edition_states import EMBARGO_STATING_ROLES, ArchiveVisibility, EditionRole
from mailer.model.editions import Attachment, EditionBody, Manuscript
from mailer.model.lists import Topic, Visibility
from mailer.model.press_release import Carriage
from mailer.model.releases import About
from mailer.model.rendering import Composition
from mailer.releases import pages
from mailer.render import (
    checks,
    localisation,
    prose,
    story_parts,
    text_part,
    translations,
    views,
)
from mailer.render.environment import (
    ConditionalParts,
    PersonalField,
    get_environment,
    render_line,
    render_template,
)
from mailer.render.inline import inline_css
from mailer.render.link_tagging import tag_links
from mailer.render.reader_fields import build_recipient_view
from mailer.render.releases import (
    EmbargoView,
    build_embargo_view,
    build_release_view,
    find_translation_gaps,
)

DIGEST_TEMPLATE = "digest"
"""The template of digests."""


def compose_edition(
    manuscript: Manuscript, settings: Settings, to_html: Callable[[str], str]
) -> Composition:
    """Compose the edition in each of its readers' languages for which the templates are translated.

    The edition's default language is always composed. `to_html` converts the editor's Markdown to
    sanitised HTML. Raises ComposeError if the manuscript or the settings cannot become a mail."""
    edition = manuscript.edition
    checks.check_organisation(settings)
    checks.check_segment(edition, manuscript.filter, settings)
    sender_name = choose_sender_name(edition, manuscript.list)
    sender = find_identity(settings, sender_name)
    if not manuscript.stories:
        raise ComposeError(
            f"edition {edition.id} has no story",
            next_steps=[NextStep("arrange_edition", edition=edition.id)],
        )
    default = translations.choose_frame_language(edition.language, settings.template_path)
    if not default:
        raise ComposeError(
            f"the frame of a mail has no translation into {edition.language}",
            hint=f"add email/locale/{edition.language}.po beside the templates",
        )
    order = views.group_stories(manuscript.stories)
    languages_to_compose = {edition.language} | {
        tag
        for tag in manuscript.languages
        if translations.choose_frame_language(tag, settings.template_path)
    }
    bodies: list[EditionBody] = []
    warnings = localisation.describe_urgency(edition)
    for language in sorted(
        {
            edition.language if tag == edition.language else _shorten_tag(tag, languages_to_compose)
            for tag in languages_to_compose
        }
    ):
        chosen_stories = [
            (bit, story, article)
            for bit, story in enumerate(order)
            if (article := story.find_translation(language, edition.language))
        ]
        if not chosen_stories:
            continue
        body = _compose_body(manuscript, settings, language, chosen_stories, to_html)
        warnings += checks.check_reader_mail(
            body, f"email/{edition.template}", manuscript.nameless_readers
        )
        warnings += localisation.find_gaps(
            edition, language, manuscript.topics, [story for _, story, _ in chosen_stories]
        )
        bodies.append(body)
    if edition.language not in {body.language for body in bodies}:
        raise ComposeError(
            f"edition {edition.id} has no story in its default language, {edition.language}",
            hint="add a translation, or change the edition's language",
        )
    for story in order:
        if not story.find_translation(edition.language, edition.language):
            language_names = ", ".join(story.languages)
            warnings.append(
                f"{story.slug}: only readers of {language_names} get this story, as it has no "
                "other text"
            )
        if edition.role not in {EditionRole.PLAIN, EditionRole.KILL}:
            story_articles = {
                tag: text for tag in story.languages if (text := story.find_translation(tag, tag))
            }
            warnings += find_translation_gaps(
                story_articles, manuscript.boilerplates, edition.language
            )
    warnings += manuscript.ended_terms
    return Composition(
        bodies=tuple(bodies),
        order=tuple(story.slug for story in order),
        content_hash=compute_content_hash(
            edition,
            manuscript.list,
            manuscript.filter,
            settings.describe_sender(sender_name),
            bodies,
        ),
        warnings=tuple(warnings),
        embargo_until=max(
            (embargo.ends_at for embargo in manuscript.embargoes.values()), default=None
        )
        if edition.role in EMBARGO_STATING_ROLES
        else None,
        sender=sender,
    )


def _shorten_tag(tag: str, tags: set[str]) -> str:
    return languages.get_base_language(tag) if languages.get_base_language(tag) in tags else tag


def _compose_body(
    manuscript: Manuscript,
    settings: Settings,
    language: str,
    chosen_stories: list[tuple[int, Story, Article]],
    to_html: Callable[[str], str],
) -> EditionBody:
    edition = manuscript.edition
    frame = translations.choose_frame_language(language, settings.template_path)
    env = get_environment(frame, settings.template_path)
    gettext = translations.load_translations(frame, settings.template_path).gettext
    marker = message.create_marker(_hash_content(manuscript, settings, language, chosen_stories))
    topics = {topic.slug: topic for topic in manuscript.topics}
    stories = tuple(
        views.build_story_view(
            article,
            bits=1 << bit,
            number=PersonalField(marker, message.Slot.NUMBER, str(bit)),
            section=story.topics[0] if story.topics else "",
            topics=topics,
            language=language,
            kind_name=gettext(views.KIND_NAMES[article.kind]),
            settings=settings,
            release=build_release_view(
                article, manuscript.boilerplates, settings, language, edition.language
            ),
            event=story_parts.build_event_view(
                article, settings, language, is_public=_has_public_page(manuscript)
            ),
            embargo=_build_embargo_view(manuscript, story, settings, language, gettext),
            run_in=prose.build_run_in(article.dateline, gettext),
            stored_assets=manuscript.assets,
        )
        for bit, story, article in chosen_stories
    )
    stories = tag_links(stories, edition, language, settings, marker)
    opening_language = languages.choose_language(
        language, sorted(edition.opening), edition.language
    )
    opening = edition.opening.get(opening_language, "")
    recipient = build_recipient_view(marker, frame, settings)
    if localisation.has_fields(opening):
        where = f"the opening of edition {edition.id} in {opening_language}"
        opening = render_line(env, opening, where, {"recipient": recipient})
    opening_html = prose.prepare_prose(
        to_html(opening), direction=languages.get_direction(opening_language)
    )
    preheader_language = languages.choose_language(language, sorted(edition.preheaders), "")
    context: dict[str, Any] = {
        "organisation": views.build_organisation_view(settings),
        "edition": views.EditionView(
            name=bidi.isolate_numbers(localisation.choose_name(edition, language), "auto")
            if edition.role is EditionRole.PLAIN
            else stories[0].title,
            number=edition.number,
            date=PersonalField(
                marker,
                message.Slot.DAY,
                message.build_day_argument(frame, settings.defaults.time_zone, "full"),
            ),
            list_name=manuscript.list.name,
            language=language,
            dir=languages.get_direction(language),
            role=edition.role.value,
            changed=languages.choose_text(edition.change.descriptions, language)[0]
            if edition.change
            else "",
            why=languages.choose_text(edition.change.reasons, language)[0]
            if edition.change
            else "",
            urgent=localisation.choose_urgent_reason(edition, language),
            opening=Markup(opening_html),  # noqa: S704  (sanitised by to_html)
            opening_text=text_part.to_plain_text(opening_html),
            opening_language=opening_language,
            opening_dir=languages.get_direction(opening_language),
            preheader=Markup(),
            preheader_language=preheader_language,
            preheader_dir=languages.get_direction(preheader_language or language),
            counts_clicks=is_click_counted(manuscript),
        ),
        "stories": stories,
        "sections": views.build_sections(stories),
        "recipient": recipient,
        "links": views.build_links_view(marker, manuscript.list, settings),
        "when": ConditionalParts(marker),
    }
    folder = f"email/{edition.template}"
    titles = "".join(
        message.create_mark(marker, message.MarkCondition.FIRST, story.bits)
        + story.title
        + message.create_end_mark(marker)
        for story in stories
    )
    text_context = context | {"lead_title": titles}
    if subject_template := localisation.choose_subject(edition, language):
        subject = render_line(
            env, subject_template, f"the subject of edition {edition.id}", text_context
        )
    else:
        subject = render_template(env, f"{folder}/subject.txt", text_context)
    if preheader := edition.preheaders.get(preheader_language, ""):
        where = f"the preheader of edition {edition.id} in {preheader_language}"
        line = " ".join(render_line(env, preheader, where, text_context).split())
        escaped_line = Markup(message.escape_text(line, marker))  # noqa: S704  (just escaped)
        context["edition"] = replace(context["edition"], preheader=escaped_line)
    text = render_template(env, f"{folder}/body.txt", text_context)
    html = resolve_html(render_template(env, f"{folder}/body.html", context), settings.web.base_url)
    picture = chosen_stories[0][2].image
    body = EditionBody(
        language=language,
        subject=" ".join(subject.split()),
        text=text.rstrip() + "\n",
        html=inline_css(html, f"{folder}/body.html"),
        marker=marker,
        stories=sum(story.bits for story in stories),
        titles=tuple(story.title for story in stories),
        summary=_fill_neutral_fields(text_part.extract_first_paragraph(opening_html), marker)
        or stories[0].teaser,
        picture=picture and replace(picture, url=resolve_url(picture.url, settings.web.base_url)),
        attachments=tuple(_list_attachments(manuscript, chosen_stories)),
        page=None
        if edition.role in {EditionRole.PLAIN, EditionRole.KILL}
        else _build_press_page(chosen_stories[0][2], stories[0], topics),
    )
    if not is_click_counted(manuscript):
        return body
    return message.wrap_links(body, {1 << bit: story.slug for bit, story, _ in chosen_stories})


def is_click_counted(manuscript: Manuscript) -> bool:
    """Check whether the clicks on the edition's links are counted. Those of press releases never
    are."""
    return manuscript.list.counts_clicks and manuscript.edition.role is EditionRole.PLAIN


def _has_public_page(manuscript: Manuscript) -> bool:
    """Check that anyone may read the edition's stories on the web once it is sent."""
    return (
        manuscript.list.visibility is Visibility.PUBLIC
        and manuscript.edition.archive is ArchiveVisibility.PUBLIC
    )


def _fill_neutral_fields(text: str, marker: str) -> str:
    """Return a text that anyone may see: each personal field has its default text."""
    text = message.fill_slots(text, marker, message.Slot.NAME, str)
    text = message.fill_slots(text, marker, message.Slot.ADDRESS, lambda _: "")
    text = message.fill_slots(text, marker, message.Slot.FIELD, message.get_default)
    return " ".join(text.split())


def _build_press_page(
    article: Article, story: views.StoryView, topics: Mapping[str, Topic]
) -> dict[str, Any]:
    """Return the press page of a release, in the language of its article."""
    release_page = pages.build_translation(
        article,
        topics=[
            topics[slug].get_name(article.language) for slug in article.topics if slug in topics
        ],
        contacts=story.release.contacts,
        about=[
            About(about_view.name, str(about_view.html), about_view.language)
            for about_view in story.release.about
        ],
    )
    return release_page.to_dict()


def _build_embargo_view(
    manuscript: Manuscript,
    story: Story,
    settings: Settings,
    language: str,
    gettext: Callable[[str], str],
) -> EmbargoView | None:
    """Return the embargo that an edition states for a story, or None if it states none.

    Raises ComposeError if the edition is an advance copy of a story that is not embargoed."""
    edition = manuscript.edition
    if edition.role not in EMBARGO_STATING_ROLES:
        return None
    embargo = manuscript.embargoes.get(story.slug)
    if embargo is None and edition.role is not EditionRole.ADVANCE:
        return None
    if embargo is None:
        raise ComposeError(
            f"edition {edition.id} is an advance copy of {story.slug}, which is not embargoed",
            next_steps=[NextStep("cancel_edition", edition=edition.id)],
        )
    places = settings.press.times
    return build_embargo_view(
        embargo.terms, places, language, {place: gettext(place) for place in places}
    )


def _list_attachments(
    manuscript: Manuscript, chosen_stories: list[tuple[int, Story, Article]]
) -> Iterator[Attachment]:
    """Yield the attachments of an edition that consists of a single release.

    Digests only link to releases, and kills withdraw them, so neither has attachments."""
    edition = manuscript.edition
    if (
        edition.template == DIGEST_TEMPLATE
        or edition.role is EditionRole.KILL
        or len(chosen_stories) > 1
    ):
        return
    for _, _, article in chosen_stories:
        for asset in article.release.assets if article.release else ():
            if asset.carriage is Carriage.ATTACH:
                yield Attachment(asset.name, asset.media_type, asset.file, asset.size)


def _hash_content(
    manuscript: Manuscript,
    settings: Settings,
    language: str,
    chosen_stories: list[tuple[int, Story, Article]],
) -> str:
    """Hash the text that people wrote. The marker made from the hash can't occur in that text."""
    edition = manuscript.edition
    parts = [
        edition.uid,
        edition.name,
        edition.subject,
        sorted(edition.opening.items()),
        sorted(edition.preheaders.items()),
        sorted(edition.link_tags.items()),
        sorted(edition.names.items()),
        sorted(edition.subjects.items()),
        sorted(edition.urgent_reasons.items()),
        language,
        [(bit, article.content.compute_fingerprint()) for bit, _, article in chosen_stories],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
