"""Segments in SQL against the same tree in plain Python."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.audience import filter_parser, segments, subscribers
from mailer.audience.lists import get_topics
from mailer.errors import InputError, NotFound
from mailer.model.segments import All, Among, AnyOf, Filter, FilterField, Joined, Not
from mailer.model.subscribers import MembershipState, Person
from mailer.store import Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW

COUNTRIES = ("GB", "FR", "")
LANGUAGES = ("en", "fr", "ar", "")
TAGS = ("donor", "trustee", "50% off", "o'brien")
FIRST = date(2026, 1, 1)


@dataclass(frozen=True)
class Reader:
    """One member, as Hypothesis makes them up."""

    topics: frozenset[str]
    own_language: str
    list_language: str
    country: str
    tags: frozenset[str]
    joined: datetime
    active: bool

    @property
    def language(self) -> str:
        return self.list_language or self.own_language or "es"


def is_member(tree: Filter, reader: Reader) -> bool:
    match tree:
        case Among(FilterField.TOPIC, values):
            return not reader.topics or bool(reader.topics & set(values))
        case Among(FilterField.LANGUAGE, values):
            return reader.language in values
        case Among(FilterField.COUNTRY, values):
            return reader.country in values
        case Among(FilterField.TAG, values):
            return bool(reader.tags & set(values))
        case Joined(before, day):
            return (reader.joined.astimezone(UTC).date() < day) is before
        case Not(term):
            return not is_member(term, reader)
        case All(terms):
            return all(is_member(term, reader) for term in terms)
        case AnyOf(terms):
            return any(is_member(term, reader) for term in terms)
        case _:
            raise TypeError(tree)


moments = st.builds(
    lambda days, seconds: (
        datetime.combine(FIRST, time(), UTC) + timedelta(days=days, seconds=seconds)
    ),
    st.integers(-2, 2),
    st.sampled_from([0, 1, 43_200, 86_399]),
)
readers = st.builds(
    Reader,
    topics=st.frozensets(st.sampled_from(factories.TOPICS)),
    own_language=st.sampled_from(LANGUAGES),
    list_language=st.sampled_from(LANGUAGES),
    country=st.sampled_from(COUNTRIES),
    tags=st.frozensets(st.sampled_from(TAGS)),
    joined=moments,
    active=st.integers(0, 4).map(bool),
)


def build_terms(field: FilterField, *values: str) -> st.SearchStrategy[Filter]:
    subsets = st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
    return subsets.map(lambda subset: Among(field, tuple(subset)))


tests = (
    build_terms(FilterField.TOPIC, *factories.TOPICS)
    | build_terms(FilterField.LANGUAGE, "en", "fr", "ar", "es")
    | build_terms(FilterField.COUNTRY, "GB", "FR", "US")
    | build_terms(FilterField.TAG, *TAGS, "nobody")
    | st.builds(Joined, st.booleans(), st.integers(-3, 3).map(lambda n: FIRST + timedelta(n)))
)
trees: st.SearchStrategy[Filter] = st.recursive(
    tests,
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, max_size=3).map(lambda terms: All(tuple(terms)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda terms: AnyOf(tuple(terms)))
    ),
    max_leaves=8,
)


@pytest.fixture
def seeded_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx, language="es")
        factories.add_mailing_list(tx, "press")
    return store


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    audience=st.lists(readers, min_size=1, max_size=8),
    filters=st.lists(trees, min_size=5, max_size=8),
)
def test_segment_sql_agrees_with_python(
    seeded_store: Store, audience: list[Reader], filters: list[Filter]
) -> None:
    with seeded_store.begin() as tx:
        news = factories.get_mailing_list(tx)
        for number, reader in enumerate(audience):
            subscribers.subscribe_person(
                tx,
                STAFF,
                Person(
                    f"{number}@example.org",
                    language=reader.own_language,
                    country=reader.country,
                    tags=tuple(reader.tags),
                ),
                news,
                get_topics(tx, sorted(reader.topics)),
                reader.joined,
                language=reader.list_language,
                state=MembershipState.ACTIVE if reader.active else MembershipState.PENDING,
            )
        for tree in filters:
            expected_addresses = {
                f"{number}@example.org"
                for number, reader in enumerate(audience)
                if reader.active and is_member(tree, reader)
            }
            assert tx.segments.count_members(news, tree) == len(expected_addresses)
            sample = tx.segments.sample_members(news, tree, 100)
            assert {member.address for member in sample} == expected_addresses
        tx.rollback()


def test_segment_sample_shows_mailed_language(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, "ana@example.org", "health", name="Ana", country="GB")
        factories.add_subscriber(tx, "ana@example.org", "climate", list_slug="press")
        (member,) = tx.segments.sample_members(factories.get_mailing_list(tx), All(()), 5)
    assert (member.name, member.language, member.country, member.topics) == (
        "Ana",
        "es",
        "GB",
        ("health",),
    )
    assert member.joined_at == NOW


def test_largest_filters_are_counted(seeded_store: Store) -> None:
    """Both databases take what the verb saves."""
    tests = ["topic = health", "tag = a", "language = en", "country = GB", "beat = sea"]
    chain = [tests[number % len(tests)] for number in range(filter_parser.MAX_FILTER_TESTS)]
    values = ", ".join(map(str, range(filter_parser.MAX_FILTER_VALUES)))
    nested = chain[0]
    for test in chain[1 : filter_parser.MAX_FILTER_DEPTH]:
        nested = f"{test} or ({nested})" if len(nested) % 2 else f"({nested}) and {test}"
    with seeded_store.read() as tx:
        mailing_list = tx.lists.list_mailing_lists()[0]
        for line in (" or ".join(chain), " and ".join(chain), f"tag in ({values})", nested):
            tree = filter_parser.parse_filter(line)
            assert tx.segments.count_members(mailing_list, tree) >= 0


def test_segment_is_saved_and_replaced(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        line = 'country = GB and (tag = "and" or not joined before 2026-01-01)'
        first = segments.save_segment(tx, STAFF, "close", "Close by", line, NOW)
        assert segments.get_segment(tx, "close") == first
        second = segments.save_segment(tx, STAFF, "close", "Closer", "country = FR", NOW)
        assert second.id == first.id
        assert tx.segments.list_segments() == [second]
        with pytest.raises(InputError, match="no topic 'sports'"):
            segments.save_segment(
                tx, STAFF, "sports", "Sports", "not topic in (health, sports)", NOW
            )


def test_segment_in_use_cannot_be_removed(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        segments.save_segment(tx, STAFF, "close", "Close by", "country = GB", NOW)
        factories.add_digest(tx, segment="close")
        factories.add_story(tx, "boats")
        factories.create_edition(tx, "boats", segment="close")
        with pytest.raises(InputError, match="1 digests, 1 open editions"):
            segments.remove_segment(tx, STAFF, "close")


def test_unused_segment_can_be_removed(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        segments.save_segment(tx, STAFF, "close", "Close by", "country = GB", NOW)
        segments.remove_segment(tx, STAFF, "close")
        with pytest.raises(NotFound):
            segments.get_segment(tx, "close")
