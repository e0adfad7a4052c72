"""People from the command line: history, personal data, imports, bulk changes, suppressions."""

import csv
import json
import stat
from datetime import UTC, datetime, timedelta

import pytest

from mailer.audience.signup import confirmations
from mailer.model.signup import Confirmation, ConfirmationState, MailLimit, SignUpWishes
from mailer.model.subscribers import Wording
from mailer.store import Store
from tests.acceptance.conftest import CommandResult, Shell
from tests.actors import STAFF

CONSENT_OPTIONS = ("--source", "cards from the fair", "--basis", "consent")


@pytest.fixture
def office(mailer: Shell) -> Shell:
    mailer("list", "add", "news", "--name", "News")
    mailer("topic", "add", "health", "--name", "Health", "--name", "fr=Santé")
    mailer("topic", "add", "work")
    mailer("topic", "add", "law")
    return mailer


def import_people(office: Shell, text: str, *options: str, code: int = 0) -> CommandResult:
    office.write_file("people.csv", text)
    words = (
        "subscriber",
        "import",
        "people.csv",
        "--list",
        "news",
        *CONSENT_OPTIONS,
        "--json",
        *options,
    )
    return office(*words, code=code)


def show_membership(office: Shell, address: str) -> dict[str, object]:
    (membership,) = office("subscriber", "show", address, "--json").json["memberships"]
    assert isinstance(membership, dict)
    return membership


# ---- one person -------------------------------------------------------------------------------


def test_consent_history_outlives_erasure(office: Shell) -> None:
    import_people(office, "email,topics\nana@example.org,health\n")
    office("subscriber", "pause", "ana@example.org", "--weeks", "4")
    assert show_membership(office, "ana@example.org")["paused_until"]
    assert "paused until" in office("subscriber", "show", "ana@example.org").out
    office("subscriber", "resume", "ana@example.org")
    office("subscriber", "unsubscribe", "ana@example.org", "--list", "news")
    history = office("subscriber", "history", " ana@EXAMPLE.org", "--json").json
    acts = ["imported", "paused", "resumed", "left"]
    assert [one["act"] for one in history["entries"]] == acts
    first = history["entries"][0]
    assert (first["source"], first["basis"]) == ("cards from the fair", "consent")
    assert first["detail"] == "topics: health"
    assert (history["suppressed"], history["memberships"][0]["state"]) == (None, "unsubscribed")
    history_table = office("subscriber", "history", "ana@example.org").out
    for word in ("cards from the fair", "consent", "topics: health", "paused", "unsubscribed"):
        assert word in history_table
    export = office("subscriber", "data", "ana@example.org", "ana.json")
    assert "written to ana.json" in export.err
    file = office.folder / "ana.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    data = json.loads(file.read_text("utf-8"))
    assert (data["address"], len(data["consent"])) == ("ana@example.org", 4)
    office("subscriber", "erase", "ana@example.org")
    after = office("subscriber", "history", "ana@example.org", "--json").json
    assert [one["act"] for one in after["entries"]] == [*acts, "erased"]
    assert {one["address"] for one in after["entries"]} == {""}
    assert (after["suppressed"], after["memberships"]) == ("erased", [])
    assert "was erased on" in office("subscriber", "data", "ana@example.org", code=1).err
    empty_history = office("subscriber", "history", "nobody@example.org")
    assert "no entry for nobody@example.org" in empty_history.err


