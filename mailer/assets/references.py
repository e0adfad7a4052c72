"""The references by which articles name assets, and the web addresses of the pictures.

A reference is ``asset:``, the SHA-256 of the original file, and the end of the renditions' names:
``asset:3f…9c.jpg``. It holds no web address, so that an article stays the same if the public pages
move. Mails and pages replace it by the address of a rendition, which never changes its content.
"""

import re

from mailer.model.assets import RENDITION_WIDTHS

_REFERENCE = re.compile(r"asset:([0-9a-f]{64})\.(jpg|png)")
_SOURCE = re.compile(rf'(?<=src="){_REFERENCE.pattern}(?=")')
"""A reference in sanitised HTML, whose attributes have double quotes."""

_PICTURE_NAME = re.compile(rf"([0-9a-f]{{64}})-({'|'.join(map(str, RENDITION_WIDTHS))})\.(jpg|png)")

PICTURES_PATH = "/pictures"


def is_reference(address: str) -> bool:
    """Check that a picture's address is a reference to an asset."""
    return bool(_REFERENCE.fullmatch(address))


def find_hashes(*texts: str) -> list[str]:
    """Return the hashes of the assets to which addresses or HTML refer, each of them once."""
    return list(dict.fromkeys(match[1] for text in texts for match in _REFERENCE.finditer(text)))


def find_references(*texts: str) -> list[str]:
    """Return the references to assets in addresses or HTML, each of them once."""
    return list(dict.fromkeys(match[0] for text in texts for match in _REFERENCE.finditer(text)))


def build_picture_url(reference: str, base_url: str, width: int = RENDITION_WIDTHS[0]) -> str:
    """Return the web address of an asset's rendition. With an empty `base_url`, return its path."""
    match = _REFERENCE.fullmatch(reference)
    assert match, reference
    return f"{base_url.rstrip('/')}{PICTURES_PATH}/{match[1]}-{width}.{match[2]}"


def resolve_url(address: str, base_url: str, width: int = RENDITION_WIDTHS[0]) -> str:
    """Return the web address of a picture, which may be an asset or a picture on another site."""
    return build_picture_url(address, base_url, width) if is_reference(address) else address


def resolve_html(html: str, base_url: str) -> str:
    """Return sanitised HTML with the web addresses of its assets."""
    if "asset:" not in html:
        return html
    return _SOURCE.sub(lambda match: build_picture_url(match[0], base_url), html)


def parse_picture_name(name: str) -> tuple[str, int, str] | None:
    """Return (sha256, max_width, suffix) from the last part of a picture's address, or None."""
    match = _PICTURE_NAME.fullmatch(name)
    return (match[1], int(match[2]), match[3]) if match else None
