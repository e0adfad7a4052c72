"""Headers, words and names of files that say who may be mailed keep people out who left."""

import pytest

from mailer.audience.imports.state_words import find_name_of_list, is_nothing
from mailer.errors import InputError
from tests.unit.audience.imports.test_states import SKIPPED, S, read_states

NEGATIVE = """
cancelled_at|Cancellation date|Kündigung|Austritt
Abbestellt am|Widerruf|Date de sortie|Résiliation
Fecha de cancelación|Cancelamento|Дата отказа|Не отправлять|取消订阅
拒收|退信|删除|تاريخ الإلغاء|القائمة السوداء
Removed on|Archiviert|Werbesperre|Sperrvermerk
Keine E-Mail|Pas de mail|No enviar|Ne plus contacter
Nicht kontaktieren|Stop time|Quit date|leftListAt|Expired
Suspended at|on_hold|Muted|Banned|Junk|Quarantined
Unreachable|Invalid|Rejected|Revoked|Withdrawn|Objection
Terminated|Churned|Lapsed|Deceased|Verstorben|Décédé
NPAI|Rückläufer|Devuelto|Недействителен|Ошибка доставки
Чёрный список|DNC|no_email|Closed|Returned
"""
POSITIVE = """
Email OK|can_email|May we mail|Wants mails
Allow email|Accept emails|Acepta correos|Recevoir la newsletter
Mail erlaubt|Zugestimmt am|Согласие на рассылку|Рассылка|同意接收
是否订阅|موافق|GDPR|DSGVO|activated_at|Aktivierung
Validé|Freigeschaltet|Double opt-in date|已验证|verification|Deliverable
"""


def list_heads(text: str) -> list[str]:
    return [head for line in text.split("\n") for head in line.split("|") if head]


def describe_people(head: str, *values: str) -> list[str | None] | str:
    try:
        return read_states(head, *values)
    except InputError as error:
        return "refused" if error.code == "state_not_understood" else error.code


@pytest.mark.parametrize("head", list_heads(NEGATIVE))
@pytest.mark.parametrize("value", ["yes", "2025-03-04"])
def test_header_of_people_who_left_is_understood_or_refused(head: str, value: str) -> None:
    states = describe_people(head, "", value)
    assert states == "refused" or states[1] not in {None, S.ACTIVE}


@pytest.mark.parametrize("head", list_heads(POSITIVE))
def test_header_of_consent_is_understood_or_refused(head: str) -> None:
    states = describe_people(head, "no", "yes")
    assert states == "refused" or states[0] not in {None, S.ACTIVE}


@pytest.mark.parametrize(
    "head", ["Exclusive offers", "Outlet", "Topics out", "Valid until", "SMS opt-out"]
)
def test_column_of_words_or_of_another_channel_is_passed_over(head: str) -> None:
    assert read_states(head, "harbour walks", "") == [None, None]


def test_column_of_consent_that_everybody_gave_is_passed_over() -> None:
    assert read_states("RGPD", "oui", "oui") == [None, None]


def test_column_of_mail_and_telephone_together_is_refused() -> None:
    assert describe_people("Phone/e-mail opt-out", "yes", "") == "refused"


def test_late_word_in_a_long_column_is_not_missed() -> None:
    assert describe_people("remarks", *map(str, range(300)), "unsubscribed") == "refused"


def test_tag_that_says_who_left_is_refused_until_the_column_is_mapped() -> None:
    assert describe_people("tags", "press; harbour", "press, Unsubscribed") == "refused"
    assert read_states("tags", "press, Unsubscribed", mapping={"tags": "tags"}) == [None]


def test_letter_in_a_status_of_codes_does_not_mean_yes() -> None:
    codes = {"C": "active", "U": "left"}
    with pytest.raises(InputError, match="'S'"):
        read_states("status", "C", "S", "U", words=codes)
    assert read_states("status", "C", "S", "U", words={**codes, "S": "pending"}) == [
        S.ACTIVE, S.PENDING, S.UNSUBSCRIBED,
    ]  # fmt: skip
    assert read_states("status", "S", "N") == [S.ACTIVE, SKIPPED]


def test_digit_in_a_status_of_codes_does_not_mean_yes() -> None:
    with pytest.raises(InputError, match="'1'"):
        read_states("status", "1", "2", words={"2": "left"})


def test_person_without_a_status_beside_others_is_left_out() -> None:
    assert read_states("status", "subscribed", "") == [S.ACTIVE, SKIPPED]
    assert read_states("status", "unsubscribed", "") == [S.UNSUBSCRIBED, None]


def test_dates_of_cleverreach_say_who_left_and_who_never_confirmed() -> None:
    heads = ["Aktivierung", "Deaktivierung"]
    lines = [["01.03.2024", ""], ["01.03.2024", "13.05.2025"], ["", ""]]
    assert read_states(heads, *lines) == [None, S.UNSUBSCRIBED, S.PENDING]


def test_cancellation_of_substack_is_that_of_a_payment() -> None:
    heads = ["Emails disabled", "Cancel date"]
    assert read_states(heads, ["false", "2025-01-01"], ["true", ""]) == [None, S.UNSUBSCRIBED]


@pytest.mark.parametrize(
    "value",
    ["0001-01-01T00:00:00", "1970-01-01 00:00:00 UTC", "1899-12-30", "01/01/1900", "1900-01-00"],
)
def test_first_day_of_a_calendar_is_no_date_of_leaving(value: str) -> None:
    assert is_nothing(value)
    assert not is_nothing("1970-01-02")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("unsubscribed-2025", "unsubscribed"),
        ("export_hard_bounces", "hard bounces"),
        ("Opt-outs März", "Opt outs"),
        ("Abmeldungen", "Abmeldungen"),
        ("отписавшиеся", "отписавшиеся"),
        ("people", ""),
        ("trampoline bouncers", ""),
    ],
)
def test_name_of_a_list_of_people_who_left_is_recognised(name: str, word: str) -> None:
    assert find_name_of_list(name) == word
