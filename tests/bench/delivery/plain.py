"""The plain way: for each reader, render the digest's templates, build the message, send it.

It has every advantage. Templates are compiled once, in an ordinary Jinja2 environment; a reader's
stories are chosen in Python; ``EmailMessage`` has both parts; one ``smtplib.SMTP`` stays open for
``send_message``; nothing is written to disk. Its CSS stays in the ``<style>`` block, because
inlining it for each reader would take many times as long as the rest; so its mails are shorter.

``plain.py HOME DATABASE PORT COUNT`` prints its times as JSON.
"""

import json
import smtplib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import jinja2

from mailer.app import open_mailer
from mailer.app.messages import build_sender_profile
from mailer.config import Settings
from mailer.message import MIN_STORIES_FOR_CONTENTS, MessageProfile, Recipient, Slot
from mailer.model.editions import Manuscript
from mailer.render import translations, views
from mailer.render.environment import PersonalField, get_environment
from mailer.render.releases import build_release_view
from tests.bench.delivery.bench_run import BenchRun
from tests.bench.delivery.fixtures import NOW, Office, load_edition, load_settings, to_recipient
from tests.bench.delivery.programs import LOOPBACK, build_module_command, measure_program
from tests.bench.delivery.sink import run_sink

FOLDER = "email/digest"
LANGUAGE = "en"


def run_plain(office: Office, count: int) -> tuple[BenchRun, int]:
    """Send to the first `count` readers. Returns (the run, the mean size of its messages)."""
    with run_sink(office.folder) as server:
        measured_run = measure_program(
            build_module_command("plain", office.folder, office.database, server.port, count),
            cwd=office.folder,
        )
        figures = json.loads(measured_run.out)
        bench_run = BenchRun(
            count,
            figures["seconds"],
            figures["cpu"],
            measured_run.wall,
            measured_run.cpu,
            measured_run.peak,
        )
        bench_run.check_count(server.messages, "the plain way")
    return bench_run, figures["size"]


# ---- the program --------------------------------------------------------------------------------


class _Conditions:
    """The conditions in templates, decided at once for a reader of the stories in `bits`."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._first = bits & -bits

    def any(self, bits: int, caller: Callable[[], str]) -> str:
        return caller() if bits & self._bits else ""

    def first(self, bits: int, caller: Callable[[], str]) -> str:
        return caller() if bits & self._first else ""

    def rest(self, bits: int, caller: Callable[[], str]) -> str:
        return caller() if bits & (self._bits ^ self._first) else ""

    def single(self, bits: int, caller: Callable[[], str]) -> str:
        return caller() if self._count_others(bits) == 1 else ""

    def several(self, bits: int, caller: Callable[[], str]) -> str:
        return caller() if self._count_others(bits) > 1 else ""

    def _count_others(self, bits: int) -> int:
        """Count the stories after the reader's first."""
        return (bits & (self._bits ^ self._first)).bit_count()

    def contents(self, bits: int, caller: Callable[[], str]) -> str:
        return caller() if self._bits.bit_count() >= MIN_STORIES_FOR_CONTENTS else ""

    def mail(self, caller: Callable[[], str]) -> str:
        return caller()

    def web(self, caller: Callable[[], str]) -> str:
        return ""


class _CountingSMTP(smtplib.SMTP):
    """Counts the bytes of messages that it has sent."""

    bytes_sent = 0

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.bytes_sent += len(msg)
        return super().data(msg)


