"""One mail of each kind in six languages, as bytes on the wire, for spam filters to judge.

The words are those that an office would write: two stories, a correction, a reason. A mail of one
line would be judged by its length."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

from mailer.config import DefaultsSection, Organisation, Settings
from mailer.intake.markup import to_html
from mailer.languages import UN_LANGUAGES
from mailer.message import MessageProfile, MessageTemplate
from mailer.model.articles import Article, ArticleKind
from mailer.model.deliveries import EditionReader
from mailer.model.edition_states import EditionKind, EditionRole
from mailer.model.editions import ChangeNote, Edition, EditionBody
from mailer.model.press_release import PressContact, Quote, Release
from mailer.model.signup import ServiceMailKind
from mailer.notices import NoticeKind
from mailer.render import compose_edition, compose_notice
from mailer.render.closing import write_closing_text
from mailer.render.service_mails import compose_service_mail
from mailer.render.test_mails import mark_test_mail
from tests.unit.message.factories import PROFILE, RECIPIENT
from tests.unit.render import factories
from tests.unit.render.test_notices import UID, make_notice
from tests.unit.render.test_service_mails import make_list, make_service_mail
from tests.unit.samples import make_article, make_mailing_list

LISTS = {
    "en": "News from the harbour",
    "fr": "Nouvelles du port",
    "es": "Noticias del puerto",
    "ar": "أخبار الميناء",
    "ru": "Новости гавани",
    "zh": "海港新闻",
}

STORIES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "en": (
        (
            "Ten towns open their doors",
            "Since September, ten towns have welcomed four hundred families.",
            (
                "The towns lie along the coast, and each of them has found flats, places at school "
                "and people who help in the first weeks.\n\nThe programme goes on until spring."
            ),
        ),
        (
            "Language tables every Tuesday",
            "Learners and neighbours meet at the library and talk for two hours.",
            "There is tea, and no teacher. Whoever comes chooses a table and a language.",
        ),
    ),
    "fr": (
        (
            "Dix villes ouvrent leurs portes",
            "Depuis septembre, dix villes ont accueilli quatre cents familles.",
            (
                "Les villes se trouvent le long de la côte ; chacune a trouvé des logements, des "
                "places à l’école et des personnes qui aident pendant les premières semaines.\n\n"
                "Le programme se poursuit jusqu’au printemps."
            ),
        ),
        (
            "Tables de langues chaque mardi",
            "À la bibliothèque, on se rencontre et on parle pendant deux heures.",
            "Il y a du thé, et pas de professeur. Chacun choisit sa table et sa langue.",
        ),
    ),
    "es": (
        (
            "Diez ciudades abren sus puertas",
            "Desde septiembre, diez ciudades han acogido a cuatrocientas familias.",
            (
                "Las ciudades están en la costa, y cada una ha encontrado viviendas, plazas en la "
                "escuela y personas que ayudan en las primeras semanas.\n\n"
                "El programa sigue hasta la primavera."
            ),
        ),
        (
            "Mesas de idiomas cada martes",
            "En la biblioteca, vecinos y estudiantes hablan durante dos horas.",
            "Hay té y no hay profesor. Cada persona elige una mesa y un idioma.",
        ),
    ),
    "ar": (
        (
            "عشر مدن تفتح أبوابها",
            "منذ أيلول/سبتمبر استقبلت عشر مدن أربعمئة أسرة.",
            (
                "تقع المدن على امتداد الساحل، وقد وجدت كل منها مساكن ومقاعد في المدارس وأشخاصا "
                "يساعدون في الأسابيع الأولى.\n\nويستمر البرنامج حتى الربيع."
            ),
        ),
        (
            "موائد اللغات كل ثلاثاء",
            "يلتقي المتعلمون والجيران في المكتبة ويتحدثون ساعتين.",
            "هناك شاي وليس هناك معلم. يختار كل شخص مائدة ولغة.",
        ),
    ),
    "ru": (
        (
            "Десять городов открывают двери",
            "С сентября десять городов приняли четыреста семей.",
            (
                "Города лежат на побережье, и в каждом нашлись квартиры, места в школе и люди, "
                "которые помогают в первые недели.\n\nПрограмма продлится до весны."
            ),
        ),
        (
            "Языковые столы по вторникам",
            "В библиотеке соседи и ученики беседуют два часа.",
            "Есть чай, и нет учителя. Каждый выбирает себе стол и язык.",
        ),
    ),
    "zh": (
        (
            "十座城镇敞开大门",
            "自九月以来,十座城镇接待了四百个家庭。",
            (
                "这些城镇沿着海岸分布,每座城镇都找到了住房、学校名额和在最初几周提供帮助的人。\n\n"
                "这个项目将持续到春天。"
            ),
        ),
        ("每周二的语言桌", "学习者和邻居在图书馆见面,交谈两个小时。", "有茶,没有老师。"),
    ),
}

CHANGES = {
    "en": "The number of families was wrong.",
    "fr": "Le nombre de familles était faux.",
    "es": "El número de familias era erróneo.",
    "ar": "كان عدد الأسر خاطئا.",
    "ru": "Число семей было указано неверно.",
    "zh": "家庭数目有误。",
}

SERVICE_KINDS = {
    "confirm": ServiceMailKind.CONFIRM,
    "known": ServiceMailKind.ALREADY_SUBSCRIBED,
    "new-address": ServiceMailKind.NEW_ADDRESS,
    "welcome": ServiceMailKind.WELCOME,
}


@dataclass(frozen=True)
class SampleMail:
    """A mail as a reader's filter gets it."""

    kind: str
    language: str
    data: bytes

    def read_subject(self) -> str:
        return str(message_from_bytes(self.data, policy=default)["Subject"])

    def read_text(self) -> str:
        """Return the subject and both parts, decoded."""
        mail = message_from_bytes(self.data, policy=default)
        parts = [str(mail["Subject"])]
        parts += [str(p.get_content()) for p in mail.walk() if p.get_content_maintype() == "text"]
        return "\n".join(parts)


