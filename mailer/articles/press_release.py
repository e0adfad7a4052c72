"""Checks of a press release's own fields: subhead, quotes, notes to editors, press contacts, and
the assets that journalists may use.

The headline is the article's title, and the standfirst is its summary. An organisation's
boilerplate is stored once (``boilerplates.py``); a release names the organisations whose
boilerplate it carries.
"""

import re
from dataclasses import fields, replace

from mailer import addresses
from mailer.errors import InputError
from mailer.lines import holds_control
from mailer.model.articles import ArticleKind
from mailer.model.press_release import Asset, AssetKind, Carriage, PressContact, Quote, Release

MAX_LINE_LENGTH = 300
MAX_TEXT_LENGTH = 5000
MAX_PARTS = 50
"""Maximum number of quotes, of contacts and of assets of a release."""

_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{3,30}(?: ?(?:ext\.?|x) ?[0-9]{1,8})?")


FIELDS_BY_KIND = {
    ArticleKind.STATEMENT: ("quotes",),
    ArticleKind.OP_ED: ("quotes",),
    ArticleKind.REPORT: ("assets",),
}
"""The fields that articles of other kinds share with press releases."""


def check_kind(kind: ArticleKind, release: Release) -> None:
    """Check that an article of this kind may have the fields that `release` has. Raises
    InputError."""
    if kind is ArticleKind.PRESS_RELEASE:
        return
    shared = FIELDS_BY_KIND.get(kind, ())
    if any(getattr(release, f.name) for f in fields(Release) if f.name not in shared):
        raise InputError(
            "only a press release has a subhead, quotes, notes, contacts, assets or about; a "
            "statement and an op-ed may have quotes, a report assets",
            field="kind",
            hint="write kind: press_release, or leave them out",
        )


def check_release(release: Release) -> Release:
    """Return the release with its fields in canonical form. Raises InputError naming the field."""
    for field, parts in {
        "quotes": release.quotes,
        "contacts": release.contacts,
        "assets": release.assets,
    }.items():
        if len(parts) > MAX_PARTS:
            raise InputError(f"there are more than {MAX_PARTS}", field=field)
    names: dict[str, int] = {}
    for number, asset in enumerate(release.assets, 1):
        if asset.name and names.setdefault(asset.name.casefold(), number) != number:
            raise InputError(
                f"two files are called {asset.name!r}", field="assets", hint="rename one of them"
            )
    return replace(
        release,
        subhead=_check_line(release.subhead, "subhead"),
        quotes=tuple(_check_quote(quote, number) for number, quote in enumerate(release.quotes, 1)),
        contacts=tuple(
            _check_contact(contact, number) for number, contact in enumerate(release.contacts, 1)
        ),
        assets=tuple(
            _check_asset(release_asset, number)
            for number, release_asset in enumerate(release.assets, 1)
        ),
        about=tuple(dict.fromkeys(release.about)),
    )


def _check_quote(quote: Quote, number: int) -> Quote:
    field = f"quotes.{number}"
    text = _check_line(quote.text, f"{field}.text", MAX_TEXT_LENGTH).strip("\"“”«»„ '‘’")
    if not text:
        raise InputError("the quote has no text", field=field, hint="give it a text:")
    speaker = _check_line(quote.speaker, f"{field}.speaker")
    if not speaker:
        raise InputError("the quote has no speaker", field=field, hint="give it a speaker:")
    return Quote(text, speaker, _check_line(quote.role, f"{field}.role"))


def _check_contact(contact: PressContact, number: int) -> PressContact:
    field = f"contacts.{number}"
    phone = _check_line(contact.phone, f"{field}.phone")
    if phone and not _PHONE.fullmatch(phone):
        raise InputError(
            f"{phone!r} is not a phone number",
            field=field,
            hint="write it as +44 20 7946 0018, in double quotes",
        )
    email = addresses.normalise_address(contact.email, field) if contact.email.strip() else ""
    name = _check_line(contact.name, f"{field}.name")
    if not name or not (phone or email):
        raise InputError(
            "a contact needs a name, and a phone number or a mail address", field=field
        )
    return PressContact(name, _check_line(contact.role, f"{field}.role"), phone, email)


def _check_asset(asset: Asset, number: int) -> Asset:
    field = f"assets.{number}"
    if bool(asset.url) is bool(asset.file):
        raise InputError(
            "an asset is either at a web address or a file",
            field=field,
            hint="give it url: or file:",
        )
    if asset.carriage is Carriage.ATTACH and not asset.file:
        raise InputError(
            "only a file can be attached", field=field, hint="give it file:, or leave out attach:"
        )
    title = _check_line(asset.title, f"{field}.title")
    alt = _check_line(asset.alt, f"{field}.alt", MAX_TEXT_LENGTH)
    if asset.kind is AssetKind.IMAGE and not alt:
        raise InputError(
            "the picture has no alt text",
            field=field,
            hint="describe it with alt:, for readers who can't see it",
        )
    return replace(
        asset,
        title=title
        or _check_line(asset.caption, field)
        or asset.name
        or _extract_file_name(asset.url),
        credit=_check_line(asset.credit, f"{field}.credit"),
        caption=_check_line(asset.caption, f"{field}.caption", MAX_TEXT_LENGTH),
        alt=alt,
        terms=_check_line(asset.terms, f"{field}.terms", MAX_TEXT_LENGTH),
    )


def _extract_file_name(url: str) -> str:
    return url.split("?")[0].rstrip("/").rpartition("/")[2] or url


def _check_line(value: str, field: str, max_length: int = MAX_LINE_LENGTH) -> str:
    line = " ".join(value.split())
    if holds_control(line):
        raise InputError("it holds control characters", field=field, hint="remove them")
    if len(line) > max_length:
        raise InputError(f"it is longer than {max_length} characters", field=field)
    return line