def test_history_shows_consent_wording_and_open_confirmations(
    office: Shell,
) -> None:
    key = bytes.fromhex((office.folder / "config/secret.key").read_text().strip())
    store = Store(f"sqlite:///{office.folder / 'subscribers.db'}", key)
    wording = Wording("fr", "J’accepte de recevoir les nouvelles.")
    limit = MailLimit(0)
    now = datetime(2026, 12, 18, 9, tzinfo=UTC)
    with store.begin() as tx:

        def request_sign_up(at: datetime) -> Confirmation:
            confirmation = confirmations.build_sign_up(
                tx, "ana@example.org", SignUpWishes(("news",)), "fr", "sign-up page"
            )
            confirmations.request_confirmation(tx, STAFF, limit, confirmation, at)
            return tx.sign_ups.list_for_address("ana@example.org")[-1]

        mailed = confirmations.move_confirmation(
            tx, STAFF, request_sign_up(now), ConfirmationState.MAILED, now
        )
        confirmations.apply_confirmation(tx, STAFF, limit, mailed, now, wording=wording)
        request_sign_up(now + timedelta(hours=1))
    store.close()
    history = office("subscriber", "history", "ana@example.org").out
    assert f"wording {wording.key[:12]} (fr): J’accepte de recevoir les nouvelles." in history
    assert "not answered yet: news, asked 2026-12-18 10:00 UTC (sign-up page)" in history
    data = office("subscriber", "history", "ana@example.org", "--json").json
    (entry,) = data["entries"]
    assert (entry["act"], entry["basis"]) == ("confirmed", "consent")
    assert entry["wording"] == {"version": wording.key[:12], "language": "fr", "text": wording.text}
    (waiting,) = data["waiting"]
    assert (waiting["state"], waiting["wishes"]["lists"]) == ("asked", ["news"])
    personal_data = office("subscriber", "data", "ana@example.org").json
    assert [one["state"] for one in personal_data["waiting"]] == ["confirmed", "asked"]


def test_merge_makes_one_person_of_two_addresses(office: Shell) -> None:
    office("list", "add", "press", "--name", "Press")
    for address, to, topic in (
        ("ana@old.example", "news", "health"),
        ("ana@old.example", "press", "work"),
        ("ana@example.org", "news", "work"),
    ):
        office("subscriber", "add", address, "--list", to, "--topic", topic)
    words = ("subscriber", "merge", "ana@old.example", "ana@example.org")
    preview = office(*words, "--dry-run")
    assert "ana@old.example is ana@example.org from now on" in preview.out
    assert "not on it" in preview.out
    assert "nothing was written" in preview.err
    merged = office(*words, "--json").json
    assert {one["list"]: one["became"]["topics"] for one in merged["lists"]} == {
        "news": ["health", "work"],
        "press": ["work"],
    }
    assert "is not a subscriber" in office("subscriber", "show", "ana@old.example", code=1).err
    assert (
        "same person already"
        in office("subscriber", "merge", "ana@example.org", "ana@example.org", code=1).err
    )


def test_pause_needs_a_list_and_a_number_of_weeks(office: Shell) -> None:
    office("subscriber", "add", "ana@example.org", "--list", "news")
    words = ("subscriber", "pause", "ana@example.org")
    office(*words, code=2)
    office(*words, "--weeks", "53", code=2)
    office("subscriber", "unsubscribe", "ana@example.org", "--list", "news")
    assert "is not on any list" in office(*words, "--weeks", "4", code=1).err


# ---- many people ------------------------------------------------------------------------------


def test_import_requires_source_and_lawful_basis(office: Shell) -> None:
    office.write_file("people.csv", "email\nana@example.org\n")
    words = ("subscriber", "import", "people.csv", "--list", "news")
    assert "must name its source" in office(*words, "--basis", "consent", code=2).err
    error = office(*words, "--source", "fair", code=2).err
    assert "must name its lawful basis" in error
    assert "legitimate_interests (GDPR Article 6(1)(a) to (f))" in error
    bad = office(*words, "--source", "fair", "--basis", "we like them", code=1)
    assert "'we like them' is not a lawful basis" in bad.err
    assert office("subscriber", "list", "--json").json == []


