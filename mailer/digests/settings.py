"""The settings of a digest: their checks, and the verbs that add and edit a digest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from mailer import addresses, languages
from mailer.actor import Actor
from mailer.audience.lists import (
    check_line,
    check_sender,
    check_slug,
    check_translations,
    merge_translations,
)
from mailer.counts import count_noun
from mailer.errors import InputError, NextStep, NotFound, Refused
from mailer.link_tags import check_link_tags
from mailer.model.articles import ArticleKind
from mailer.model.digests import Digest, DigestPolicy, DigestSettings
from mailer.model.editions import MAX_STORIES
from mailer.model.lists import Frequency
from mailer.model.transaction import Transaction
from mailer.schedules.durations import format_duration

MAX_REMINDERS = 10
MAX_DURATION = timedelta(days=14)
"""Maximum for the grace, and for the time between a deadline or a reminder and sending."""


def check_settings(settings: DigestSettings) -> DigestSettings:
    """Return the settings in canonical form. Raises InputError naming the field."""
    check_slug(settings.slug, "digest")
    if not 1 <= settings.fewest <= settings.most <= MAX_STORIES:
        raise InputError(
            f"from {settings.fewest} to {settings.most} stories is not possible",
            field="fewest",
            hint=f"give 1 <= fewest <= most <= {MAX_STORIES}",
        )
    return replace(
        settings,
        name=check_line(settings.name, "name"),
        subject=check_line(settings.subject, "subject", required=False),
        names=check_translations(settings.names, "names"),
        subjects=check_translations(settings.subjects, "subjects"),
        language=languages.normalise_tag(settings.language),
        topics=tuple(dict.fromkeys(settings.topics)),
        kinds=_check_kinds(settings.kinds),
        link_tags=check_link_tags(settings.link_tags),
        policy=check_policy(settings.policy),
    )


def _check_kinds(kinds: Sequence[ArticleKind]) -> tuple[ArticleKind, ...]:
    """Return the kinds in their canonical order. Raises InputError if there are none."""
    if not kinds:
        raise InputError(
            "a digest takes at least one kind of article",
            field="kinds",
            hint=f"give one of {', '.join(ArticleKind)}",
        )
    return tuple(kind for kind in ArticleKind if kind in kinds)


def check_policy(policy: DigestPolicy) -> DigestPolicy:
    """Return the policy in canonical form. Raises InputError naming the field."""
    if not timedelta() <= policy.grace <= MAX_DURATION:
        raise InputError(
            "it is not between 0m and 14d", field="grace", hint="such as 30m, 6h or 1d"
        )
    if not timedelta() <= policy.approve_by <= MAX_DURATION:
        raise InputError(
            "it is not between 0m and 14d", field="approve_by", hint="such as 30m, 2h or 1d"
        )
    if any(not timedelta() < reminder <= MAX_DURATION for reminder in policy.reminders):
        raise InputError("it is not between 1m and 14d", field="reminders", hint="such as 4h or 1d")
    if len(policy.reminders) > MAX_REMINDERS:
        raise InputError(f"there are more than {MAX_REMINDERS} reminders", field="reminders")
    if not timedelta() <= policy.quiet <= policy.longest_wait <= MAX_DURATION:
        raise InputError(
            f"a quiet time of {format_duration(policy.quiet)} and a longest wait of "
            f"{format_duration(policy.longest_wait)} are not possible",
            field="quiet",
            hint="give 0m <= quiet <= longest_wait <= 14d",
        )
    return replace(
        policy,
        reminders=tuple(sorted({*policy.reminders}, reverse=True)),
        approvers=_normalise_addresses(policy.approvers, "approvers"),
        watchers=_normalise_addresses(policy.watchers, "watchers"),
    )


def _normalise_addresses(texts: Sequence[str], field: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(addresses.normalise_address(text, field) for text in texts))


def _check_template(template: str, templates: Collection[str]) -> None:
    """Check that there is such a template. Raises InputError: otherwise the worker would fail when
    it composes the next edition."""
    if templates and template not in templates:
        raise InputError(
            f"there is no template {template!r}",
            field="template",
            hint=f"use {', '.join(sorted(templates))}, or add one below templates/email",
        )


def add_digest(
    tx: Transaction,
    actor: Actor,
    settings: DigestSettings,
    now: datetime,
    *,
    templates: Collection[str] = (),
    senders: Collection[str] = (),
) -> Digest:
    """Add a digest. `templates` and `senders` are the names of the office's templates, and of the
    senders in the settings. Raises InputError if there is a digest with that slug, no such template
    or no such sender."""
    settings = check_settings(settings)
    _check_template(settings.template, templates)
    check_sender(settings.sender, senders)
    if any(digest.settings.slug == settings.slug for digest in tx.digests.list_digests()):
        raise InputError(
            f"there is a digest {settings.slug!r} already",
            field="slug",
            next_steps=[NextStep("edit_digest", digest=settings.slug)],
        )
    return tx.digests.add_digest(settings, now)


def edit_digest(
    tx: Transaction,
    actor: Actor,
    slug: str,
    changes: Mapping[str, Any],
    now: datetime,
    *,
    templates: Collection[str] = (),
    senders: Collection[str] = (),
) -> Digest:
    """Change fields of a digest's settings or policy, given by name. Translations of languages that
    are not given stay; an empty translation is removed. Existing editions keep their content, but
    follow the new policy. `templates` and `senders` are the names of the office's templates, and of
    the senders in the settings."""
    digest = get_digest(tx, slug, counted=True)
    if "sender" in changes:
        check_sender(changes["sender"], senders)
    if "template" in changes:
        _check_template(changes["template"], templates)
    policy_fields = {field.name for field in fields(DigestPolicy)}
    policy = replace(
        digest.settings.policy, **{k: v for k, v in changes.items() if k in policy_fields}
    )
    settings_changes = {key: value for key, value in changes.items() if key not in policy_fields}
    for field in settings_changes.keys() & {"names", "subjects"}:
        translations = getattr(digest.settings, field)
        settings_changes[field] = merge_translations(translations, settings_changes[field])
    if tag_changes := settings_changes.get("link_tags"):
        settings_changes["link_tags"] = {**digest.settings.link_tags, **tag_changes}
    settings = check_settings(replace(digest.settings, **settings_changes, policy=policy))
    if settings == digest.settings:
        return digest
    _check_frequency_served(tx, digest, settings)
    _check_unscheduled(tx, settings)
    return tx.digests.update_digest(digest, settings, now)


def _check_frequency_served(tx: Transaction, digest: Digest, settings: DigestSettings) -> None:
    """Check that every frequency that readers chose is still served. Raises Refused."""
    old_settings = digest.settings
    if old_settings.frequency is Frequency.EVERY or (old_settings.frequency, old_settings.list) == (
        settings.frequency,
        settings.list,
    ):
        return
    others = [other for other in tx.digests.list_digests() if other.id != digest.id]
    if any(
        (other.settings.frequency, other.settings.list)
        == (old_settings.frequency, old_settings.list)
        for other in others
    ):
        return
    if count := tx.digests.count_members_by_frequency(old_settings.list, old_settings.frequency):
        raise Refused(
            f"{count_noun(count, 'member')} of the list {old_settings.list!r} chose "
            f"{old_settings.frequency} mails, which no other digest sends",
            field="frequency",
            hint="add another such digest first, or give these members every edition",
            next_steps=[
                NextStep(
                    "send_members_every_edition",
                    list=old_settings.list,
                    frequency=old_settings.frequency.value,
                )
            ],
        )


def _check_unscheduled(tx: Transaction, settings: DigestSettings) -> None:
    """Check that a digest which becomes immediate has no schedule. Raises Refused."""
    if settings.frequency is Frequency.IMMEDIATE and any(
        schedule.settings.digest_slug == settings.slug for schedule in tx.schedules.list_schedules()
    ):
        raise Refused(
            f"the digest {settings.slug!r} has a schedule, and an immediate one is sent when a "
            "story is queued",
            field="frequency",
            hint="remove its schedules first",
            next_steps=[NextStep("preview_schedule", digest=settings.slug)],
        )


def get_digest(tx: Transaction, slug: str, *, counted: bool = False) -> Digest:
    """Return a digest by slug; with `counted`, with the number of stories that it has run. Raises
    NotFound."""
    for digest in tx.digests.list_digests(counted=counted):
        if digest.settings.slug == slug:
            return digest
    raise NotFound(f"there is no digest {slug!r}", next_steps=[NextStep("list_digests")])
