"""Messages from one body: headers, unsubscribe links, slots and encodings."""

import email
import email.policy
import html
import re
from dataclasses import replace
from email.message import EmailMessage
from urllib.parse import parse_qs, urlsplit

from hypothesis import assume, example, given

from mailer import message, tokens
from mailer.audience import links, unsubscribe_mail
from mailer.audience.links import LinkPurpose
from mailer.message import MessageProfile, MessageTemplate, Slot
from mailer.message.headers import clean_name
from mailer.model.edition_states import EditionKind
from tests.unit.message.factories import (
    KEY,
    MARKER,
    PROFILE,
    RECIPIENT,
    assert_well_formed,
    build_message,
    find_field,
    get_part,
    make_body,
    normalise_text,
)
from tests.unit.samples import NOW, generate_texts


def test_list_unsubscribe_is_one_raw_line_with_signed_token() -> None:
    long_base = replace(PROFILE, base_url="https://mail.example.org/" + "office/" * 20)
    for profile in (PROFILE, long_base):
        raw, _ = build_message(profile=profile)
        line = find_field(raw, "List-Unsubscribe")
        assert line.count(b"\r\n") == 1
        assert b"=?" not in line
        url = line.strip().removeprefix(b"<").removesuffix(b">").decode()
        assert url == profile.create_unsubscribe_url(RECIPIENT)
        assert url.startswith(profile.base_url.rstrip("/") + "/u/")
        fields = tokens.verify_token(KEY, "unsubscribe", url.rpartition("/")[2])
        assert fields == ("41", "3", "7")


PROFILE_WITH_ADDRESS = replace(PROFILE, unsubscribe_address="leave@example.org")


def test_list_unsubscribe_offers_mailto_after_link() -> None:
    long_base = replace(PROFILE_WITH_ADDRESS, base_url="https://mail.example.org/" + "office/" * 20)
    awkward = replace(PROFILE_WITH_ADDRESS, unsubscribe_address="a%s%d,<b>@bücher.example")
    for profile in (PROFILE_WITH_ADDRESS, long_base, awkward):
        raw, _ = build_message(profile=profile)
        line = find_field(raw, "List-Unsubscribe")
        assert line.count(b"\r\n") == 1
        assert b"=?" not in line
        assert len(line) <= 1000
        uris = re.fullmatch(r"<([^<>,\s]+)>, <([^<>,\s]+)>\r\n", line.decode("ascii"))
        assert uris
        url = profile.create_unsubscribe_url(RECIPIENT)
        assert uris[1] == url
        assert (
            uris[2]
            == unsubscribe_mail.build_mailto(profile.unsubscribe_address) + url.rpartition("/")[2]
        )
        subject = parse_qs(urlsplit(uris[2]).query)["subject"][0]
        token = unsubscribe_mail.extract_token(f"Subject: Re: {subject}\r\n\r\n".encode())
        assert tokens.verify_token(KEY, "unsubscribe", token) == ("41", "3", "7")
        assert find_field(raw, "List-Unsubscribe-Post") == b"List-Unsubscribe=One-Click\r\n"


def test_unsubscribe_address_adds_mailto_within_line_limit() -> None:
    plain_raw, _ = build_message()
    raw, parsed = build_message(profile=PROFILE_WITH_ADDRESS)
    assert_well_formed(raw, parsed)
    mailto = b", <mailto:leave@example.org?subject=unsubscribe%20"
    start = raw.index(mailto)
    assert raw[:start] + raw[raw.index(b">", start + 4) + 1 :] == plain_raw
    profiles = [
        replace(PROFILE_WITH_ADDRESS, base_url="https://e.org/" + "x" * size)
        for size in range(720, 770)
    ]
    recipient = RECIPIENT._replace(subscriber_id=2**63 - 1)
    lines = [
        find_field(build_message(recipient=recipient, profile=profile)[0], "List-Unsubscribe")
        for profile in profiles
    ]
    assert {b"mailto:" in line for line in lines} == {True, False}
    assert max(len(line) for line in lines if b"mailto:" in line) <= 1000


def test_http_base_url_omits_one_click_unsubscribe() -> None:
    raw, parsed = build_message(profile=replace(PROFILE, base_url="http://mail.example.org"))
    assert_well_formed(raw, parsed)
    assert find_field(raw, "List-Unsubscribe").startswith(b"<http://mail.example.org/u/")
    assert b"List-Unsubscribe-Post" not in raw


