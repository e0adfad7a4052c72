"""Other words for the rules of schedules: ``every Thursday``, ``fortnightly on Monday``, ``on
migrants-day``.

Words that could mean two things have no translation here: "every second Monday" may be every
other week or once a month, and "Thursday" one day or each.
"""

import re

from mailer.schedules.observances import MONTHS, ORDINALS, WEEKDAYS


def _build_name_pattern(names: tuple[str, ...]) -> str:
    """Build a pattern of names, which may be abbreviated to three or more letters."""
    beginnings = {name[:length] for name in names for length in range(3, len(name) + 1)}
    return f"(?:{'|'.join(sorted(beginnings, key=len, reverse=True))})"


_DAY_NAME = rf"{_build_name_pattern(WEEKDAYS)}s?\b"
_DAY_NAMES = rf"{_DAY_NAME}(?:(?:, and |, | and ){_DAY_NAME})*"
_PLURAL_NAMES = r"(?:{0})s(?:(?:, and |, | and )(?:{0})s)*".format("|".join(WEEKDAYS))
_MONTH_NAME = rf"{_build_name_pattern(MONTHS)}\b"
_OF_MONTH = r" of (?:the|each|every) month"
_ORDINAL = "|".join(ORDINALS)

_TRANSLATIONS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?:every|each) weekday", "weekdays"),
        (r"(?:every|each) weekend", "weekends"),
        (r"each (day|week|month|year)\b(.*)", r"every \1\2"),
        (r"every other (day|week|month|year)\b(.*)", r"every 2 \1s\2"),
        (rf"every other ({_DAY_NAMES})", r"every 2 weeks on \1"),
        (r"fortnightly(.*)", r"every 2 weeks\1"),
        (r"quarterly(.*)", r"every 3 months\1"),
        (rf"(?:every|each) ({_DAY_NAMES})", r"weekly on \1"),
        (rf"(?:on )?({_PLURAL_NAMES})", r"weekly on \1"),
        (
            rf"(?:(?:on|every|each) )?(?:the )?((?:{_ORDINAL}|\d).*|last day){_OF_MONTH}",
            r"monthly on the \1",
        ),
        (rf"(?:every|each) (\d{{1,2}} {_MONTH_NAME})", r"yearly on \1"),
        (rf"(\d{{1,2}} {_MONTH_NAME}) (?:every|each) year", r"yearly on \1"),
        (r"on (\d{4}-\d{2}-\d{2})", r"\1"),
        (rf"on (?!{_DAY_NAME}$)([a-z0-9]+(?:-[a-z0-9]+)*)", r"\1: on the day"),
        (r"([a-z0-9]+(?:-[a-z]+)+)", r"\1: on the day"),
    )
)


def translate_rule(lowered: str) -> str:
    """Translate other words for a rule into those that :mod:`mailer.schedules.rule_syntax` reads.

    A text without a translation is returned as it is."""
    for pattern, replacement in _TRANSLATIONS:
        if match := pattern.fullmatch(lowered):
            return match.expand(replacement)
    return lowered
