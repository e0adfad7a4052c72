"""The state of the people in a file: understood, or the file is refused."""

import pytest

from mailer.audience.imports.columns import map_columns
from mailer.audience.imports.states import StateReader
from mailer.errors import InputError
from mailer.model.imports import RowState
from mailer.model.suppressions import SuppressionReason

S = RowState
BOUNCE, COMPLAINT, MANUAL = (
    SuppressionReason.BOUNCE,
    SuppressionReason.COMPLAINT,
    SuppressionReason.MANUAL,
)
SKIPPED = "skipped"


def read_states(
    head: str | list[str],
    *lines: str | list[str],
    mapping: dict[str, str] | None = None,
    words: dict[str, str] | None = None,
) -> list[str | None]:
    """Return the state of each line of a file with an address and other columns."""
    header = ["email", *([head] if isinstance(head, str) else head)]
    fields = [["a@b.org", *([line] if isinstance(line, str) else line)] for line in lines]
    reader = StateReader(header, map_columns(header, mapping or {}), mapping or {}, words)
    for number, line in enumerate(fields, 2):
        reader.survey_line(line, number)
    reader.check_columns()
    states: list[str | None] = []
    for line in fields:
        person_state = reader.read_state(line)
        if person_state is None:
            states.append(None)
        elif person_state.state.skip_reason:
            states.append(SKIPPED)
        else:
            states.append(person_state.state.state)
    return states


@pytest.mark.parametrize(
    ("head", "states"),
    [
        ("Status", {"Active": S.ACTIVE, "cancelled": S.UNSUBSCRIBED, "complained": S.SUPPRESSED}),
        ("State", {"Unconfirmed": S.PENDING, "Deleted": SKIPPED, "Unsubscribed": S.UNSUBSCRIBED}),
        ("Status", {"Marked as spam": S.SUPPRESSED, "Soft bounced": SKIPPED, "": None}),
        ("subscription_status", {"non-subscribed": S.PENDING, "cleaned": S.SUPPRESSED}),
        ("Delivery status", {"by_bounces": S.SUPPRESSED, "enabled": S.ACTIVE}),
        ("Statut", {"Désabonné": S.UNSUBSCRIBED, "ABONNÉE": S.ACTIVE, "Rejeté": S.SUPPRESSED}),
        ("Estado", {"Dado de baja": S.UNSUBSCRIBED, "activo": S.ACTIVE, "pendiente": S.PENDING}),
        ("Status", {"abgemeldet": S.UNSUBSCRIBED, "unbestaetigt": S.PENDING, "Aktiv": S.ACTIVE}),
        ("Статус", {"отписан": S.UNSUBSCRIBED, "Подписан": S.ACTIVE, "удалён": SKIPPED}),
        ("الحالة", {"غير مشترك": S.UNSUBSCRIBED, "مشترك": S.ACTIVE, "محذوف": SKIPPED}),
        ("状态", {"已退订": S.UNSUBSCRIBED, "已订阅": S.ACTIVE, "退信": S.SUPPRESSED}),
        ("Situação", {"descadastrado": S.UNSUBSCRIBED, "não confirmado": S.PENDING}),
        ("Kind", {"regular": S.ACTIVE, "unsubscribed": S.UNSUBSCRIBED, "removed": SKIPPED}),
        ("email_disabled", {"true": S.UNSUBSCRIBED, "false": None}),
        ("Subscribed to emails", {"FALSE": S.UNSUBSCRIBED, "TRUE": S.ACTIVE}),
        ("Newsletter", {"ja": S.ACTIVE, "Nein": S.UNSUBSCRIBED}),
        ("Newsletter", {"x": S.ACTIVE, "": SKIPPED}),
        ("Abonné", {"oui": S.ACTIVE, "non": S.UNSUBSCRIBED}),
        ("HasOptedOutOfEmail", {"1": S.UNSUBSCRIBED, "0": None}),
        ("Unsubscribed from all email", {"Yes": S.UNSUBSCRIBED, "": None}),
        ("unsubscribed_at", {"2025-03-01T10:00:00Z": S.UNSUBSCRIBED, "": None, "NULL": None}),
        ("Abgemeldet am", {"31.12.2025": S.UNSUBSCRIBED, "0000-00-00 00:00:00": None}),
        ("BLOCKLIST", {"Y": S.SUPPRESSED, "N": None}),
        ("EmailBouncedDate", {"2025-03-01": S.SUPPRESSED, "": None}),
        ("Email hard bounce reason", {"Unknown user": S.SUPPRESSED, "": None}),
        ("Spam complaint", {"sí": S.SUPPRESSED, "no": None}),
        ("confirmed_at", {"2025-03-01 10:00:00 UTC": None, "": S.PENDING}),
        ("DOUBLE_OPT-IN", {"1": None, "2": S.PENDING}),
        ("deleted_at", {"2025-03-01": SKIPPED, "": None}),
        ("Disabled", {"1": SKIPPED, "0": None}),
        ("Receiving emails for", {"Posts, Podcast": S.ACTIVE, "": SKIPPED}),
    ],
)
def test_state_columns_are_understood(head: str, states: dict[str, str | None]) -> None:
    assert dict(zip(states, read_states(head, *states), strict=True)) == states


