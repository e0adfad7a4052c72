"""Assets: pictures that are stored once, by the hash of their files, and used in mails and pages.

    decoding.py    decode new pictures before a transaction
    editing.py     add, edit, find and remove assets
    references.py  the references by which articles name assets, and the addresses of their pictures
    terms.py       terms of use that have ended

The records are in `mailer/model/assets.py`. Reading and decoding pictures belongs to
`mailer/intake`.
"""

from mailer.assets.decoding import decode_pictures
from mailer.assets.editing import (
    MAX_LINE_LENGTH,
    MAX_TEXT_LENGTH,
    add_asset,
    check_references,
    check_text_length,
    edit_asset,
    get_asset,
    remove_asset,
)
from mailer.assets.references import (
    build_picture_url,
    find_hashes,
    is_reference,
    parse_picture_name,
    resolve_html,
    resolve_url,
)
from mailer.assets.terms import describe_ended_terms

__all__ = [
    "MAX_LINE_LENGTH",
    "MAX_TEXT_LENGTH",
    "add_asset",
    "build_picture_url",
    "check_references",
    "check_text_length",
    "decode_pictures",
    "describe_ended_terms",
    "edit_asset",
    "find_hashes",
    "get_asset",
    "is_reference",
    "parse_picture_name",
    "remove_asset",
    "resolve_html",
    "resolve_url",
]