def test_mailchimp_import_stores_unsubscribed_and_bounced_people(office: Shell) -> None:
    columns = "Email Address,First Name,Last Name,OPTIN_TIME,CONFIRM_TIME,TAGS,Company\n"
    office.write_file(
        "subscribed_email_audience_export_1.csv",
        columns + 'ana@example.org,Ana,Quay,,2020-02-03 04:05:06,"""Press"",""Old""",X\n',
    )
    office.write_file(
        "unsubscribed_email_audience_export_1.csv",
        columns.replace("TAGS", "UNSUB_TIME") + "bo@example.org,Bo,,,,2021-01-02 03:04:05,\n",
    )
    office.write_file("cleaned_email_audience_export_1.csv", columns + "cy@example.org,,,,,,\n")
    imports = {}
    for kind in ("cleaned", "unsubscribed", "subscribed"):
        file = f"{kind}_email_audience_export_1.csv"
        words = ("subscriber", "import", file, "--from", "mailchimp", "--list", "news")
        imports[kind] = office(*words, *CONSENT_OPTIONS, "--json")
    assert (imports["subscribed"].json["added"], imports["unsubscribed"].json["left"]) == (1, 1)
    assert imports["cleaned"].json["suppressed"] == 1
    assert imports["subscribed"].json["passed_over"] == {"Company": 0}
    assert "ignored: Company" in imports["subscribed"].err
    ana = office("subscriber", "show", "ana@example.org", "--json").json
    assert ana["subscriber"]["person"]["tags"] == ["Old", "Press"]
    assert ana["memberships"][0]["joined_at"] == "2020-02-03T04:05:06+00:00"
    assert show_membership(office, "bo@example.org")["left_at"] == "2021-01-02T03:04:05+00:00"
    (blocked,) = office("suppression", "list", "--json").json
    assert (blocked["address"], blocked["reason"]) == ("cy@example.org", "bounce")
    second_import = import_people(office, "email\nbo@example.org\ncy@example.org\n")
    assert [one["reason"] for one in second_import.json["rows"]] == [
        "left the list on 2021-01-02",
        "must not be mailed (bounce)",
    ]


def test_listmonk_and_mailman_imports_note_what_files_lack(office: Shell) -> None:
    office.write_file(
        "subscribers.csv",
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        'x,ana@example.org,Ana,"{""city"": ""Bath""}",enabled,2024-03-05 08:09:10 +0000 UTC,\n'
        "x,bo@example.org,Bo,{},disabled,2024-03-05 08:09:10 +0000 UTC,\n",
    )
    words = ("subscriber", "import", "subscribers.csv", "--from", "listmonk", "--list", "news")
    result = office(*words, *CONSENT_OPTIONS)
    assert "added 1" in result.out
    assert "disabled in listmonk" in result.err
    assert "ignored: attributes.city (1 row)" in result.err
    assert "--state unsubscribed" in result.err
    office.write_file(
        "members.txt", 'Cy Quay <cy@example.org>\n"Di, E." <di@example.org>\nnonsense\n'
    )
    words = ("subscriber", "import", "members.txt", "--from", "mailman", "--list", "news")
    error = office(*words, *CONSENT_OPTIONS, code=4).err
    assert "line 3: refused: 'nonsense' is not a mail address" in error
    names = [
        one["subscriber"]["person"]["name"] for one in office("subscriber", "list", "--json").json
    ]
    assert names == ["Ana", "Cy Quay", "Di, E."]


def test_export_and_import_round_trip(office: Shell) -> None:
    office("digest", "add", "weekly", "--list", "news", "--frequency", "weekly")
    import_people(
        office,
        "email,name,topics,tags,frequency,list_language,paused_until,joined,state,left\n"
        'ana@example.org,=Ana,health;work,"""a;b"";c",weekly,fr,2999-01-01,2020-01-02,,\n'
        "bo@example.org,Bo,,,,,,2020-01-02,unsubscribed,2021-01-02\n"
        "cy@example.org,Cy,,,,,,2020-01-02,,\n",
    )
    first = office("subscriber", "export", "--list", "news").out
    office("list", "add", "copy", "--name", "Copy")
    office("digest", "add", "weekly-copy", "--list", "copy", "--frequency", "weekly")
    office("subscriber", "export", "all.csv", "--list", "news")
    words = ("subscriber", "import", "all.csv", "--list", "copy", *CONSENT_OPTIONS, "--json")
    counts = office(*words).json
    assert (counts["updated"], counts["left"], counts["passed_over"]) == (2, 1, {})
    assert office("subscriber", "export", "--list", "copy").out == first


