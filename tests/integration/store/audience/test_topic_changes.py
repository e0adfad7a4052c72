"""Renaming, hiding and merging topics: no reader loses a choice, or gets more than they chose."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from mailer import articles, digests, editions
from mailer.app import Mailer
from mailer.audience import lists, own_preferences, preferences, segments, subscribers, topics
from mailer.audience.own_preferences import ListPreferences, OwnPreferences
from mailer.audience.signup import confirmations
from mailer.audience.topics import TopicMerge
from mailer.errors import InputError, NotFound
from mailer.model.edition_states import EditionState
from mailer.model.lists import TopicVisibility
from mailer.model.signup import MailLimit, SignUpWishes
from mailer.model.subscribers import ConsentAction, MembershipState, Wording
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, NOW


@pytest.fixture
def tx(store: Store) -> Iterator[SqlTransaction]:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        yield tx


def merge_health_into_climate(tx: SqlTransaction) -> TopicMerge:
    return topics.merge_topics(tx, STAFF, "health", "climate", NOW)


def find_topics(tx: SqlTransaction, address: str) -> tuple[str, ...]:
    membership = subscribers.find_membership(tx, subscribers.get_subscriber(tx, address), "news")
    assert membership is not None
    return membership.topics


def list_candidates(tx: SqlTransaction, slug: str) -> list[str]:
    digest = digests.get_digest(tx, slug)
    choice = digests.choose_stories(digest.settings, tx.digests.list_candidate_stories(digest), NOW)
    return sorted(story.slug for story in choice.stories)


# ---- merging ----------------------------------------------------------------------------------


def test_merge_moves_each_choice_once_and_widens_none(tx: SqlTransaction) -> None:
    choices: dict[str, tuple[str, ...]] = {
        "one@example.org": ("health",),
        "both@example.org": ("climate", "health", "housing"),
        "other@example.org": ("climate",),
        "neither@example.org": ("housing",),
        "all@example.org": (),
    }
    for address, slugs in choices.items():
        factories.add_subscriber(tx, address, *slugs)
    merge = merge_health_into_climate(tx)
    assert {address: find_topics(tx, address) for address in choices} == {
        "one@example.org": ("climate",),
        "both@example.org": ("climate", "housing"),
        "other@example.org": ("climate",),
        "neither@example.org": ("housing",),
        "all@example.org": (),
    }
    assert (merge.source_only, merge.target_only, merge.both_topics) == (1, 1, 1)
    assert merge.moved["members"] == 2
    with pytest.raises(NotFound):
        lists.get_topic(tx, "health")


def test_merge_of_last_two_topics_does_not_become_all_topics(tx: SqlTransaction) -> None:
    for slug in ("migration", "housing"):
        lists.remove_topic(tx, STAFF, slug)
    factories.add_subscriber(tx, "both@example.org", "health", "climate")
    merge_health_into_climate(tx)
    assert find_topics(tx, "both@example.org") == ("climate",), "later topics are not theirs"


def test_merge_is_logged_for_active_members_and_keeps_those_who_left(tx: SqlTransaction) -> None:
    factories.add_subscriber(tx, "one@example.org", "health")
    factories.add_subscriber(tx, "neither@example.org", "housing")
    factories.add_subscriber(tx, "left@example.org", "health", state=MembershipState.UNSUBSCRIBED)
    merge_health_into_climate(tx)
    *earlier, last = tx.subscribers.list_consent_entries("one@example.org")
    assert [entry.detail for entry in earlier] == ["topics: health"], "what was true stays"
    assert (last.act, last.list, last.source) == (
        ConsentAction.CHANGED,
        "news",
        "merge of topics",
    )
    assert last.detail == "topics: climate (health was merged into climate)"
    assert last.actor_key == STAFF.key
    assert len(tx.subscribers.list_consent_entries("neither@example.org")) == 1
    assert len(tx.subscribers.list_consent_entries("left@example.org")) == 2
    left = subscribers.get_subscriber(tx, "left@example.org")
    mailing_list = factories.get_mailing_list(tx)
    restored = preferences.restore_membership(tx, STAFF, left, mailing_list, NOW, source="page")
    assert restored.topics == ("climate",), "a person who returns has the same choice"


def test_merge_moves_articles_in_their_order(tx: SqlTransaction) -> None:
    factories.add_story(tx, "first", "health", "housing", "climate")
    factories.add_story(tx, "second", "climate", "health")
    factories.add_story(tx, "third", "housing", "health")
    factories.add_story(tx, "fourth", "housing")
    merge = merge_health_into_climate(tx)
    assert merge.moved["articles"] == 3
    stored = {slug: articles.get_article(tx, slug, "en").topics for slug in ("first", "second")}
    assert stored == {"first": ("climate", "housing"), "second": ("climate",)}
    assert articles.get_article(tx, "third", "en").topics == ("housing", "climate")
    assert articles.get_article(tx, "fourth", "en").topics == ("housing",)


def test_merge_gives_digests_no_old_stories(tx: SqlTransaction) -> None:
    factories.add_story(tx, "clinic", "health")
    factories.add_story(tx, "flood", "climate")
    factories.add_digest(tx, "of-health", topics=("health",))
    factories.add_digest(tx, "of-climate", topics=("climate",))
    factories.add_digest(tx, "of-both", topics=("climate", "health"))
    factories.add_digest(tx, "of-all")
    slugs = ("of-health", "of-climate", "of-both", "of-all")
    before = {slug: list_candidates(tx, slug) for slug in slugs}
    merge = merge_health_into_climate(tx)
    assert merge.moved["digests"] == 2
    assert {slug: list_candidates(tx, slug) for slug in slugs} == before
    assert all(digests.get_digest(tx, slug).settings.topics == ("climate",) for slug in slugs[:3])
    factories.add_story(tx, "storm", "climate")
    assert all("storm" in list_candidates(tx, slug) for slug in slugs)
    assert digests.get_digest(tx, "of-health", counted=True).stories_run == 0


def test_merge_returns_unsent_editions_to_draft(mailer: Mailer, tx: SqlTransaction) -> None:
    factories.add_story(tx, "clinic", "health")
    factories.add_story(tx, "flood", "housing")
    changed, other = (
        factories.approve_without_composing(mailer, tx, factories.create_edition(tx, slug))
        for slug in ("clinic", "flood")
    )
    merge = merge_health_into_climate(tx)
    assert merge.moved["editions returned to draft"] == 1
    reverted = editions.get_edition(tx, changed.id)
    assert reverted.state is EditionState.DRAFT
    assert reverted.reason == "the topic health was merged into climate"
    assert editions.get_edition(tx, other.id).state is EditionState.APPROVED


def test_merge_moves_segments_and_waiting_sign_ups(tx: SqlTransaction) -> None:
    text = "not (topic in (health, climate) or topic = health) and tag = health"
    segments.save_segment(tx, STAFF, "some", "Some", text, NOW)
    sign_up = confirmations.build_sign_up(
        tx, "new@example.org", SignUpWishes(("news",), ("health",)), "en", "page"
    )
    confirmations.request_confirmation(tx, STAFF, MailLimit(0), sign_up, NOW)
    merge = merge_health_into_climate(tx)
    assert (merge.moved["segments"], merge.moved["sign-ups"]) == (1, 1)
    moved_filter = segments.format_filter(segments.get_segment(tx, "some").filter)
    assert moved_filter == "not (topic = climate or topic = climate) and tag = health"
    (waiting,) = tx.sign_ups.list_for_address("new@example.org")
    assert waiting.wishes.topics == ("climate",), "no topic would mean all topics"


def test_topic_is_not_merged_into_itself_or_nothing(tx: SqlTransaction) -> None:
    with pytest.raises(InputError, match="into itself"):
        topics.merge_topics(tx, STAFF, "health", "health", NOW)
    with pytest.raises(NotFound):
        topics.merge_topics(tx, STAFF, "health", "nothing", NOW)
    assert lists.get_topic(tx, "health").slug == "health"


# ---- renaming, hiding, describing -------------------------------------------------------------


def test_renamed_topic_keeps_articles_choices_and_segments(tx: SqlTransaction) -> None:
    factories.add_subscriber(tx, "one@example.org", "health")
    factories.add_story(tx, "clinic", "health")
    segments.save_segment(tx, STAFF, "some", "Some", "topic = health", NOW)
    topics.rename_topic(tx, STAFF, "health", "care", NOW)
    assert find_topics(tx, "one@example.org") == ("care",)
    assert articles.get_article(tx, "clinic", "en").topics == ("care",)
    assert segments.format_filter(segments.get_segment(tx, "some").filter) == "topic = care"
    assert lists.get_topic(tx, "care").names == {"en": "Health"}


@pytest.mark.parametrize("slug", ["climate", "Care", "", "a" * 61])
def test_topic_is_not_renamed_to_taken_or_invalid_slug(tx: SqlTransaction, slug: str) -> None:
    with pytest.raises(InputError):
        topics.rename_topic(tx, STAFF, "health", slug, NOW)


def test_description_is_changed_by_language(tx: SqlTransaction) -> None:
    edited = topics.edit_topic(
        tx, STAFF, "health", names={"fr": "Santé"}, descriptions={"en": "Care.", "fr": "Soins."}
    )
    assert lists.get_topic(tx, "health") == edited
    assert edited.get_description("fr-CA") == "Soins."
    assert edited.get_description("ar") == "Care."
    topics.edit_topic(tx, STAFF, "health", descriptions={"fr": ""})
    assert lists.get_topic(tx, "health").descriptions == {"en": "Care."}
    with pytest.raises(InputError, match="161 characters"):
        topics.edit_topic(tx, STAFF, "health", descriptions={"en": "x" * 161})
    with pytest.raises(InputError, match="needs a name"):
        topics.edit_topic(tx, STAFF, "health", names={"en": "", "fr": ""})


def save_topics(tx: SqlTransaction, address: str, *slugs: str) -> tuple[str, ...]:
    own_preferences.save_preferences(
        tx,
        STAFF,
        subscribers.get_subscriber(tx, address),
        OwnPreferences("en", "", {"news": ListPreferences(slugs)}),
        NOW,
        wording=Wording("en", "I agree."),
        source="page",
    )
    return find_topics(tx, address)


def test_page_saved_as_it_was_gives_no_hidden_topic(tx: SqlTransaction) -> None:
    factories.add_subscriber(tx, "two@example.org", "climate", "housing")
    for slug in ("health", "migration"):
        topics.set_topic_visibility(tx, STAFF, slug, TopicVisibility.HIDDEN)
    assert save_topics(tx, "two@example.org", "climate", "housing") == ("climate", "housing")
    assert save_topics(tx, "two@example.org", "climate") == ("climate",)
    assert save_topics(tx, "two@example.org", "climate", "housing") == (), "all that is offered"


def test_hidden_topic_stays_with_those_who_chose_it_alone(tx: SqlTransaction) -> None:
    for slug in ("health", "housing"):
        topics.set_topic_visibility(tx, STAFF, slug, TopicVisibility.HIDDEN)
    factories.add_subscriber(tx, "own@example.org", "health")
    factories.add_subscriber(tx, "all@example.org")
    assert find_topics(tx, "own@example.org") == ("health",)
    offered = ("climate", "migration")
    assert save_topics(tx, "all@example.org", *offered) == (), "all that is offered is all"
    assert save_topics(tx, "own@example.org", *offered) == offered, "health was given up"
    topics.set_topic_visibility(tx, STAFF, "health", TopicVisibility.OFFERED)
    assert save_topics(tx, "own@example.org", *offered, "health") == ()


# ---- audit ------------------------------------------------------------------------------------


def test_audit_finds_silent_and_unread_topics_and_unchoosable_stories(
    mailer: Mailer, tx: SqlTransaction
) -> None:
    factories.add_subscriber(tx, "reader@example.org", "health", "climate")
    factories.add_subscriber(tx, "left@example.org", "housing", state=MembershipState.UNSUBSCRIBED)
    factories.add_story(tx, "clinic", "health")
    factories.add_story(tx, "boats", "migration")
    factories.add_story(tx, "flood", "climate", "migration")
    topics.set_topic_visibility(tx, STAFF, "migration", TopicVisibility.HIDDEN)
    edition = factories.approve_without_composing(
        mailer, tx, factories.create_edition(tx, "clinic")
    )
    editions.start_edition(tx, STAFF, edition, mailer.renderer, NOW)
    audit = topics.audit_topics(tx, NOW)
    assert [(fact.topic.slug, fact.readers) for fact in audit.silent] == [("climate", 1)]
    assert [fact.topic.slug for fact in audit.unread] == ["housing", "migration"]
    assert audit.unchoosable == ("boats",)
    later = topics.audit_topics(tx, NOW + 10 * DAY, timedelta(days=9))
    assert [fact.topic.slug for fact in later.silent] == ["climate", "health"]
    assert replace(later, silent=()) == replace(audit, silent=())
