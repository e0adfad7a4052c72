"""Words that files use for the state of a person, in the languages of the programs that write them.

Capitals, accents and signs do not count: ``columns.normalise_header`` folds the words.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from mailer.audience.imports.columns import normalise_header
from mailer.model.imports import RowState
from mailer.model.suppressions import SuppressionReason


@dataclass(frozen=True, slots=True)
class StatedState:
    """The state that a word stands for. `skip_reason` says why such a person is left out of the
    import; `rank` orders the states of one person, the strictest last."""

    rank: int
    state: RowState
    reason: SuppressionReason = SuppressionReason.MANUAL
    skip_reason: str = ""


ACTIVE = StatedState(0, RowState.ACTIVE)
PENDING = StatedState(1, RowState.PENDING)
NOT_OPTED_IN = StatedState(2, RowState.PENDING, skip_reason="has not opted in")
UNSTATED = StatedState(1, RowState.PENDING, skip_reason="the file states no status for this person")
DISABLED = StatedState(3, RowState.PENDING, skip_reason="gets no mail there")
DELETED = StatedState(4, RowState.PENDING, skip_reason="was deleted there")
LEFT = StatedState(5, RowState.UNSUBSCRIBED)
BLOCKED = StatedState(6, RowState.SUPPRESSED)
BOUNCED = StatedState(7, RowState.SUPPRESSED, SuppressionReason.BOUNCE)
COMPLAINED = StatedState(8, RowState.SUPPRESSED, SuppressionReason.COMPLAINT)

_UNMISTAKABLE = {
    PENDING: "unconfirmed not_confirmed unactivated nonsubscribed non_confirmé no_confirmado "
    "sin_confirmar não_confirmado unbestätigt unbestaetigt nicht_bestätigt nicht_bestaetigt "
    "неподтвержден не_подтвержден 未确认 待确认 غير_مؤكد",
    LEFT: "unsubscribed unsubscribe unsub opted_out optout opt_out not_subscribed désabonné "
    "désabonnée désinscrit désinscrite dado_de_baja desuscrito desuscrita descadastrado "
    "descadastrada abgemeldet ausgetragen abbestellt disiscritto disiscritta отписан отписана "
    "отписался отписалась отписавшийся 已退订 退订 取消订阅 غير_مشترك ألغى_الاشتراك "
    "إلغاء_الاشتراك",
    BOUNCED: "bounced hard_bounced hard_bounce hardbounce rebotado rebotada unzustellbar "
    "by_bounces 退信 已退信",
    COMPLAINED: "complained spam_complaint marked_as_spam reported_spam abuse_complaint "
    "spambeschwerde als_spam_markiert signalé_comme_spam marcado_como_spam жалоба_на_спам",
    BLOCKED: "blacklisted blocklisted do_not_mail do_not_email do_not_contact sur_liste_noire "
    "lista_negra",
}
"""Words that can only be about mails, whatever the header of their column is."""

_WORDS = {
    ACTIVE: "active subscribed subscriber enabled confirmed opted_in optin opt_in regular premium "
    "gifted trialed unpaid churning past_due free paid comped verified member double_opt_in "
    "single_opt_in double_optin single_optin confirmed_optin confirmed_opt_in explicit express "
    "implied marketable unengaged_marketable marketing_contact actif abonné abonnée inscrit "
    "inscrite confirmé confirmée "
    "activo activa suscrito suscrita inscrito inscrita confirmado confirmada ativo ativa "
    "assinante attivo iscritto confermato aktiv angemeldet abonniert bestätigt bestaetigt "
    "eingetragen aktiviert abonnent активен активный активна подписан подписана подписчик "
    "подтвержден подтверждена نشط مشترك مؤكد فعال 活跃 已订阅 订阅 已确认 正常 有效",
    PENDING: "pending unverified awaiting_confirmation pending_confirmation waiting "
    "never_subscribed not_opted_in validating transactional opt_in_pending "
    "double_opt_in_pending en_attente pendiente "
    "pendente ausstehend wartend in_attesa non_confermato ожидает ожидает_подтверждения معلق "
    "قيد_الانتظار 待定",
    DISABLED: "inactive disabled paused snoozed on_hold hold suspended deactivated expired nomail "
    "needs_attention temporary_hold non_marketable unengaged_non_marketable "
    "non_marketing_contact vacation by_user by_moderator unknown soft_bounced soft_bounce "
    "softbounce inactif "
    "désactivé désactivée suspendu inactivo inactiva desactivado suspendido inativo desativado "
    "inaktiv deaktiviert pausiert inattivo неактивен неактивный отключен غير_نشط معطل 不活跃 "
    "已禁用 停用",
    DELETED: "deleted removed archived trashed erased supprimé supprimée effacé archivé eliminado "
    "eliminada borrado borrada excluído removido apagado gelöscht geloescht entfernt archiviert "
    "eliminato rimosso удален удалена удаленный محذوف 已删除",
    LEFT: "cancelled canceled left résilié baja cancelado cancelada cancelou cancellato gekündigt "
    "gekuendigt widerrufen отказался ملغى 已取消 未订阅",
    BOUNCED: "bounce cleaned undeliverable undelivered invalid invalid_email rejeté rejetée rebond "
    "invalide npai rebote inválido inválida devuelto devolvido rejeitado zurückgewiesen "
    "zurueckgewiesen ungültig ungueltig respinto недоставлено возврат недействителен مرتد "
    "غير_صالح 无效",
    COMPLAINED: "complaint spam junk abuse spam_report plainte queja denunciado reclamação "
    "beschwerde жалоба شكوى 投诉 已投诉 垃圾邮件",
    BLOCKED: "blocked suppressed banned blacklist blocklist spammy excluded bloqué bloquée "
    "liste_noire exclu bloqueado bloqueada gesperrt blockiert geblockt bloccato заблокирован "
    "محظور محجوب 黑名单 已屏蔽",
}


def _index_words(words: Mapping[StatedState, str]) -> dict[str, StatedState]:
    return {normalise_header(word): state for state, text in words.items() for word in text.split()}


UNMISTAKABLE_WORDS = _index_words(_UNMISTAKABLE)
STATE_WORDS = _index_words(_WORDS) | UNMISTAKABLE_WORDS
"""The state by word, folded."""

_YES_WORDS = (
    "1 true yes y ja j oui o si s sim x on t wahr vrai verdadero verdadeiro vero да д 是 نعم"
)
_NO_WORDS = "0 false no n nein non não off f falsch faux falso нет н 否 لا"
_EMPTY_WORDS = "null none nil n/a na nan \\N never nie jamais nunca undefined"
YES = frozenset(map(normalise_header, _YES_WORDS.split()))
NO = frozenset(map(normalise_header, _NO_WORDS.split()))
NOTHING = frozenset(map(normalise_header, _EMPTY_WORDS.split()))
_TICKS = frozenset("✓✔☑✅")
_WHOLE_NUMBER = re.compile(r"^([01])[.,]0+$")
_FIRST_DATES = re.compile(
    r"(?:0001-01-01|1753-01-01|1899-12-3[01]|1900-01-0[01]|1970-01-01|0?1[/.]0?1[/.](?:0001|19[07]0))"
    r"(?:[ T]+0?0:00(?::00)?(?:\.0+)?\s*(?:Z|UTC|GMT|[+-]0000|[+-]00:00)?|\s+12:00:00 AM)?$"
)

_WORDS_OF_NAMES = (
    "unsubscribes unsubs optouts opt_outs bounces hard_bounces complaints spam_complaints "
    "cleaned "
    "suppression suppressions suppressed blacklist blocklist unsubscribers abmeldungen abmelder "
    "abgemeldete désabonnés désabonnements désinscrits désinscriptions bajas cancelados отписки "
    "отписанные отписавшиеся 退订名单 黑名单"
)
NAMES_OF_LISTS = frozenset(map(normalise_header, _WORDS_OF_NAMES.split())) | frozenset(
    UNMISTAKABLE_WORDS
)
"""Words in the name of a file or sheet that say that its people are not mailed."""

LONGEST_WORD = max(map(len, UNMISTAKABLE_WORDS)) + 10

NAMED_STATES = {
    "active": ACTIVE, "pending": PENDING, "unsubscribed": LEFT, "left": LEFT,
    "bounced": BOUNCED, "complained": COMPLAINED, "suppressed": BLOCKED, "blocked": BLOCKED,
    "deleted": DELETED, "skipped": DISABLED,
}  # fmt: skip
"""States that staff can give to a file's own words."""


