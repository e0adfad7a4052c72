"""Subject, name and topics are in the reader's language, or staff are told before they approve."""

import pytest

from mailer import message
from mailer.errors import ComposeError
from mailer.intake.markup import to_html
from mailer.lines import holds_visible
from mailer.message import MessageTemplate
from mailer.model.rendering import Composition
from mailer.render import compose_edition
from tests.unit.message.factories import PROFILE, RECIPIENT, build_message, get_part
from tests.unit.render.factories import make_manuscript, make_settings
from tests.unit.samples import make_article, make_topic

ARTICLES = [make_article("boats", language=language, topics=("sea",)) for language in ("en", "es")]
SEA = make_topic("sea", en="Sea", es="Mar")


def compose(*, nameless_readers: int = 0, topic: object = SEA, **fields: object) -> Composition:
    manuscript = make_manuscript(
        *ARTICLES, topics=(topic,), nameless_readers=nameless_readers, **fields
    )
    return compose_edition(manuscript, make_settings(), to_html)


def test_reader_gets_name_and_subject_in_their_language() -> None:
    composition = compose(
        name="The week",
        names={"es": "La semana"},
        subject="{{ edition.name }}: news",
        subjects={"es": "{{ edition.name }}: noticias"},
    )
    subjects = {body.language: body.subject for body in composition.bodies}
    assert subjects == {"en": "The week: news", "es": "La semana: noticias"}
    spanish = next(body for body in composition.bodies if body.language == "es")
    assert "La semana" in spanish.html
    assert "The week" not in spanish.html + spanish.text
    assert composition.warnings == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"names": {}}, "readers of es get the edition's name in en"),
        (
            {"names": {"es": "La semana"}, "subject": "News"},
            "readers of es get the edition's subject in en, 'News'",
        ),
        (
            {"names": {"es": "La semana"}, "topic": make_topic("sea", en="Sea")},
            "readers of es get the topic 'sea' as 'Sea'",
        ),
        (
            {"names": {"es": "La semana"}, "opening": {"en": "Hello."}},
            "readers of es get the edition's opening in en",
        ),
    ],
)
def test_missing_translation_is_a_warning(fields: dict[str, object], words: str) -> None:
    (warning,) = compose(**fields).warnings  # type: ignore[arg-type]
    assert warning.startswith(words)


def test_subject_in_language_of_another_region_is_no_gap() -> None:
    names = {"es-MX": "La semana"}
    assert compose(names=names, subject="x", subjects={"es-MX": "y"}).warnings == ()


def test_translation_changes_what_is_approved() -> None:
    hashes = {compose(names={"es": name}).content_hash for name in ("La semana", "Semanal")}
    assert len(hashes) == 2


# ---- personal fields ----------------------------------------------------------------------------


def test_personal_field_in_opening_is_filled_in_both_parts() -> None:
    opening = {"en": "Dear **{{ recipient.name | default('reader & friend') }}**, welcome."}
    body = next(b for b in compose(opening=opening).bodies if b.language == "en")
    assert body.summary == "Dear reader & friend, welcome."
    for name, greeting in (("Ana <3", "Ana <3"), ("", "reader & friend"), ("\u200b", "reader &")):
        _, parsed = build_message(body, RECIPIENT._replace(name=name))
        assert f"Dear {greeting}" in get_part(parsed, "plain")
        html = get_part(parsed, "html").replace("&amp;", "&").replace("&lt;", "<")
        assert f">{greeting}" in html


@pytest.mark.parametrize(
    "opening", ["{{ recipient.nam }}", "{{ 1", "{% if recipient.name %}x{% endif %}"]
)
def test_invalid_field_in_opening_is_refused(opening: str) -> None:
    with pytest.raises(ComposeError) as caught:
        compose(opening={"en": opening})
    assert "the opening of edition 7 in en" in caught.value.where


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Hello {{ recipient.name }}", "subjects": {"es": "Hola"}},
        {"opening": {"en": "Hello {{ recipient.name }},"}},
        {"opening": {"en": "Hello {{ recipient.name | default(' ') }},"}},
        {"opening": {"en": "Hello {{ recipient.name | default('\u200b') }},"}},
    ],
)
def test_greeting_without_default_counts_readers_without_name(fields: dict[str, object]) -> None:
    names = {"es": "La semana"}
    warnings = compose(names=names, nameless_readers=12, **fields).warnings
    assert any("12 of the list's readers have no name" in warning for warning in warnings)
    assert not any("no name, and" in w for w in compose(names=names, **fields).warnings)  # type: ignore[arg-type]


def test_greeting_with_default_is_no_warning() -> None:
    subject = "Hello {{ recipient.name | default('reader') }}"
    composition = compose(
        names={"es": "x"}, subject=subject, subjects={"es": subject}, nameless_readers=12
    )
    assert composition.warnings == ()


INVISIBLE = [
    "\u200b",
    "\ufeff",
    "\u2060",
    "\u3164",
    "\u00ad",
    "\u2800",
    "\u115f",
    "\u00a0",
    "\u202e \u200d",
]


@pytest.mark.parametrize("name", INVISIBLE)
def test_invisible_name_is_no_name(name: str) -> None:
    assert not holds_visible(name)
    body = next(
        b
        for b in compose(subject="Hi {{ recipient.name | default('there') }}").bodies
        if b.language == "en"
    )
    raw, parsed = build_message(body, RECIPIENT._replace(name=name))
    assert parsed["Subject"] == "Hi there"
    assert b"\r\nTo: ana@example.org\r\n" in b"\r\n" + raw
    template = MessageTemplate(body, PROFILE)
    assert template.render_subject(RECIPIENT._replace(name=name)) == "Hi there"


@pytest.mark.parametrize("name", ["Ana", "نمی\u200cخواهم", "李", "한", "a\u200b", "🧑🏽"])
def test_visible_name_is_a_name(name: str) -> None:
    assert holds_visible(name)


def test_long_subject_is_a_warning() -> None:
    long_subject = "Boats and harbours " * 20
    composition = compose(names={"es": "x"}, subject=long_subject, subjects={"es": "Barcos"})
    (warning,) = composition.warnings
    assert "(en): the subject has 379 characters" in warning


def test_subject_of_several_long_titles_counts_one() -> None:
    articles = [make_article(f"boat-{n}", title="Boats " * 14) for n in range(3)]
    composition = compose_edition(make_manuscript(*articles), make_settings(), to_html)
    assert composition.warnings == ()
    assert message.count_slots_and_marks(
        composition.bodies[0].subject, composition.bodies[0].marker
    )


def test_subject_of_fields_alone_needs_no_translation() -> None:
    composition = compose(names={"es": "La semana"}, subject="{{ lead_title }}")
    assert composition.warnings == ()
