"""Material on the desk at the beginning of the week: sixteen articles, pictures, and a
spreadsheet of people as offices keep them."""

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.pictures import draw_photo
from tests.unit.intake.office_files import write_xlsx

ARTICLES_VARIABLE = "WEEK_ARTICLES"
_OWN_ARTICLES = Path(__file__).parent / "articles"
_SHARED_ARTICLES = Path(__file__).parents[4] / "shared/corpus"


@dataclass(frozen=True)
class WeekArticle:
    """An article file, as its front matter states it."""

    slug: str
    title: str
    kind: str
    topics: frozenset[str]


def find_article_files() -> list[Path]:
    """Return the sixteen files: of the folder in WEEK_ARTICLES, of ../shared/corpus, or our own."""
    named_folder = os.environ.get(ARTICLES_VARIABLE)
    shared = _SHARED_ARTICLES if _SHARED_ARTICLES.is_dir() else _OWN_ARTICLES
    folder = Path(named_folder) if named_folder else shared
    files = sorted(file for file in folder.glob("*.md") if file.stem.upper() != "README")
    assert len(files) == 16, f"{folder} has {len(files)} articles"
    return files


def put_articles_on_desk(folder: Path) -> list[WeekArticle]:
    """Copy the articles into a folder. The first and every third one get a photograph."""
    (folder / "media").mkdir(parents=True)
    articles = []
    for number, source in enumerate(find_article_files()):
        text = source.read_text("utf-8")
        article = _read_front_matter(text)
        if number % 3 == 0:
            photo = f"media/{article.slug}.jpg"
            (folder / photo).write_bytes(draw_photo(1500 + number, 900))
            image = f"image: {{file: {photo}, alt: Picture {number}, credit: A. Perera}}\n"
            text = text.replace("language: en\n", f"language: en\n{image}", 1)
        (folder / source.name).write_text(text, "utf-8")
        articles.append(article)
    return articles


def _read_front_matter(text: str) -> WeekArticle:
    def find_value(key: str) -> str:
        match = re.search(rf"^{key}: *(.+)$", text, re.MULTILINE)
        assert match, key
        return match[1].strip('"')

    topics = frozenset(re.findall(r"[\w-]+", find_value("topics")))
    return WeekArticle(find_value("slug"), find_value("title"), find_value("kind"), topics)


@dataclass(frozen=True)
class PeopleFile:
    """A spreadsheet, and what is in it: the topics of each person who gets mails (none: all of
    them), and the addresses of those who do not."""

    path: Path
    topics: dict[str, frozenset[str]]
    left: frozenset[str]
    bounced: frozenset[str]
    invalid_rows: int


def write_people_file(path: Path, articles: list[WeekArticle], people: int) -> PeopleFile:
    """Write people on the second sheet of a workbook, below a header of the office's own.

    Each hundred has two who left and one whose address bounced. Some rows are a mess: capitals and
    spaces, an address in angle brackets, an empty row, a row twice, a row without an address."""
    popular = [topic for topic, _ in Counter(t for a in articles for t in a.topics).most_common()]
    topics: dict[str, frozenset[str]] = {}
    left, bounced = set(), set()
    rows = [["Full name", "E-mail address", "Interests", "Status", "Subscribed on", "Remarks"]]
    for number in range(people):
        address = f"reader{number}@town{number % 7}.example.org"
        count = number % 4
        chosen = {popular[(number * 5 + step * 3) % len(popular)] for step in range(count)}
        status = {7: "Unsubscribed", 57: "unsubscribed ", 33: "Bounced"}.get(number % 100, "Active")
        if "nsub" in status:
            left.add(address)
        elif status == "Bounced":
            bounced.add(address)
        else:
            topics[address] = frozenset(chosen)
        written = {3: f" {address.upper()} ", 4: f"Reader {number} <{address}>"}
        rows.append(
            [
                f"Reader {number}" if number % 10 else f"Number {number},  Reader",
                written.get(number % 100, address),
                "; ".join(sorted(chosen)),
                status,
                f"{number % 28 + 1:02}/{number % 12 + 1:02}/2024",
                "met at the fair" if number % 50 == 0 else "",
            ]
        )
        if number % 100 == 9:
            rows += [
                ["", "", "", "", "", ""],
                rows[-1],
                [f"Twin {number}", "by post", "", "Active", "", ""],
            ]
    write_xlsx(path, {"Notes": [], "People": rows})
    return PeopleFile(path, topics, frozenset(left), frozenset(bounced), people // 100)
