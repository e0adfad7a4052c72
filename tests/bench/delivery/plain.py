"""The plain way: for each reader, render the digest's templates, build the message, send it.

It is given every ease. Templates are compiled once, in an ordinary Jinja2 environment; a reader's
stories are chosen in Python; ``EmailMessage`` has both parts; one ``smtplib.SMTP`` is kept open for
``send_message``; nothing is written down. Its CSS stays in the ``<style>`` block, for to inline it
anew for each reader would take many times as long as all the rest; so its mails are shorter.

``plain.py HOME DATABASE PORT COUNT`` prints what it took as JSON.
"""

import json
import smtplib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup

from mailer.app import open_mailer
from mailer.config import Settings
from mailer.editions import Manuscript
from mailer.message import CONTENTS_FROM, Letterhead, Recipient
from mailer.render import translations, views
from mailer.render.environment import environment
from tests.bench.delivery.children import LOOPBACK, measured, module
from tests.bench.delivery.figures import Run
from tests.bench.delivery.office import NOW, Office, edition_of, recipient, settings
from tests.bench.delivery.sink import sink

FOLDER = "email/digest"
LANGUAGE = "en"


def run(office: Office, count: int) -> tuple[Run, int]:
    """Send to the first `count` readers; and the mean size of its messages."""
    with sink(office.folder) as server:
        done = measured(
            module("plain", office.folder, office.database, server.port, count), cwd=office.folder
        )
        said = json.loads(done.out)
        run = Run(count, said["seconds"], said["cpu"], done.wall, done.cpu, done.peak)
        run.check(server.messages, "the plain way")
    return run, said["size"]


# ---- the program --------------------------------------------------------------------------------


