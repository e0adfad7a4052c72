"""The columns of a table of people: what each header means.

Headers of the mailer's own exports, of common mail programs and of office files in several
languages are understood; staff map other headers by hand. ``states.py`` reads the columns that say
whether a person may be mailed.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache

from mailer.errors import InputError, NextStep


class ImportColumn(StrEnum):
    """The content of a column."""

    ADDRESS = "address"
    NAME = "name"
    LANGUAGE = "language"
    COUNTRY = "country"
    TIME_ZONE = "time_zone"
    TOPICS = "topics"
    TAGS = "tags"
    JOINED = "joined"
    LIST_LANGUAGE = "list_language"
    FREQUENCY = "frequency"
    PAUSED_UNTIL = "paused_until"
    STATE = "state"
    LEFT = "left"
    REASON = "reason"
    """The reason for a suppression, if the state is `suppressed`."""
    EVIDENCE = "evidence"
    """The way in which the person agreed, for the log of consent."""
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    OPTED_IN = "opted_in"
    """Yes if the person gets mails."""
    OPTED_OUT = "opted_out"
    """Yes, or a date, if the person left."""
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    BLOCKED = "blocked"
    CONFIRMED = "confirmed"
    DELETED = "deleted"
    DISABLED = "disabled"
    IGNORED = "ignored"


STATE_COLUMNS = frozenset(
    {
        ImportColumn.STATE, ImportColumn.LEFT, ImportColumn.OPTED_IN, ImportColumn.OPTED_OUT,
        ImportColumn.BOUNCED, ImportColumn.COMPLAINED, ImportColumn.BLOCKED,
        ImportColumn.CONFIRMED, ImportColumn.DELETED, ImportColumn.DISABLED,
    }
)  # fmt: skip
"""Columns that say whether a person may be mailed. A file may have several columns with the same
content of this kind."""

CONTENT_NAMES = {"status": ImportColumn.STATE, "ignore": ImportColumn.IGNORED}
"""Other names of contents, for mappings."""


@lru_cache(maxsize=4096)
def normalise_header(head: str) -> str:
    """Return a header's letters and digits in lower case, without accents, because the spellings of
    one header differ only in case, signs and accents."""
    decomposed = unicodedata.normalize("NFKD", head.casefold())
    return "".join(character for character in decomposed if character.isalnum())


def _index_headers(words: Mapping[ImportColumn, str]) -> dict[str, ImportColumn]:
    """Map each header to its column. `words` has, for each column, its headers in one string,
    separated by spaces."""
    return {
        normalise_header(head): column for column, heads in words.items() for head in heads.split()
    }


ALIASES = _index_headers(
    {
        ImportColumn.ADDRESS: "email emailaddress mail mailaddress emailadresse mailadresse "
        "adressemail adresseemail adressedemessagerie adressedecourriel courriel correo "
        "correoelectronico direcciondecorreo direcciondecorreoelectronico direcciondeemail "
        "emailendereco enderecodeemail indirizzoemail subscriberemail contactemail workemail "
        "email1 email1value email1address primaryemail почта электроннаяпочта "
        "адресэлектроннойпочты имейл البريدالإلكتروني بريد البريد 邮箱 电子邮件 电子邮箱 邮件地址",
        ImportColumn.NAME: "name fullname displayname realname nomcomplet vollstandigername "
        "nombrecompleto nomecompleto имяифамилия полноеимя фио الاسمالكامل الاسم 姓名 全名",
        ImportColumn.FIRST_NAME: "firstname fname givenname forename vorname prenom имя "
        "الاسمالأول primernombre primeironome 名 名字",
        ImportColumn.LAST_NAME: "lastname lname surname familyname nachname familienname "
        "nomdefamille apellido apellidos sobrenome cognome фамилия اسمالعائلة 姓 姓氏",
        ImportColumn.LANGUAGE: "language lang languagecode preferredlanguage sprache langue "
        "idioma lengua lingua язык اللغة لغة 语言",
        ImportColumn.COUNTRY: "country countrycode land pays pais paese страна البلد الدولة 国家",
        ImportColumn.TIME_ZONE: "timezone zeitzone fuseauhoraire zonahoraria fusohorario "
        "часовойпояс المنطقةالزمنية 时区",
        ImportColumn.TOPICS: "topics topic interests themen thema interessen sujets sujet themes "
        "theme temas tema intereses interets темы тема интересы المواضيع الموضوع 主题",
        ImportColumn.TAGS: "tags etiquettes etiquetas schlagworte метки",
        ImportColumn.JOINED: "joined joinedat joinedon datejoined subscribedat subscribedon "
        "subscribeddate subscriptiondate subscribedate datesubscribed dateinscription "
        "datedinscription since membersince seit mitgliedseit depuis desde eintritt beitritt "
        "eintrittsdatum datumderanmeldung anmeldedatum angemeldetam fechadealta "
        "fechadesuscripcion "
        "dataadesao датаподписки تاريخالاشتراك 订阅时间 订阅日期",
        ImportColumn.LIST_LANGUAGE: "listlanguage",
        ImportColumn.REASON: "suppressionreason",
        ImportColumn.FREQUENCY: "frequency",
        ImportColumn.PAUSED_UNTIL: "pauseduntil",
        ImportColumn.STATE: "state status subscriptionstatus subscriberstatus emailstatus "
        "memberstatus membershipstatus contactstatus mailstatus mailingstatus liststatus "
        "deliverystatus emailpermissionstatus emailmarketingstatus emailsubscriptionstatus "
        "optinstatus consentstatus emailconfirmationstatus marketingemailconfirmationstatus "
        "hsemailconfirmationstatus newsletterstatus abostatus statut statutabonnement "
        "statutdelabonnement estado estatus estadodesuscripcion estadosuscripcion situacao "
        "stato статус состояние статусподписки الحالة حالة حالةالاشتراك 状态 订阅状态",
        ImportColumn.LEFT: "left leftat unsubscribedat unsubscribedon unsubtime unsubscribetime "
        "unsubscribedate unsubscribeddate unsubscriptiondate dateunsubscribed optoutdate "
        "optouttime optedoutat abmeldedatum abgemeldetam datedesinscription "
        "datededesinscription datededesabonnement fechadebaja fechabaja datadedescadastro "
        "датаотписки 退订时间 退订日期",
        ImportColumn.EVIDENCE: "evidence",
        ImportColumn.OPTED_IN: "subscribed issubscribed subscribedtoemails subscribedtonewsletter "
        "optin optedin emailoptin emailoptedin isoptedin marketingoptin marketingconsent "
        "emailmarketingconsent emailconsent consent gdprconsent newsletter newsletteroptin "
        "newslettersubscribed acceptsmarketing acceptsemailmarketing receivesemails "
        "receivingemailsfor emailsenabled emailenabled enabled isenabled active isactive "
        "mailable "
        "abonne abonnement actif actifve inscrit consentement suscrito inscrito activo "
        "consentimiento consentimento ativo abonniert aktiv angemeldet einwilligung iscritto "
        "attivo подписан активен согласие مشترك موافقة نشط 已订阅 同意 emailok mailok canemail "
        "mayemail maywemail wantsemail wantsmail receivesemail receivesmail sendemail sendmail "
        "allowemail emailallowed acceptemails acceptsemails acceptsmails accepteemails "
        "acceptemail "
        "aceptacorreos aceptaemails aceitaemails recibircorreos recevoirlanewsletter "
        "newslettererhalten newslettergewunscht mailempfang mailerlaubt emailerlaubt zugestimmt "
        "hatzugestimmt zugestimmtam рассылка подписка согласиенарассылку 订阅 是否订阅 同意接收 "
        "موافق",
        ImportColumn.OPTED_OUT: "unsubscribed isunsubscribed unsubscribe optout optedout "
        "isoptedout emailoptout emailoptedout hasoptedoutofemail personhasoptedoutofemail "
        "emaildisabled emailsdisabled donotemail donotmail nomail globalunsubscribe "
        "globallyunsubscribed emailunsubscribed newsletteroptout marketingoptout "
        "unsubscribedfromallemail unsubscribedfromallemails hsemailoptout optedoutofemail "
        "optedoutofallemail unsubreason unsubreasonother unsubscribereason unsubscribedreason "
        "unsubscriptionreason desabonne desinscrit desabonnement desinscription desuscrito baja "
        "descadastrado abgemeldet ausgetragen abmeldung abmeldegrund disiscritto отписан отписка "
        "退订 已退订 ملغى cancelled canceled cancelledat canceledat cancelledon canceledon "
        "cancellationdate withdrawn withdrawnat consentwithdrawn consentrevoked leftlistat "
        "leavedate "
        "quitdate stoptime stopstatus noemail nomails confirmedoptout confirmedoptoutdate "
        "confirmedoptoutsource confirmedoptoutreason isoptout nobulkemails "
        "nobulkemailsuseroptout "
        "abbestellt abbestelltam abbestellung abbestelldatum austritt austrittsdatum kundigung "
        "kuendigung gekundigtam gekuendigtam widerruf widerrufenam widerspruch keineemail "
        "keineemails keinemail keinemails "
        "keinmailing datedesortie resiliation datederesiliation pasdemail pasdemails "
        "nepascontacter "
        "nepluscontacter nichtkontaktieren cancelacion fechadecancelacion nocontactar noenviar "
        "cancelamento datadecancelamento naoenviar отказ отказался датаотказа отменаподписки "
        "неотправлять неписать 取消订阅 取消订阅时间 拒收 إلغاءالاشتراك ألغىالاشتراك "
        "تاريخالإلغاء تاريخإلغاءالاشتراك لاترسل",
        ImportColumn.BOUNCED: "bounced isbounced bounce hardbounced hardbounce bouncedat "
        "bouncedate bouncedon emailbounced isemailbounced emailbounceddate emailbouncedreason "
        "bouncereason emailhardbouncereason hsemailhardbouncereason hsemailhardbouncereasonenum "
        "cleaned cleanedat cleantime undeliverable emailinvalid invalidemail "
        "invalidemailaddress unzustellbar rebotado rebote rejete undeliverabledate "
        "undeliverabilitydate deliveryfailed returnedmail unreachable adresseinvalide "
        "emailinvalide "
        "correoinvalido npai rucklaufer ruecklaeufer devuelto devolvido недействителен "
        "ошибкадоставки 退信",
        ImportColumn.COMPLAINED: "complained complainedat complaint complaintdate complaintat "
        "spamcomplaint spam markedasspam spamreport reportedspam abuse beschwerde plainte queja "
        "жалоба 投诉",
        ImportColumn.BLOCKED: "blacklist blacklisted isblacklisted emailblacklist "
        "emailblacklisted blocklist blocklisted isblocklisted emailblocklisted blocked "
        "isblocked suppressed issuppressed emailquarantined emailaddressquarantined donotcontact "
        "isthissubscriberblacklisted isthisuserblacklisted banned gesperrt bloque bloqueado "
        "listenoire listanegra заблокирован محظور 黑名单 isbanned quarantined werbesperre sperre "
        "mailsperre sperrvermerk чёрныйсписок черныйсписок القائمةالسوداء",
        ImportColumn.CONFIRMED: "confirmed isconfirmed emailconfirmed confirmedat confirmedon "
        "confirmtime confirmationdate confirmationtime dateconfirmed doubleoptin "
        "doubleoptinconfirmed optinconfirmed verified isverified emailverified emailverifiedat "
        "verifiedat isthissubscriberconfirmed isthisuserconfirmed bestatigt bestaetigt "
        "bestatigtam bestaetigtam confirme confirmele confirmado confirmada verifie verificado "
        "подтвержден подтверждено مؤكد 已确认 activated activatedat aktivierung aktiviertam "
        "validated validatedat valide validado freigeschaltet doi doidate doiconfirmed "
        "doubleoptindate doubleoptintime doubleoptindatum verifiedon verificationdate 已验证 "
        "确认时间 تمالتحقق",
        ImportColumn.DELETED: "deleted isdeleted deletedat deletedon deletiondate removed "
        "removedat archived archivedat isarchived trashed erased geloscht geloescht geloschtam "
        "geloeschtam supprime supprimele eliminado borrado excluido удален محذوف 已删除 removedon "
        "removaldate trash trashedat deleteddate archiviert archiviertam 删除 删除时间",
        ImportColumn.DISABLED: "disabled isdisabled isthisaccountdisabled inactive isinactive "
        "suspended deactivated deactivatedat deaktiviert inaktiv inactif inactivo desactive "
        "desactivado отключен معطل paused onhold hold suspendedat inactivesince inaktivseit "
        "deaktivierung deceased isdeceased verstorben decede fallecido",
    }
)
"""The content for each header, which is in the form of :func:`normalise_header`."""

WEAK_ALIASES = _index_headers(
    {
        ImportColumn.ADDRESS: "address adresse direccion endereco indirizzo адрес العنوان 地址 "
        "subscriber",
        ImportColumn.NAME: "nom nombre nome cn",
        ImportColumn.COUNTRY: "cc subscribercountry countryregion",
        ImportColumn.LANGUAGE: "locale",
        ImportColumn.TAGS: "labels segments",
        ImportColumn.JOINED: "createdat createdon creationdate datecreated addedtime addedat "
        "dateadded entered optintime signupdate signupdate signedupat dateofsubscription "
        "registered registeredat",
    }
)
"""Headers that have this content if no other column of the file has it."""

_NAME_THAT_MAY_BE_PART = frozenset({"name", "nom", "nombre", "nome"})
_FIRST_BESIDE_LAST = frozenset({"nombre", "nome"})
_LOCAL_FIRST_NAMES = frozenset({"vorname", "prenom"})


def parse_content(head: str, name: str) -> ImportColumn:
    """Return the content that a mapping names. Raises InputError."""
    try:
        return CONTENT_NAMES.get(name.strip().lower()) or ImportColumn(name.strip().lower())
    except ValueError as error:
        raise InputError(
            f"{name!r} is not the content of a column",
            where=f"{head}={name}",
            hint=f"use one of {', '.join(ImportColumn)}",
        ) from error


def map_columns(
    header: Sequence[str],
    mapping: Mapping[str, str],
    aliases: Mapping[str, ImportColumn] = ALIASES,
    weak_aliases: Mapping[str, ImportColumn] = WEAK_ALIASES,
) -> dict[int, ImportColumn]:
    """Map each column's index to its content: by `mapping` (header -> column) first, then by
    `aliases`, then by `weak_aliases`. Other columns are ignored.

    Several columns may say whether a person may be mailed; other contents occur once. Raises
    InputError if no column holds addresses, if `mapping` names an unknown header or content, or if
    two columns have the same content."""
    column_by_header: dict[str, ImportColumn] = {}
    for head, column_name in mapping.items():
        if head not in header:
            raise InputError(
                f"there is no column {head!r}",
                where="line 1",
                hint=f"the file has {', '.join(map(repr, header))}",
            )
        column_by_header[head] = parse_content(head, column_name)
    columns: dict[int, ImportColumn] = {}
    mapped = set(column_by_header.values()) - STATE_COLUMNS
    for index, head in enumerate(header):
        alias = aliases.get(normalise_header(head))
        column = column_by_header.get(head) or (None if alias in mapped else alias)
        if column is None or column is ImportColumn.IGNORED:
            continue
        if column in columns.values() and column not in STATE_COLUMNS:
            raise InputError(
                f"two columns hold the {column}",
                where="line 1",
                hint="rename one of them, or map its header to its content",
                next_steps=[NextStep("map_column", content=column.value)],
            )
        columns[index] = column
    for index, head in enumerate(header):
        weak = weak_aliases.get(normalise_header(head))
        is_free = index not in columns and head not in column_by_header
        if weak and is_free and weak not in columns.values():
            columns[index] = weak
    _divide_names(header, columns, column_by_header)
    if ImportColumn.ADDRESS not in columns.values():
        raise InputError(
            "no column holds addresses",
            where="line 1",
            hint="name the column 'email', or map its header to its content",
            next_steps=[NextStep("map_column", content=ImportColumn.ADDRESS.value)],
        )
    return columns


def _divide_names(
    header: Sequence[str],
    columns: dict[int, ImportColumn],
    column_by_header: Mapping[str, ImportColumn],
) -> None:
    """Tell whether a column that is called "name" holds a first name, a last name or both.

    "Nom" beside "Prénom" and "Name" beside "Vorname" are last names; "Nombre" beside "Apellidos"
    and "Nome" beside "Cognome" are first names."""
    for index, column in list(columns.items()):
        head = normalise_header(header[index])
        if (
            column is not ImportColumn.NAME
            or header[index] in column_by_header
            or head not in _NAME_THAT_MAY_BE_PART
        ):
            continue
        contents = set(columns.values())
        has_first = any(
            normalise_header(header[other]) in _LOCAL_FIRST_NAMES
            for other, content in columns.items()
            if content is ImportColumn.FIRST_NAME
        )
        if has_first and ImportColumn.LAST_NAME not in contents:
            columns[index] = ImportColumn.LAST_NAME
        elif (
            head in _FIRST_BESIDE_LAST
            and ImportColumn.LAST_NAME in contents
            and ImportColumn.FIRST_NAME not in contents
        ):
            columns[index] = ImportColumn.FIRST_NAME


def assign_fields(
    fields: Sequence[str], columns: Mapping[int, ImportColumn]
) -> dict[ImportColumn, str]:
    """Return a line's fields by their content. Fields beyond the line's end are left out."""
    return {
        column: fields[index].strip() for index, column in columns.items() if index < len(fields)
    }
