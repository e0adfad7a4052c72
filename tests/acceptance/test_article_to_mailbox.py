"""From files to mailboxes by the command line, over real SMTP."""

import email
import email.policy
import json
from pathlib import Path

import pytest

from mailer.demo.catcher import Catcher
from tests.acceptance.conftest import Shell, format_article


@pytest.fixture
def office(mailer: Shell) -> Shell:
    for topic in ("health", "work"):
        mailer("topic", "add", topic, "--name", topic.title())
    mailer("list", "add", "news", "--name", "News")
    mailer.write_file("stories/clinic.md", format_article("A clinic opens", topics="health"))
    mailer.write_file(
        "stories/clinic.fr.md",
        format_article(
            "Ouverture d’un centre", topics="health", language="fr", more="slug: clinic\n"
        ),
    )
    clinic = (mailer.folder / "stories/clinic.md").read_text()
    mailer.write_file("stories/clinic.md", clinic.replace("---\n\n", "slug: clinic\n---\n\n"))
    mailer.write_file(
        "stories/permits.md",
        format_article("New work permits", topics="work", more="slug: permits\n"),
    )
    mailer("article", "add", "stories")
    mailer("subscriber", "add", "all@example.org", "--list", "news", "--name", "Quay, All")
    mailer("subscriber", "add", "work@example.org", "--list", "news", "--topic", "work")
    mailer("subscriber", "add", "fr@example.org", "--list", "news", "--language", "fr")
    mailer("digest", "add", "weekly", "--list", "news", "--name", "The week")
    return mailer


def make_relay_env(catcher: Catcher) -> dict[str, str]:
    return {
        "MAILER_RELAY_HOST": "127.0.0.1",
        "MAILER_RELAY_PORT": str(catcher.port),
        "MAILER_RELAY_TLS": "none",
    }


def test_digest_is_sent_from_files_to_mailboxes_by_topic(office: Shell, tmp_path: Path) -> None:
    assembled = office("digest", "assemble", "weekly", "--json").json
    assert assembled["edition"]["state"] == "draft"
    assert "not approved" in office("send", "1", code=5).err

    preview = office("edition", "preview", "1", "--as", "work@example.org", "--json").json
    assert "New work permits" in preview["text"]
    assert "A clinic opens" not in preview["text"] + preview["html"]
    seen_hash = preview["content_hash"][:12]
    office("edition", "approve", "1", "--hash", "0123456789ab", code=5)
    office("edition", "approve", "1", "--hash", seen_hash, "--by", "An Editor", "--comment", "good")

    with Catcher(tmp_path / "mail") as catcher:
        result = office("send", "1", "--json", env=make_relay_env(catcher)).json
        assert (result["run"]["sent"], result["run"]["left"]) == (3, 0)
        assert [one["edition"]["state"] for one in result["reports"]] == ["sent"]
        assert catcher.count == 3
        second_run = office("send", "1", code=5, env=make_relay_env(catcher))
        assert "sent" in second_run.err
        assert catcher.count == 3

    report = office("edition", "report", "1", "--json").json
    assert (
        report["states"]["sent"] == report["by_language"]["en"] + report["by_language"]["fr"] == 3
    )
    french = email.message_from_bytes(
        (tmp_path / "mail/fr@example.org.eml").read_bytes(), policy=email.policy.default
    )
    body = french.get_body(("html",))
    assert body is not None
    assert "Ouverture d’un centre" in body.get_content()
    assert "New work permits" in body.get_content()
    everything = email.message_from_bytes(
        (tmp_path / "mail/all@example.org.eml").read_bytes(), policy=email.policy.default
    )
    assert everything["To"].addresses[0].display_name == "Quay, All"
    explanation = office("explain", "1", "work@example.org").out
    assert "got edition 1" in explanation
    assert "New work permits" in explanation
    assert "is not a subscriber" in office("explain", "1", "nobody@example.org").out

    second = office("digest", "assemble", "weekly", "--json").json
    assert second["edition"]["state"] == "skipped"
    assert "no new story" in second["edition"]["reason"]


def test_changed_story_voids_the_approval(office: Shell) -> None:
    office("digest", "assemble", "weekly", "--dry-run")
    assert office("edition", "list", "--json").json == []
    office("digest", "assemble", "weekly")
    office("edition", "approve", "1")
    office("article", "edit", "permits", "--title", "Newer work permits")
    shown_edition = office("edition", "show", "1", "--json").json
    assert shown_edition["edition"]["state"] == "draft"
    assert shown_edition["edition"]["approval"] is None
    assert "permits" in shown_edition["edition"]["reason"]
    assert "a draft, not approved" in office("send", "1", code=5).err


def test_edition_is_paused_resumed_and_cancelled(office: Shell, tmp_path: Path) -> None:
    office("digest", "assemble", "weekly")
    office("edition", "approve", "1")
    office("send", "1", code=1, env={"MAILER_RELAY_PORT": "9", "MAILER_RELAY_TLS": "none"})
    office("edition", "pause", "1", "--reason", "wrong picture")
    with Catcher(tmp_path / "mail") as catcher:
        assert "wrong picture" in office("send", "1", code=5, env=make_relay_env(catcher)).err
        assert catcher.count == 0
        office("edition", "resume", "1")
        office("subscriber", "unsubscribe", "work@example.org", "--list", "news")
        office("suppression", "add", "fr@example.org")
        lines = office(
            "send", "1", "--progress", "lines", env=make_relay_env(catcher)
        ).out.splitlines()
        assert json.loads(lines[-1])["run"]["sent"] == 1
        assert catcher.count == 1
    states = office("edition", "report", "1", "--json").json["states"]
    assert (states["sent"], states["suppressed"]) == (1, 2)
    assert "suppressed" in office("explain", "1", "fr@example.org").out

    office(
        "article", "add", str(office.write_file("late.md", format_article("Late", topics="work")))
    )
    assert office("digest", "assemble", "weekly", "--json").json["edition"]["stories"] == ["late"]
    office("edition", "cancel", "2", "--reason", "not yet")
    assert office("digest", "show", "weekly", "--json").json["next"] == ["late"]


def test_edition_without_a_digest_is_arranged(office: Shell) -> None:
    release = office(
        "edition", "new", "--list", "news", "--story", "permits", "--name", "Release", "--json"
    ).json
    assert release["template"] == "press-release"
    text = office("edition", "preview", "1").out
    assert "IMMEDIATE RELEASE" in text.upper()
    office("edition", "arrange", "1", "clinic", "permits")
    office("edition", "reorder", "1", "permits")
    shown_edition = office("edition", "show", "1", "--json").json
    assert shown_edition["edition"]["stories"] == ["permits", "clinic"]