class _When:
    """The templates' questions, answered on the spot for one reader, who has `bits` of stories."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._first = bits & -bits

    def any(self, bits: int, caller: Callable[[], str]) -> str:
        return caller() if bits & self._bits else ""

    def first(self, bits: int, caller: Callable[[], str]) -> str:
        return caller() if bits & self._first else ""

    def rest(self, bits: int, caller: Callable[[], str]) -> str:
        return caller() if bits & (self._bits ^ self._first) else ""

    def contents(self, bits: int, caller: Callable[[], str]) -> str:
        return caller() if self._bits.bit_count() >= CONTENTS_FROM else ""

    def mail(self, caller: Callable[[], str]) -> str:
        return caller()

    def web(self, caller: Callable[[], str]) -> str:
        return ""


class _Weighing(smtplib.SMTP):
    """Knows how many bytes of messages it has sent."""

    weight = 0

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.weight += len(msg)
        return super().data(msg)


class Plain:
    """Renders and builds. Everything that readers share is worked out once, here."""

    def __init__(
        self, ours: Settings, manuscript: Manuscript, order: Mapping[str, int], sheet: Letterhead
    ) -> None:
        self._ours, self._sheet = ours, sheet
        env = _environment(ours.template_path)
        self._subject = env.get_template(f"{FOLDER}/subject.txt")
        self._text = env.get_template(f"{FOLDER}/body.txt")
        self._html = env.get_template(f"{FOLDER}/body.html")
        self._stories = [dict(one) for one in _stories(ours, manuscript, order)]
        zone = ZoneInfo(ours.defaults.time_zone)
        self._shared: dict[str, Any] = {
            "organisation": views.organisation(ours),
            "edition": SimpleNamespace(
                name=manuscript.edition.name,
                date=manuscript.edition.created_at.astimezone(zone).date(),
                list_name=manuscript.list.name,
                language=LANGUAGE,
                dir="ltr",
                opening="",
                opening_text="",
            ),
        }

    def message(self, reader: Recipient) -> EmailMessage:
        got = [one for one in self._stories if one["bits"] & reader.stories]
        stories = [SimpleNamespace(number=at, **one) for at, one in enumerate(got, 1)]
        unsubscribe = self._sheet.unsubscribe_url(reader)
        context = self._shared | {
            "stories": stories,
            "sections": list(_sections(stories)),
            "recipient": SimpleNamespace(name=reader.name, address=reader.address),
            "links": SimpleNamespace(
                unsubscribe=unsubscribe,
                preferences=self._sheet.preferences_url(reader),
                view=self._sheet.view_url(reader.stories, LANGUAGE),
            ),
            "when": _When(reader.stories),
            "lead_title": stories[0].title,
        }
        message = EmailMessage()
        sender, mailing_list = self._ours.sender, self._sheet.list_slug
        message["From"] = Address(sender.name, addr_spec=sender.address)
        message["Reply-To"] = sender.reply_to
        message["To"] = Address(reader.name, addr_spec=reader.address)
        message["Subject"] = self._subject.render(context).strip()
        message["Date"] = format_datetime(NOW)
        message["Message-ID"] = f"<{self._sheet.edition.uid}.{reader.delivery_id}@example.org>"
        message["List-Id"] = f"<{mailing_list}.example.org>"
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(self._text.render(context))
        message.add_alternative(self._html.render(context), subtype="html")
        return message


def _environment(template_path: Sequence[Path]) -> jinja2.Environment:
    """The mailer's filters and words without its sandbox, which costs time."""
    ours = environment(LANGUAGE, template_path)
    env = jinja2.Environment(
        loader=ours.loader,
        autoescape=ours.autoescape,  # noqa: S701  (a rule: by the template's name)
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.filters.update(ours.filters)
    env.install_gettext_translations(  # type: ignore[attr-defined]
        translations.translations(LANGUAGE, tuple(template_path)), newstyle=True
    )
    return env


def _stories(
    ours: Settings, manuscript: Manuscript, order: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """What a template sees of each story, but its number."""
    topics = {topic.slug: topic for topic in manuscript.topics}
    for story in sorted(manuscript.stories, key=lambda story: order[story.slug]):
        article = story.articles[0]
        topic = story.topics[0]
        yield {
            "bits": 1 << order[story.slug],
            "slug": article.slug,
            "title": article.title,
            "summary": article.summary,
            "teaser": views.teaser(article),
            "html": Markup(article.html),  # noqa: S704  (sanitised when it came in)
            "url": views.own_page(ours, article),
            "kind": article.kind.value,
            "kind_name": views.KIND_NAMES[article.kind],
            "topic": topics[topic].name(LANGUAGE),
            "topic_slug": topic,
            "language": article.language,
            "dir": "ltr",
            "foreign": False,
            "image": article.image,
            "byline": article.byline,
            "dateline": article.dateline,
            "published": article.published,
        }


def _sections(stories: Sequence[SimpleNamespace]) -> Iterator[SimpleNamespace]:
    found: dict[str, list[SimpleNamespace]] = {}
    for story in stories[1:]:
        found.setdefault(story.topic_slug, []).append(story)
    for slug, group in found.items():
        bits = sum(story.bits for story in group)
        yield SimpleNamespace(name=group[0].topic, slug=slug, bits=bits, stories=group)


def main(home: Path, database: Path, port: int, count: int) -> None:
    ours = settings(home, database)
    with open_mailer(ours) as mailer, mailer.store.read() as tx:
        edition = edition_of(tx)
        sheet = mailer.letterhead(edition, tx.editions.list_of(edition))
        order = tx.editions.story_bits(edition)
        plain = Plain(ours, tx.editions.manuscript(edition), order, sheet)
        readers = [recipient(one) for one in tx.outbox.deliveries(edition, limit=count)]
    plain.message(readers[0])  # the templates are compiled
    start, cpu = time.perf_counter(), time.process_time()
    smtp = _Weighing(LOOPBACK, port)
    for reader in readers:
        smtp.send_message(plain.message(reader))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    smtp.quit()
    print(json.dumps({"seconds": seconds, "cpu": cpu, "size": round(smtp.weight / count)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
