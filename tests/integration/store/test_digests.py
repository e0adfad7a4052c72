"""Digests: a ledger of what has run, never "the last seven days"."""

import pytest

from mailer import articles, digests, editions
from mailer.audience import segments
from mailer.errors import InputError, NotFound
from mailer.model.digests import WhenEmpty
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, HOUR, NOW


@pytest.fixture
def seeded_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
    return store


def assemble_edition(tx: SqlTransaction, slug: str = "weekly", after: int = 0) -> Edition:
    return digests.assemble_edition(tx, STAFF, slug, NOW + after * DAY)[0]


def test_digest_runs_no_story_twice(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx)
        factories.add_story(tx, "boats")
        assert assemble_edition(tx).stories == ("boats",)
        assert assemble_edition(tx, after=7).state is EditionState.SKIPPED
        factories.add_story(tx, "roads")
        assert assemble_edition(tx, after=14).stories == ("roads",)
        assert digests.get_digest(tx, "weekly", counted=True).stories_run == 2


def test_editions_of_a_digest_are_numbered_without_the_unsent(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx)
        factories.add_digest(tx, "monthly")
        factories.add_story(tx, "boats")
        first_edition = assemble_edition(tx)
        assert (first_edition.number, assemble_edition(tx, after=7).number) == (1, 0), "skipped"
        factories.add_story(tx, "roads")
        second_edition = assemble_edition(tx, after=14)
        assert second_edition.number == 2
        editions.cancel_edition(tx, STAFF, second_edition, NOW)
        assert assemble_edition(tx, after=21).number == 2, "takes over a cancelled number"
        assert assemble_edition(tx, "monthly").number == 1, "each digest counts its own"
        assert factories.create_edition(tx, "boats").number == 0


def test_revised_story_runs_no_second_time(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx)
        factories.add_story(tx, "boats")
        assemble_edition(tx)
        factories.add_story(tx, "boats", body="Something else.")
        factories.add_story(tx, "boats", language="fr")
        assert assemble_edition(tx).stories == ()


def test_late_article_runs_in_next_edition(seeded_store: Store) -> None:
    """Dated before the last edition, come in after it."""
    with seeded_store.begin() as tx:
        factories.add_digest(tx)
        factories.add_story(tx, "boats")
        assemble_edition(tx)
        factories.add_story(tx, "late", published=NOW - 30 * DAY)
        assert assemble_edition(tx, after=7).stories == ("late",)


def test_story_published_tomorrow_waits(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx)
        factories.add_story(tx, "tomorrow", published=NOW + DAY)
        assert assemble_edition(tx).state is EditionState.SKIPPED
        assert assemble_edition(tx, after=1).stories == ("tomorrow",)


def test_stories_over_digest_maximum_wait_for_next_edition(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx, most=2)
        for age, slug in enumerate(("new", "newer", "newest")[::-1]):
            factories.add_story(tx, slug, published=NOW - (age + 1) * HOUR)
        edition, choice = digests.assemble_edition(tx, STAFF, "weekly", NOW)
        assert edition.stories == ("newest", "newer")
        assert [story.slug for story in choice.waiting] == ["new"]
        assert assemble_edition(tx).stories == ("new",)


def test_lead_stories_come_first(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx)
        factories.add_story(tx, "new", published=NOW - HOUR)
        factories.add_story(tx, "lead", published=NOW - DAY, lead=True)
        assert assemble_edition(tx).stories == ("lead", "new")


def test_digest_of_topics_chooses_stories_of_its_topics(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx, topics=("health", "housing"))
        factories.add_digest(tx, "all")
        factories.add_story(tx, "boats", "migration")
        factories.add_story(tx, "clinic", "climate", "health")
        assert assemble_edition(tx).stories == ("clinic",)
        assert set(assemble_edition(tx, "all").stories) == {"boats", "clinic"}, (
            "what another ran is news"
        )


def test_cancelled_unsent_edition_frees_its_stories(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx)
        factories.add_story(tx, "boats")
        first = assemble_edition(tx)
        editions.cancel_edition(tx, STAFF, first, NOW)
        assert assemble_edition(tx).stories == ("boats",)


def test_skipped_edition_takes_no_story(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx, fewest=2)
        factories.add_story(tx, "boats")
        skipped, choice = digests.assemble_edition(tx, STAFF, "weekly", NOW)
        assert (skipped.state, skipped.stories) == (EditionState.SKIPPED, ())
        assert skipped.reason == choice.too_few == "only 1 new, and this digest needs at least 2"
        factories.add_story(tx, "roads")
        assert set(assemble_edition(tx, after=7).stories) == {"boats", "roads"}


