"""Headers that look as if their columns said who may be mailed, in the languages of the files.

``columns.py`` has the headers that are understood. A header here is refused if the column holds an
answer, until staff map the column or ignore it.
"""

import re

from mailer.audience.imports.columns import normalise_header


def _split(text: str) -> tuple[str, ...]:
    return tuple(normalise_header(part) for part in text.split())


_STATING_PARTS = _split(
    "status statut estatus статус 状态 unsub optin optout optedin optedout abmeld abgemeld "
    "ausgetrag desabon desinscri desuscri descadastr отпис 退订 bounce rebot undeliver unzustell "
    "blacklist blocklist blocked suppress gesperrt delet gelosch geloesch eliminad supprim "
    "удален "
    "confirm bestatig bestaetig подтвер spam complain beschwerde plainte consent einwillig "
    "erlaubnis permission donotmail donotemail donotcontact donotsend disabled اشتراك محذوف"
)
"""Parts of headers that speak of a person's state, whatever the values are."""

_NEGATIVE_PARTS = _split(
    "cancel annul resili kundig kuendig widerr widerspr abbestell austritt storn erlosch "
    "ausschl ausgeschl exclu revok revoq withdr objection objected opposition oposic refus "
    "rechaz "
    "recusad reject rejet rifiut terminat churn lapsed expired suspend snooz paused pausiert "
    "onhold muted banned quarant unreach invalid ungultig ungueltig deliverab zustellb "
    "deliveryfail deliveryerror failed rucklauf ruecklauf rücklauf npai devuelt devolv retourn "
    "junk abuse feedbackloop verstorb deceas décéd fallecid falecid sperr inactiv inaktiv "
    "inatividade "
    "inativ archiv trash remov deactiv deaktiv desactiv désactiv desativ noemail nomail "
    "keinemail "
    "keinmail keinenewsletter pasdemail pasdenewsletter noenviar nãoenviar nepas neplus "
    "nocontact "
    "nichtkontakt nichtanschreib nichtmail nichtsenden dontmail dontemail dontsend donotdisturb "
    "nosolicit "
    "gultigbis gueltigbis validuntil expir erron emailoff mailoff datedesortie leftlist "
    "leavedate leftdate quitdate stopdate stoptime enddate fechadebaja "
    "отказ отмен отключ неотправ неписать нерассыл недейств недостав ошибкадостав заблок архив "
    "черныйсписок чёрныйсписок умер 取消 拒 黑名单 无效 删除 退信 投诉 屏蔽 停用 "
    "الغاء إلغاء ألغى السوداء مرفوض محظور محجوب لاترسل غيرصالح معطل"
)
"""Parts of headers of columns that say who must not be mailed: a yes, a date or a number does."""

_POSITIVE_PARTS = _split(
    "emailok mailok okemail okmail canemail canmail mayemail maymail maywemail wantsemail "
    "wantsmail wantsnews receivesmail receiveemail receivemail receivenews sendemail sendmail "
    "sendnews allowemail allowmail emailallow mailallow acceptemail acceptmail acceptsmail "
    "acceptemarketing acceptsemail gdpr rgpd dsgvo lopd lgpd zugestimmt zustimm erlaubt "
    "gewünscht "
    "mailempfang newsletterempfang newslettererhalt autoriz autoris accepte acepta aceita "
    "recevoir recibir receber emailwerbung mailwerbung werbung согласи рассылк подписк 同意 订阅 "
    "验证 确认 موافق يرغب تحقق activat aktivier validat validé validad freigeschalt freigegeb "
    "verif doubleopt доставля"
)
"""Parts of headers of columns that say who may be mailed: a no, or an empty cell, does."""

_NEGATIVE_WORDS = frozenset(
    _split(
        "stop stopped ended ende out quit ban dnc dnm void dead held hold hidden left departed "
        "closed error errors failure failures returned retour erreur fehler rechazo spam fbl "
        "silenced flagged revoked removed expires unsubs austritt baja bajas sortie"
    )
)
_POSITIVE_WORDS = frozenset(_split("doi opt allowed mailing mailings newsletters accord valid"))
"""Words that mean this only if they stand alone: "out" is a part of "outlet"."""

HARMLESS_HEADS = frozenset(
    _split(
        "activesubscription confirmip optinip consenttotrack unsubcampaigntitle unsubcampaignid "
        "cleancampaigntitle cleancampaignid leadstatus maritalstatus orderstatus paymentstatus "
        "jobstatus employmentstatus confirmationip paypalstatus stripestatus عددالاشتراكات "
        "lastactivity lastactive activity"
    )
)
_OTHER_CHANNELS = ("sms", "phone", "fax", "whatsapp", "push", "donotcall", "track", "cookie")


def is_harmless(head: str) -> bool:
    """Check whether a folded header is known to say nothing about mails, or speaks of another
    channel alone."""
    return head in HARMLESS_HEADS or (
        "mail" not in head and any(part in head for part in _OTHER_CHANNELS)
    )


def is_state_head(head: str) -> bool:
    """Check whether a folded header speaks of a person's state, whatever its values are."""
    return any(part in head for part in _STATING_PARTS)


def is_negative_head(header: str) -> bool:
    """Check whether a yes in this column seems to say that a person must not be mailed."""
    head = normalise_header(header)
    return any(part in head for part in _NEGATIVE_PARTS) or bool(
        _NEGATIVE_WORDS & _split_words(header)
    )


def is_positive_head(header: str) -> bool:
    """Check whether a no in this column seems to say that a person must not be mailed."""
    head = normalise_header(header)
    return any(part in head for part in _POSITIVE_PARTS) or bool(
        _POSITIVE_WORDS & _split_words(header)
    )


def _split_words(header: str) -> set[str]:
    """Return the folded words of a header, also of one such as "leftAt" or "left_at"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    return {normalise_header(word) for word in re.split(r"[\W_]+", spaced) if word}
