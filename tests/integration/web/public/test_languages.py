"""In which language a page answers, and that it is in that language from head to foot."""

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
from mailer.web.public.site import LANGUAGES, get_own_name
from tests.actors import STAFF
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient, AsgiResponse, open_client
from tests.integration.web.public.fixtures import NO_LIMIT, SeededOffice
from tests.unit.web.public.test_words import words

FRAME = re.compile(r'<html lang="([^"]*)" dir="([^"]*)">')


@pytest.fixture
def backend() -> str:
    """What is asked here has nothing to do with the database."""
    return "sqlite"


def tag_of(answer: AsgiResponse) -> str:
    """The language that a page says it is in; its direction has to fit."""
    found = FRAME.search(answer.text)
    assert found
    assert found[2] == ("rtl" if found[1] == "ar" else "ltr")
    return found[1]


def accepting(*tags: str) -> list[tuple[str, str]]:
    return [("Accept-Language", ", ".join(tags))]


# ---- which one ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_page_is_in_the_language_that_its_address_asks_for(pages: AsgiClient, tag: str) -> None:
    answer = pages.get_page(f"/subscribe?lang={tag}", headers=accepting("es", "ru"))
    assert tag_of(answer) == tag
    assert f'action="/subscribe?lang={tag}"' in answer.text  # and what comes next


def test_without_it_a_form_asks_for_no_language(pages: AsgiClient) -> None:
    assert 'action="/subscribe"' in pages.get_page("/subscribe", headers=accepting("fr")).text


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_link_from_a_mail_opens_in_its_readers_language(
    pages: AsgiClient, stage: SeededOffice, tag: str
) -> None:
    reader = stage.add_person("reader@example.org", language=tag)
    for path in (stage.build_preferences_path(reader), stage.build_unsubscribe_path(reader)):
        assert tag_of(pages.get_page(path, headers=accepting("ru", "es"))) == tag


def test_the_address_wins_over_the_reader(pages: AsgiClient, stage: SeededOffice) -> None:
    reader = stage.add_person("reader@example.org", language="ar")
    path = stage.build_preferences_path(reader)
    assert tag_of(pages.get_page(f"{path}?lang=fr")) == "fr"
    assert tag_of(pages.get_page(f"{path}?lang=tlh")) == "ar"


