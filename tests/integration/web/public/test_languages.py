"""The language of a page, which is that of all its text."""

import html
import re
from collections.abc import Iterator
from io import StringIO

import pytest

from mailer.app import Mailer
from mailer.audience import consent, preferences
from mailer.audience.signup import confirmations
from mailer.log import create_logger
from mailer.model.signup import ConfirmationState, SignUpWishes
from mailer.model.subscribers import Wording
from mailer.web.public import create_public_app
from mailer.web.public.page_languages import LANGUAGES, get_own_name
from tests.actors import STAFF
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient, AsgiResponse, open_client
from tests.integration.web.public.decision_links import make_decision_tokens
from tests.integration.web.public.fixtures import NO_LIMIT, SeededOffice
from tests.unit.web.public.test_page_catalogues import extract_msgids

FRAME = re.compile(r'<html lang="([^"]*)" dir="([^"]*)">')


@pytest.fixture
def backend() -> str:
    """These tests do not depend on the database."""
    return "sqlite"


def read_page_language(answer: AsgiResponse) -> str:
    """Return the language that a page declares, and check that its direction fits."""
    match = FRAME.search(answer.text)
    assert match
    assert match[2] == ("rtl" if match[1] == "ar" else "ltr")
    return match[1]


def accept_languages(*tags: str) -> list[tuple[str, str]]:
    return [("Accept-Language", ", ".join(tags))]


# ---- choice --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_page_is_in_the_language_of_its_address(pages: AsgiClient, tag: str) -> None:
    answer = pages.get_page(f"/subscribe?lang={tag}", headers=accept_languages("es", "ru"))
    assert read_page_language(answer) == tag
    assert f'action="/subscribe?lang={tag}"' in answer.text  # and the next page is too


def test_form_action_names_no_language_by_default(pages: AsgiClient) -> None:
    assert (
        'action="/subscribe"' in pages.get_page("/subscribe", headers=accept_languages("fr")).text
    )


@pytest.mark.parametrize("tag", LANGUAGES)
def test_mail_link_opens_in_the_readers_language(
    pages: AsgiClient, seeded_office: SeededOffice, tag: str
) -> None:
    reader = seeded_office.add_person("reader@example.org", language=tag)
    for path in (
        seeded_office.build_preferences_path(reader),
        seeded_office.build_unsubscribe_path(reader),
    ):
        assert read_page_language(pages.get_page(path, headers=accept_languages("ru", "es"))) == tag