def test_notice_offers_no_unsubscribe_address() -> None:
    raw, _ = build_message(
        profile=replace(PROFILE_WITH_ADDRESS, list_slug="", list_name="", list_id=0)
    )
    assert b"mailto:" not in raw


def test_list_message_has_every_bulk_mail_header() -> None:
    raw, parsed = build_message(
        profile=replace(PROFILE, sender=replace(PROFILE.sender, reply_to="press@example.org"))
    )
    assert_well_formed(raw, parsed)
    assert find_field(raw, "List-Unsubscribe-Post") == b"List-Unsubscribe=One-Click\r\n"
    assert find_field(raw, "List-Id") == b"News of the week <news.example.org>\r\n"
    assert find_field(raw, "Precedence") == b"bulk\r\n"
    assert find_field(raw, "Content-Language") == b"en\r\n"
    assert find_field(raw, "MIME-Version") == b"1.0\r\n"
    assert find_field(raw, "Reply-To") == b"press@example.org\r\n"
    assert find_field(raw, "From") == b"Example Office <news@example.org>\r\n"
    assert find_field(raw, "To") == b"ana@example.org\r\n"
    assert find_field(raw, "Date") == b"Fri, 18 Dec 2026 09:30:00 +0000\r\n"
    assert find_field(raw, "Message-ID") == b"<5f1d2c.90@example.org>\r\n"
    assert parsed.get_content_type() == "multipart/alternative"
    content_types = [part.get_content_type() for part in parsed.iter_parts()]
    assert content_types == ["text/plain", "text/html"]


def test_notice_is_auto_submitted_without_list_headers() -> None:
    raw, parsed = build_message(profile=replace(PROFILE, list_slug="", list_name="", list_id=0))
    assert_well_formed(raw, parsed)
    assert find_field(raw, "Auto-Submitted") == b"auto-generated\r\n"
    assert find_field(raw, "Message-ID") == b"<5f1d2c.90@example.org>\r\n"
    assert list(parsed) == [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "Content-Language",
        "MIME-Version",
        "Content-Type",
    ]
    assert b"mail.example.org/u/" not in raw


def make_profile_of_kind(kind: EditionKind) -> MessageProfile:
    """Make the profile that the app makes for an edition of this kind on a list."""
    return replace(PROFILE, list_slug="", edition=replace(PROFILE.edition, kind=kind))


def test_service_mail_has_no_list_headers() -> None:
    raw, parsed = build_message(profile=make_profile_of_kind(EditionKind.SERVICE))
    assert_well_formed(raw, parsed)
    assert find_field(raw, "Auto-Submitted") == b"auto-generated\r\n"
    assert not [name for name in parsed if name.startswith("List-") or name == "Precedence"]


def test_welcome_mail_is_auto_submitted_with_one_click_unsubscribe() -> None:
    raw, parsed = build_message(profile=make_profile_of_kind(EditionKind.WELCOME))
    assert_well_formed(raw, parsed)
    assert find_field(raw, "Auto-Submitted") == b"auto-generated\r\n"
    assert find_field(raw, "List-Unsubscribe-Post") == b"List-Unsubscribe=One-Click\r\n"
    url = find_field(raw, "List-Unsubscribe").strip().strip(b"<>").decode()
    link = links.verify_member_link(KEY, LinkPurpose.UNSUBSCRIBE, url.rpartition("/u/")[2])
    assert (link.subscriber_id, link.list_id) == (RECIPIENT.subscriber_id, PROFILE.list_id)
    assert not {"List-Id", "Precedence"} & {*parsed}


def test_service_mail_link_names_request_to_confirm() -> None:
    content = message.create_slot(MARKER, Slot.ACTION)
    template = MessageTemplate(
        make_body(text=content, html=f'<a href="{content}">Yes</a>'),
        make_profile_of_kind(EditionKind.SERVICE),
    )
    parsed = email.message_from_bytes(
        template.build_message(RECIPIENT, NOW), policy=email.policy.default
    )
    assert isinstance(parsed, EmailMessage)
    url = get_part(parsed, "plain")
    assert url == template.render_text(RECIPIENT)
    assert get_part(parsed, "html") == template.render_html(RECIPIENT) == f'<a href="{url}">Yes</a>'
    assert url.startswith("https://mail.example.org/c/")
    assert links.verify_confirmation_link(KEY, url.rpartition("/c/")[2]) == RECIPIENT.subscriber_id


