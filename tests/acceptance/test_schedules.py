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


def test_same_rule_at_the_same_time_is_added_once(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news")
    rule = ("schedule", "add", "weekly", "weekly on Thu", "--zone", "Europe/London")
    mailer(*rule, "--start", "2026-01-01")
    for options in ((), ("--cutoff", "2h"), ("--start", "2027-01-01")):
        error = mailer(*rule, *options, code=1).err
        assert "digest weekly has this rule at this time already: schedule 1" in error
        assert "mailer schedule edit 1" in error
    mailer(*rule, "--at", "17:00")
    fortnight = ("schedule", "add", "weekly", "FREQ=WEEKLY;INTERVAL=2", "--zone", "Europe/London")
    mailer(*fortnight, "--start", "2026-01-01")
    mailer(*fortnight, "--start", "2026-01-08")
    assert len(mailer("schedule", "list", "--json").json) == 4


def test_edition_that_takes_the_stories_of_the_calendar_says_so(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news")
    mailer("schedule", "add", "weekly", "daily", "--zone", "Europe/London")
    mailer.write_file("a.md", "---\ntitle: A day\nslug: a-day\nlanguage: en\n---\n\nIt is a day.\n")
    mailer("article", "add", "a.md")
    assembled = mailer("digest", "assemble", "weekly").err
    assert "note: the calendar's next edition, of " in assembled
    assert "use `mailer edition cancel 1`" in assembled
    second = mailer("digest", "assemble", "weekly", "--json").json["edition"]
    assert second["reason"].endswith("; edition 1, which is not sent yet, has 1 story")


def test_values_of_options_are_read_in_each_spelling(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    kinds = [
        word for kind in ("op-ed", "press release", "Photo_Story") for word in ("--kind", kind)
    ]
    mailer("digest", "add", "weekly", "--list", "news", *kinds)
    digest = mailer("digest", "show", "weekly", "--json").json["digest"]["settings"]
    assert digest["kinds"] == ["press_release", "op_ed", "photo_story"]
    assert mailer("edition", "list", "--state", "in-review", "--json").json == []
    assert "'op-ed'" in mailer("article", "list", "--kind", "opera", code=2).err


def test_translations_of_a_digest_are_changed_one_by_one(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    names = ("--name-in", "fr=La semaine", "--name-in", "es=La semana", "--remind", "")
    mailer("digest", "add", "weekly", "--list", "news", *names)
    mailer("digest", "edit", "weekly", "--name-in", "ar=أسبوع", "--name-in", "es=")
    digest = mailer("digest", "show", "weekly", "--json").json["digest"]["settings"]
    assert digest["names"] == {"fr": "La semaine", "ar": "أسبوع"}
    assert digest["policy"]["reminders"] == []
    mailer("digest", "edit", "weekly", "--name-in", "FR=Cette semaine")
    digest = mailer("digest", "show", "weekly", "--json").json["digest"]["settings"]
    assert digest["names"] == {"fr": "Cette semaine", "ar": "أسبوع"}


def test_schedule_is_edited_and_keeps_what_is_not_named(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news")
    added = mailer("schedule", "add", "weekly", "every Thursday at 5pm", "--zone", "Europe/London",
                   "--cutoff", "2h")  # fmt: skip
    assert added.out.startswith("schedule 1: weekly on Thursday, at 17:00 Europe/London")
    first_day = mailer("schedule", "preview", "weekly", "--json").json[0]["day"]
    mailer("schedule", "skip", "weekly", first_day, "--reason", "the office moves")
    edited = mailer("schedule", "edit", "1", "--at", "9.30am")
    assert "at 09:30 Europe/London" in edited.out
    assert "09:30: the office moves; next " in edited.out
    (schedule,) = mailer("schedule", "list", "--json").json
    assert (schedule["rule"], schedule["cutoff"]) == ("weekly on Thursday", "2h")
    mailer("schedule", "edit", "1", "--rule", "every Friday", "--dry-run")
    assert mailer("schedule", "list", "--json").json == [schedule]
    for words, message in (
        (("9", "--at", "10:00"), "there is no schedule 9"),
        (("1", "--at", "12pm"), "may be noon or midnight"),
        (("1", "--rule", "sometimes"), "is not a schedule"),
    ):
        assert message in mailer("schedule", "edit", *words, code=1).err


def test_schedule_is_found_by_its_digest_if_that_has_one(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news")
    edit = ("schedule", "edit", "weekly", "--at", "10:00")
    assert "the digest 'weekly' has no schedule" in mailer(*edit, code=1).err
    mailer("schedule", "add", "weekly", "every Thursday", "--zone", "UTC")
    assert mailer(*edit).out.startswith("schedule 1: weekly on Thursday, at 10:00 UTC")
    mailer("schedule", "add", "weekly", "every Monday at 8:00", "--zone", "UTC")
    error = " ".join(mailer(*edit, code=1).err.split())
    assert "has 2 schedules: 1 is weekly on Thursday, at 10:00; 2 is weekly on Monday" in error
    assert "give the number of one of them" in error
    assert "no digest 'montly'" in mailer("schedule", "edit", "montly", "--at", "10:00", code=1).err
    assert "removed schedule 2" in mailer("schedule", "remove", "2").out
    assert "removed schedule 1" in mailer("schedule", "remove", "weekly").out


def test_history_covers_all_digests(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    for digest in ("weekly", "press"):
        mailer("digest", "add", digest, "--list", "news")
        mailer("schedule", "add", digest, "daily")
        day = mailer("schedule", "preview", digest, "--json").json[0]["day"]
        mailer("schedule", "skip", digest, day, "--reason", f"no {digest}")
    assert {row["digest"] for row in mailer("schedule", "history", "--json").json} == {
        "weekly",
        "press",
    }
    table = mailer("schedule", "history").out
    assert "no weekly" in table
    assert "no press" in table
    assert len(mailer("schedule", "history", "weekly", "--json").json) == 1


def test_texts_are_written_ahead_and_shown_on_the_calendar(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news")
    mailer("schedule", "add", "weekly", "daily", "--zone", "Europe/London")
    first, second = (
        one["day"] for one in mailer("schedule", "preview", "weekly", "--json").json[1:3]
    )
    mailer.write_file("opening.md", "Good *morning*.\n")
    written = mailer("schedule", "write", "weekly", first, "--subject", "A day: {{ lead_title }}",
                     "--opening-file", "opening.md", "--by", "Amina")  # fmt: skip
    assert "09:00: en: subject, opening" in written.out
    mailer("schedule", "write", "weekly", first, "--language", "fr", "--preheader", "Trois récits")
    mailer("schedule", "write", "weekly", first, "--language", "es", "--subject", "No", "--dry-run")
    preview = mailer("schedule", "preview", "weekly", "--json").json
    assert [one["day"] for one in preview if "written_ahead" in one] == [first]
    note = "written ahead: en: subject, opening; fr: preheader"
    assert preview[1]["written_ahead"] == note
    assert note in " ".join(mailer("schedule", "preview", "weekly").out.split())
    english, french = mailer("schedule", "show", "weekly", first, "--json").json["texts"]
    assert (english["subject"], english["opening"]) == (
        "A day: {{ lead_title }}",
        "Good *morning*.",
    )
    assert "Amina" in english["written_by"][0]
    assert french["preheader"] == "Trois récits"
    skipped = mailer("schedule", "skip", "weekly", first)
    assert "(en: subject, opening; fr: preheader) is not used, unless" in skipped.err
    assert (
        "is skipped: by "
        in mailer("schedule", "write", "weekly", first, "--subject", "A", code=5).err
    )
    for words, message in (
        ((second, "--subject", "{{ nothing }}"), "--subject: there is no variable 'nothing'"),
        ((second, "--opening", "{{ recipient.name"), "--opening: a variable is broken"),
        ((second, "--language", "english", "--subject", "A"), "not a language tag"),
        (("2020-01-01", "--subject", "A"), "has no occurrence"),
        ((second, "--opening-file", "missing.md"), "missing.md"),
    ):
        assert message in mailer("schedule", "write", "weekly", *words, code=1).err
    assert "no text was given" in mailer("schedule", "write", "weekly", second, code=2).err
    mailer("schedule", "restore", "weekly", first)
    mailer("schedule", "write", "weekly", second, "--subject", "Later")
    removed = mailer("schedule", "remove", "1")
    note = "when no schedule has an occurrence: it is not used"
    assert " ".join(removed.err.split()).count(note) == 3, "two languages, and a day"
    assert note in " ".join(mailer("schedule", "preview", "weekly").err.split())


def test_run_up_says_whether_it_spreads_its_stories(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news")
    rule = "migrants-day: each weekday from 7 days before, then on the day"
    added = mailer("schedule", "add", "weekly", rule, "--zone", "Europe/London")
    assert "its stories are spread over its days" in added.out
    assert "its stories are spread over its days" in mailer("digest", "show", "weekly").err
    edited = mailer("schedule", "edit", "1", "--no-spread")
    assert "each day takes all stories that are ready" in edited.out
    assert mailer("schedule", "list", "--json").json[0]["spread"] is False
    (note,) = mailer("digest", "show", "weekly", "--json").json["run_ups"]
    assert note.endswith("each day takes all stories that are ready")


def test_lead_and_texts_of_an_edition_are_edited(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    mailer("digest", "add", "weekly", "--list", "news")
    for name in ("a-day", "b-day"):
        mailer.write_file(
            f"{name}.md", f"---\ntitle: {name}\nslug: {name}\nlanguage: en\n---\n\nNew.\n"
        )
        mailer("article", "add", f"{name}.md")
    mailer("digest", "assemble", "weekly")
    (lead, other) = mailer("edition", "show", "1", "--json").json["edition"]["stories"]
    mailer.write_file("opening.md", "Good *morning*.\n")
    mailer("edition", "edit", "1", "--lead", other, "--preheader", "en=Two stories",
           "--opening-file", "en=opening.md", "--subject-in", "fr=Deux")  # fmt: skip
    edition = mailer("edition", "show", "1", "--json").json["edition"]
    assert edition["stories"] == [other, lead]
    assert edition["preheaders"] == {"en": "Two stories"}
    assert edition["opening"] == {"en": "Good *morning*."}
    html = mailer("edition", "preview", "1", "--form", "html").out
    assert "Two stories" in html
    error = mailer("edition", "edit", "1", "--preheader", "en={{ nothing }}", code=1).err
    assert "the preheader of edition 1 in en" in error
    assert mailer("edition", "show", "1", "--json").json["edition"] == edition


def test_link_tags_of_a_digest_are_set_and_shown(mailer: Shell) -> None:
    mailer("list", "add", "news", "--name", "News")
    tags = ("--link-tag", "source=newsletter", "--link-tag", "campaign={digest}-{date}")
    mailer("digest", "add", "weekly", "--list", "news", *tags)
    settings = mailer("digest", "show", "weekly", "--json").json["digest"]["settings"]
    assert settings["link_tags"] == {"source": "newsletter", "campaign": "{digest}-{date}"}
    error = mailer("digest", "edit", "weekly", "--link-tag", "medium={reader}", code=1).err
    assert "--link-tag: '{reader}' has an unknown placeholder" in error


def test_variables_of_each_template_are_shown(mailer: Shell) -> None:
    names = [row["template"] for row in mailer("template", "list", "--json").json]
    assert {"digest", "press-release", "notice", "welcome"} <= set(names)
    (lead_title,) = (
        row
        for row in mailer("template", "show", "digest", "--json").json
        if row["name"] == "lead_title"
    )
    assert (lead_title["value_type"], lead_title["example"]) == ("text", "New harbour opens in May")
    assert "notice.lead" in mailer("template", "show", "notice").out
    error = mailer("template", "show", "digests", code=1).err
    assert "there is no template 'digests'" in error
    assert "mailer template list" in error
