"""The sandbox of templates: plain data only, and no decisions by personal fields."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mailer import config, message
from mailer.errors import ComposeError
from mailer.message import MarkCondition, Slot
from mailer.render.environment import (
    ConditionalParts,
    PersonalField,
    get_environment,
    render_line,
    render_template,
)

MARKER = message.create_marker("0123456789abcdef" * 4)
NAME = message.create_slot(MARKER, Slot.NAME)
Write = Callable[[str], str]

CONTEXT: dict[str, Any] = {
    "recipient": SimpleNamespace(
        name=PersonalField(MARKER, Slot.NAME), address=PersonalField(MARKER, Slot.ADDRESS)
    ),
    "when": ConditionalParts(MARKER),
    "title": "Salt & <light>",
    "stories": (SimpleNamespace(title="A", bits=1), SimpleNamespace(title="B", bits=2)),
    "numbers": [1, 2, 3],
    "day": date(2026, 12, 18),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "email/card").mkdir(parents=True)
    return tmp_path


def render_source(folder: Path, source: str, name: str = "body.txt", language: str = "en") -> str:
    (folder / "email/card" / name).write_text(source, "utf-8")
    path = (folder, config.find_shipped_folder("templates"))
    return render_template(get_environment(language, path), f"email/card/{name}", CONTEXT)


def check_refusal(folder: Path, source: str, name: str = "body.txt") -> ComposeError:
    with pytest.raises(ComposeError) as caught:
        render_source(folder, source, name)
    return caught.value


# ---- personal fields --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "{{ recipient.name }}",
        "{{ recipient.name | e }}",
        "{{ recipient.name ~ '' }}",
        "{{ '%s' | format(recipient.name) }}",
        "{{ _('%(name)s', name=recipient.name) }}",
        "{% set name = recipient.name %}{{ name }}",
        "{% macro greet(who) %}{{ who }}{% endmacro %}{{ greet(recipient.name) }}",
        "{% if recipient.name is defined %}{{ recipient.name }}{% endif %}",
    ],
)
@pytest.mark.parametrize("name", ["body.txt", "body.html"])
def test_personal_field_prints_as_slot(folder: Path, source: str, name: str) -> None:
    assert render_source(folder, source, name) == NAME


def test_personal_field_can_have_default(folder: Path) -> None:
    expected = message.create_slot(MARKER, Slot.NAME, "dear colleague")
    for filter_name in ("default", "d"):
        source = f"{{{{ recipient.name | {filter_name}('dear colleague') }}}}"
        assert render_source(folder, source) == expected
    assert (
        render_source(folder, "{{ recipient.name | default('dear colleague', true) }}") == expected
    )


def test_default_filter_works_for_other_values(folder: Path) -> None:
    assert render_source(folder, "{{ nothing | default('x') }}{{ '' | d('y', true) }}") == "xy"
    assert render_source(folder, "{{ title | d('x') }}") == "Salt & <light>"


@pytest.mark.parametrize(
    "misuse",
    [
        "{% if recipient.name %}x{% endif %}",
        "{% if not recipient.name %}x{% endif %}",
        "{{ 'x' if recipient.name else 'y' }}",
        "{{ recipient.name or 'friend' }}",
        "{{ recipient.name and 'friend' }}",
        "{% if recipient.name == 'Ana' %}x{% endif %}",
        "{% if 'Ana' == recipient.name %}x{% endif %}",
        "{% if recipient.name != 'Ana' %}x{% endif %}",
        "{% if recipient.name < 'B' %}x{% endif %}",
        "{% if recipient.name >= 'B' %}x{% endif %}",
        "{% if 'a' in recipient.name %}x{% endif %}",
        "{% if recipient.name in ['Ana'] %}x{% endif %}",
        "{% if recipient.name is eq('Ana') %}x{% endif %}",
        "{% if recipient.address is in(['a@b.org']) %}x{% endif %}",
        "{% for letter in recipient.name %}x{% endfor %}",
        "{{ recipient.name + '!' }}",
        "{{ 'Dear ' + recipient.name }}",
        "{{ recipient.name * 2 }}",
        "{{ 2 * recipient.name }}",
        "{{ recipient.name - 1 }}",
        "{{ -recipient.name }}",
        "{{ recipient.name[0] }}",
        "{{ recipient.name[:3] }}",
        "{{ recipient.name | length }}",
        "{{ recipient.name | count }}",
        "{{ recipient.name | list }}",
        "{{ recipient.name | first }}",
        "{{ recipient.name | last }}",
        "{{ recipient.name | join('-') }}",
        "{{ recipient.name | sort }}",
        "{{ recipient.name | reverse }}",
        "{{ recipient.name | truncate(5) }}",
        "{{ recipient.name | int }}",
        "{{ recipient.name | float }}",
        "{{ recipient.name | round }}",
        "{{ recipient.name | urlencode }}",
        "{{ recipient.name | tojson }}",
        "{{ recipient.name.upper() }}",
        "{{ recipient.name._marker }}",
        "{{ {recipient.name: 1} }}",
        "{{ [recipient.name, recipient.address] | sort | join }}",
    ],
)
def test_personal_field_misuse_names_template_and_line(folder: Path, misuse: str) -> None:
    error = check_refusal(folder, f"first line\n\n{misuse}\n")
    assert error.where == "email/card/body.txt, line 3"
    assert error.message
    assert error.hint


def test_personal_field_misuse_has_hint(folder: Path) -> None:
    error = check_refusal(folder, "{% if recipient.name %}x{% endif %}")
    assert str(error) == (
        "email/card/body.txt, line 1: the personal field 'name' is used to decide or to calculate; "
        "templates can only print a personal field or give it a default: "
        "{{ recipient.name | default('colleague') }}"
    )


@pytest.mark.parametrize(
    "filter_source",
    ["upper", "title", "capitalize", "replace('z', '')", "string | list | join('.')"],
)
def test_filter_that_breaks_slot_is_detected(folder: Path, filter_source: str) -> None:
    text = render_source(folder, f"Dear {{{{ recipient.name | {filter_source} }}}},")
    if filter_source.startswith("string"):
        assert NAME not in text
    else:
        with pytest.raises(ValueError, match="broken"):
            message.count_slots_and_marks(text, MARKER)


# ---- parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", MarkCondition)
@pytest.mark.parametrize("name", ["body.txt", "body.html"])
def test_conditional_part_is_text_between_marks(
    folder: Path, condition: MarkCondition, name: str
) -> None:
    is_reading_place = condition in {MarkCondition.MAIL, MarkCondition.WEB}
    bits = message.READING_PLACE_BITS if is_reading_place else 5
    call = f"when.{condition.value}({'' if is_reading_place else bits})"
    source = f"{{% call {call} %}}{{{{ title }}}}{{% endcall %}}"
    expected = "Salt & <light>" if name == "body.txt" else "Salt &amp; &lt;light&gt;"
    text = render_source(folder, source, name)
    assert text == message.create_mark(
        MARKER, condition, bits
    ) + expected + message.create_end_mark(MARKER)
    assert message.count_slots_and_marks(text, MARKER) == 2


# ---- the sandbox ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "escape",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''['__class__'] }}",
        "{{ title | attr('__class__') }}",
        "{{ numbers.__init__.__globals__ }}",
        "{{ when.any.__func__ }}",
        "{{ when._marker }}",
        "{{ recipient.__dict__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ lipsum.__globals__ }}",
        "{{ '{0.__class__}'.format(title) }}",
        "{{ '{x.__class__}'.format_map({'x': title}) }}",
        "{% set s = '{0.__class__}' | attr('format') %}{{ s(title) }}",
        "{{ numbers.append(4) }}",
        "{% do numbers.clear() %}",
        "{% set numbers.x = 1 %}",
        "{% for n in range(10 ** 9) %}x{% endfor %}",
        "{% include '../../etc/passwd' %}",
        "{% include '/etc/passwd' %}",
        "{% import os %}",
    ],
)
def test_sandbox_escape_is_refused(folder: Path, escape: str) -> None:
    error = check_refusal(folder, f"first line\n{escape}")
    assert error.where.startswith("email/card/body.txt")
    assert CONTEXT["numbers"] == [1, 2, 3]


def test_html_template_is_escaped_and_text_is_not(folder: Path) -> None:
    assert render_source(folder, "{{ title }}", "body.html") == "Salt &amp; &lt;light&gt;"
    assert render_source(folder, "{{ title }}", "body.txt") == "Salt & <light>"


# ---- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "line", "problem"),
    [
        ("\n{{ titel }}", 2, "'titel' is undefined"),
        ("\n\n{{ recipient.nom }}", 3, "has no attribute 'nom'"),
        ("{% if titel %}x{% endif %}", 1, "'titel' is undefined"),
        ("{% for x in titel %}x{% endfor %}", 1, "'titel' is undefined"),
        ("\n{{ title", 2, "unexpected"),
        ("\n{% iff title %}", 2, "Encountered unknown tag 'iff'"),
        ("\n{{ title | shout }}", 2, "No filter named 'shout'"),
        ("\n{{ title + 1 }}", 2, "can only concatenate"),
        ("\n{{ 1 / 0 }}", 2, "division by zero"),
        ("\n{{ title | date }}", 2, "is not a date"),
        ("\n{{ numbers | first | wrap }}", 2, ""),
        ("{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}", 1, "recursion"),
    ],
)
def test_template_error_names_template_and_line(
    folder: Path, source: str, line: int, problem: str
) -> None:
    error = check_refusal(folder, source)
    assert error.where == f"email/card/body.txt, line {line}"
    assert problem in error.message
    assert error.hint == "fix the template"


def test_template_error_in_macro_or_layout_names_its_file(folder: Path) -> None:
    (folder / "email/parts.txt").write_text("{% macro m() %}\n{{ titel }}\n{% endmacro %}", "utf-8")
    source = "{% import 'email/parts.txt' as parts %}\n{{ parts.m() }}"
    assert check_refusal(folder, source).where == "email/parts.txt, line 2"
    (folder / "email/shell.txt").write_text("\n\n{{ titel }}", "utf-8")
    assert (
        check_refusal(folder, "{% extends 'email/shell.txt' %}").where == "email/shell.txt, line 3"
    )


def test_missing_template_is_named(folder: Path) -> None:
    with pytest.raises(ComposeError, match=r"there is no template 'email/cards/body\.txt'"):
        render_template(get_environment("en", (folder,)), "email/cards/body.txt", CONTEXT)
    assert "there is no template 'email/x.txt'" in str(
        check_refusal(folder, "{% include 'email/x.txt' %}")
    )


def test_bug_in_rendering_is_raised(folder: Path) -> None:
    def raise_bug() -> None:
        raise OSError("a bug")

    env = get_environment("en", (folder,))
    with pytest.raises(OSError, match="a bug"):
        render_line(env, "{{ f() }}", "the subject", {"f": raise_bug})


# ---- lines that staff write -------------------------------------------------------------------


def test_subject_template_is_rendered_as_text(folder: Path) -> None:
    env = get_environment("en", (folder,))
    assert render_line(env, "{{ title }}, {{ recipient.name }}", "the subject", CONTEXT) == (
        f"Salt & <light>, {NAME}"
    )


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ titel }}", "the subject, line 1: 'titel' is undefined"),
        ("{{ title", "the subject, line 1: unexpected"),
        ("{% if recipient.name %}x{% endif %}", "the subject, line 1: the personal field 'name'"),
        ("{{ 1 // 0 }}", "the subject, line 1: "),
        ("{{ ''.__class__ }}", "the subject, line 1: "),
    ],
)
def test_subject_template_error_names_subject(folder: Path, source: str, problem: str) -> None:
    with pytest.raises(ComposeError) as caught:
        render_line(get_environment("en", (folder,)), source, "the subject", CONTEXT)
    assert str(caught.value).startswith(problem)


# ---- words and dates --------------------------------------------------------------------------


def test_dates_and_words_are_in_readers_language(folder: Path) -> None:
    assert render_source(folder, "{{ day | date }}") == "Friday, 18 December 2026"
    assert render_source(folder, "{{ day | date('long') }}", language="fr") == "18 décembre 2026"
    assert render_source(folder, "{{ _('More stories') }}", language="fr") == "Autres actualités"
    moment = datetime(2026, 12, 18, 9, 30, tzinfo=UTC)
    env = get_environment("en", (folder,))
    assert "9:30" in render_line(env, "{{ moment | moment }}", "x", {"moment": moment})