def test_edition_on_hold_keeps_its_stories(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx, fewest=2, when_empty=WhenEmpty.PUT_ON_HOLD)
        factories.add_story(tx, "boats")
        edition_on_hold = assemble_edition(tx)
        assert (edition_on_hold.state, edition_on_hold.stories) == (
            EditionState.ON_HOLD,
            ("boats",),
        )
        factories.add_story(tx, "roads")
        assert assemble_edition(tx, after=7).stories == ("roads",)
        opened = editions.arrange_stories(tx, STAFF, edition_on_hold, ["boats"], NOW)
        assert opened.state is EditionState.DRAFT


def test_withdrawn_story_is_not_chosen(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx)
        factories.add_story(tx, "boats")
        articles.withdraw_articles(tx, STAFF, "boats", None, NOW)
        assert assemble_edition(tx).stories == ()
        articles.restore_articles(tx, STAFF, "boats", None, NOW)
        assert assemble_edition(tx).stories == ("boats",)


def test_story_removed_from_edition_is_free_again(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx)
        factories.add_story(tx, "boats")
        factories.add_story(tx, "roads")
        factories.add_story(tx, "extra", published=NOW + DAY)
        first = assemble_edition(tx)
        editions.arrange_stories(tx, STAFF, first, ["extra", "boats"], NOW)
        assert assemble_edition(tx, after=7).stories == ("roads",), "what staff added has run"


def test_edition_has_fields_of_its_digest(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        segments.save_segment(tx, STAFF, "close", "Close by", "country = GB", NOW)
        factories.add_digest(
            tx, segment="close", template="press-release", subject="Hello", language="fr"
        )
        factories.add_story(tx, "boats")
        edition = assemble_edition(tx)
    assert (edition.digest, edition.list, edition.segment) == ("weekly", "news", "close")
    assert (edition.template, edition.subject, edition.language) == ("press-release", "Hello", "fr")


def test_digest_fields_are_edited(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        digest = factories.add_digest(tx, topics=("health", "housing"))
        edited = digests.edit_digest(
            tx, STAFF, "weekly", {"topics": ("climate", "health"), "most": 5}, NOW + DAY
        )
        assert edited.settings.topics == ("climate", "health")
        assert digests.get_digest(tx, "weekly") == edited
        assert edited.id == digest.id
        assert digests.edit_digest(tx, STAFF, "weekly", {"most": 5}, NOW + 2 * DAY) == edited


def test_digest_naming_unknown_object_is_refused(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        for fields in ({"list": "none"}, {"segment": "none"}, {"topics": ("none",)}):
            with pytest.raises(NotFound, match="none"):
                factories.add_digest(tx, f"d-{next(iter(fields))}", **fields)
        factories.add_digest(tx)
        with pytest.raises(InputError, match="there is a digest 'weekly' already"):
            factories.add_digest(tx)


def test_candidate_stories_are_not_limited_in_number(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        order = factories.add_digest(tx)
        for number in range(501):
            tx.articles.add_article(factories.make_content(f"story-{number}"), NOW, STAFF)
        assert len(tx.digests.list_candidate_stories(order)) == 501


def test_link_tags_of_a_digest_are_those_of_its_later_editions(store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.add_digest(tx)
        factories.add_story(tx, "boats")
        edition = assemble_edition(tx)
        tags = {"campaign": "{digest}", "source": "newsletter"}
        digests.edit_digest(tx, STAFF, "weekly", {"link_tags": tags}, NOW)
        digests.edit_digest(tx, STAFF, "weekly", {"link_tags": {"medium": "email"}}, NOW)
        factories.add_story(tx, "roads")
        later_edition = assemble_edition(tx, after=7)
    with store.begin() as tx:
        assert factories.reload_edition(tx, edition).link_tags == {}
        assert factories.reload_edition(tx, later_edition).link_tags == {
            "source": "newsletter",
            "medium": "email",
            "campaign": "{digest}",
        }
        off = dict.fromkeys(("source", "medium", "campaign"), "")
        digest = digests.edit_digest(tx, STAFF, "weekly", {"link_tags": off}, NOW)
        assert digest.settings.link_tags == {}