def is_unmistakable(value: str) -> bool:
    """Check whether a value is a word that speaks of mails whatever its column is called."""
    return len(value) <= LONGEST_WORD and normalise_header(value) in UNMISTAKABLE_WORDS


@lru_cache(maxsize=4096)
def find_unmistakable_words(value: str) -> tuple[str, ...]:
    """Return the unmistakable words of a field with several values. Results are cached, since most
    lines have the topics and tags of other lines."""
    return tuple(word.strip() for word in re.split("[;,|]", value) if is_unmistakable(word))


def find_name_of_list(name: str) -> str:
    """Return the word in the name of a file or sheet that says that its people are not mailed, or
    an empty string."""
    words = re.findall(r"[^\W\d_]+", name)
    for length in (3, 2, 1):
        for start in range(len(words) - length + 1):
            phrase = " ".join(words[start : start + length])
            if normalise_header(phrase) in NAMES_OF_LISTS:
                return phrase
    return ""


def is_complaint(reason: str) -> bool:
    """Check whether a reason for leaving says that the person reported a mail as spam, as
    Mailchimp's SPAM and "abuse complaint" do."""
    word = normalise_header(reason)
    return STATE_WORDS.get(word) == COMPLAINED or "abuse" in word or "spamcomplaint" in word


def is_nothing(value: str) -> bool:
    """Check whether a value says nothing: empty, a dash, NULL, MySQL's date of zeros, or the first
    date of a program's calendar (Unix, Excel, SQL Server and .NET)."""
    if value[:1] in "01" and _FIRST_DATES.match(value):
        return True
    word = normalise_header(value)
    if not word:
        return not _TICKS & set(value)
    return word in NOTHING or (len(word) >= 8 and set(word) == {"0"})


def parse_yes(value: str) -> bool | None:
    """Return whether a value says yes or no, or None if it says neither."""
    word = normalise_header(_WHOLE_NUMBER.sub(r"\1", value))
    if word in YES or _TICKS & set(value):
        return True
    return False if word in NO else None


def has_codes(values: Iterable[str]) -> bool:
    """Check whether a status is written in codes, such as C, S and U, or 1, 2 and 3.

    S and 1 then don't mean yes, as they do beside N and 0."""
    words = map(normalise_header, values)
    return any(len(word) == 1 and word not in YES | NO for word in words)
