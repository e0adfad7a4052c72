"""A photograph with the place where it was taken: from a file beside an article to a sent digest's
mail and to the public pages, without that place."""

import email
import email.policy
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.client import HTTPConnection, HTTPResponse
from operator import itemgetter
from pathlib import Path

import pytest

from mailer.demo.catcher import Catcher
from tests.acceptance.conftest import Shell, format_article
from tests.acceptance.test_article_to_mailbox import make_relay_env
from tests.pictures import draw_logo, draw_photo, find_metadata

PICTURE = 'image: {file: media/boats.jpg, alt: "Boats", credit: "A. Perera", caption: "At dusk"}\n'
TEXT_PICTURE = "\n![A quay](media/quay.jpg)\n"


def find_free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def get(port: int, path: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


@contextmanager
def serve_pages(shell: Shell) -> Iterator[int]:
    """Run `mailer serve`, and give its port."""
    port = find_free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "mailer", "serve", "--port", str(port)],
        cwd=shell.folder,
        env=shell.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                get(port, "/healthz")
                break
            except OSError:
                assert time.monotonic() < deadline, "the pages do not answer"
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def read_mail(folder: Path, address: str) -> EmailMessage:
    content = (folder / f"{address}.eml").read_bytes()
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


@pytest.fixture
def office(mailer: Shell) -> Shell:
    (mailer.folder / "stories/media").mkdir(parents=True)
    photo = draw_photo(1600, 900)
    assert {"exif", "camera", "tag 34853"} <= find_metadata(photo), "it has a position"
    (mailer.folder / "stories/media/boats.jpg").write_bytes(photo)
    (mailer.folder / "stories/media/quay.jpg").write_bytes(draw_photo(700, 500))
    story = format_article("Boats", more=PICTURE + "slug: boats\n") + TEXT_PICTURE
    mailer.write_file("stories/boats.md", story)
    french = 'image: {file: media/boats.jpg, alt: "Bateaux"}\nslug: boats\n'
    mailer.write_file("stories/boats.fr.md", format_article("Bateaux", language="fr", more=french))
    mailer("list", "add", "news", "--name", "News")
    mailer("subscriber", "add", "ana@example.org", "--list", "news")
    mailer("subscriber", "add", "fr@example.org", "--list", "news", "--language", "fr")
    mailer("digest", "add", "weekly", "--list", "news", "--name", "The week")
    mailer("article", "add", "stories")
    return mailer


def test_photo_from_a_file_reaches_mail_and_page_without_its_position(
    office: Shell, tmp_path: Path
) -> None:
    article = office("article", "show", "boats", "--json").json
    french = office("article", "show", "boats", "--language", "fr", "--json").json
    assert french["image"]["url"] == article["image"]["url"], "translations share the picture"
    assert (french["image"]["alt"], french["image"]["credit"]) == ("Bateaux", "A. Perera")
    office("digest", "assemble", "weekly")
    office("edition", "approve", "1")
    with Catcher(tmp_path / "mail") as catcher:
        office("send", "1", env=make_relay_env(catcher))
    mail = read_mail(tmp_path / "mail", "ana@example.org")
    part = mail.get_body(("html",))
    assert part is not None
    html = part.get_content()
    url = re.search(r'src="https?://[^/"]+(/pictures/[0-9a-f]{64}-1104\.jpg)"', html)
    assert url, html
    assert "asset:" not in html
    assert 'alt="Boats"' in html
    assert "At dusk" in html
    assert "A. Perera" in html

    with serve_pages(office) as port:
        response, picture = get(port, url[1])
        assert response.status == 200
        assert response.headers["Content-Type"] == "image/jpeg"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert find_metadata(picture) == set()
        _, narrow_picture = get(port, url[1].replace("-1104.", "-552."))
        assert len(narrow_picture) < len(picture)
        for wrong in ("-1103.jpg", "-1104.png", "-1104.jpg%0a"):
            assert get(port, url[1].replace("-1104.jpg", wrong))[0].status == 404
        _, page = get(port, "/stories/boats/en")
        sources = re.findall(r'<img src="(/pictures/[^"]+)" alt="([^"]*)"', page.decode())
        assert [alt for _, alt in sources] == ["Boats", "A quay"]
        assert all(get(port, source)[0].status == 200 for source, _ in sources)
        assert b'property="og:image" content="http' in page

    (boats, quay) = sorted(office("asset", "list", "--json").json, key=itemgetter("name"))
    assert boats["alts"] == {"en": "Boats", "fr": "Bateaux"}
    assert quay["credit"] == ""
    assert "boats" in office("asset", "remove", "boats.jpg", code=5).err


