"""A filter is a closed tree; what is written is what is read."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import languages
from mailer.audience import segments
from mailer.audience.filter_parser import MAX_FILTER_TESTS, parse_filter
from mailer.audience.segments import format_filter, from_plain, to_plain
from mailer.errors import InputError, NotFound
from mailer.field_types import FieldType
from mailer.lines import holds_visible
from mailer.model.contacts import FollowUp, Trust
from mailer.model.lists import MailingList
from mailer.model.reader_fields import ReaderField
from mailer.model.segments import (
    NUMBER_COMPARISONS,
    All,
    Among,
    AmongValues,
    AnyOf,
    Compared,
    Comparison,
    Filter,
    FilterField,
    HasValue,
    Joined,
    JoinedWithin,
    LastRefused,
    ListMember,
    NeverSent,
    Not,
    RefusedWithin,
    Segment,
    Sent,
    SentWithin,
)
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.samples import NOW

GB = Among(FilterField.COUNTRY, ("GB",))
HEALTH = Among(FilterField.TOPIC, ("health",))

FIELDS = {
    "town": ReaderField("town", FieldType.TEXT, {}),
    "members": ReaderField("members", FieldType.NUMBER, {}),
    "since": ReaderField("since", FieldType.DATE, {}),
    "level": ReaderField("level", FieldType.CHOICE, {}, ("friend", "Great patron")),
}

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


counts = st.integers(1, 36_500)
ACTIVITIES = st.one_of(
    st.builds(Joined, st.booleans(), st.dates()),
    st.builds(JoinedWithin, counts),
    st.builds(Sent, st.booleans(), st.dates()),
    st.builds(SentWithin, counts),
    st.just(NeverSent()),
    st.builds(RefusedWithin, counts, counts),
    st.just(LastRefused()),
)


def draw_own_field_tests() -> st.SearchStrategy[Filter]:
    numbers = st.sampled_from(["0", "-3", "12.5", "1200"])
    days = st.dates().map(date.isoformat)
    return st.one_of(
        st.builds(AmongValues, st.just("town"), st.lists(
            words.filter(holds_visible).map(lambda word: " ".join(word.split())),
            min_size=1, max_size=3, unique=True,
        ).map(tuple)),
        st.builds(AmongValues, st.just("level"), st.just(("Great patron",))),
        st.builds(Compared, st.just("members"), st.sampled_from(NUMBER_COMPARISONS), numbers),
        st.builds(Compared, st.just("since"),
                  st.sampled_from([Comparison.BEFORE, Comparison.AFTER]), days),
        st.builds(HasValue, st.sampled_from([*FIELDS])),
    )  # fmt: skip


def build_filters() -> st.SearchStrategy[Filter]:
    """Trees that can be written: a group has two terms or more."""
    leaves = st.one_of(draw_comparisons(), draw_own_field_tests(), ACTIVITIES)

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
    assert parse_filter(format_filter(tree), FIELDS) == tree


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
                     "and", "or", "GB", "2026-01-01", '"a b"', '"', "town", "members", "<", ">=",
                     "is", "set", "sent", "never", "refused", "last", "within", "3", "days",
                     "times"]),
    max_size=14,
).map(" ".join)  # fmt: skip


@given(pieces)
def test_filter_words_in_any_order_are_filter_or_refused(line: str) -> None:
    try:
        tree = parse_filter(line, FIELDS)
    except InputError:
        return
    assert parse_filter(format_filter(tree), FIELDS) == tree


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
        ("joined within 30 days", JoinedWithin(30)),
        ("sent before 2026-01-01", Sent(True, date(2026, 1, 1))),
        ("sent after 2026-01-01", Sent(False, date(2026, 1, 1))),
        ("sent within 1 day", SentWithin(1)),
        ("SENT NEVER", NeverSent()),
        ("refused last", LastRefused()),
        ("refused within 30 days", RefusedWithin(1, 30)),
        ("refused 3 times within 90 days", RefusedWithin(3, 90)),
        ('town = "Le Havre"', AmongValues("town", ("Le Havre",))),
        ("town != Geneva", Not(AmongValues("town", ("Geneva",)))),
        ("level in (FRIEND)", AmongValues("level", ("friend",))),
        ("members>=3.50", Compared("members", Comparison.AT_LEAST, "3.5")),
        ("members = 7", AmongValues("members", ("7",))),
        ("since before 2026-01-01", Compared("since", Comparison.BEFORE, "2026-01-01")),
        ("not town is set", Not(HasValue("town"))),
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
    assert parse_filter(line, FIELDS) == tree


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
        ("joined = 2026-01-01", 8, "'before' or 'after' or 'within' was expected"),
        ("joined never", 8, "'before' or 'after' or 'within' was expected"),
        ("sent within a month", 13, "a number of days was expected"),
        ("sent within 0 days", 13, "from 1 to 36,500"),
        ("refused often", 9, "last, within or a number was expected"),
        ("refused 3 within 4 days", 11, "'times' or 'time' was expected"),
        ("members = many", 11, "'many' is not a number"),
        ("members < 1,5", 12, "'and' or 'or' was expected"),
        ("town < 3", 6, "'in' or '=' or '!=' was expected"),
        ("since after 01/02/2026", 13, "'01/02/2026' is not a date"),
        ("level = gold", 9, "'gold' is not one of friend, Great patron"),
        ("height = 3", 1, "was expected"),
        ("tag ! a", 5, "this can't be read"),
        ('"tag" = a', 1, "was expected"),
    ],
)
def test_filter_error_names_column(line: str, column: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_filter(line, FIELDS)
    assert message in caught.value.message
    assert caught.value.where == f"filter, column {column}"
    assert caught.value.hint.startswith("write it as: ")


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


def test_segment_of_removed_field_cannot_be_used() -> None:
    segment = Segment(1, "south", "South", parse_filter("not town = Rome", FIELDS), NOW)
    assert segments.check_declared(segment, FIELDS) == segment
    with pytest.raises(InputError, match="tests town, which the settings no longer declare"):
        segments.check_declared(segment, {"level": FIELDS["level"]})
