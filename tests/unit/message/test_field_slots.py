"""The office's own fields in a message: written for the language, escaped, or the fallback."""

import email
import email.policy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import message
from mailer.field_types import FieldType
from mailer.message import Slot
from mailer.message.field_slots import fill_field
from tests.unit.message.factories import MARKER, PROFILE, RECIPIENT, make_body
from tests.unit.samples import NOW


def create_slot(name: str, field_type: FieldType = FieldType.TEXT, language: str = "en") -> str:
    argument = message.build_field_argument(name, field_type, language, "a | fallback")
    return message.create_slot(MARKER, Slot.FIELD, argument)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1))
def test_value_is_escaped_in_the_html_part_only(value: str) -> None:
    body = make_body("For slot", f"{create_slot('town')}\n", f"<p>{create_slot('town')}</p>\n")
    recipient = RECIPIENT._replace(fields=json.dumps({"town": f"<b>{value}&"}))
    template = message.MessageTemplate(body, PROFILE)
    built = template.build_message(recipient, NOW)
    parsed = email.message_from_bytes(built, policy=email.policy.default)
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().rstrip("\r\n") == f"<b>{value}&"
    assert "<b>" not in html.get_content()
    assert template.render_text(recipient) == f"<b>{value}&\n"


@pytest.mark.parametrize(
    ("value", "field_type", "language", "text"),
    [
        ("Geneva", FieldType.TEXT, "fr", "Geneva"),
        ("2026-12-18", FieldType.DATE, "en", "18 December 2026"),
        ("2026-12-18", FieldType.DATE, "fr", "18 décembre 2026"),
        ("1234.5", FieldType.NUMBER, "en", "1,234.5"),
        ("friend", FieldType.NUMBER, "en", "friend"),
        ("soon", FieldType.DATE, "en", "soon"),
    ],
)
def test_value_is_written_for_the_language(
    value: str, field_type: FieldType, language: str, text: str
) -> None:
    argument = message.build_field_argument("one", field_type, language, "")
    assert fill_field(argument, json.dumps({"one": value})) == text


@pytest.mark.parametrize("values", ["", "{}", '{"town": null}', '{"town": "\u200b"}'])
def test_missing_value_gives_the_fallback(values: str) -> None:
    argument = message.build_field_argument("town", FieldType.TEXT, "en", "a | fallback")
    assert fill_field(argument, values) == "a | fallback"
    other = message.replace_default(argument, "x|y")
    assert fill_field(other, values) == message.get_default(other) == "x|y"


def test_value_in_subject_is_one_line() -> None:
    body = make_body(f"Events in {create_slot('town')}")
    recipient = RECIPIENT._replace(fields=json.dumps({"town": "Genève"}))
    template = message.MessageTemplate(body, PROFILE)
    assert template.render_subject(recipient) == "Events in Genève"
    parsed = email.message_from_bytes(
        template.build_message(recipient, NOW), policy=email.policy.default
    )
    assert parsed["Subject"] == "Events in Genève"


def test_field_names_of_a_body_are_those_of_its_slots() -> None:
    body = make_body(create_slot("town"), "x", f"{create_slot('level')}{create_slot('town')}")
    assert message.find_field_names([body]) == {"town", "level"}
    assert message.find_field_names([make_body()]) == frozenset()


def test_page_shows_the_fallback() -> None:
    body = make_body(html=f"<p>{create_slot('town')}</p>")
    assert "<p>a | fallback</p>" in message.render_page(body, 1, "https://mail.example.org")
