"""The commands of staff and the pages of readers, each about records of the large data set.

Commands that would change the data set are dry runs, which do the same work, so that each can run
again and again.
"""

import contextlib
import functools
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from typer import main as typer_main

from mailer.audience.links import LinkPurpose, MemberLink, sign_member_link
from mailer.cli import main
from mailer.cli.command_groups import LazyCommand
from mailer.tokens import sign_token
from tests.bench.large.dataset import LargeOffice
from tests.bench.large.history import UID
from tests.bench.large.stories import DIGEST, LIST, PRESS_LIST, SEGMENT

PERSON, OTHER_PERSON, JOURNALIST = (
    f"reader{number:07}@example{number % 997}.org" for number in (4, 11, 2)
)
SUPPRESSED_PERSON = f"reader{0:07}@example0.org"
STRANGER = "zoe@example.org"
FILES = {
    "people.csv": f"email,name\n{STRANGER},Zoe Quill\n{PERSON},Ana Quill\n",
    "bounces.csv": f"address,reason\n{STRANGER},bounce\n{PERSON},bounce\n",
    "story.md": "---\ntitle: A bridge opens\ntopics: [health]\npublished: 2026-01-02\n"
    "summary: Over the river.\n---\nIt is open.\n",
    "release.md": "---\ntitle: A tower opens\nkind: press_release\npublished: 2026-01-02\n"
    "summary: By the river.\n---\nIt is open.\n",
    "correction.md": "---\ntitle: A better quay opens\nslug: a-new-quay\nkind: press_release\n"
    "published: 2026-01-02\nsummary: Ships may moor.\n---\nIt is open.\n",
    "about.md": "We are an office by the river.\n",
    "days.csv": "day,name\n2030-05-08,Day of the river\n",
}
"""Files that the commands read, in the folder where they run."""


@dataclass(frozen=True, slots=True)
class TriedCommand:
    """A command, and the exit code that it should have. Its `name` is that of its page in the
    reference, with what is special about it."""

    name: str
    words: tuple[str, ...]
    code: int = 0
    returns_everything: bool = False


@dataclass(frozen=True, slots=True)
class TriedPage:
    """A request for a page, and the status that the answer should have."""

    name: str
    method: str
    path: str
    fields: tuple[tuple[str, str], ...] = ()
    status: int = 200


def run_command(words: tuple[str, ...], folder: Path) -> tuple[int, str, str]:
    """Run a command within this process. Returns (exit code, stdout, stderr)."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["mailer", *words]),
        mock.patch("gc.freeze"),  # it is meant for processes that end
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    return (
        (code if isinstance(code, int) else int(code is not None)),
        out.getvalue(),
        err.getvalue(),
    )


@contextlib.contextmanager
def keep_parsers() -> Iterator[None]:
    """Let Typer build the parsers of commands once until the block ends, as that takes most of the
    time of a short command."""
    load_command = LazyCommand.load_command
    commands: dict[str, Any] = {}

    def load_once(command: LazyCommand) -> Any:
        if command.target not in commands:
            commands[command.target] = load_command(command)
        return commands[command.target]

    with (
        mock.patch.object(LazyCommand, "load_command", load_once),
        mock.patch.object(typer_main, "get_command", functools.cache(typer_main.get_command)),
    ):
        yield


def list_commands(office: LargeOffice) -> list[TriedCommand]:
    """List the commands that read, and then the dry runs."""
    return [
        _parse_line(line) for line in (*_list_reading_lines(office), *_list_writing_lines(office))
    ]


def _parse_line(line: str) -> TriedCommand:
    """Parse a line such as ``edition show | 3 | 5``: the name, the other words, the exit code."""
    name, *rest = [part.strip() for part in line.split("|")]
    command_name, _, case = name.partition(":")
    words = (*command_name.split(), *(rest[0].split() if rest else ()))
    code = rest[1] if len(rest) > 1 else "0"
    return TriedCommand(
        f"{command_name}{case and f' ({case.strip()})'}",
        tuple(word.replace("~", " ") for word in words),
        int(code.removesuffix("*")),
        code.endswith("*"),
    )


def _find_coming_day() -> date:
    """Return a day on which the daily digest is still to come."""
    return (datetime.now(UTC) + timedelta(days=3)).date()


def _list_reading_lines(office: LargeOffice) -> Iterator[str]:
    old, whole, open_ = office.old_edition, office.whole_edition, office.open_edition
    today = datetime.now(UTC).date()
    year_ago, week_ago = today - timedelta(days=365), today - timedelta(weeks=1)
    yield from f"""\