def test_dry_run_of_import_counts_the_same_and_saves_nothing(office: Shell) -> None:
    people = "email\n" + "".join(f"r{n}@example.org\n" for n in range(2100)) + "nobody\n"
    dry = import_people(office, people, "--dry-run", code=4)
    assert office("subscriber", "list", "--json").json == []
    wet = import_people(office, people, code=4)
    assert dry.json == wet.json
    assert (wet.json["added"], wet.json["refused"]) == (2100, 1)


def test_bulk_change_is_previewed_and_applied(office: Shell) -> None:
    import_people(
        office,
        "email,topics,country,tags\nana@example.org,health,GB,\nbo@example.org,,GB,vip\n"
        "cy@example.org,health;work,FR,\ndi@example.org,health,GB,\n",
    )
    office("segment", "save", "uk", "country = GB")
    words = ("subscriber", "change", "--list", "news", "--segment", "uk", "--source",
             "health closes", "--remove-topic", "health")  # fmt: skip
    dry = office(*words, "--dry-run", "--json")
    counts = {"changed": 1, "unchanged": 0, "skipped": 2}
    assert {key: dry.json[key] for key in counts} == counts
    assert dry.json["sample"] == [
        {
            "address": "bo@example.org",
            "before": "topics: all; tags: vip",
            "after": "topics: law, work; tags: vip",
        }
    ]
    assert show_membership(office, "bo@example.org")["topics"] == []
    assert office(*words, "--json").json == dry.json
    assert show_membership(office, "bo@example.org")["topics"] == ["law", "work"]
    assert show_membership(office, "ana@example.org")["topics"] == ["health"]
    last = office("subscriber", "history", "bo@example.org", "--json").json["entries"][-1]
    assert (last["act"], last["source"]) == ("changed", "health closes")
    by_filter = ("subscriber", "change", "--list", "news", "--where", "topic = work")
    result = office(*by_filter, "--unsubscribe")
    assert "changed 2" in result.out
    assert "cy@example.org: topics: health, work -> unsubscribed" in result.err
    assert office("list", "show", "news", "--json").json["members"] == 2
    incomplete = ("subscriber", "change", "--list", "news")
    assert "nothing to change" in office(*incomplete, code=2).err
    assert "no digest" in office(*incomplete, "--frequency", "weekly", code=1).err
    assert "no topic" in office(*incomplete, "--where", "topic = helth", "--all-topics", code=1).err


# ---- lists, topics, suppressions --------------------------------------------------------------


def test_lists_and_topics_are_edited_and_removed(office: Shell) -> None:
    added = office("list", "add", "press", "--name", "Press", "--welcome", "--json").json
    assert added["welcome"] is True
    assert office("list", "edit", "press", "--no-welcome", "--json").json["welcome"] is False
    office("subscriber", "add", "ana@example.org", "--list", "press")
    office("subscriber", "erase", "ana@example.org")
    error = office("list", "remove", "press", code=5).err
    assert "lines in the log of consent: 1" in error
    office("list", "remove", "news", "--dry-run")
    office("list", "remove", "news")
    assert [one["slug"] for one in office("list", "list", "--json").json] == ["press"]
    assert office("topic", "show", "health", "--json").json["names"] == {
        "en": "Health",
        "fr": "Santé",
    }
    office("topic", "remove-name", "health", "fr")
    assert "the only name" in office("topic", "remove-name", "health", "en", code=1).err


