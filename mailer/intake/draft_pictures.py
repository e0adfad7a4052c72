"""Show the pictures that come with a draft, from a Word file, a pasted text or a web page.

While a draft is built, a picture within a file has an address of a site that can't exist (RFC 2606
§2), so that it passes every check of web pictures. Afterwards its reference replaces the address.
"""

import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import unquote

from mailer.assets import find_hashes
from mailer.errors import InputError
from mailer.intake.drafts import Draft, EmbeddedPicture
from mailer.intake.markup import to_html
from mailer.intake.omissions import Omission
from mailer.intake.picture_files import LocalPicture, build_picture
from mailer.model.articles import Content, Image

_PLACEHOLDER_SITE = "https://asset.invalid/"
_FIRST_PICTURE = re.compile(r"!\[((?:\\.|[^\]\\])+)\]\((asset:\S+?)\)(?:\n\n|$)")
"""A picture with alt text in a paragraph of its own, at the beginning of a text."""

_DATA_SOURCE = re.compile(
    r"""\bsrc\s*=\s*(?P<quote>["'])data:image/(?P<type>\w+)(?:;[\w=-]+)*?;base64,"""
    r"""(?P<data>[A-Za-z0-9+/=%\s]+)(?P=quote)""",
    re.IGNORECASE,
)


def find_shown_picture(embedded: EmbeddedPicture) -> LocalPicture | None:
    """Return an embedded picture as an asset's file, or None if a mail can't show it."""
    try:
        picture = build_picture(embedded.content, embedded.name, embedded.name)
    except InputError:
        return None
    return picture if picture.media_type == embedded.media_type else None


def take_data_pictures(html: str) -> tuple[str, list[LocalPicture]]:
    """Return (html, pictures): HTML with placeholders in place of pictures in ``data:`` addresses
    (RFC 2397), and these pictures. Those that a mail can't show stay as they are."""
    pictures: list[LocalPicture] = []

    def take_picture(match: re.Match[str]) -> str:
        name = f"picture-{len(pictures) + 1}.{match['type'].lower()}"
        try:
            content = binascii.a2b_base64(unquote(match["data"]))
            picture = build_picture(content, name, name)
        except (binascii.Error, InputError):
            return match[0]
        pictures.append(picture)
        return f"src={match['quote']}{build_placeholder(picture)}{match['quote']}"

    return _DATA_SOURCE.sub(take_picture, html), pictures


def build_placeholder(picture: LocalPicture) -> str:
    """Return the address of a picture while its draft is built."""
    return f"{_PLACEHOLDER_SITE}{picture.sha256}.{picture.suffix}"


def show_embedded_pictures(draft: Draft, pictures: Iterable[LocalPicture]) -> Draft:
    """Return the draft with references in place of the placeholders. A picture at the beginning of
    the text becomes the article's own picture, as digests show it."""
    pictures = tuple(pictures)
    references = {build_placeholder(picture): picture.reference for picture in pictures}
    draft = replace(draft, omissions=tuple(_name_picture(o, pictures) for o in draft.omissions))
    draft = replace_addresses(draft, references, pictures)
    content = draft.content
    match = _FIRST_PICTURE.match(content.body)
    if content.image is not None or match is None or not content.body[match.end() :].strip():
        return draft
    alt = re.sub(r"\\(.)", r"\1", match[1])
    body = content.body[match.end() :].lstrip()
    content = replace(content, image=Image(match[2], alt), body=body, html=to_html(body))
    return replace(draft, content=content)


def _name_picture(omission: Omission, pictures: Iterable[LocalPicture]) -> Omission:
    """Return an omission that names a picture by its file instead of its placeholder, which may be
    shortened."""
    beginning = omission.example.rstrip("…")
    if not beginning.startswith(_PLACEHOLDER_SITE):
        return omission
    names = (p.name for p in pictures if build_placeholder(p).startswith(beginning))
    return replace(omission, example=next(names, ""))


def replace_addresses(
    draft: Draft, references: Mapping[str, str], pictures: Iterable[LocalPicture]
) -> Draft:
    """Return the draft with references in place of the pictures' addresses, and with the pictures
    among those that it shows."""
    if not references:
        return draft
    content = _replace_in_content(draft.content, references)
    used_hashes = {*find_hashes(content.html, content.image.url if content.image else "")}
    shown_pictures = {
        picture.sha256: picture for picture in pictures if picture.sha256 in used_hashes
    }
    return replace(draft, content=content, shown_pictures=tuple(shown_pictures.values()))


def _replace_in_content(content: Content, references: Mapping[str, str]) -> Content:
    body, image = content.body, content.image
    for address, reference in references.items():
        place = re.compile(rf'(\]\(<?|src="){re.escape(address)}(?=[\s)>"])')
        body = place.sub(rf"\g<1>{reference}", body)
    if image is not None:
        image = replace(image, url=references.get(image.url, image.url))
    return replace(content, body=body, html=to_html(body), image=image)
