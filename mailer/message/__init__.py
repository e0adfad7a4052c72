"""A frozen body and a recipient -> the bytes of one MIME message.

This room owns *marks* and *slots*, and every encoding. Composing writes them into a body; delivery
reads them back; nothing else knows how they look.

- A **slot** is an opaque word that stands where something personal goes: a name, an address, a
  signed link (to leave, to choose, to see it in a browser, to confirm). Opaque, because the inliner
  percent-encodes braces in URLs.
- A **mark** is an HTML comment that opens or closes a part that only some recipients get, by the
  bits of the stories that their topics let through. It passes the inliner untouched, between table
  rows too. Four questions can be asked of a recipient's stories, two of where they read:

  ``any``       does this person get one of these stories?
  ``first``     is the first story that this person gets one of these?
  ``rest``      is one of these among this person's stories after the first?
  ``contents``  the same as ``any``, for those who get more than five stories
  ``mail``      is it a mail, which goes to one person?
  ``web``       is it a page, which anybody may open?

Both begin with the body's *marker*, a word made from a hash of what people wrote, so that no text
can hold it. :class:`MessageTemplate` encodes a body once, cuts it at marks and slots, and joins the pieces
for each recipient: quoted-printable segments join at soft line breaks (RFC 2045 §6.7 rule 5).

    slots.py     marks and slots, written and read back
    headers.py   header fields and encodings
    stencil.py   the messages
    attachments.py  files that come with them
    page.py      the same body as a page, for nobody in particular
"""

from mailer.message.attachments import AttachedFile, format_disposition
from mailer.message.headers import (
    clean_header_text,
    encode_quoted_printable,
    format_angled_header,
    format_mailbox_header,
    format_unstructured_header,
)
from mailer.message.message_template import CACHED_MASKS, MessageProfile, MessageTemplate, Recipient
from mailer.message.page import render_heading, render_page, render_plain_text
from mailer.message.slots import (
    MIN_STORIES_FOR_CONTENTS,
    READING_PLACE_BITS,
    MarkCondition,
    Slot,
    count_slots_and_marks,
    create_end_mark,
    create_mark,
    create_marker,
    create_slot,
    extract_visible_text,
    find_printed_slots,
)

__all__ = [
    "CACHED_MASKS",
    "MIN_STORIES_FOR_CONTENTS",
    "READING_PLACE_BITS",
    "AttachedFile",
    "MarkCondition",
    "MessageProfile",
    "MessageTemplate",
    "Recipient",
    "Slot",
    "clean_header_text",
    "count_slots_and_marks",
    "create_end_mark",
    "create_mark",
    "create_marker",
    "create_slot",
    "encode_quoted_printable",
    "extract_visible_text",
    "find_printed_slots",
    "format_angled_header",
    "format_disposition",
    "format_mailbox_header",
    "format_unstructured_header",
    "render_heading",
    "render_page",
    "render_plain_text",
]