def test_suppressions_are_imported_and_exported(office: Shell) -> None:
    import_people(office, "email\nana@example.org\n")
    office.write_file(
        "blocked.csv",
        "E-mail,Reason,Detail,Colour\nana@example.org,Complaint,by phone,red\n"
        "bo@example.org,,=cmd,\nana@example.org,,,\nnobody,,,\ncy@example.org,rude,,\n",
    )
    words = ("suppression", "import", "blocked.csv", "--reason", "bounce", "--report", "r.csv")
    dry = office(*words, "--dry-run", "--json", code=4)
    assert office("suppression", "list", "--json").json == []
    result = office(*words, "--json", code=4)
    assert dry.json == result.json
    counts = {"suppressed": 3, "unchanged": 1, "refused": 1, "left_out_count": 1}
    assert {key: result.json[key] for key in counts} == counts
    assert result.json["passed_over"] == {"Colour": 0}
    report = list(csv.reader((office.folder / "r.csv").read_text().splitlines()))
    assert [line[:2] for line in report[1:]] == [
        ["2", "suppressed"],
        ["3", "suppressed"],
        ["4", "unchanged"],
        ["5", "refused"],
        ["6", "suppressed"],
        ["6", "left out"],
    ]
    assert report[6][3:] == ["'rude' is not one of manual, bounce, complaint", "reason", "rude"]
    (suppression,) = office("suppression", "list", "--reason", "complaint", "--json").json
    assert (suppression["address"], suppression["detail"]) == ("ana@example.org", "by phone")
    first = office("suppression", "list", "--limit", "1", "--json")
    next_words = " ".join(first.err.split()).partition("`mailer ")[2].partition("`")[0].split()
    others = office(*next_words, "--json")
    assert len({entry["address"] for entry in (*first.json, *others.json)}) == 2
    assert office("suppression", "list", "--limit", "3").err == ""
    entry = office("subscriber", "history", "ana@example.org", "--json").json["entries"][-1]
    assert (entry["act"], entry["source"]) == ("suppressed", "import of blocked.csv")
    assert entry["detail"] == "complaint: by phone"
    office("subscriber", "erase", "bo@example.org")
    out = office("suppression", "export", "out.csv")
    assert "2 written to out.csv" in out.err
    assert "1 more are stored as a hash only" in out.err
    office("suppression", "remove", "ana@example.org")
    office("suppression", "import", "out.csv")
    (imported,) = office("suppression", "list", "--reason", "complaint", "--json").json
    assert imported == suppression
    office.write_file("lines.txt", "\n# asked by letter\ndi@example.org\n")
    assert "suppressed 1" in office("suppression", "import", "lines.txt").out


def test_sign_up_form_is_only_for_public_lists(office: Shell) -> None:
    form = office("list", "form", "news", "--language", "fr").out
    assert 'action="https://mail.example.org/subscribe"' in form
    assert ">Santé</label>" in form
    office("list", "edit", "news", "--visibility", "private")
    assert "people cannot sign up for it" in office("list", "form", "news", code=5).err
    assert "no page is in sw" in office("list", "form", "news", "--language", "sw", code=1).err


def test_suppressions_in_a_chosen_sheet_or_encoding_are_imported(office: Shell) -> None:
    (office.folder / "old.csv").write_bytes("Courriel;detail\nada@example.org;né".encode("cp1250"))
    result = office("suppression", "import", "old.csv", "--encoding", "windows-1250")
    assert "suppressed 1" in result.out
    (stored,) = office("suppression", "list", "--json").json
    assert stored["detail"] == "né"
    refused = office("suppression", "import", "old.csv", "--encoding", "harbour", code=1)
    assert "not an encoding" in refused.err


def test_contacts_in_a_file_called_bounces_are_asked_for(office: Shell) -> None:
    office("list", "add", "press", "--name", "Press", "--visibility", "private")
    office.write_file("hard bounces.csv", "email\nada@example.org\n")
    words = ("contact", "import", "hard bounces.csv", "--list", "press")
    assert "--state unsubscribed" in office(*words, code=1).err
    office(*words, "--state", "suppressed")
    assert [row["address"] for row in office("suppression", "list", "--json").json] == [
        "ada@example.org"
    ]


def test_person_is_unsubscribed_everywhere(office: Shell) -> None:
    office("list", "add", "press", "--name", "Press")
    for slug in ("news", "press"):
        office("subscriber", "add", "ana@example.org", "--list", slug)
    words = ("subscriber", "unsubscribe", "ana@example.org")
    assert "name one list" in office(*words, code=2).err
    assert "name one list" in office(*words, "--list", "news", "--everywhere", code=2).err
    assert office(*words, "--everywhere", "--json").json == {"lists": ["news", "press"]}
    shown = office("subscriber", "show", "ana@example.org", "--json").json
    assert {one["state"] for one in shown["memberships"]} == {"unsubscribed"}
    assert "is on no list" in office(*words, "--everywhere").out
