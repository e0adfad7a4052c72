"""Lists and topics: names that can stand in a header, and nothing removed that is used."""

from collections.abc import Mapping
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience import lists
from mailer.errors import InputError, NotFound, Refused
from mailer.lines import holds_control
from mailer.model.lists import MailingList, Topic, Visibility
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.samples import NOW, generate_texts, make_topic


class FakeListStore:
    """Lists and topics in memory."""

    def __init__(self, **uses: int) -> None:
        self.uses = uses
        self.saved_topics: list[Topic] = []
        self.saved_lists: list[MailingList] = []

    def list_topics(self) -> list[Topic]:
        return self.saved_topics

    def add_topic(self, slug: str, names: Mapping[str, str], now: datetime) -> Topic:
        self.saved_topics.append(Topic(len(self.saved_topics) + 1, slug, names))
        return self.saved_topics[-1]

    def save_topic(self, topic: Topic) -> Topic:
        positions = [saved_topic.id for saved_topic in self.saved_topics]
        self.saved_topics[positions.index(topic.id)] = topic
        return topic

    def remove_topic(self, topic: Topic) -> None:
        self.saved_topics.remove(topic)

    def delete_unused_topic_sets(self, topic: Topic) -> None: ...

    def count_topic_uses(self, topic: Topic) -> Mapping[str, int]:
        return self.uses

    def list_mailing_lists(self) -> list[MailingList]:
        return self.saved_lists

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
        welcome_edition: bool = False,
        sender: str = "",
        counts_clicks: bool = False,
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
            welcome_edition=welcome_edition,
            sender=sender,
            counts_clicks=counts_clicks,
        )
        self.saved_lists.append(made)
        return made

    def edit_list(self, mailing_list: MailingList) -> MailingList:
        self.saved_lists = [mailing_list]
        return mailing_list

    def count_list_uses(self, mailing_list: MailingList) -> Mapping[str, int]:
        return self.uses

    def remove_list(self, mailing_list: MailingList) -> None:
        self.saved_lists.remove(mailing_list)


@given(st.one_of(generate_texts(3), st.text("ab1-\n", max_size=70)))
def test_valid_slug_fits_in_list_id(slug: str) -> None:
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
def test_invalid_list_slug_is_refused(slug: str) -> None:
    with pytest.raises(InputError, match="can't name a list"):
        lists.check_slug(slug, "list")


@given(generate_texts())
def test_any_text_is_single_line_or_refused(value: str) -> None:
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
def test_topic_name_follows_reader_language(language: str, name: str) -> None:
    assert make_topic("health", fr="Santé", en="Health").get_name(language) == name


def test_topic_without_english_name_falls_back_to_slug() -> None:
    assert make_topic("health", fr="Santé").get_name("ru") == "Santé"
    assert make_topic("climate-change").get_name("ru") == "climate change"


def test_topic_is_added_renamed_and_found() -> None:
    list_store = FakeListStore()
    assert lists.add_topic(
        make_transaction(lists=list_store), STAFF, "climate-change", {}, NOW
    ).names == {"en": "Climate change"}
    renamed = lists.add_topic(
        make_transaction(lists=list_store), STAFF, "climate-change", {"FR": " Le  climat "}, NOW
    )
    assert renamed.names == {"en": "Climate change", "fr": "Le climat"}
    assert (
        lists.add_topic(
            make_transaction(lists=list_store), STAFF, "climate-change", {"fr": "Le climat"}, NOW
        )
        is renamed
    )
    assert lists.get_topics(make_transaction(lists=list_store), ["climate-change"] * 2) == (
        renamed,
    )
    with pytest.raises(NotFound, match="there is no topic 'climat'"):
        lists.get_topics(make_transaction(lists=list_store), ["climate-change", "climat"])


def test_topic_in_use_cannot_be_removed() -> None:
    list_store = FakeListStore(articles=3, digests=0, subscribers=12)
    lists.add_topic(make_transaction(lists=list_store), STAFF, "health", {}, NOW)
    with pytest.raises(Refused, match="is used by 3 articles, 12 subscribers;"):
        lists.remove_topic(make_transaction(lists=list_store), STAFF, "health")
    list_store.uses = {}
    lists.remove_topic(make_transaction(lists=list_store), STAFF, "health")
    assert list_store.list_topics() == []


def test_last_topic_name_cannot_be_removed() -> None:
    list_store = FakeListStore()
    lists.add_topic(
        make_transaction(lists=list_store), STAFF, "health", {"en": "Health", "fr": "Santé"}, NOW
    )
    assert lists.remove_topic_name(
        make_transaction(lists=list_store), STAFF, "health", "EN"
    ).names == {"fr": "Santé"}
    with pytest.raises(NotFound, match="has no name in en; it has fr"):
        lists.remove_topic_name(make_transaction(lists=list_store), STAFF, "health", "en")
    with pytest.raises(InputError, match="it is the only name of the topic 'health'"):
        lists.remove_topic_name(make_transaction(lists=list_store), STAFF, "health", "fr")


def test_list_in_use_cannot_be_removed() -> None:
    list_store = FakeListStore(**{"people who are or were on it": 1, "editions": 0})
    lists.add_list(make_transaction(lists=list_store), STAFF, "news", "News", NOW)
    with pytest.raises(Refused, match=r"can't be removed \(people who are or were on it: 1\)"):
        lists.remove_list(make_transaction(lists=list_store), STAFF, "news")
    list_store.uses = {}
    assert lists.remove_list(make_transaction(lists=list_store), STAFF, "news").slug == "news"
    assert list_store.list_mailing_lists() == []


def test_list_is_added_once_and_edited() -> None:
    list_store = FakeListStore()
    made = lists.add_list(
        make_transaction(lists=list_store), STAFF, "press", " The  press ", NOW, language="EN-gb"
    )
    assert (made.name, made.language, made.visibility) == ("The press", "en-GB", Visibility.PUBLIC)
    with pytest.raises(InputError, match="there is a list 'press' already"):
        lists.add_list(make_transaction(lists=list_store), STAFF, "press", "Again", NOW)
    edited = lists.edit_list(
        make_transaction(lists=list_store), STAFF, "press", {"visibility": Visibility.PRIVATE}
    )
    assert lists.get_list(make_transaction(lists=list_store), "press") == edited
    assert edited.visibility is Visibility.PRIVATE
    with pytest.raises(InputError, match="name: it is empty"):
        lists.edit_list(make_transaction(lists=list_store), STAFF, "press", {"name": ""})
    with pytest.raises(NotFound, match="there is no list 'news'"):
        lists.get_list(make_transaction(lists=list_store), "news")


def test_list_takes_only_a_sender_of_the_settings() -> None:
    tx = make_transaction(lists=FakeListStore())
    for senders, hint in (
        ((), "add a section"),
        (("office", "staff"), "use office, staff, or add"),
    ):
        with pytest.raises(InputError, match="there is no sender 'press'") as caught:
            lists.add_list(tx, STAFF, "press", "Press", NOW, sender="press", senders=senders)
        assert caught.value.hint.startswith(hint)
        assert caught.value.field == "sender"
    made = lists.add_list(tx, STAFF, "press", "Press", NOW, sender="press", senders={"press"})
    assert made.sender == "press"
    with pytest.raises(InputError, match="there is no sender 'office'"):
        lists.edit_list(tx, STAFF, "press", {"sender": "office"}, senders={"press"})
    assert lists.edit_list(tx, STAFF, "press", {"sender": ""}).sender == ""
