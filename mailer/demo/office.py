"""A made-up office: its topics, its two lists and its two hundred readers.

Readers are named after trees and objects by the water, so that their names are not mistaken for
those of real people. Every run generates the same readers.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from mailer.actor import create_local_actor
from mailer.model.subscribers import MembershipState, Person

TODAY = datetime(2026, 12, 14, 9, tzinfo=UTC)
"""The date of the demo: a Monday, four days before International Migrants Day."""

RUN_UP = "migrants-day: each weekday from 7 days before, then on the day"
"""The schedule of the Migrants Day digest."""

NAME = "Harbour Office for Migration"
POSTAL_ADDRESS = "1 Example Quay\nLondon EX1 1EX"

TOPICS = {
    "migrants-day": {
        "en": "Migrants Day",
        "fr": "Journée des migrants",
        "es": "Día del Migrante",
        "ar": "يوم المهاجرين",
    },
    "resettlement": {
        "en": "Resettlement",
        "fr": "Réinstallation",
        "es": "Reasentamiento",
        "ar": "إعادة التوطين",
    },
    "labour-migration": {
        "en": "Labour migration",
        "fr": "Migration de travail",
        "es": "Migración laboral",
        "ar": "هجرة العمل",
    },
    "diaspora": {"en": "Diaspora", "fr": "Diaspora", "es": "Diáspora", "ar": "الجاليات في المهجر"},
    "trafficking": {
        "en": "Trafficking",
        "fr": "Traite des personnes",
        "es": "Trata de personas",
        "ar": "الاتجار بالبشر",
    },
    "integration": {
        "en": "Integration",
        "fr": "Intégration",
        "es": "Integración",
        "ar": "الاندماج",
    },
}

LISTS = {
    "news": (
        "News from the Harbour Office",
        "What we do with people who arrive, and with the towns that welcome them. On Thursdays.",
    ),
    "press": (
        "Harbour Office press list",
        "For journalists: releases, statements and invitations, as they appear.",
    ),
}
"""The lists, with their names and descriptions."""

DIGEST_TOPICS = ("migrants-day", "resettlement", "integration", "diaspora")

DIGEST_NAMES = {
    "en": "International Migrants Day",
    "fr": "Journée internationale des migrants",
    "es": "Día Internacional del Migrante",
    "ar": "اليوم الدولي للمهاجرين",
}

OPENING = {
    "en": "Friday 18 December is International Migrants Day. Here is what we have been working on, "
    "and where you can join in.",
    "fr": "Le vendredi 18 décembre est la Journée internationale des migrants. Voici nos travaux "
    "récents, et comment y prendre part.",
    "es": "El viernes 18 de diciembre es el Día Internacional del Migrante. Esto es lo que hemos "
    "hecho, y cómo puede participar.",
    "ar": "يوافق يوم الجمعة 18 كانون الأول/ديسمبر اليوم الدولي للمهاجرين. إليكم ما عملنا عليه، "
    "وكيف يمكنكم المشاركة.",
}

ABOUT = {
    "en": "The Harbour Office for Migration is made up for this demo. It helps people who arrive "
    "in ten towns to find a home, work and a school.",
    "fr": "Le Bureau Harbour pour les migrations est inventé pour cette démonstration. Il aide "
    "celles et ceux qui arrivent dans dix villes à trouver un logement, un travail et une école.",
    "es": "La Oficina Harbour para las Migraciones es inventada para esta demostración. Ayuda a "
    "quienes llegan a diez ciudades a encontrar casa, trabajo y escuela.",
    "ar": "مكتب هاربر للهجرة مكتب متخيَّل لهذا العرض. وهو يساعد الواصلين إلى عشر مدن في إيجاد سكن "
    "وعمل ومدرسة.",
}

LANGUAGES = ("en",) * 11 + ("fr",) * 4 + ("es",) * 3 + ("ar",) * 4
COUNTRIES = {"en": ("GB", "IE", "KE"), "fr": ("FR", "BE"), "es": ("ES", "MX"), "ar": ("JO", "MA")}

FIRST_NAMES = {
    "en": ("Alder", "Birch", "Cedar", "Hazel", "Juniper", "Maple", "Rowan", "Willow"),
    "fr": ("Aulne", "Bouleau", "Cèdre", "Châtaignier", "Érable", "Hêtre"),
    "es": ("Abedul", "Álamo", "Cedro", "Ciprés", "Encina", "Olmo"),
    "ar": ("أرز", "زيتون", "سنديان", "صنوبر", "نخيل"),
}
LAST_NAMES = {
    "en": ("Anchor", "Beacon", "Breakwater", "Ferry", "Lantern", "Mooring", "Quay", "Tide"),
    "fr": ("Amarre", "Balise", "Digue", "Fanal", "Marée", "Phare"),
    "es": ("Ancla", "Boya", "Dársena", "Faro", "Marea", "Muelle"),
    "ar": ("المرسى", "المنارة", "المرفأ", "الشراع", "الموج"),
}


@dataclass(frozen=True, slots=True)
class SampleReader:
    person: Person
    list: str
    topics: tuple[str, ...]
    state: MembershipState
    joined: datetime
    suppressed: bool = False


def generate_readers(count: int = 200) -> Iterator[SampleReader]:
    """Generate the office's readers. Three in four are on the news list, the others on the press
    list."""
    randomness = random.Random(1812)  # noqa: S311  (samples, not secrets)
    slugs = tuple(TOPICS)
    for number in range(1, count + 1):
        language = LANGUAGES[number % len(LANGUAGES)]
        name = (
            f"{randomness.choice(FIRST_NAMES[language])} {randomness.choice(LAST_NAMES[language])}"
        )
        if number % 40 == 0:
            name = f'{name}, "Reader" (No. {number})'
        chosen_topics: tuple[str, ...] = ()
        if number % 5:
            chosen_topics = tuple(sorted(randomness.sample(slugs, randomness.choice((1, 1, 2, 3)))))
        state = MembershipState.ACTIVE
        if number % 50 == 7:
            state = MembershipState.UNSUBSCRIBED
        elif number % 50 == 9:
            state = MembershipState.PENDING
        yield SampleReader(
            person=Person(
                address=f"reader{number:03}@example.org",
                name="" if number % 17 == 0 else name,
                language=language,
                country=randomness.choice(COUNTRIES[language]),
            ),
            list="press" if number % 4 == 0 else "news",
            topics=chosen_topics,
            state=state,
            joined=datetime(
                2026, randomness.randint(1, 10), randomness.randint(1, 28), 9, tzinfo=UTC
            ),
            suppressed=number % 100 == 13,
        )


APPROVER = "editor@example.org"
"""The member of staff who is asked to approve an edition."""

STAFF = create_local_actor("Demo office")
"""The actor of everything that the demo does."""
