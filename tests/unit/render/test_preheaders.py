"""An edition's own preheader, and the checks of texts that are written ahead."""

import pytest

from mailer.app.rendering import SettingsRenderer
from mailer.errors import InputError
from mailer.intake.markup import to_html
from mailer.message import Slot, extract_visible_text, fill_slots
from mailer.model.editions import EditionBody
from mailer.render import compose_edition
from tests.unit.render import factories
from tests.unit.samples import make_article


def compose_bodies(**fields: object) -> dict[str, EditionBody]:
    articles = [
        make_article("boats", title="Boats", html="<p>The boats sail.</p>"),
        make_article("nets", title="Nets & <lines>", html="<p>The nets dry.</p>"),
    ]
    manuscript = factories.make_manuscript(*articles, languages=("en", "fr"), **fields)
    composition = compose_edition(manuscript, factories.make_settings(), to_html)
    return {body.language: body for body in composition.bodies}


def get_preheader(body: EditionBody, stories: int = -1) -> str:
    """Return the HTML of the preheader of a reader who gets `stories`."""
    html = extract_visible_text(body.html, body.marker, body.stories & stories)
    _, _, rest = html.partition('<div class="preheader"')
    return rest.partition(">")[2].partition("</div>")[0]


def test_own_preheader_replaces_the_teasers_for_readers_of_its_language() -> None:
    bodies = compose_bodies(preheaders={"fr": "Trois récits"})
    assert "Trois récits" in get_preheader(bodies["fr"])
    assert "The boats sail." not in get_preheader(bodies["fr"])
    assert "The boats sail." in get_preheader(bodies["en"]), "no preheader in English"


def test_preheader_names_each_readers_own_lead_and_escapes_it() -> None:
    body = compose_bodies(preheaders={"en": "Now: {{ lead_title }} <b>"})["en"]
    assert "Now: Boats &lt;b&gt;" in get_preheader(body)
    assert "Now: Nets &amp; &lt;lines&gt; &lt;b&gt;" in get_preheader(body, stories=2)


def test_preheader_may_greet_the_reader() -> None:
    body = compose_bodies(preheaders={"en": "For {{ recipient.name | default('you') }}"})["en"]
    html = fill_slots(body.html, body.marker, Slot.NAME, lambda default: default)
    assert "For you" in html


def test_preheader_changes_what_is_approved() -> None:
    hashes = {
        compose_bodies(preheaders=texts)["en"].compute_hash()
        for texts in ({}, {"en": "One"}, {"en": "Two"})
    }
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("subject", "{{ leed_title }}", "subject: there is no variable 'leed_title'; use edition"),
        ("preheader", "{{ lead_title", "preheader: a variable is broken"),
        (
            "opening",
            "Hello {{ lead_title }}",
            "opening: there is no variable 'lead_title'; use recipient",
        ),
        ("opening", "<form>", "opening"),
    ],
)
def test_text_that_no_mail_can_show_is_refused_when_written(
    field: str, text: str, words: str
) -> None:
    renderer = SettingsRenderer(factories.make_settings())
    with pytest.raises(InputError) as caught:
        renderer.check_staff_text(text, field)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("subject", "{{ edition.name }}: {{ lead_title }}"),
        ("preheader", "{{ _('News') }} in {{ stories | length }} stories"),
        ("opening", "Dear {{ recipient.name | default('reader') }}, *welcome*."),
        ("subject", ""),
    ],
)
def test_text_with_variables_of_its_field_is_taken(field: str, text: str) -> None:
    SettingsRenderer(factories.make_settings()).check_staff_text(text, field)