class PlainSender:
    """Renders and builds messages. It computes once all values that readers share."""

    def __init__(
        self,
        settings: Settings,
        manuscript: Manuscript,
        story_bits: Mapping[str, int],
        headers: MessageProfile,
    ) -> None:
        self._settings, self._headers = settings, headers
        env = _build_environment(settings.template_path)
        self._subject = env.get_template(f"{FOLDER}/subject.txt")
        self._text = env.get_template(f"{FOLDER}/body.txt")
        self._html = env.get_template(f"{FOLDER}/body.html")
        self._stories = [
            dict(story) for story in _describe_stories(settings, manuscript, story_bits)
        ]
        zone = ZoneInfo(settings.defaults.time_zone)
        self._shared: dict[str, Any] = {
            "organisation": views.build_organisation_view(settings),
            "edition": SimpleNamespace(
                name=manuscript.edition.name,
                number=manuscript.edition.id,
                date=manuscript.edition.created_at.astimezone(zone).date(),
                list_name=manuscript.list.name,
                language=LANGUAGE,
                dir="ltr",
                opening="",
                opening_text="",
                opening_language=LANGUAGE,
                opening_dir="ltr",
                role="",
                changed="",
                why="",
            ),
        }

    def build_message(self, reader: Recipient) -> EmailMessage:
        chosen_stories = [story for story in self._stories if story["bits"] & reader.stories]
        stories = [
            SimpleNamespace(number=number, **story)
            for number, story in enumerate(chosen_stories, 1)
        ]
        unsubscribe = self._headers.create_unsubscribe_url(reader)
        context = self._shared | {
            "stories": stories,
            "sections": list(_group_sections(stories)),
            "recipient": SimpleNamespace(name=reader.name, address=reader.address),
            "links": SimpleNamespace(
                unsubscribe=unsubscribe,
                preferences=self._headers.create_preferences_url(reader),
                view=self._headers.create_view_url(reader.stories, LANGUAGE),
            ),
            "when": _Conditions(reader.stories),
            "lead_title": stories[0].title,
        }
        message = EmailMessage()
        sender, mailing_list = self._settings.sender, self._headers.list_slug
        message["From"] = Address(sender.name, addr_spec=sender.address)
        message["Reply-To"] = sender.reply_to
        message["To"] = Address(reader.name, addr_spec=reader.address)
        message["Subject"] = self._subject.render(context).strip()
        message["Date"] = format_datetime(NOW)
        message["Message-ID"] = f"<{self._headers.edition.uid}.{reader.delivery_id}@example.org>"
        message["List-Id"] = f"<{mailing_list}.example.org>"
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(self._text.render(context))
        message.add_alternative(self._html.render(context), subtype="html")
        return message


def _build_environment(template_path: Sequence[Path]) -> jinja2.Environment:
    """Build an environment with the mailer's filters and translations, but without its sandbox,
    which costs time."""
    mailer_environment = get_environment(LANGUAGE, template_path)
    plain_environment = jinja2.Environment(
        loader=mailer_environment.loader,
        autoescape=mailer_environment.autoescape,  # noqa: S701  (a rule: by the template's name)
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    plain_environment.filters.update(mailer_environment.filters)
    plain_environment.install_gettext_translations(  # type: ignore[attr-defined]
        translations.load_translations(LANGUAGE, tuple(template_path)), newstyle=True
    )
    return plain_environment


def _describe_stories(
    settings: Settings, manuscript: Manuscript, story_bits: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """Describe each story for a template, except its number."""
    topics = {topic.slug: topic for topic in manuscript.topics}
    for story in sorted(manuscript.stories, key=lambda story: story_bits[story.slug]):
        article = story.articles[0]
        topic = story.topics[0]
        view = views.build_story_view(
            article,
            bits=1 << story_bits[story.slug],
            number=PersonalField("", Slot.NUMBER),
            section=topic,
            topics=topics,
            language=LANGUAGE,
            kind_name=views.KIND_NAMES[article.kind],
            settings=settings,
            release=build_release_view(
                article, manuscript.boilerplates, settings, LANGUAGE, LANGUAGE
            ),
        )
        yield {
            field.name: getattr(view, field.name)
            for field in fields(view)
            if field.name != "number"
        }


def _group_sections(stories: Sequence[SimpleNamespace]) -> Iterator[SimpleNamespace]:
    stories_by_topic: dict[str, list[SimpleNamespace]] = {}
    for story in stories[1:]:
        stories_by_topic.setdefault(story.topic_slug, []).append(story)
    for slug, topic_stories in stories_by_topic.items():
        bits = sum(story.bits for story in topic_stories)
        yield SimpleNamespace(
            name=topic_stories[0].topic, slug=slug, bits=bits, stories=topic_stories
        )


def main(home: Path, database: Path, port: int, count: int) -> None:
    bench_settings = load_settings(home, database)
    with open_mailer(bench_settings) as mailer, mailer.store.read() as tx:
        edition = load_edition(tx)
        mailing_list = tx.editions.load_mailing_list(edition)
        headers = build_sender_profile(mailer.settings, edition, mailing_list, mailer.store.key)
        story_bits = tx.editions.fetch_story_bits(edition)
        plain_sender = PlainSender(
            bench_settings, tx.editions.load_manuscript(edition), story_bits, headers
        )
        readers = [
            to_recipient(delivery) for delivery in tx.outbox.list_deliveries(edition, limit=count)
        ]
    plain_sender.build_message(readers[0])  # compiles the templates
    start, cpu = time.perf_counter(), time.process_time()
    smtp = _CountingSMTP(LOOPBACK, port)
    for reader in readers:
        smtp.send_message(plain_sender.build_message(reader))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    smtp.quit()
    print(json.dumps({"seconds": seconds, "cpu": cpu, "size": round(smtp.bytes_sent / count)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