def make_sample_mails(*languages: str) -> Iterator[SampleMail]:
    """Make thirteen kinds of mails in these languages, by default in six."""
    sent_at = datetime.now(UTC)  # filters distrust mails of the future
    for language in languages or UN_LANGUAGES:
        for kind, body, profile in _compose_kinds(language):
            message = MessageTemplate(body, profile).build_message(RECIPIENT, sent_at)
            yield SampleMail(kind, language, message)


def _compose_kinds(language: str) -> Iterator[tuple[str, EditionBody, MessageProfile]]:
    settings = _make_settings(language)
    digest = _compose(language, _make_articles(language))
    yield "digest", digest, _make_profile(language)
    yield "repeat", digest, _make_profile(language, kind=EditionKind.REPEAT)
    yield "latest edition", digest, _make_profile(language, kind=EditionKind.WELCOME)
    reader = EditionReader(language, digest.stories, address="reader@example.org", name="Rana")
    edition = replace(PROFILE.edition, language=language, content_hash="4be1c09d22fa" + "0" * 52)
    test_mail = mark_test_mail(digest, edition, reader, settings)
    yield "test mail", test_mail, _make_profile(language, kind=EditionKind.TEST)
    change = ChangeNote({language: CHANGES[language]}, {language: CHANGES[language]})
    releases = _make_articles(language, kind=ArticleKind.PRESS_RELEASE)[:1]
    for kind, template, role in (
        ("press release", "press-release", EditionRole.RELEASE),
        ("correction", "press-release", EditionRole.CORRECTION),
        ("kill", "press-kill", EditionRole.KILL),
    ):
        body = _compose(language, releases, template=template, role=role, change=change)
        yield kind, body, _make_profile(language)
    mailing_list = make_mailing_list(name=LISTS[language])
    title, summary, text = write_closing_text(mailing_list, CHANGES[language], language, settings)
    closing = make_article("closing", language=language, title=title, summary=summary, body=text,
                           html=to_html(text))  # fmt: skip
    yield "closing mail", _compose(language, [closing]), _make_profile(language)
    for kind, service_kind in SERVICE_KINDS.items():
        lists = (make_list(LISTS[language], description=STORIES[language][0][1]),)
        mail = make_service_mail(service_kind, language, lists)
        profile = _make_profile(
            language,
            kind=EditionKind.WELCOME if kind == "welcome" else EditionKind.SERVICE,
        )
        yield kind, compose_service_mail(mail, settings), replace(profile, list_slug="")
    titles = tuple(title for title, _, _ in STORIES[language])
    notice = make_notice(NoticeKind.SENT, name=LISTS[language], stories=titles, subject=titles[0],
                         reason=CHANGES[language], comment="")  # fmt: skip
    notice_profile = replace(_make_profile(language, kind=EditionKind.NOTICE), list_slug="")
    yield "notice", compose_notice(notice, UID, settings), notice_profile


def _make_settings(language: str) -> Settings:
    return Settings(
        organisation=Organisation(
            name="Example Office",
            postal_address="1 Quay Road\nLondon",
            website="https://www.example.org/",
        ),
        defaults=DefaultsSection(language=language),
    )


def _make_articles(language: str, kind: ArticleKind = ArticleKind.NEWS) -> list[Article]:
    release = Release(
        quotes=(Quote(STORIES[language][1][1], "Mara Vell", ""),),
        contacts=(PressContact("Jo Sample", phone="+44 20 7946 0018", email="jo@example.org"),),
    )
    return [
        make_article(
            f"story-{number}",
            language=language,
            title=title,
            summary=summary,
            body=text,
            html=to_html(text),
            kind=kind,
            release=release if kind is ArticleKind.PRESS_RELEASE else None,
        )
        for number, (title, summary, text) in enumerate(STORIES[language])
    ]


def _compose(language: str, articles: list[Article], **fields: Any) -> EditionBody:
    manuscript = factories.make_manuscript(
        *articles,
        language=language,
        name=LISTS[language],
        list=make_mailing_list(name=LISTS[language]),
        **fields,
    )
    (body,) = compose_edition(manuscript, _make_settings(language), to_html).bodies
    return body


def _make_profile(language: str, **fields: Any) -> MessageProfile:
    edition: Edition = replace(PROFILE.edition, language=language, **fields)
    return replace(PROFILE, list_name=LISTS[language], edition=edition)
