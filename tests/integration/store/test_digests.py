"""Digests: a ledger of what has run, never "the last seven days"."""

import pytest

from mailer import articles, digests, editions
from mailer.audience import segments
from mailer.digests import WhenEmpty
from mailer.editions import EditionState
from mailer.errors import InputError, NotFound
from mailer.store import Store, Transaction
from tests.integration import office
from tests.integration.office import DAY, HOUR, NOW


@pytest.fixture
def ready(store: Store) -> Store:
    with store.begin() as tx:
        office.topics(tx)
        office.mailing_list(tx)
    return store


def assembled(tx: Transaction, slug: str = "weekly", after: int = 0) -> editions.Edition:
    return digests.assemble(tx.digests, slug, NOW + after * DAY)[0]


def test_nothing_runs_twice(ready: Store) -> None:
    with ready.begin() as tx:
        office.digest(tx)
        office.story(tx, "boats")
        assert assembled(tx).stories == ("boats",)
        assert assembled(tx, after=7).state is EditionState.SKIPPED
        office.story(tx, "roads")
        assert assembled(tx, after=14).stories == ("roads",)
        assert digests.get(tx.digests, "weekly").stories_run == 2


def test_a_revised_story_has_still_run(ready: Store) -> None:
    with ready.begin() as tx:
        office.digest(tx)
        office.story(tx, "boats")
        assembled(tx)
        office.story(tx, "boats", body="Something else.")
        office.story(tx, "boats", language="fr")
        assert assembled(tx).stories == ()


def test_a_late_article_rolls_over(ready: Store) -> None:
    """Dated before the last edition, come in after it."""
    with ready.begin() as tx:
        office.digest(tx)
        office.story(tx, "boats")
        assembled(tx)
        office.story(tx, "late", published=NOW - 30 * DAY)
        assert assembled(tx, after=7).stories == ("late",)


def test_a_story_of_tomorrow_waits(ready: Store) -> None:
    with ready.begin() as tx:
        office.digest(tx)
        office.story(tx, "tomorrow", published=NOW + DAY)
        assert assembled(tx).state is EditionState.SKIPPED
        assert assembled(tx, after=1).stories == ("tomorrow",)


def test_what_is_too_much_waits_for_the_next(ready: Store) -> None:
    with ready.begin() as tx:
        office.digest(tx, most=2)
        for age, slug in enumerate(("new", "newer", "newest")[::-1]):
            office.story(tx, slug, published=NOW - (age + 1) * HOUR)
        edition, choice = digests.assemble(tx.digests, "weekly", NOW)
        assert edition.stories == ("newest", "newer")
        assert [story.slug for story in choice.waiting] == ["new"]
        assert assembled(tx).stories == ("new",)


def test_leads_come_first(ready: Store) -> None:
    with ready.begin() as tx:
        office.digest(tx)
        office.story(tx, "new", published=NOW - HOUR)
        office.story(tx, "lead", published=NOW - DAY, lead=True)
        assert assembled(tx).stories == ("lead", "new")


def test_a_digest_of_topics_takes_its_own(ready: Store) -> None:
    with ready.begin() as tx:
        office.digest(tx, topics=("health", "housing"))
        office.digest(tx, "all")
        office.story(tx, "boats", "migration")
        office.story(tx, "clinic", "climate", "health")
        assert assembled(tx).stories == ("clinic",)
        assert set(assembled(tx, "all").stories) == {"boats", "clinic"}, "what another ran is news"


def test_a_cancelled_edition_that_was_not_sent_gives_its_stories_back(ready: Store) -> None:
    with ready.begin() as tx:
        office.digest(tx)
        office.story(tx, "boats")
        first = assembled(tx)
        editions.cancel(tx.editions, first, NOW)
        assert assembled(tx).stories == ("boats",)


def test_a_skipped_edition_takes_no_story(ready: Store) -> None:
    with ready.begin() as tx:
        office.digest(tx, fewest=2)
        office.story(tx, "boats")
        skipped, choice = digests.assemble(tx.digests, "weekly", NOW)
        assert (skipped.state, skipped.stories) == (EditionState.SKIPPED, ())
        assert skipped.reason == choice.too_few == "only 1 new, and this digest wants at least 2"
        office.story(tx, "roads")
        assert set(assembled(tx, after=7).stories) == {"boats", "roads"}


def test_an_edition_that_is_held_keeps_its_stories(ready: Store) -> None:
    with ready.begin() as tx:
        office.digest(tx, fewest=2, when_empty=WhenEmpty.HOLD)
        office.story(tx, "boats")
        held = assembled(tx)
        assert (held.state, held.stories) == (EditionState.HELD, ("boats",))
        office.story(tx, "roads")
        assert assembled(tx, after=7).stories == ("roads",)
        opened = editions.arrange(tx.editions, held, ["boats"], NOW)
        assert opened.state is EditionState.DRAFT


def test_a_withdrawn_story_is_not_chosen(ready: Store) -> None:
    with ready.begin() as tx:
        office.digest(tx)
        office.story(tx, "boats")
        articles.withdraw(tx.articles, "boats", None, NOW)
        assert assembled(tx).stories == ()
        articles.restore(tx.articles, "boats", None, NOW)
        assert assembled(tx).stories == ("boats",)


def test_what_staff_strike_from_an_edition_goes_back(ready: Store) -> None:
    with ready.begin() as tx:
        office.digest(tx)
        office.story(tx, "boats")
        office.story(tx, "roads")
        office.story(tx, "extra", published=NOW + DAY)
        first = assembled(tx)
        editions.arrange(tx.editions, first, ["extra", "boats"], NOW)
        assert assembled(tx, after=7).stories == ("roads",), "what staff added has run"


def test_an_edition_has_what_its_digest_says(ready: Store) -> None:
    with ready.begin() as tx:
        segments.save(tx.segments, "close", "Close by", "country = GB", NOW)
        office.digest(tx, segment="close", template="press-release", subject="Hello", language="fr")
        office.story(tx, "boats")
        made = assembled(tx)
    assert (made.digest, made.list, made.segment) == ("weekly", "news", "close")
    assert (made.template, made.subject, made.language) == ("press-release", "Hello", "fr")


def test_a_digest_is_edited(ready: Store) -> None:
    with ready.begin() as tx:
        made = office.digest(tx, topics=("health", "housing"))
        edited = digests.edit(
            tx.digests, "weekly", {"topics": ("climate", "health"), "most": 5}, NOW + DAY
        )
        assert edited.order.topics == ("climate", "health")
        assert digests.get(tx.digests, "weekly") == edited
        assert edited.id == made.id
        assert digests.edit(tx.digests, "weekly", {"most": 5}, NOW + 2 * DAY) == edited


def test_a_digest_that_names_nothing_is_refused(ready: Store) -> None:
    with ready.begin() as tx:
        for fields in ({"list": "none"}, {"segment": "none"}, {"topics": ("none",)}):
            with pytest.raises(NotFound, match="none"):
                office.digest(tx, f"d-{next(iter(fields))}", **fields)
        office.digest(tx)
        with pytest.raises(InputError, match="there is a digest 'weekly' already"):
            office.digest(tx)


def test_any_number_of_stories_are_candidates(ready: Store) -> None:
    with ready.begin() as tx:
        order = office.digest(tx)
        for number in range(501):
            tx.articles.add(office.content(f"story-{number}"), NOW)
        assert len(tx.digests.candidates(order)) == 501