def test_terms_that_have_ended_are_a_finding(office: Shell) -> None:
    office("asset", "edit", "boats.jpg", "--terms", "Only in spring", "--terms-end", "2026-03-31")
    note = office("digest", "assemble", "weekly").err
    assert "boats.jpg" in note
    assert "may be used until 31 Mar 2026 only: Only in spring" in note
    assert "may be used until" in office("edition", "approve", "1", "--dry-run").err
    office("asset", "edit", "boats.jpg", "--terms-end", "")
    assert "may be used until" not in office("edition", "edit", "1", "--name", "Now").err


def test_picture_is_added_edited_shown_and_removed(mailer: Shell) -> None:
    (mailer.folder / "logo.png").write_bytes(draw_logo())
    added = mailer("asset", "add", "logo.png", "--alt", "The office").out
    reference = re.search(r"asset:[0-9a-f]{64}\.png", added)
    assert reference
    assert "unchanged" in mailer("asset", "add", "logo.png").out
    mailer("asset", "edit", "logo.png", "--alt", "Le bureau", "--language", "fr")
    asset = mailer("asset", "show", reference[0][6:14], "--json").json
    assert asset["alts"] == {"en": "The office", "fr": "Le bureau"}
    assert asset["used_by"] == []
    assert "is not a date" in mailer("asset", "edit", "logo.png", "--terms-end", "May", code=1).err
    config = mailer.folder / "config/mailer.toml"
    text = config.read_text("utf-8")
    logo = f'[organisation]\nlogo_url = "{reference[0]}"\n'
    config.write_text(text.replace("[organisation]\n", logo), "utf-8")
    assert "the logo" in mailer("asset", "remove", "logo.png", code=5).err
    config.write_text(text.replace("[organisation]\n", logo.replace(".png", ".jpg")), "utf-8")
    checked = mailer("config", "check", "--offline", "--json", code=3)
    (row,) = [row for row in checked.json if row["outcome"] == "problem"]
    assert f'write logo_url = "{reference[0]}"' in row["hint"]
    config.write_text(text.replace("[organisation]\n", logo), "utf-8")
    with serve_pages(mailer) as port:
        page = get(port, "/")[1].decode()
        source = re.search(r'<img src="(/pictures/[^"]+-552\.png)" alt="', page)
        assert source
        assert get(port, source[1])[0].status == 200
    config.write_text(text, "utf-8")
    mailer("asset", "remove", "logo.png")
    assert mailer("asset", "list", "--json").json == []
    assert "no asset" in mailer("asset", "show", "logo.png", code=1).err


def test_long_list_of_assets_has_pages(mailer: Shell) -> None:
    names = [f"{number}.png" for number in range(5)]
    for number, name in enumerate(names):
        (mailer.folder / name).write_bytes(draw_photo(40 + number, 30))
        mailer("asset", "add", name, "--alt", "A boat")
    listed: list[str] = []
    words = ["asset", "list", "--limit", "2"]
    for count in (2, 2, 1):
        page = mailer(*words, "--json")
        listed += [asset["name"] for asset in page.json]
        assert len(page.json) == count
        assert ("there are more" in page.err) is (len(listed) < 5)
        words = ["asset", "list", "--limit", "2", "--after", page.json[-1]["sha256"][:12]]
    assert listed == names[::-1]
    assert "no asset 'none'" in mailer("asset", "list", "--after", "none", code=1).err


