"""The lists, the topics and the stories that the large data set begins with, made by verbs."""

from datetime import datetime, timedelta

from mailer import articles, digests
from mailer.audience import lists, segments
from mailer.digests import schedules
from mailer.intake.markup import to_html
from mailer.model.articles import ArticleKind, Content
from mailer.model.digests import DigestSettings
from mailer.model.lists import Visibility
from mailer.model.press_release import Quote, Release
from mailer.model.schedules import NewSchedule
from mailer.schedules.holidays import OnFreeDay
from mailer.store import SqlTransaction
from tests.actors import STAFF
from tests.bench.delivery.stories import STORIES, TOPICS

LIST, PRESS_LIST, DIGEST, SEGMENT = "news", "press", "daily", "donors"
RELEASE = "a-new-quay"
PAST_STORIES = TOPICS[:2]
"""The stories of which each past edition has a copy."""


def add_topics_and_lists(tx: SqlTransaction, now: datetime) -> None:
    for slug in TOPICS:
        lists.add_topic(tx, STAFF, slug, {"en": slug.capitalize()}, now)
    lists.add_list(tx, STAFF, LIST, "News", now)
    lists.add_list(tx, STAFF, PRESS_LIST, "Press", now, visibility=Visibility.PRIVATE)
    segments.save_segment(tx, STAFF, SEGMENT, "Donors", "tag = donor and country = FR", now)
    digests.add_digest(tx, STAFF, DigestSettings(slug=DIGEST, name="The day", list=LIST), now)


def add_schedule(tx: SqlTransaction, now: datetime) -> None:
    timing = schedules.parse_timing("every day", "09:00", "UTC", now.date(), OnFreeDay.SKIP)
    new_schedule = NewSchedule(DIGEST, timing, timedelta(hours=1))
    schedules.add_schedule(tx, STAFF, new_schedule, {}, now)


def add_stories(tx: SqlTransaction, now: datetime, *, suffix: str = "") -> None:
    """Add a story on each topic, under its topic's slug and `suffix`. The past stories have a page
    of ours; the others are on the office's site."""
    for number, (topic, title, summary) in enumerate(STORIES):
        _add_story(
            tx,
            topic + suffix,
            ArticleKind.NEWS,
            title,
            summary,
            now - timedelta(hours=number),
            topics=(topic,),
            is_elsewhere=topic not in PAST_STORIES,
        )


def add_release_story(tx: SqlTransaction, now: datetime) -> None:
    _add_story(
        tx,
        RELEASE,
        ArticleKind.PRESS_RELEASE,
        "A new quay opens",
        "Ships may moor from Monday on.",
        now,
        release=Release(quotes=(Quote("It is longer than the old one.", "Mara Vell"),)),
    )


def _add_story(
    tx: SqlTransaction,
    slug: str,
    kind: ArticleKind,
    title: str,
    summary: str,
    published: datetime,
    *,
    topics: tuple[str, ...] = (),
    release: Release | None = None,
    is_elsewhere: bool = False,
) -> None:
    body = f"{summary}\n\nMore about it on our pages."
    content = Content(
        slug=slug,
        language="en",
        kind=kind,
        title=title,
        published=published,
        body=body,
        html=to_html(body),
        summary=summary,
        topics=topics,
        canonical_url=f"https://www.example.org/stories/{slug}" if is_elsewhere else "",
        release=release,
    )
    articles.add_article(tx, STAFF, content, published)