def test_the_language_of_their_list_wins_over_their_own(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    reader = stage.add_person("reader@example.org", language="ar")
    with stage.store.begin() as tx:
        preferences.change_membership(tx, STAFF, reader, stage.news, {"language": "ru"}, NOW)
    assert tag_of(pages.get_page(stage.build_preferences_path(reader))) == "ru"
    assert tag_of(pages.get_page(stage.build_unsubscribe_path(reader))) == "ru"


def test_a_reader_of_a_language_that_pages_are_not_in_gets_what_their_browser_takes(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    reader = stage.add_person("reader@example.org", language="de")
    answer = pages.get_page(
        stage.build_preferences_path(reader), headers=accepting("pt", "es;q=0.5")
    )
    assert tag_of(answer) == "es"
    assert '<option value="de" lang="de" selected>Deutsch</option>' in answer.text


def test_a_confirmation_opens_in_the_language_of_the_sign_up(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    with stage.store.begin() as tx:
        new = confirmations.build_sign_up(
            tx, "new@example.org", SignUpWishes(lists=("news",)), "zh", source="x"
        )
        confirmations.request_confirmation(tx, STAFF, NO_LIMIT, new, NOW)
        made = tx.sign_ups.list_for_address("new@example.org")[-1]
        confirmations.move_confirmation(tx, STAFF, made, ConfirmationState.MAILED, NOW)
    assert (
        tag_of(pages.get_page(stage.build_confirm_path(made.id), headers=accepting("fr"))) == "zh"
    )


@pytest.mark.parametrize(
    ("accepted", "tag"),
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
def test_a_stranger_gets_the_language_that_their_browser_likes_best(
    pages: AsgiClient, accepted: str, tag: str
) -> None:
    """RFC 9110 §12.5.4."""
    assert tag_of(pages.get_page("/", headers=accepting(accepted))) == tag


@pytest.mark.parametrize(
    "asked", ["", "tlh", "en_US.UTF-8", "%3Cscript%3E", "..%2Ffr", "fr%00", "fr&lang=ar", "%ff"]
)
def test_a_language_that_is_none_is_not_heeded_and_not_repeated(
    pages: AsgiClient, asked: str
) -> None:
    answer = pages.get_page(f"/subscribe?lang={asked}")
    assert (answer.status, tag_of(answer)) == (200, "ar" if asked == "fr&lang=ar" else "en")
    actions = re.findall(r' action="([^"]*)"', answer.text)
    assert set(actions) <= {"/subscribe", "/subscribe?lang=ar"}


@pytest.mark.parametrize(("ours", "tag"), [("ar", "ar"), ("fr-CA", "fr"), ("pt", "en")])
def test_a_browser_that_says_nothing_gets_the_offices_language(
    mailer: Mailer, ours: str, tag: str
) -> None:
    settings = mailer.settings.model_copy(
        update={"defaults": mailer.settings.defaults.model_copy(update={"language": ours})}
    )
    app = create_public_app(Mailer(settings, mailer.store), create_logger(StringIO()))
    with open_client(app) as opened:
        assert tag_of(opened.get_page("/")) == tag
        assert tag_of(opened.get_page("/no/such/page")) == tag
        assert tag_of(opened.get_page("/", headers=accepting("ru"))) == "ru"


# ---- changing it --------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_page_leads_to_itself_in_the_other_languages(pages: AsgiClient, tag: str) -> None:
    text = pages.get_page(f"/subscribe?lang={tag}&x=1").text
    nav = text[text.index("<nav") : text.index("</nav>")]
    for other in LANGUAGES:
        if other == tag:
            assert f'<span aria-current="true" lang="{other}">{get_own_name(other)}</span>' in nav
        else:
            link = f'<a href="?x=1&amp;lang={other}" lang="{other}" hreflang="{other}"'
            assert link in nav


def test_a_sign_up_is_answered_in_the_language_that_was_chosen(pages: AsgiClient) -> None:
    fields = {"email": "new@example.org", "list": "news", "language": "ar"}
    assert tag_of(pages.send_form("/subscribe", fields, headers=accepting("fr"))) == "ar"
    assert tag_of(pages.send_form("/subscribe?lang=ru", fields)) == "ru"
    assert tag_of(pages.send_form("/subscribe", fields | {"email": "?"})) == "ar"


def test_who_chooses_another_language_reads_on_in_it(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    path = stage.build_preferences_path(stage.add_person("reader@example.org", language="en"))
    answer = pages.send_form(path, {"language": "fr", "list": "news", "topic news": "health"})
    assert tag_of(answer) == "fr"
    assert tag_of(pages.get_page(path)) == "fr"


def test_what_is_agreed_to_is_kept_as_it_was_read(pages: AsgiClient, stage: SeededOffice) -> None:
    number = stage.add_sign_up("new@example.org")
    path = stage.build_confirm_path(number)
    shown = pages.get_page(f"{path}?lang=ar").text
    agreed = html.unescape(re.search(r'<p class="agree">([^<]*)</p>', shown)[1])  # type: ignore[index]
    seen = re.search(r'name="seen" value="([^"]*)"', shown)
    assert pages.send_form(f"{path}?lang=ar", {"seen": seen[1] if seen else ""}).status == 200
    with stage.store.read() as tx:
        entries = consent.list_consent_entries(tx, "new@example.org")
    assert [one.wording for one in entries if one.wording] == [Wording("ar", agreed)]
    assert agreed.startswith("أوافق")


# ---- from head to foot --------------------------------------------------------------------------


def visited(pages: AsgiClient, stage: SeededOffice, tag: str) -> Iterator[AsgiResponse]:
    """Every page there is, and what each of its buttons brings."""
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
            stage.build_confirm_path(stage.add_sign_up(f"{len(lists)}@example.org", *lists)) + lang
        )
        shown = pages.get_page(path)
        yield shown
        yield pages.send_form(path, {"choice": "1"})
        seen = re.search(r'name="seen" value="([^"]*)"', shown.text)
        yield pages.send_form(path, {"list": "news", "seen": seen[1] if seen else ""})
    reader = stage.add_person("reader@example.org", language=tag)
    mine, off = stage.build_preferences_path(reader), stage.build_unsubscribe_path(reader)
    for page in ("", "/pause", "/address", "/leave", "/erase"):
        yield pages.get_page(mine + page + lang)
    chosen = {"list": "news", "topic news": "health", "time_zone": "Europe/Paris"}
    yield pages.send_form(mine + lang, chosen | {"language": tag})
    yield pages.send_form(mine + lang, {"list": "news", "language": tag})
    yield pages.send_form(mine + lang, chosen | {"time_zone": "Nowhere"})
    for weeks in ("4", "0", "x"):
        yield pages.send_form(mine + "/pause" + lang, {"weeks": weeks})
    yield pages.send_form(mine + "/address" + lang, {"email": "?"})
    yield pages.send_form(mine + "/address" + lang, {"email": "b@example.org"})
    yield pages.get_page(off + lang)
    yield pages.send_form(off + lang, {"person": "1"})
    yield pages.send_form(off + "/undo" + lang, {"frequency": "weekly"})
    yield pages.get_page(off + lang)
    yield pages.send_form(off + "/undo" + lang, {})
    yield pages.send_form(mine + "/leave" + lang, {})
    yield pages.get_page(mine + "/pause" + lang)
    yield pages.send_form(mine + "/erase" + lang, {})
    yield pages.send_form(mine + "/erase" + lang, {"sure": "yes"})
    yield pages.get_page(mine + lang)
    yield pages.get_page("/no/such/page" + lang)
    yield pages.send_request("PUT", "/subscribe" + lang)


def text_of(page: str) -> str:
    """What is read of a page, also aloud; without what only programs see."""
    spoken = " ".join(re.findall(r' (?:aria-label|alt|label|title)="([^"]*)"', page))
    page = re.sub(r"<(?:style|nav|option)\b.*?</(?:style|nav|option)>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page) + " " + spoken).split())


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_page_is_in_one_language_from_head_to_foot(
    pages: AsgiClient, stage: SeededOffice, tag: str
) -> None:
    flat = [part for said in words() for part in ([said] if isinstance(said, str) else said)]
    # By their longest stretch without a placeholder; short words may be the same in two languages.
    parts = [max(re.split(r"%\(\w+\)s", said), key=len).strip() for said in flat]
    english = {part for part in parts if len(part.split()) >= 2}
    assert len(english) > 60
    read = set()
    for number, answer in enumerate(visited(pages, stage, tag)):
        assert tag_of(answer) == tag, number
        assert "%(" not in answer.text, number
        there = {part for part in english if part in text_of(answer.text)}
        read |= there
        assert tag == "en" or not there, number
    assert tag != "en" or len(read) > len(english) / 2, english - read
