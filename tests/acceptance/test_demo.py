"""The demo, and every mail that it leaves."""

import email
import email.policy
import re
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailer.demo import office
from mailer.demo.run import DemoResult, run_demo
from mailer.model.subscribers import MembershipState
from tests.deciding import find_decision_path

HEADERS = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Id",
    "List-Unsubscribe",
    "Precedence",
    "MIME-Version",
    "Content-Type",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return run_demo(tmp_path_factory.mktemp("demo") / "office", lambda _: None)


def read_mails(demo: DemoResult) -> list[tuple[str, bytes, EmailMessage]]:
    return [
        (
            file.name.removesuffix(".eml"),
            file.read_bytes(),
            email.message_from_bytes(file.read_bytes(), policy=email.policy.default),
        )
        for file in sorted((demo.folder / "mail").glob("*.eml"))
        if file.stem != office.APPROVER
    ]


def read_part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_demo_delivers_to_every_eligible_reader(demo: DemoResult) -> None:
    assert demo.failed == 0
    assert demo.delivered == demo.caught - demo.notices == len(read_mails(demo))
    assert demo.delivered + demo.skipped == 200
    assert all(sum(row.values()) for row in demo.readers.values())


def test_every_demo_mail_is_well_formed(demo: DemoResult) -> None:
    for address, raw, message in read_mails(demo):
        assert not message.defects
        for name in HEADERS:
            assert len(message.get_all(name, [])) == 1, f"{address}: {name}"
        assert message["To"].addresses[0].addr_spec == address
        assert re.search(rb"\r\nList-Unsubscribe: <http://127\.0\.0\.1:8000/u/[^\s>]+>\r\n", raw)
        assert b"List-Unsubscribe-Post" not in raw, "the demo's pages have no https"
        assert raw.isascii()
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
        assert max(map(len, raw.split(b"\r\n"))) <= 998
        text, html = read_part(message, "plain"), read_part(message, "html")
        for body in (text, html, str(message["Subject"])):
            assert "{{" not in body
            assert "{%" not in body
            assert not re.search(r"z[0-9a-f]{15}", body), "a slot or mark is left"
        for link in re.findall(r'(?:href|src)="([^"]*)"', html):
            assert link.startswith(("https://", "http://", "mailto:", "tel:", "#")), link
        for required in ("/u/", "/p/", "1 Example Quay"):
            assert required in text
            assert required in html


def test_demo_readers_get_only_the_stories_of_their_topics(demo: DemoResult) -> None:
    folder = Path(__file__).parents[2] / "mailer/demo/articles"
    topics: dict[str, set[str]] = {}
    for file in folder.glob("*.md"):
        if "kind: press_release" in file.read_text("utf-8"):
            continue  # a digest takes press releases only if it says so
        match = re.search(r"^topics: \[(.*)\]$", file.read_text("utf-8"), re.MULTILINE)
        assert match
        slug = file.name.split(".")[0]
        topics.setdefault(slug, set()).update(t.strip() for t in match[1].split(","))
    html_by_address = {
        address: read_part(message, "html") for address, _, message in read_mails(demo)
    }
    digest = {s for s in topics if topics[s] & set(office.DIGEST_TOPICS)}
    single_topic_count = 0
    for reader in office.generate_readers():
        if reader.list != "news" or reader.suppressed or reader.state is not MembershipState.ACTIVE:
            continue
        html = html_by_address.get(reader.person.address, "")
        actual = {slug for slug in topics if f"/stories/{slug}" in html}
        expected = {s for s in digest if not reader.topics or topics[s] & set(reader.topics)}
        assert actual == expected
        single_topic_count += len(reader.topics) == 1
    assert single_topic_count > 20


def test_demo_asks_the_approver_by_mail(demo: DemoResult) -> None:
    assert demo.notices == 1
    raw = (demo.folder / f"mail/{office.APPROVER}.eml").read_bytes()
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    assert find_decision_path(mail).startswith("/d/")
    attached = [part.get_filename() for part in mail.iter_attachments()]
    assert [name and name.rpartition("-")[2] for name in attached] == [
        "en.eml",
        "ar.eml",
        "es.eml",
        "fr.eml",
    ]
    for title in (
        edition_mail.get_content()["Subject"] for edition_mail in mail.iter_attachments()
    ):
        assert str(title) in read_part(mail, "html").replace("&amp;", "&")


def test_arabic_demo_mails_run_from_right_to_left(demo: DemoResult) -> None:
    arabic = {r.person.address for r in office.generate_readers() if r.person.language == "ar"}
    seen = 0
    for address, _, message in read_mails(demo):
        html = read_part(message, "html")
        head = html[: html.index("<body")]
        assert ('dir="rtl"' in head) == (address in arabic)
        seen += address in arabic
    assert seen > 10


def test_demo_empties_only_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(Exception, match="not empty"):
        run_demo(tmp_path, lambda _: None)
    assert (tmp_path / "mine.txt").read_text() == "keep me"
