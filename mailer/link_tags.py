"""Link tags: ``utm_*`` parameters by which the office's website can tell that a visit came from a
mail. They name the mailing, and never a reader."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from mailer.errors import InputError
from mailer.lines import holds_control

NAMES = ("source", "medium", "campaign", "content", "term")
"""The names of tags, in their order in an address; the parameter of ``source`` is
``utm_source``."""

PLACEHOLDERS = ("digest", "edition", "number", "date", "list", "language", "story")
"""The names that a tag may have in braces."""

MAX_LENGTH = 100

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def check_link_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags in their order, without empty ones. Raises InputError for an unknown name or
    placeholder, and for tags without a source, which analytics would leave out."""
    stripped = {name: text.strip() for name, text in tags.items()}
    for name, text in stripped.items():
        _check_tag(name, text)
    checked = {name: stripped[name] for name in NAMES if stripped.get(name)}
    if checked and "source" not in checked:
        raise InputError(
            "there is no source, and analytics leave out tags without one",
            field="link_tags",
            hint="add one, such as source=newsletter",
        )
    return checked


def _check_tag(name: str, text: str) -> None:
    if name not in NAMES:
        raise InputError(
            f"there is no link tag {name!r}", field="link_tags", hint=f"use {', '.join(NAMES)}"
        )
    if len(text) > MAX_LENGTH or holds_control(text):
        raise InputError(
            f"the {name} is too long or holds control characters",
            field="link_tags",
            hint=f"give at most {MAX_LENGTH} characters",
        )
    unknown = [word for word in _PLACEHOLDER.findall(text) if word not in PLACEHOLDERS]
    if unknown or set("{}") & set(_PLACEHOLDER.sub("", text)):
        raise InputError(
            f"{text!r} has an unknown placeholder" if unknown else f"{text!r} has an open brace",
            field="link_tags",
            hint=f"use {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}",
        )


def tag_address(
    address: str, tags: Mapping[str, str], values: Mapping[str, str], own_site: str
) -> str:
    """Return a web address with its tags. `values` are those of the placeholders.

    The address keeps its query and its fragment, and each ``utm_*`` parameter that it has already.
    An address of another scheme than http and https, and one on the mailer's `own_site`, stays as
    it is."""
    if not tags or not is_taggable(address, own_site):
        return address
    base, hash_sign, fragment = address.partition("#")
    path, _, query = base.partition("?")
    present = {part.partition("=")[0].lower() for part in re.split("[&;]", query)}
    added = "&".join(
        f"utm_{name}={quote(_fill(text, values), safe='')}"
        for name, text in tags.items()
        if f"utm_{name}" not in present
    )
    if not added:
        return address
    joined = f"{query.rstrip('&')}&{added}" if query else added
    return f"{path}?{joined}{hash_sign}{fragment}"


def is_taggable(address: str, own_site: str) -> bool:
    """Check that an address leads by http or https to another site than the mailer's own."""
    try:
        parts, own_parts = urlsplit(address), urlsplit(own_site)
    except ValueError:
        return False
    if parts.scheme.lower() not in {"http", "https"} or not parts.netloc:
        return False
    own_path = own_parts.path.rstrip("/") + "/"
    is_own = parts.netloc.lower() == own_parts.netloc.lower() and f"{parts.path}/".startswith(
        own_path
    )
    return not is_own


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)
