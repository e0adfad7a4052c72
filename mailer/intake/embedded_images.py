"""Store the pictures embedded in a draft's file as assets of a press release.

The release's page and media kit offer assets for download. Other articles show such pictures in
their text (``draft_pictures.py``)."""

import hashlib
from dataclasses import replace

from mailer.articles.press_release import MAX_LINE_LENGTH, MAX_PARTS
from mailer.errors import InputError
from mailer.intake.drafts import Draft, EmbeddedPicture
from mailer.intake.omissions import OmissionReport, shorten_text
from mailer.intake.pictures import inspect_picture
from mailer.intake.releases import AssetFile
from mailer.model.articles import ArticleKind
from mailer.model.press_release import Asset, AssetKind, Release

EMBEDDED = "embedded picture"
"""The kind of omission that reports an embedded picture."""


def convert_to_assets(draft: Draft) -> tuple[Draft, tuple[AssetFile, ...]]:
    """Return the draft with its pictures as assets, and the assets' files.

    A picture without alt text or of an unknown kind is left out and reported. A draft that is not
    a press release is returned unchanged."""
    if draft.content.kind is not ArticleKind.PRESS_RELEASE or not draft.pictures:
        return draft, ()
    report = OmissionReport()
    report.add_omissions(omission for omission in draft.omissions if omission.kind != EMBEDDED)
    assets: dict[str, Asset] = {}
    files: list[AssetFile] = []
    for picture in draft.pictures:
        if (problem := _find_problem(picture)) or len(assets) == MAX_PARTS:
            report.add_omission(
                f"{EMBEDDED} {problem or 'beyond the first ' + str(MAX_PARTS)}",
                picture.alt or picture.name,
            )
            continue
        sha256 = hashlib.sha256(picture.content).hexdigest()
        if sha256 not in assets:
            files.append(AssetFile(sha256, picture.media_type, picture.content))
            assets[sha256] = Asset(
                kind=AssetKind.IMAGE,
                title=shorten_text(picture.alt, MAX_LINE_LENGTH),
                file=sha256,
                name=picture.name,
                media_type=picture.media_type,
                size=len(picture.content),
                alt=picture.alt,
            )
    release = replace(draft.content.release or Release(), assets=tuple(assets.values()))
    content = replace(draft.content, release=release if assets else draft.content.release)
    return replace(draft, content=content, omissions=report.list_omissions()), tuple(files)


def _find_problem(picture: EmbeddedPicture) -> str:
    if not picture.alt:
        return "without alt text"
    try:
        facts = inspect_picture(picture.content, picture.name)
    except InputError:
        return "of a kind that can't be shown"
    return "" if facts.media_type == picture.media_type else "of another kind than it says"