def test_language_of_the_address_overrides_the_readers(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    reader = seeded_office.add_person("reader@example.org", language="ar")
    path = seeded_office.build_preferences_path(reader)
    assert read_page_language(pages.get_page(f"{path}?lang=fr")) == "fr"
    assert read_page_language(pages.get_page(f"{path}?lang=tlh")) == "ar"


def test_language_of_the_membership_overrides_the_persons(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    reader = seeded_office.add_person("reader@example.org", language="ar")
    with seeded_office.store.begin() as tx:
        preferences.change_membership(
            tx, STAFF, reader, seeded_office.news, {"language": "ru"}, NOW
        )
    assert read_page_language(pages.get_page(seeded_office.build_preferences_path(reader))) == "ru"
    assert read_page_language(pages.get_page(seeded_office.build_unsubscribe_path(reader))) == "ru"


def test_reader_of_an_unsupported_language_gets_the_browsers(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    subscriber = seeded_office.add_person("reader@example.org", language="de")
    answer = pages.get_page(
        seeded_office.build_preferences_path(subscriber), headers=accept_languages("pt", "es;q=0.5")
    )
    assert read_page_language(answer) == "es"
    assert '<option value="de" lang="de" selected>Deutsch</option>' in answer.text


def test_confirmation_opens_in_the_language_of_the_sign_up(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    with seeded_office.store.begin() as tx:
        sign_up = confirmations.build_sign_up(
            tx, "new@example.org", SignUpWishes(lists=("news",)), "zh", source="x"
        )
        confirmations.request_confirmation(tx, STAFF, NO_LIMIT, sign_up, NOW)
        confirmation = tx.sign_ups.list_for_address("new@example.org")[-1]
        confirmations.move_confirmation(tx, STAFF, confirmation, ConfirmationState.MAILED, NOW)
    assert (
        read_page_language(
            pages.get_page(
                seeded_office.build_confirm_path(confirmation.id), headers=accept_languages("fr")
            )
        )
        == "zh"
    )


@pytest.mark.parametrize(
    ("accept_language", "tag"),
    [
        ("fr", "fr"),
        ("fr-CA, en;q=0.5", "fr"),
        ("en;q=0.5, ar", "ar"),
        ("en;q=0.2,ru;q=0.9,es;q=0.5", "ru"),
        ("de, it;q=0.9, es;q=0.1", "es"),
        ("zh-Hant-TW", "zh"),
        ("*, fr;q=0.1", "fr"),
        ("fr;q=0, ar;q=0.1", "ar"),
        ("FR", "fr"),
        ("es ; q=0.7 , ar;q=0.8", "ar"),
        ("", "en"),
        ("tlh, qq", "en"),
        ("q=1;;;,,fr;q=x,<script>", "en"),
        ("en;q=nan, ru;q=1e9, es;q=-1, fr;q=0.1", "fr"),
        ("x" * 5000 + ", fr", "en"),
    ],
)
def test_accept_language_chooses_the_preferred_page_language(
    pages: AsgiClient, accept_language: str, tag: str
) -> None:
    """RFC 9110 §12.5.4."""
    assert read_page_language(pages.get_page("/", headers=accept_languages(accept_language))) == tag


@pytest.mark.parametrize(
    "requested_tag",
    ["", "tlh", "en_US.UTF-8", "%3Cscript%3E", "..%2Ffr", "fr%00", "fr&lang=ar", "%ff"],
)
def test_invalid_lang_parameter_is_ignored_and_not_echoed(
    pages: AsgiClient, requested_tag: str
) -> None:
    answer = pages.get_page(f"/subscribe?lang={requested_tag}")
    assert (answer.status, read_page_language(answer)) == (
        200,
        "ar" if requested_tag == "fr&lang=ar" else "en",
    )
    actions = re.findall(r' action="([^"]*)"', answer.text)
    assert set(actions) <= {"/subscribe", "/subscribe?lang=ar"}


@pytest.mark.parametrize(("office_language", "tag"), [("ar", "ar"), ("fr-CA", "fr"), ("pt", "en")])
def test_page_falls_back_to_the_offices_language(
    mailer: Mailer, office_language: str, tag: str
) -> None:
    settings = mailer.settings.model_copy(
        update={
            "defaults": mailer.settings.defaults.model_copy(update={"language": office_language})
        }
    )
    app = create_public_app(Mailer(settings, mailer.store), create_logger(StringIO()))
    with open_client(app) as client:
        assert read_page_language(client.get_page("/")) == tag
        assert read_page_language(client.get_page("/no/such/page")) == tag
        assert read_page_language(client.get_page("/", headers=accept_languages("ru"))) == "ru"


# ---- changing it --------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_page_links_to_its_other_languages(pages: AsgiClient, tag: str) -> None:
    text = pages.get_page(f"/subscribe?lang={tag}&x=1").text
    nav = text[text.rindex("<nav") : text.rindex("</nav>")]
    for other_tag in LANGUAGES:
        if other_tag == tag:
            assert (
                f'<span aria-current="true" lang="{other_tag}">{get_own_name(other_tag)}</span>'
                in nav
            )
        else:
            link = f'<a href="?x=1&amp;lang={other_tag}" lang="{other_tag}" hreflang="{other_tag}"'
            assert link in nav


def test_sign_up_is_answered_in_the_chosen_language(pages: AsgiClient) -> None:
    fields = {"email": "new@example.org", "list": "news", "language": "ar"}
    assert (
        read_page_language(pages.send_form("/subscribe", fields, headers=accept_languages("fr")))
        == "ar"
    )
    assert read_page_language(pages.send_form("/subscribe?lang=ru", fields)) == "ru"
    assert read_page_language(pages.send_form("/subscribe", fields | {"email": "?"})) == "ar"


def test_preferences_page_switches_to_the_saved_language(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    path = seeded_office.build_preferences_path(
        seeded_office.add_person("reader@example.org", language="en")
    )
    answer = pages.send_form(path, {"language": "fr", "list": "news", "topic news": "health"})
    assert read_page_language(answer) == "fr"
    assert read_page_language(pages.get_page(path)) == "fr"


def test_consent_wording_is_saved_as_it_was_shown(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    confirmation_id = seeded_office.add_sign_up("new@example.org")
    path = seeded_office.build_confirm_path(confirmation_id)
    page = pages.get_page(f"{path}?lang=ar").text
    consent_text = html.unescape(re.search(r'<p class="agree">([^<]*)</p>', page)[1])  # type: ignore[index]
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert pages.send_form(f"{path}?lang=ar", {"seen": seen[1] if seen else ""}).status == 200
    with seeded_office.store.read() as tx:
        entries = consent.list_consent_entries(tx, "new@example.org")
    assert [one.wording for one in entries if one.wording] == [Wording("ar", consent_text)]
    assert consent_text.startswith("أوافق")


# ---- from head to foot --------------------------------------------------------------------------


def visit_all_pages(
    pages: AsgiClient, seeded_office: SeededOffice, tag: str
) -> Iterator[AsgiResponse]:
    """Yield every page, and the answers of its forms."""
    lang = f"?lang={tag}"
    yield pages.get_page("/" + lang)
    yield pages.get_page("/subscribe" + lang)
    yield pages.get_page("/subscribe/news" + lang)
    yield pages.get_page("/embed/news" + lang)
    for fields in ({"email": "?"}, {"email": "a@example.org"}):
        yield pages.send_form("/subscribe" + lang, fields)
    yield pages.send_form("/subscribe" + lang, {"email": "a@example.org", "list": "news"})
    for lists in (("news",), ("news", "press")):
        path = (
            seeded_office.build_confirm_path(
                seeded_office.add_sign_up(f"{len(lists)}@example.org", *lists)
            )
            + lang
        )
        page = pages.get_page(path)
        yield page
        yield pages.send_form(path, {"choice": "1"})
        seen = re.search(r'name="seen" value="([^"]*)"', page.text)
        yield pages.send_form(path, {"list": "news", "seen": seen[1] if seen else ""})
    reader = seeded_office.add_person("reader@example.org", language=tag)
    preferences_path = seeded_office.build_preferences_path(reader)
    unsubscribe_path = seeded_office.build_unsubscribe_path(reader)
    for subpath in ("", "/pause", "/address", "/leave", "/erase"):
        yield pages.get_page(preferences_path + subpath + lang)
    choices = {"list": "news", "topic news": "health", "time_zone": "Europe/Paris"}
    yield pages.send_form(preferences_path + lang, choices | {"language": tag})
    yield pages.send_form(preferences_path + lang, {"list": "news", "language": tag})
    yield pages.send_form(preferences_path + lang, choices | {"time_zone": "Nowhere"})
    for weeks in ("4", "0", "x"):
        yield pages.send_form(preferences_path + "/pause" + lang, {"weeks": weeks})
    yield pages.send_form(preferences_path + "/address" + lang, {"email": "?"})
    yield pages.send_form(preferences_path + "/address" + lang, {"email": "b@example.org"})
    yield pages.get_page(unsubscribe_path + lang)
    yield pages.send_form(unsubscribe_path + lang, {"person": "1"})
    yield pages.send_form(unsubscribe_path + "/undo" + lang, {"frequency": "weekly"})
    yield pages.get_page(unsubscribe_path + lang)
    yield pages.send_form(unsubscribe_path + "/undo" + lang, {})
    yield pages.send_form(preferences_path + "/leave" + lang, {})
    yield pages.get_page(preferences_path + "/pause" + lang)
    yield pages.send_form(preferences_path + "/erase" + lang, {})
    yield pages.send_form(preferences_path + "/erase" + lang, {"sure": "yes"})
    yield pages.get_page(preferences_path + lang)
    kill_path = f"/k/{make_decision_tokens(seeded_office)['k']}{lang}"
    yield pages.get_page(kill_path)
    for decision in ("", "refuse"):
        yield pages.send_form(kill_path, {"decision": decision})
    yield pages.get_page("/no/such/page" + lang)
    yield pages.send_request("PUT", "/subscribe" + lang)


def extract_text(html_text: str) -> str:
    """Return the text that people read or hear, without text for programs."""
    attribute_texts = " ".join(re.findall(r' (?:aria-label|alt|label|title)="([^"]*)"', html_text))
    html_text = re.sub(
        r"<(?:style|nav|option)\b.*?</(?:style|nav|option)>", " ", html_text, flags=re.DOTALL
    )
    return " ".join(
        html.unescape(re.sub(r"<[^>]*>", " ", html_text) + " " + attribute_texts).split()
    )


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_page_is_entirely_in_one_language(
    pages: AsgiClient, seeded_office: SeededOffice, tag: str
) -> None:
    english_texts = [
        part for text in extract_msgids() for part in ([text] if isinstance(text, str) else text)
    ]
    # The longest stretch without a placeholder. Short words may be the same in two languages.
    parts = [max(re.split(r"%\(\w+\)s", text), key=len).strip() for text in english_texts]
    english_parts = {part for part in parts if len(part.split()) >= 2}
    assert len(english_parts) > 60
    parts_read = set()
    for number, answer in enumerate(visit_all_pages(pages, seeded_office, tag)):
        assert read_page_language(answer) == tag, number
        assert "%(" not in answer.text, number
        parts_shown = {part for part in english_parts if part in extract_text(answer.text)}
        parts_read |= parts_shown
        assert tag == "en" or not parts_shown, number
    assert tag != "en" or len(parts_read) > len(english_parts) / 2, english_parts - parts_read