topic list
topic show | health
topic audit | --days 90
article list
article list: in a state | --state queued
article list: of a topic | --topic health
article list: of a language | --language en --kind news
article list: next page | --after health-7:en
article list: search | --search clinic
article show | health
source list
asset list
asset list: a page | --limit 5
list list
list show | {LIST}
list form | {LIST}
subscriber list
subscriber list: of a list | --list {LIST}
subscriber list: of a small list | --list {PRESS_LIST}
subscriber list: next page | --list {LIST} --after 5
subscriber list: search | --search reader0000012
subscriber show | {PERSON}
subscriber history | {PERSON}
subscriber data | {PERSON}
subscriber export | --list {LIST} | 0*
subscriber export: everyone | | 0*
segment list
segment show | {SEGMENT}
segment count | {SEGMENT} --list {LIST} | 0*
segment sample | {SEGMENT} --list {LIST} | 0*
suppression list
suppression list: for a reason | --reason complaint
suppression list: next page | --after {SUPPRESSED_PERSON}
suppression export | | 0*
digest list
digest show | {DIGEST}
edition list
edition list: in states | --state draft --state in_review
edition list: sent | --state sent
edition list: next page | --after {old + 5}
edition show | {old}
edition preview | {whole} --as {PERSON}
edition report: to some | {old}
edition report: to everybody | {whole}
edition report: interrupted | {open_}
delivery list: to some | {old}
delivery list: to everybody | {whole}
delivery list: next page | {whole} --after {PERSON}
delivery list: failed | {whole} --state failed
delivery list: queued | {open_} --state queued
delivery list: in two states | {open_} --state queued --state failed
delivery list: CSV | {old} --csv
delivery in-doubt list
delivery in-doubt list: of an edition | {open_}
explain | {whole} {PERSON}
explain: a stranger | {whole} {STRANGER}
report list | {LIST} --since {year_ago} --per month
report list: one week | {LIST} --since {week_ago}
report topics | {LIST} --since {year_ago}
report edition | {whole}
report growth | {LIST} --since {year_ago}
report growth: of all lists | --since {year_ago} --per week
template list
template show | digest
schedule list
schedule preview | {DIGEST}
schedule history | {DIGEST}
schedule history: of all digests
schedule show | {DIGEST} {_find_coming_day()}
blackout list
observance list
observance show | education-day
contact list
contact list: of a list | --list {PRESS_LIST}
contact list: of a beat | --beat health
contact list: of an outlet | --outlet the~example~3
contact list: trusted | --trusted
contact list: next page | --after {JOURNALIST}
contact show | {JOURNALIST}
boilerplate list
release show | {office.release}
release follow-up | {office.release}
embargo list
embargo log | health-3
status
database status
secret list
config check | | 3
config schema
""".splitlines()


def _list_writing_lines(office: LargeOffice) -> Iterator[str]:
    old, whole, open_ = office.old_edition, office.whole_edition, office.open_edition
    draft, reviewed = office.draft, office.reviewed_edition
    day = _find_coming_day()
    lines = f"""\
