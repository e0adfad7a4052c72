"""Lists and topics: names that can stand in a header, and nothing removed that is used."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience import lists
from mailer.errors import InputError, NotFound
from mailer.lines import holds_control
from mailer.model.lists import MailingList, Topic, Visibility
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.samples import NOW, generate_texts, make_topic


class Register:
    """Lists and topics in memory."""

    def __init__(self, **uses: int) -> None:
        self.uses = uses
        self.topics_kept: list[Topic] = []
        self.lists_kept: list[MailingList] = []

    def list_topics(self) -> list[Topic]:
        return self.topics_kept

    def add_topic(self, slug: str, names: Mapping[str, str], now: datetime) -> Topic:
        self.topics_kept.append(Topic(len(self.topics_kept) + 1, slug, names))
        return self.topics_kept[-1]

    def set_topic_names(self, topic: Topic, names: Mapping[str, str]) -> Topic:
        named = replace(topic, names=names)
        self.topics_kept[self.topics_kept.index(topic)] = named
        return named

    def remove_topic(self, topic: Topic) -> None:
        self.topics_kept.remove(topic)

    def count_topic_uses(self, topic: Topic) -> Mapping[str, int]:
        return self.uses

    def list_mailing_lists(self) -> list[MailingList]:
        return self.lists_kept

    def add_list(
        self,
        slug: str,
        name: str,
        description: str,
        language: str,
        visibility: Visibility,
        now: datetime,
        time_zone: str = "",
        *,
        welcome: bool = False,
    ) -> MailingList:
        made = MailingList(
            1,
            slug,
            name,
            description,
            language,
            visibility,
            now,
            time_zone=time_zone,
            welcome=welcome,
        )
        self.lists_kept.append(made)
        return made

    def edit_list(self, mailing_list: MailingList) -> MailingList:
        self.lists_kept = [mailing_list]
        return mailing_list

    def count_list_uses(self, mailing_list: MailingList) -> Mapping[str, int]:
        return self.uses

    def remove_list(self, mailing_list: MailingList) -> None:
        self.lists_kept.remove(mailing_list)


@given(st.one_of(generate_texts(3), st.text("ab1-\n", max_size=70)))
def test_what_names_a_record_can_stand_in_a_list_id(slug: str) -> None:
    try:
        lists.check_slug(slug, "list")
    except InputError:
        return
    assert slug.isascii()
    assert slug.replace("-", "a").isalnum()
    assert slug == slug.lower()
    assert 1 <= len(slug) <= 60


@pytest.mark.parametrize(
    "slug", ["", "News", "news list", "news-", "-news", "a--b", "news\n", "né"]
)
def test_other_names_are_refused(slug: str) -> None:
    with pytest.raises(InputError, match="can't name a list"):
        lists.check_slug(slug, "list")


@given(generate_texts())
def test_a_line_is_one_line_or_refused(value: str) -> None:
    try:
        line = lists.check_line(value, "name", required=False)
    except InputError as error:
        assert error.field == "name"  # noqa: PT017
        return
    assert not holds_control(line)
    assert line == " ".join(line.split())
    assert lists.check_line(line, "name", required=False) == line


@pytest.mark.parametrize(
    ("language", "name"),
    [("fr", "Santé"), ("fr-CA", "Santé"), ("en", "Health"), ("ru", "Health")],
)
def test_a_topic_has_a_name_for_every_reader(language: str, name: str) -> None:
    assert make_topic("health", fr="Santé", en="Health").get_name(language) == name


def test_a_topic_without_english_uses_what_it_has_and_at_last_its_slug() -> None:
    assert make_topic("health", fr="Santé").get_name("ru") == "Santé"
    assert make_topic("climate-change").get_name("ru") == "climate change"


def test_a_topic_is_added_named_and_found() -> None:
    register = Register()
    assert lists.add_topic(
        make_transaction(lists=register), STAFF, "climate-change", {}, NOW
    ).names == {"en": "Climate change"}
    named = lists.add_topic(
        make_transaction(lists=register), STAFF, "climate-change", {"FR": " Le  climat "}, NOW
    )
    assert named.names == {"en": "Climate change", "fr": "Le climat"}
    assert (
        lists.add_topic(
            make_transaction(lists=register), STAFF, "climate-change", {"fr": "Le climat"}, NOW
        )
        is named
    )
    assert lists.get_topics(make_transaction(lists=register), ["climate-change"] * 2) == (named,)
    with pytest.raises(NotFound, match="there is no topic 'climat'"):
        lists.get_topics(make_transaction(lists=register), ["climate-change", "climat"])


def test_a_topic_in_use_stays() -> None:
    register = Register(articles=3, digests=0, subscribers=12)
    lists.add_topic(make_transaction(lists=register), STAFF, "health", {}, NOW)
    with pytest.raises(InputError, match="is used by 3 articles, 12 subscribers;"):
        lists.remove_topic(make_transaction(lists=register), STAFF, "health")
    register.uses = {}
    lists.remove_topic(make_transaction(lists=register), STAFF, "health")
    assert register.list_topics() == []


def test_a_topics_name_is_taken_away_but_not_its_last() -> None:
    register = Register()
    lists.add_topic(
        make_transaction(lists=register), STAFF, "health", {"en": "Health", "fr": "Santé"}, NOW
    )
    assert lists.remove_topic_name(
        make_transaction(lists=register), STAFF, "health", "EN"
    ).names == {"fr": "Santé"}
    with pytest.raises(NotFound, match="has no name in en; it has fr"):
        lists.remove_topic_name(make_transaction(lists=register), STAFF, "health", "en")
    with pytest.raises(InputError, match="it is the only name of the topic 'health'"):
        lists.remove_topic_name(make_transaction(lists=register), STAFF, "health", "fr")


def test_a_list_that_something_hangs_on_stays() -> None:
    register = Register(**{"people who are or were on it": 1, "editions": 0})
    lists.add_list(make_transaction(lists=register), STAFF, "news", "News", NOW)
    with pytest.raises(InputError, match=r"can't be removed \(people who are or were on it: 1\)"):
        lists.remove_list(make_transaction(lists=register), STAFF, "news")
    register.uses = {}
    assert lists.remove_list(make_transaction(lists=register), STAFF, "news").slug == "news"
    assert register.list_mailing_lists() == []


def test_a_list_is_added_once_and_edited() -> None:
    register = Register()
    made = lists.add_list(
        make_transaction(lists=register), STAFF, "press", " The  press ", NOW, language="EN-gb"
    )
    assert (made.name, made.language, made.visibility) == ("The press", "en-GB", Visibility.PUBLIC)
    with pytest.raises(InputError, match="there is a list 'press' already"):
        lists.add_list(make_transaction(lists=register), STAFF, "press", "Again", NOW)
    edited = lists.edit_list(
        make_transaction(lists=register), STAFF, "press", {"visibility": Visibility.PRIVATE}
    )
    assert lists.get_list(make_transaction(lists=register), "press") == edited
    assert edited.visibility is Visibility.PRIVATE
    with pytest.raises(InputError, match="name: it is empty"):
        lists.edit_list(make_transaction(lists=register), STAFF, "press", {"name": ""})
    with pytest.raises(NotFound, match="there is no list 'news'"):
        lists.get_list(make_transaction(lists=register), "news")