@pytest.mark.parametrize(
    ("word", "reason"),
    [("bounced", BOUNCE), ("spam", COMPLAINT), ("blacklisted", MANUAL), ("Unzustellbar", BOUNCE)],
)
def test_suppressed_state_has_its_reason(word: str, reason: SuppressionReason) -> None:
    header = ["email", "status"]
    reader = StateReader(header, map_columns(header, {}), {})
    person_state = reader.read_state(["a@b.org", word])
    assert person_state
    assert person_state.state.reason is reason
    assert person_state.evidence == f"status: {word}"


@pytest.mark.parametrize(
    ("head", "values", "message"),
    [
        ("Status", ["gold", "subscribed", "gold"], "'gold' (2 rows, first on line 2)"),
        ("Abostand-Status", ["x1"], "the column 'Abostand-Status' looks as if"),
        ("Unsubscribe flag", ["1"], "the column 'Unsubscribe flag' looks as if"),
        ("Erlaubnis zum Marketing", ["E-Mail"], "'E-Mail' (1 row, first on line 2)"),
        ("Bounce count", ["3"], "the column 'Bounce count'"),
        ("Subscribed", ["perhaps"], "looks like 'opted_in'"),
        ("Remark", ["unsubscribed", "tall"], "the column 'Remark' looks as if"),
        ("Lead Status (mail)", ["New"], "the column 'Lead Status (mail)'"),
    ],
)
def test_column_that_looks_like_a_state_is_refused(
    head: str, values: list[str], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_states(head, *values)
    assert message in str(caught.value)
    steps = {step.action: step.facts for step in caught.value.next_steps}
    assert steps["map_state_column"]["header"] == steps["ignore_column"]["header"] == head
    assert read_states(head, *values, mapping={head: "ignored"}) == [None] * len(values)


@pytest.mark.parametrize(
    ("head", "value"),
    [
        ("Unsubscribe flag", ""),
        ("Bounce count", "0"),
        ("SMS opt-in", "no"),
        ("Marital status", "single"),
        ("Consent to track", "Unchanged"),
        ("Shoe size", "38"),
    ],
)
def test_column_that_says_nothing_of_mails_is_passed_over(head: str, value: str) -> None:
    assert read_states(head, value) == [None]


def test_own_words_and_mapped_columns_are_heeded() -> None:
    mapping = {"Stufe": "status", "Weg": "opted_out"}
    states = read_states(
        ["Stufe", "Weg"],
        ["gold", ""],
        ["weg", "nein"],
        ["gold", "ja"],
        mapping=mapping,
        words={"Gold": "active", "weg": "left"},
    )
    assert states == [S.ACTIVE, S.UNSUBSCRIBED, S.UNSUBSCRIBED]
    with pytest.raises(InputError, match="'asleep' is not a state"):
        read_states("status", "gold", words={"gold": "asleep"})


def test_strictest_of_several_columns_counts() -> None:
    states = read_states(
        ["confirmed", "blacklisted", "optedin", "bouncecount", "unsubscribed_at"],
        ["1", "0", "0", "7", ""],
        ["0", "0", "1", "0", ""],
        ["0", "1", "0", "0", "2025-01-01"],
        ["1", "0", "0", "0", "2025-01-01"],
    )
    assert states == [None, S.PENDING, S.SUPPRESSED, S.UNSUBSCRIBED]


def test_numbers_of_mailtrain_are_read_only_in_its_files() -> None:
    lines = [["x", "1"], ["y", "2"], ["z", "3"], ["w", "4"]]
    assert read_states(["cid", "status"], *lines) == [
        S.ACTIVE,
        S.UNSUBSCRIBED,
        S.SUPPRESSED,
        S.SUPPRESSED,
    ]
    with pytest.raises(InputError, match="'2' "):
        read_states("status", "1", "2")
    assert read_states("status", "1", "0") == [S.ACTIVE, SKIPPED]


def test_paid_subscription_of_substack_is_no_state() -> None:
    lines = [["false", "false"], ["true", "true"]]
    assert read_states(["active_subscription", "email_disabled"], *lines) == [None, S.UNSUBSCRIBED]


def test_date_of_leaving_is_kept() -> None:
    header = ["email", "opted out"]
    reader = StateReader(header, map_columns(header, {}), {})
    person_state = reader.read_state(["a@b.org", "2025-03-01"])
    assert person_state
    assert person_state.left == "2025-03-01"