def test_error_of_a_long_credit_names_the_field(office: Shell) -> None:
    credit = "M. Okafor " * 35
    error = office("asset", "edit", "boats.jpg", "--credit", credit, code=1).err
    assert "credit: the credit has 349 characters, and may have 300" in " ".join(error.split())
    (office.folder / "oranges.jpg").write_bytes(draw_photo(320, 240))
    more = f"image: {{file: oranges.jpg, alt: Oranges, credit: {credit}}}\n"
    text = format_article("A day", more=more)
    error = office("article", "add", str(office.write_file("day.md", text)), code=1).err
    assert "the credit has 349 characters, and may have 300" in " ".join(error.split())
    assert "day.md, line " in error


def test_photo_story_is_a_list_of_files(mailer: Shell) -> None:
    for name in ("dawn", "market"):
        (mailer.folder / f"{name}.jpg").write_bytes(draw_photo(640, 480 if name == "dawn" else 400))
    pictures = "pictures:\n  - {file: dawn.jpg, alt: A boat, caption: Dawn}\n"
    pictures += "  - {file: market.jpg, alt: Oranges, credit: M. Okafor}\n"
    text = format_article("A day", more=f"kind: photo story\nslug: day\n{pictures}")
    mailer("article", "add", str(mailer.write_file("day.md", text)))
    article = mailer("article", "show", "day", "--json").json
    assert [picture["alt"] for picture in article["pictures"]] == ["A boat", "Oranges"]
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news", "--name", "The week")
    mailer("digest", "assemble", "weekly")
    html = mailer("edition", "preview", "1", "--json").json["html"]
    assert re.findall(r'-1104\.jpg"[^>]*alt="([^"]*)"', html) == ["A boat", "Oranges"]
    assert "Dawn" in html
    assert "M. Okafor" in html
    missing = text.replace("market.jpg", "missing.jpg")
    error = mailer("article", "add", str(mailer.write_file("day.md", missing)), code=1).err
    assert "day.md, line 11" in error
    assert "no picture 'missing.jpg'" in error


def test_picture_of_an_article_is_changed_to_a_file(office: Shell) -> None:
    (office.folder / "new.jpg").write_bytes(draw_photo(640, 360))
    assert "no alt text" in office("article", "edit", "boats", "--image", "new.jpg", code=1).err
    assert len(office("asset", "list", "--json").json) == 2, "nothing is stored"
    office("article", "edit", "boats", "--image", "new.jpg", "--image-alt", "New boats")
    image = office("article", "show", "boats", "--json").json["image"]
    assert (image["alt"], image["credit"], image["caption"]) == ("New boats", "", "")
    body = office.write_file("body.md", "New text.\n\n![New](new.jpg)\n")
    office("article", "edit", "boats", "--body", str(body))
    html = office("article", "show", "boats", "--json").json["html"]
    assert f'<img src="{image["url"]}" alt="New">' in html


DECODING_BESIDE_A_WRITER = """
import os, sqlite3, sys
from mailer.intake import picture_files

make_renditions = picture_files.make_renditions

def decode(*facts):
    connection = sqlite3.connect(os.environ["PROBED_DATABASE"], timeout=0, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.close()
    print("written while decoding", file=sys.stderr)
    return make_renditions(*facts)

picture_files.make_renditions = decode
from mailer.cli import main
main()
"""


def test_commands_decode_pictures_before_they_write(mailer: Shell) -> None:
    """Another process can write to SQLite while a command decodes a picture."""
    (database,) = mailer.folder.rglob("subscribers.db")
    for name in ("added", "named", "edited", "text"):
        width = 600 + len(name) * 10
        (mailer.folder / f"{name}.jpg").write_bytes(draw_photo(width, 480 + ord(name[0])))
    story = format_article("Boats", more="image: {file: named.jpg, alt: A}\n")
    mailer.write_file("boats.md", story)
    mailer.write_file("body.md", "Text.\n\n![A quay](text.jpg)\n")
    for words in (
        ("asset", "add", "added.jpg"),
        ("article", "add", "boats.md"),
        ("article", "edit", "boats", "--image", "edited.jpg", "--image-alt", "B"),
        ("article", "edit", "boats", "--body", "body.md"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", DECODING_BESIDE_A_WRITER, *words],
            cwd=mailer.folder,
            env={
                **mailer.env,
                "PROBED_DATABASE": str(database),
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "written while decoding" in done.stderr