def test_list_message_is_not_auto_submitted() -> None:
    assert "Auto-Submitted" not in build_message()[1]


def test_message_sent_again_keeps_message_id() -> None:
    template = MessageTemplate(make_body(), PROFILE)
    later = NOW.replace(year=2027)
    first, second = template.build_message(RECIPIENT, NOW), template.build_message(RECIPIENT, later)
    assert find_field(first, "Message-ID") == find_field(second, "Message-ID")
    assert find_field(first, "Date") != find_field(second, "Date")


def test_empty_reply_to_omits_header() -> None:
    _, parsed = build_message()
    assert parsed["Reply-To"] is None


@given(generate_texts(), generate_texts())
@example("é" * 1000, "=" * 1000)
@example(".\r\n.\r..\n", "a \n\t\n")
@example("", "")
@example(" ", "\n")
def test_body_survives_encoding(text: str, markup: str) -> None:
    assume(MARKER not in text + markup)
    raw, parsed = build_message(make_body(text=text, html=markup))
    assert_well_formed(raw, parsed)
    assert get_part(parsed, "plain") == normalise_text(text)
    assert get_part(parsed, "html") == normalise_text(markup)


@given(generate_texts(4), generate_texts(4), generate_texts(6), generate_texts(3))
def test_slots_are_filled_in_both_parts_and_escaped_in_html(
    before: str, after: str, name: str, fallback: str
) -> None:
    fallback = normalise_text(fallback)
    assume(MARKER not in before + after + name + fallback)
    slot = message.create_slot(MARKER, Slot.NAME, fallback)
    raw, parsed = build_message(
        make_body(text=before + slot + after, html=before + slot + after),
        recipient=RECIPIENT._replace(name=name),
    )
    assert_well_formed(raw, parsed)
    filled = clean_name(name) or fallback
    # each piece is encoded on its own, so a CR before a slot and an LF in it are two line ends
    pieces = [normalise_text(piece) for piece in (before, filled, after)]
    assert get_part(parsed, "plain") == "".join(pieces)
    pieces[1] = normalise_text(html.escape(filled))
    assert get_part(parsed, "html") == "".join(pieces)


def test_each_slot_prints_its_value() -> None:
    text = "\n".join(
        message.create_slot(MARKER, slot)
        for slot in (Slot.NAME, Slot.ADDRESS, Slot.UNSUBSCRIBE, Slot.PREFERENCES, Slot.VIEW)
    )
    recipient = RECIPIENT._replace(name="Ana & Bo", stories=0b101)
    _, parsed = build_message(make_body(text=text, html=text), recipient=recipient)
    name, address, unsubscribe, preferences, view = get_part(parsed, "plain").splitlines()
    assert (name, address) == ("Ana & Bo", "ana@example.org")
    assert unsubscribe == PROFILE.create_unsubscribe_url(recipient)
    assert tokens.verify_token(KEY, "preferences", preferences.rpartition("/p/")[2]) == (
        "41",
        "3",
        "7",
    )
    assert tokens.verify_token(KEY, "view", view.rpartition("/v/")[2]) == ("7", "en", "5")
    assert get_part(parsed, "html").splitlines()[0] == "Ana &amp; Bo"


def test_rendered_preview_equals_sent_message() -> None:
    text = f"Dear {message.create_slot(MARKER, Slot.NAME, 'friend')}"
    template = MessageTemplate(make_body(text, text, text), PROFILE)
    recipient = RECIPIENT._replace(name="<Ana>")
    parsed = email.message_from_bytes(
        template.build_message(recipient, NOW), policy=email.policy.default
    )
    assert isinstance(parsed, EmailMessage)
    assert template.render_subject(recipient) == parsed["Subject"] == "Dear <Ana>"
    assert template.render_text(recipient) == get_part(parsed, "plain") == "Dear <Ana>"
    assert template.render_html(recipient) == get_part(parsed, "html") == "Dear &lt;Ana&gt;"
    assert template.render_text(RECIPIENT) == "Dear friend"


def test_recipients_with_same_stories_share_variant() -> None:
    template = MessageTemplate(make_body(), PROFILE)
    assert template.get_variant(1) is template.get_variant(1)
