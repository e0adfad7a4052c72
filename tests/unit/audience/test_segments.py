"""A filter is a closed tree; what is written is what is read."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import languages
from mailer.audience import segments
from mailer.audience.segments import (
    MAX_FILTER_DEPTH,
    MAX_FILTER_TESTS,
    format_filter,
    from_plain,
    parse_filter,
    to_plain,
)
from mailer.errors import InputError, NotFound
from mailer.model.contacts import FollowUp, Trust
from mailer.model.lists import MailingList
from mailer.model.segments import (
    All,
    Among,
    AnyOf,
    Filter,
    FilterField,
    Joined,
    ListMember,
    Not,
    Segment,
)
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.samples import NOW

GB = Among(FilterField.COUNTRY, ("GB",))
HEALTH = Among(FilterField.TOPIC, ("health",))

words = st.one_of(
    st.sampled_from(["and", "OR", "not", "In", "joined", "before", "topic", "=", "!=", "(", ",",
                     " ", "two words", "a,b", "a=b", "(x)", "été", "移民", "-", "'"]),
    st.text(st.characters(exclude_characters='"', codec="utf-8"), min_size=1, max_size=12),
).filter(str.isprintable)  # fmt: skip

folded = words.map(lambda word: " ".join(word.split()).casefold()).filter(bool)

values = {
    FilterField.TOPIC: words,
    FilterField.TAG: words,
    FilterField.OUTLET: folded,
    FilterField.BEAT: folded,
    FilterField.TRUST: st.sampled_from([*map(str, Trust)]),
    FilterField.FOLLOW_UP: st.sampled_from([*map(str, FollowUp)]),
    FilterField.LANGUAGE: st.sampled_from(
        [*languages.UN_LANGUAGES, "pt-BR", "zh-Hant-TW", "en-GB"]
    ),
    FilterField.COUNTRY: st.sampled_from(sorted(languages.list_country_codes())),
    FilterField.FREQUENCY: st.sampled_from(["every", "weekly", "monthly"]),
}


@st.composite
def draw_comparisons(draw: st.DrawFn) -> Among:
    field = draw(st.sampled_from(FilterField))
    chosen_values = draw(st.lists(values[field], min_size=1, max_size=4, unique=True))
    return Among(field, tuple(chosen_values))


def build_filters() -> st.SearchStrategy[Filter]:
    """Trees that can be written: a group has two terms or more."""
    leaves = st.one_of(draw_comparisons(), st.builds(Joined, st.booleans(), st.dates()))

    def build_groups(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[tuple[Filter, ...]]:
        return st.lists(inner, min_size=2, max_size=4).map(tuple)

    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(All, build_groups(inner)),
            st.builds(AnyOf, build_groups(inner)),
        ),
        max_leaves=12,
    )


@given(build_filters())
def test_filter_round_trips_through_text(tree: Filter) -> None:
    assert parse_filter(format_filter(tree)) == tree


@given(build_filters())
def test_filter_round_trips_through_json(tree: Filter) -> None:
    assert from_plain(json.loads(json.dumps(to_plain(tree)))) == tree


@given(st.text(max_size=60))
def test_any_text_is_filter_or_error_with_column(line: str) -> None:
    try:
        tree = parse_filter(line)
    except InputError as error:
        column = re.fullmatch(r"filter, column ([0-9]+)", error.where)
    else:
        assert parse_filter(format_filter(tree)) == tree
        return
    assert column
    assert 1 <= int(column[1]) <= len(line) + 1


pieces = st.lists(
    st.sampled_from(["topic", "country", "joined", "before", "=", "!=", "in", "not", "(", ")", ",",
                     "and", "or", "GB", "2026-01-01", '"a b"', '"']),
    max_size=14,
).map(" ".join)  # fmt: skip


@given(pieces)
def test_filter_words_in_any_order_are_filter_or_refused(line: str) -> None:
    try:
        tree = parse_filter(line)
    except InputError:
        return
    assert parse_filter(format_filter(tree)) == tree


@pytest.mark.parametrize(
    ("line", "tree"),
    [
        ("", All(())),
        ("   ", All(())),
        ("country = GB", GB),
        ("country = gb", GB),
        ('COUNTRY = "gb"', GB),
        ("country in (GB)", GB),
        ("country in (gb, FR, GB)", Among(FilterField.COUNTRY, ("GB", "FR"))),
        ("country != GB", Not(GB)),
        ("country not in (GB)", Not(GB)),
        ("not country = GB", Not(GB)),
        ("NOT not country=GB", Not(Not(GB))),
        ("language = PT-br", Among(FilterField.LANGUAGE, ("pt-BR",))),
        ('tag = "two words"', Among(FilterField.TAG, ("two words",))),
        ("tag = in", Among(FilterField.TAG, ("in",))),
        ("joined before 2026-01-01", Joined(True, date(2026, 1, 1))),
        ("joined AFTER 2026-01-01", Joined(False, date(2026, 1, 1))),
        ("country = GB and topic = health", All((GB, HEALTH))),
        ("country = GB or topic = health", AnyOf((GB, HEALTH))),
        ("(((country = GB)))", GB),
        (
            "country = GB or topic = health and country = GB",
            AnyOf((GB, All((HEALTH, GB)))),
        ),
        (
            "(country = GB or topic = health) and country = GB",
            All((AnyOf((GB, HEALTH)), GB)),
        ),
        ("not country = GB and topic = health", All((Not(GB), HEALTH))),
    ],
)
def test_filter_text_is_parsed_by_grammar(line: str, tree: Filter) -> None:
    assert parse_filter(line) == tree


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("county = GB", 1, "was expected"),
        ("country", 8, "'in' or '=' or '!=' was expected"),
        ("country GB", 9, "'in' or '=' or '!=' was expected"),
        ("country =", 10, "a value was expected"),
        ("country = = GB", 11, "a value was expected"),
        ("country = XX", 11, "'XX' is not a country code"),
        ("country in (GB, XX)", 17, "'XX' is not a country code"),
        ("country in GB", 12, "'(' was expected"),
        ("country in ()", 13, "a value was expected"),
        ("country in (GB", 15, "')' was expected"),
        ("country not = GB", 13, "'in' was expected"),
        ("language = english", 12, "'english' is not a language tag"),
        ('tag = ""', 7, "can't be empty"),
        ('tag = "a\tb"', 7, "control characters"),
        ('tag = "open', 7, "this can't be read"),
        ("tag = a and", 12, "was expected"),
        ("tag = a tag = b", 9, "'and' or 'or' was expected"),
        ("(tag = a", 9, "')' was expected"),
        ("tag = a)", 8, "'and' or 'or' was expected"),
        ("()", 2, "was expected"),
        ("joined before yesterday", 15, "a date such as 2026-12-18 was expected"),
        ("joined before 2026-02-30", 15, "a date such as 2026-12-18 was expected"),
        ("joined = 2026-01-01", 8, "'before' or 'after' was expected"),
        ("tag ! a", 5, "this can't be read"),
        ('"tag" = a', 1, "was expected"),
    ],
)
def test_filter_error_names_column(line: str, column: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_filter(line)
    assert message in caught.value.message
    assert caught.value.where == f"filter, column {column}"
    assert caught.value.hint.startswith("write it as: ")


def test_filter_nesting_is_limited() -> None:
    assert parse_filter("(" * MAX_FILTER_DEPTH + "tag = a" + ")" * MAX_FILTER_DEPTH) == Among(
        FilterField.TAG, ("a",)
    )
    for deep in ("(" * 5000 + "tag = a", "not " * 5000 + "tag = a"):
        with pytest.raises(InputError, match="nests deeper than 50"):
            parse_filter(deep)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (" or ".join(["tag = a"] * 201), "it has more than 200 tests near 'tag = a'"),
        (" and ".join(["not joined before 2026-01-01"] * 201), "it has more than 200 tests"),
        (f"tag in ({', '.join(map(str, range(1001)))})", "it has more than 1,000 values"),
        (f'tag = "{"a" * 30_000}"', "it has 30,008 characters, and 30,000 is the most"),
    ],
)
def test_filter_tests_values_and_length_are_limited(line: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_filter(line)
    assert message in caught.value.message
    assert caught.value.where.startswith("filter")


def test_too_large_filter_is_not_saved() -> None:
    segment_store = FakeSegmentStore(digests=0)
    line = " or ".join(["tag = a"] * (MAX_FILTER_TESTS + 1))
    with pytest.raises(InputError, match="more than 200 tests"):
        segments.save_segment(
            make_transaction(segments=segment_store), STAFF, "large", "Large", line, NOW
        )
    assert segment_store.list_segments() == []


def test_invalid_stored_filter_raises_value_error() -> None:
    with pytest.raises(ValueError, match="not a filter"):
        from_plain({"sql": "1=1"})


# ---- saved segments ---------------------------------------------------------------------------


class FakeSegmentStore:
    """Segments in memory; the topics are health and diaspora."""

    def __init__(self, **uses: int) -> None:
        self.saved_segments: dict[str, Segment] = {}
        self.uses = uses

    def list_segments(self) -> list[Segment]:
        return list(self.saved_segments.values())

    def save_segment(self, slug: str, name: str, tree: Filter, now: datetime) -> Segment:
        self.saved_segments[slug] = Segment(len(self.saved_segments) + 1, slug, name, tree, now)
        return self.saved_segments[slug]

    def remove_segment(self, segment: Segment) -> None:
        del self.saved_segments[segment.slug]

    def count_members(self, mailing_list: MailingList, tree: Filter) -> int:
        return 0

    def sample_members(
        self, mailing_list: MailingList, tree: Filter, limit: int
    ) -> list[ListMember]:
        return []

    def count_segment_uses(self, segment: Segment) -> Mapping[str, int]:
        return self.uses

    def list_topic_slugs(self) -> frozenset[str]:
        return frozenset({"health", "diaspora"})


def test_segment_is_saved_replaced_found_and_removed() -> None:
    segment_store = FakeSegmentStore(digests=0)
    segments.save_segment(
        make_transaction(segments=segment_store),
        STAFF,
        "britain",
        "In Britain",
        "country = GB",
        NOW,
    )
    assert segments.get_segment(make_transaction(segments=segment_store), "britain").filter == GB
    segments.save_segment(
        make_transaction(segments=segment_store),
        STAFF,
        "britain",
        " In  Britain ",
        "country != GB",
        NOW,
    )
    assert segments.get_segment(make_transaction(segments=segment_store), "britain").filter == Not(
        GB
    )
    assert (
        segments.get_segment(make_transaction(segments=segment_store), "britain").name
        == "In Britain"
    )
    segments.remove_segment(make_transaction(segments=segment_store), STAFF, "britain")
    with pytest.raises(NotFound, match="there is no segment 'britain'"):
        segments.get_segment(make_transaction(segments=segment_store), "britain")


@pytest.mark.parametrize(
    ("slug", "name", "line", "says"),
    [
        ("Britain", "B", "country = GB", "can't name a segment"),
        ("britain\n", "B", "country = GB", "can't name a segment"),
        ("britain", " ", "country = GB", "name: it is empty"),
        ("britain", "B", "topic = helth", "there is no topic 'helth'"),
        ("britain", "B", "not (topic in (health, helth) or tag = x)", "there is no topic 'helth'"),
        ("britain", "B", "country", "filter, column 8"),
    ],
)
def test_invalid_segment_is_not_saved(slug: str, name: str, line: str, says: str) -> None:
    segment_store = FakeSegmentStore()
    with pytest.raises(InputError, match=says.replace("(", r"\(")):
        segments.save_segment(
            make_transaction(segments=segment_store), STAFF, slug, name, line, NOW
        )
    assert segment_store.list_segments() == []


def test_segment_in_use_cannot_be_removed() -> None:
    segment_store = FakeSegmentStore(digests=2, editions=0)
    segments.save_segment(
        make_transaction(segments=segment_store), STAFF, "britain", "B", "country = GB", NOW
    )
    with pytest.raises(InputError, match="the segment 'britain' is used by 2 digests"):
        segments.remove_segment(make_transaction(segments=segment_store), STAFF, "britain")
    assert segment_store.list_segments()


def test_filter_fields_match_docstring() -> None:
    assert segments.__doc__
    places: Sequence[int] = [segments.__doc__.find(field) for field in FilterField]
    assert all(place > 0 for place in places)
    assert all(place != next_place for place, next_place in pairwise(places))
