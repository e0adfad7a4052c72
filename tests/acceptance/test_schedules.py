"""Schedules and blackouts from the command line."""

from tests.acceptance.conftest import Shell


def test_schedule_is_added_previewed_blacked_out_and_removed(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news")
    assert "no occurrence" in mailer("schedule", "preview", "weekly").err
    rule = "migrants-day: each weekday from 7 days before, then on the day"
    added = mailer("schedule", "add", "weekly", rule, "--zone", "Europe/London", "--cutoff", "1d")
    assert added.out.startswith(f"schedule 1: {rule}, at 09:00 Europe/London")
    occurrences = mailer("schedule", "preview", "weekly", "--json").json
    assert len(occurrences) == 8
    assert all(one["local"].endswith("T09:00:00") for one in occurrences)
    assert all(one["send_at"].endswith("T09:00:00+00:00") for one in occurrences)
    assert any(one["day"].endswith("-12-18") for one in occurrences)
    day = occurrences[0]["day"]
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


def test_invalid_schedules_are_explained(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news")
    for words, message in (
        (("nowhere", "daily"), "no digest 'nowhere'"),
        (("weekly", "hourly"), "is not a schedule"),
        (("weekly", "daily", "--at", "25:00"), "not a time of day"),
        (("weekly", "daily", "--zone", "Mars/Base"), "not a time zone"),
        (("weekly", "daily", "--holidays", "XX"), "no public holidays"),
        (("weekly", "daily", "--start", "tomorrow"), "is not a day"),
        (("weekly", "2020-01-01"), "names no future time"),
    ):
        assert message in mailer("schedule", "add", *words, code=1).err
    assert mailer("schedule", "list", "--json").json == []
