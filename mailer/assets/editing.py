"""The verbs on assets: add, edit, find, remove."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from mailer import languages
from mailer.actor import Actor
from mailer.assets.references import find_hashes, find_references
from mailer.errors import InputError, NextStep, NotFound, Refused
from mailer.lines import holds_control
from mailer.model.assets import AssetChanges, AssetOutcome, PictureAsset, PictureFile
from mailer.model.transaction import Transaction

MAX_LINE_LENGTH = 300
MAX_TEXT_LENGTH = 5000
MAX_NAME_LENGTH = 200
MIN_HASH_LENGTH = 6
"""Number of characters of a hash that are enough to name an asset."""

_HASH_PREFIX = re.compile(rf"[0-9a-f]{{{MIN_HASH_LENGTH},64}}")


def add_asset(
    tx: Transaction,
    actor: Actor,
    picture: PictureFile,
    now: datetime,
    changes: AssetChanges | None = None,
) -> tuple[PictureAsset, AssetOutcome]:
    """Store a picture and its renditions, with the texts in `changes`.

    A picture that is stored already is not decoded again; only its texts may change. A caller that
    can decodes the picture before the transaction (:func:`decode_pictures`). Raises InputError if
    the picture can't be decoded."""
    existing = tx.assets.find_asset(picture.sha256)
    if existing is not None:
        if changes is None:
            return existing, AssetOutcome.UNCHANGED
        return edit_asset(tx, actor, existing, changes, now)
    asset = PictureAsset(
        sha256=picture.sha256,
        name=_check_name(picture.name),
        media_type=picture.media_type,
        suffix=picture.suffix,
        width=picture.width,
        height=picture.height,
        size=len(picture.content),
        added_by=actor.name,
        created_at=now,
        updated_at=now,
    )
    if changes is not None:
        asset = _apply_changes(asset, changes)
    tx.assets.add_asset(asset, picture.content, picture.make_renditions())
    return asset, AssetOutcome.ADDED


def edit_asset(
    tx: Transaction, actor: Actor, asset: PictureAsset, changes: AssetChanges, now: datetime
) -> tuple[PictureAsset, AssetOutcome]:
    """Change an asset's texts. Articles that took a text from the asset keep the text that they
    took. Returns the asset and whether it changed. Raises InputError."""
    changed_asset = _apply_changes(asset, changes)
    if changed_asset == asset:
        return asset, AssetOutcome.UNCHANGED
    changed_asset = replace(changed_asset, updated_at=now)
    tx.assets.save_asset(changed_asset)
    return changed_asset, AssetOutcome.CHANGED


def get_asset(tx: Transaction, name: str) -> PictureAsset:
    """Return an asset by its reference, its hash or the beginning of its hash, or its file's name.
    Raises NotFound, and InputError if several assets fit."""
    key = next(iter(find_hashes(name)), name)
    matches = [asset for asset in tx.assets.list_assets() if asset.name == key]
    if _HASH_PREFIX.fullmatch(key):
        matches = [
            asset for asset in tx.assets.list_assets() if asset.sha256.startswith(key)
        ] or matches
    if len(matches) > 1:
        hashes = ", ".join(asset.sha256[:12] for asset in matches[:5])
        raise InputError(
            f"{len(matches)} assets are called {name!r}",
            field="asset",
            hint=f"name one by the beginning of its hash: {hashes}",
        )
    if not matches:
        raise NotFound(f"there is no asset {name!r}", next_steps=[NextStep("list_assets")])
    return matches[0]


def remove_asset(tx: Transaction, actor: Actor, asset: PictureAsset, logo: str = "") -> None:
    """Remove a picture and its renditions. `logo` is the address of the office's logo.

    Raises Refused if the picture is the logo, or if an article or a mail has ever used it, as mails
    that were sent load it from the public pages."""
    if asset.reference == logo:
        raise Refused(f"{asset.name} is the logo in the settings", hint="choose another logo first")
    if users := tx.assets.find_users(asset.sha256):
        raise Refused(
            f"{asset.name} is used by {', '.join(users[:5])}" + (" …" if len(users) > 5 else ""),
            hint="mails that were sent load the picture from your pages, so it must stay",
        )
    tx.assets.remove_asset(asset)


def check_references(tx: Transaction, texts: Mapping[str, str]) -> None:
    """Check that every asset to which the texts refer is stored, and that each reference ends as
    its asset's own: by another end, mails would load a picture that does not exist. `texts` are
    addresses or HTML by the name of the field. Raises InputError."""
    for field, text in texts.items():
        for reference in find_references(text):
            asset = tx.assets.find_asset(find_hashes(reference)[0])
            if asset is None:
                raise InputError(
                    f"there is no asset {find_hashes(reference)[0][:12]}",
                    field=field,
                    hint="name the picture's file, or add it first",
                    next_steps=[NextStep("list_assets")],
                )
            if asset.reference != reference:
                raise InputError(
                    f"the asset {asset.sha256[:12]} ({asset.name}) does not end in "
                    f".{reference.rpartition('.')[2]}",
                    field=field,
                    hint=f"write {asset.reference}",
                )


def _apply_changes(asset: PictureAsset, changes: AssetChanges) -> PictureAsset:
    language = languages.normalise_tag(changes.language)
    terms_end = changes.terms_end or (None if changes.removes_terms_end else asset.terms_end)
    return replace(
        asset,
        alts=_change_text(asset.alts, language, changes.alt, "alt"),
        captions=_change_text(asset.captions, language, changes.caption, "caption"),
        credit=_check_line(changes.credit, "credit", asset.credit, MAX_LINE_LENGTH),
        terms=_check_line(changes.terms, "terms", asset.terms),
        terms_end=terms_end,
    )


def _change_text(
    texts: Mapping[str, str], language: str, text: str | None, field: str
) -> dict[str, str]:
    if text is None:
        return dict(texts)
    line = _check_line(text, field, "")
    others = {tag: other for tag, other in texts.items() if tag != language}
    return dict(sorted({**others, language: line}.items())) if line else others


def _check_line(
    text: str | None, field: str, default: str, max_length: int = MAX_TEXT_LENGTH
) -> str:
    """Return a text as one line, or the default if there is none. Raises InputError."""
    if text is None:
        return default
    line = " ".join(text.split())
    if holds_control(line):
        raise InputError("it holds control characters", field=field, hint="remove them")
    check_text_length(line, max_length, field)
    return line


def check_text_length(line: str, max_length: int, field: str) -> None:
    """Check the length of a picture's text. `field` may be a path that ends with its name, such as
    `image.credit`. Raises InputError."""
    name = field.rpartition(".")[2]
    if len(line) > max_length:
        raise InputError(
            f"the {name} has {len(line):,} characters, and may have {max_length:,}",
            field=field,
            hint="shorten it",
        )


def _check_name(name: str) -> str:
    line = " ".join(name.split())
    if not line or holds_control(line):
        raise InputError(
            "the file's name is empty or holds control characters",
            field="file",
            hint="rename the file",
        )
    return line[:MAX_NAME_LENGTH]
