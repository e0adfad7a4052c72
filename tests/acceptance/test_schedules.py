"""A digest's calendar from the command line."""

from tests.acceptance.conftest import Shell


def test_a_calendar_is_made_seen_and_changed(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news")
    assert "no occurrence" in mailer("schedule", "preview", "weekly").err
    rule = "migrants-day: each weekday from 7 days before, then on the day"
    said = mailer("schedule", "add", "weekly", rule, "--zone", "Europe/London", "--cutoff", "1d")
    assert said.out.startswith(f"schedule 1: {rule}, at 09:00 Europe/London")
    found = mailer("schedule", "preview", "weekly", "--json").json
    assert len(found) == 8
    assert all(one["local"].endswith("T09:00:00") for one in found)
    assert all(one["send_at"].endswith("T09:00:00+00:00") for one in found)
    assert any(one["day"].endswith("-12-18") for one in found)
    day = found[0]["day"]
    mailer("blackout", "add", day, "--reason", "moving house")
    preview = mailer("schedule", "preview", "weekly").out
    assert "skipped       " in preview
    assert "moving house" in preview
    assert "Europe/London" in preview
    mailer("blackout", "remove", str(mailer("blackout", "list", "--json").json[0]["id"]))
    assert "skipped" not in mailer("schedule", "preview", "weekly").out
    mailer("schedule", "add", "weekly", "weekly on Thu", "--dry-run")
    assert len(mailer("schedule", "list", "--json").json) == 1
    mailer("schedule", "remove", "1")
    assert "no schedule yet" in mailer("schedule", "list").err


def test_what_can_not_be_is_named(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news")
    for words, said in (
        (("nowhere", "daily"), "no digest 'nowhere'"),
        (("weekly", "hourly"), "is no schedule"),
        (("weekly", "daily", "--at", "25:00"), "no time of day"),
        (("weekly", "daily", "--zone", "Mars/Base"), "not a time zone"),
        (("weekly", "daily", "--holidays", "XX"), "no public holidays"),
        (("weekly", "daily", "--start", "tomorrow"), "is no day"),
        (("weekly", "2020-01-01"), "names no future time"),
    ):
        assert said in mailer("schedule", "add", *words, code=1).err
    assert mailer("schedule", "list", "--json").json == []
