"""Pictures that a draft's file carries in itself, kept with the draft: a press release has them as
assets, which its press page and its kit give out. Other articles have no place for them, as a mail
shows pictures by their web addresses: there they are reported as left out."""

import hashlib
from dataclasses import replace

from mailer.articles import Kind
from mailer.articles.release import LONGEST_LINE, MOST, Asset, AssetKind, Release
from mailer.errors import InputError
from mailer.intake.drafts import Draft, Embedded
from mailer.intake.dropped import Report, cut
from mailer.intake.pictures import picture_facts
from mailer.intake.releases import KeptFile

EMBEDDED = "embedded picture"
"""What a report calls them when they are left out."""


def with_assets(draft: Draft) -> tuple[Draft, tuple[KeptFile, ...]]:
    """The draft with its pictures as assets, and their files. What has no alt text, or is no
    picture that we know, is left out, and reported."""
    if draft.content.kind is not Kind.PRESS_RELEASE or not draft.pictures:
        return draft, ()
    report = Report()
    report.extend(one for one in draft.dropped if one.what != EMBEDDED)
    assets: dict[str, Asset] = {}
    files: list[KeptFile] = []
    for one in draft.pictures:
        if (why := _why_not(one)) or len(assets) == MOST:
            report.add(f"{EMBEDDED} {why or 'beyond the first ' + str(MOST)}", one.alt or one.name)
            continue
        sha256 = hashlib.sha256(one.content).hexdigest()
        if sha256 not in assets:
            files.append(KeptFile(sha256, one.media_type, one.content))
            assets[sha256] = Asset(
                kind=AssetKind.IMAGE, title=cut(one.alt, LONGEST_LINE), file=sha256, name=one.name,
                media_type=one.media_type, size=len(one.content), alt=one.alt,
            )  # fmt: skip
    release = replace(draft.content.release or Release(), assets=tuple(assets.values()))
    content = replace(draft.content, release=release if assets else draft.content.release)
    return replace(draft, content=content, dropped=report.all()), tuple(files)


def _why_not(one: Embedded) -> str:
    if not one.alt:
        return "without alt text"
    try:
        facts = picture_facts(one.content, one.name)
    except InputError:
        return "of a kind that can't be shown"
    return "" if facts.media_type == one.media_type else "of another kind than it says"
