"""Build the bytes of one MIME message from a frozen body and a recipient.

All code about *marks*, *slots* and encodings is in this package. Composing writes marks and slots
into a body, and delivery reads them back; no other package knows their form.

- A **slot** is an opaque word in the place of a personal value: a name, an address, or a signed
  link (to unsubscribe, to change preferences, to view the mail in a browser, to confirm). The word
  is opaque because the CSS inliner percent-encodes braces in URLs.
- A **mark** is an HTML comment that opens or closes a part that only some recipients get, depending
  on the bits of the stories that a recipient's topics let through. The CSS inliner leaves comments
  unchanged, even between table rows. Four conditions concern a recipient's stories, and two the
  place of reading:

  ``any``       this person gets one of these stories
  ``first``     the first story that this person gets is one of these
  ``rest``      one of these is among this person's stories after the first
  ``contents``  the same as ``any``, for people who get more than five stories
  ``mail``      the body is read as a mail, which goes to one person
  ``web``       the body is read as a public page

Slots and marks begin with the body's *marker*, a word made from a hash of the body's sources, so
that no text can contain it. :class:`MessageTemplate` encodes a body once, cuts it at marks and
slots, and joins the pieces for each recipient. Quoted-printable segments can be joined at soft line
breaks (RFC 2045 §6.7 rule 5).

    slots.py             marks and slots, written and read back
    headers.py           header fields and encodings
    message_profile.py   the sender, the list and the links that all messages of an edition share
    message_template.py  the messages of one body
    message_variant.py   the messages of recipients with the same stories
    field_slots.py       the office's own fields of readers
    personal_values.py   names, addresses and links, encoded
    senders.py           the settings -> the sender identity of an edition
    reader_values.py     one reader's values, filled in before sending, for test mails
    attachments.py       the files that are sent with them
    counted_links.py     links whose clicks are counted, the same for all readers
    send_day.py          the day of sending, filled in when it is certain
    page.py              the same body as a web page, without personal values
"""

from mailer.message.attachments import AttachedFile, format_disposition
from mailer.message.counted_links import list_counted_links, wrap_links
from mailer.message.field_slots import (
    build_field_argument,
    find_field_names,
    format_value,
    get_default,
    replace_default,
)
from mailer.message.headers import (
    clean_header_text,
    encode_quoted_printable,
    format_angled_header,
    format_mailbox_header,
    format_unstructured_header,
)
from mailer.message.message_profile import TEST_PAGES, MessageProfile
from mailer.message.message_template import CACHED_MASKS, MessageTemplate
from mailer.message.page import render_heading, render_page, render_plain_text
from mailer.message.personal_values import Recipient
from mailer.message.reader_values import fill_reader_values
from mailer.message.send_day import build_day_argument, fill_day_slots, fill_send_day
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
    escape_text,
    extract_visible_text,
    fill_slots,
    find_printed_slots,
    has_empty_default,
)

__all__ = [
    "CACHED_MASKS",
    "MIN_STORIES_FOR_CONTENTS",
    "READING_PLACE_BITS",
    "TEST_PAGES",
    "AttachedFile",
    "MarkCondition",
    "MessageProfile",
    "MessageTemplate",
    "Recipient",
    "Slot",
    "build_day_argument",
    "build_field_argument",
    "clean_header_text",
    "count_slots_and_marks",
    "create_end_mark",
    "create_mark",
    "create_marker",
    "create_slot",
    "encode_quoted_printable",
    "escape_text",
    "extract_visible_text",
    "fill_day_slots",
    "fill_reader_values",
    "fill_send_day",
    "fill_slots",
    "find_field_names",
    "find_printed_slots",
    "format_angled_header",
    "format_disposition",
    "format_mailbox_header",
    "format_unstructured_header",
    "format_value",
    "get_default",
    "has_empty_default",
    "list_counted_links",
    "render_heading",
    "render_page",
    "render_plain_text",
    "replace_default",
    "wrap_links",
]