topic add | ships
topic remove-name | health en | 1
topic remove | health | 5
topic edit | health --description Care
topic rename | health care
topic hide | health
topic offer | health
topic merge | health --into clinics
article add | story.md
article edit | health --title Better
article queue | health
article withdraw | health
article restore | health
source add | feed --feed https://example.org/feed.xml
list add | quays --name Quays
list edit | {LIST} --name Better
list close | {LIST} --reason Ended
list reopen | {LIST} | 5
list remove | {LIST} | 5
subscriber add | {STRANGER} --list {LIST}
subscriber edit | {PERSON} --name Ana
subscriber unsubscribe | {PERSON} --list {LIST}
subscriber pause | {PERSON} --weeks 2
subscriber resume | {PERSON}
subscriber change | --list {LIST} --where tag~=~donor --add-topic health | 0*
subscriber change: by activity | --list {LIST} --where sent~within~3~days~and~not~refused~last \
--add-topic health | 0*
subscriber change: by silence | --list {LIST} --where sent~never~or~refused~2~times~within~9~days \
--add-topic health | 0*
subscriber import | people.csv --list {LIST} --source fair --basis consent
subscriber merge | {OTHER_PERSON} {PERSON}
subscriber erase | {PERSON}
segment save | readers country~=~FR
segment remove | {SEGMENT}
suppression add | {STRANGER}
suppression import | bounces.csv
suppression remove | {SUPPRESSED_PERSON}
digest add | weekly --list {LIST}
digest edit | {DIGEST} --name Better
digest assemble | {DIGEST}
edition new | --list {LIST} --story health --name Extra
edition edit | {draft} --name Better
edition urgent | {draft} --reason en=Flood
edition arrange | {draft} health
edition reorder | {draft} health-of-{open_}
edition test | {reviewed} staff@example.org
edition resend | {whole} {PERSON}
edition submit | {draft}
edition approve | {reviewed} --by Amina
edition schedule | {reviewed} --at 2036-01-02~09:00 --zone UTC
edition unschedule | {draft}
edition reopen | {reviewed}
edition send-back | {reviewed} --comment shorter,~please
edition pause | {open_}
edition resume | {open_} | 5
edition cancel | {open_}
edition retry: failed | {whole} --failed
edition retry: diverted | {whole} --diverted
edition publish | {old}
edition unpublish | {old}
send | {reviewed} | 5
delivery in-doubt resend | {open_}
delivery in-doubt resend: chosen | {open_} --address {PERSON} | 5
delivery in-doubt assume-sent | {open_}
schedule add | {DIGEST} monthly~on~the~1st --at 09:00 --zone UTC
schedule edit | 1 --at 10:00
schedule remove | 1
schedule write | {DIGEST} {day} --subject A~day
schedule skip | {DIGEST} {day}
schedule move | {DIGEST} {day} --to {day}~10:00
schedule restore | {DIGEST} {day} | 5
schedule send-now | {DIGEST} {day}
blackout add | 2036-01-02
blackout remove | 1 | 1
observance add | river-day --rule 8~may --name en=Day~of~the~river
contact add | {STRANGER} --list {PRESS_LIST}
contact import | people.csv --list {PRESS_LIST} --source fair --basis consent
contact edit | {JOURNALIST} --outlet Other
contact remove | {JOURNALIST}
boilerplate set | about.md --organisation office --name Office
release send | {office.release} --to {PRESS_LIST} --yes
release correct | correction.md --changed Title --why Wrong --yes
release kill | {office.release} --why Wrong --yes
embargo set | health {day}~09:00 --zone UTC
embargo lift | health | 1
secret rotate
database clone | | 5
"""
    for line in lines.splitlines():
        name, *rest = line.split("|")
        arguments = rest[0].strip() if rest else ""
        yield "|".join([name, f" {arguments} --dry-run ", *rest[1:]])


def list_pages(office: LargeOffice, key: bytes) -> list[TriedPage]:
    """List requests for the public pages. `key` signs links."""
    number, list_id = 5, 1

    def sign(purpose: LinkPurpose) -> str:
        link = MemberLink(number, list_id, office.whole_edition)
        return sign_member_link(key, purpose, link)

    preferences, unsubscribe = sign(LinkPurpose.PREFERENCES), sign(LinkPurpose.UNSUBSCRIBE)
    view = sign_token(key, LinkPurpose.VIEW, office.whole_edition, "en", "7")
    counted = sign_token(key, LinkPurpose.CLICK, office.whole_edition, "en", 1)
    return [
        TriedPage("home", "GET", "/"),
        TriedPage("sign-up page", "GET", "/subscribe"),
        TriedPage("sign-up", "POST", "/subscribe", (("email", STRANGER), ("list", LIST))),
        TriedPage("unsubscribe page", "GET", f"/u/{unsubscribe}"),
        TriedPage("one-click", "POST", f"/u/{unsubscribe}", (("List-Unsubscribe", "One-Click"),)),
        TriedPage("undo", "POST", f"/u/{unsubscribe}/undo"),
        TriedPage("preferences page", "GET", f"/p/{preferences}"),
        TriedPage(
            "preferences",
            "POST",
            f"/p/{preferences}",
            (("list", LIST), (f"topic {LIST}", "health"), ("language", "fr")),
        ),
        TriedPage("pause page", "GET", f"/p/{preferences}/pause"),
        TriedPage("pause", "POST", f"/p/{preferences}/pause", (("weeks", "2"),)),
        TriedPage("address page", "GET", f"/p/{preferences}/address"),
        TriedPage("address", "POST", f"/p/{preferences}/address", (("email", STRANGER),)),
        TriedPage("leave page", "GET", f"/p/{preferences}/leave"),
        TriedPage("erase page", "GET", f"/p/{preferences}/erase"),
        TriedPage("about me", "GET", f"/p/{preferences}/about-me.json"),
        TriedPage("mail in browser", "GET", f"/v/{view}"),
        TriedPage("counted link", "GET", f"/r/{counted}", status=404),
        TriedPage("archives", "GET", "/archive"),
        TriedPage("archive", "GET", f"/archive/{LIST}"),
        TriedPage("archive, page 3", "GET", f"/archive/{LIST}?page=3"),
        TriedPage("archive, common word", "GET", f"/archive/{LIST}?q=clinic"),
        TriedPage("archive, unknown word", "GET", f"/archive/{LIST}?q=zeppelin"),
        TriedPage("issue", "GET", f"/archive/{LIST}/{UID}2"),
        TriedPage("Atom feed", "GET", f"/archive/{LIST}/atom.xml"),
        TriedPage("RSS feed", "GET", f"/archive/{LIST}/rss.xml"),
        TriedPage("sitemap", "GET", "/sitemap.xml"),
        TriedPage("press", "GET", "/press"),
        TriedPage("press feed", "GET", "/press/atom.xml"),
        TriedPage("release", "GET", f"/press/{office.release}"),
        TriedPage("story", "GET", "/stories/health-2/en"),
        TriedPage("ninjs", "GET", f"/press/{office.release}/ninjs.json"),
        TriedPage("healthz", "GET", "/healthz"),
        TriedPage("leave", "POST", f"/p/{preferences}/leave"),
    ]
