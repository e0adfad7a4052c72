"""Templates that would take all time or memory end with an error that names their line."""

import time
import tracemalloc
from pathlib import Path

import pytest

from mailer import config
from mailer.errors import ComposeError
from mailer.render import sandbox
from mailer.render.environment import get_environment, render_line, render_template


def double_text(operation: str, first: str, times: int = 60) -> str:
    """Return a template that doubles a value again and again. `operation`: with X for the value."""
    lines = [f"{{% set x0 = {first} %}}"]
    lines += [
        f"{{% set x{number + 1} = {operation.replace('X', f'x{number}')} %}}"
        for number in range(times)
    ]
    return "\n".join(lines) + f"{{{{ x{times} }}}}"


LONG = "{% set r = range(100000) %}"
BOMBS = [
    LONG + "{% for a in r %}{% for b in r %}{% for c in r %}{% endfor %}{% endfor %}{% endfor %}",
    LONG + "{% for a in r %}{% for b in r %}x{% endfor %}{% endfor %}",
    "{% set r = range(99999) %}{% for a in r recursive %}{{ loop(r) }}{% endfor %}",
    "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}x{% endmacro %}{{ m(60) }}",
    "{{ 'a' * 1000000000 }}",
    "{{ [1] * 1000000000 }}",
    "{{ 10 ** (10 ** 9) }}",
    double_text("X * X", "99"),
    double_text("X ~ X", "'ab'"),
    double_text("X + X", "'ab'"),
    double_text("X + X", "[1]"),
    double_text("[X, X]", "1"),
    double_text("(X, X)", "1"),
    double_text("{'a': X, 'b': X}", "1"),
    double_text("dict(a=X, b=X)", "1"),
    double_text("[X, X]|list", "1"),
    double_text("X.replace('a', 'aa')", "'a'"),
    double_text("X|replace('a', 'aa')", "'a'"),
    "{{ 'a' | center(1000000000) }}",
    "{{ 'a'.center(1000000000) }}",
    "{{ 'a'.zfill(1000000000) }}",
    "{{ 'a' | indent(1000000000, true) }}",
    "{{ ('\\n' * 1000000) | indent(1000, true, true) }}",
    "{{ ('\\t' * 1000000).expandtabs(1000) }}",
    "{{ [1] | batch(1000000000, 'x') | list }}",
    "{{ [1] | slice(1000000000) | list }}",
    "{{ [1] | tojson(indent=1000000000) }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '%*d' | format(1000000000, 1) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ '{:{}}'.format(1, 1000000000) }}",
    "{{ '{a:>1000000000}'.format_map({'a': 1}) }}",
    "{{ _('%(n)1000000000d', n=1) }}",
    "{{ range(100000) | join('x' * 1000000) }}",
    "{{ ('x' * 1000000).join('y' * 1000000) }}",
    "{{ ('a' * 1000000) | replace('a', 'b' * 1000000) }}",
    "{{ ('a' * 1000000).replace('', 'b' * 1000000) }}",
    "{{ ('a' * 100000).translate({97: 'b' * 1000000}) }}",
    "{{ ('a ' * 100000) | wordwrap(1, wrapstring='b' * 1000000) }}",
    "{{ range(100000) | map('center', 1000) | list }}",
    "{{ (['a' * 1000000] * 100000) | join }}",
    "{% set x %}{% for n in range(99999) %}{{ 'a' * 1000000 }}{% endfor %}{% endset %}{{ x }}",
    "{% set b = 'a' * 1000000 %}{% for n in range(99999) %}{{ b }}{% endfor %}",
    "{% for n in range(99999) %}{{ 'a' * 1000 }}{% endfor %}",
    "{{ lipsum(100000) }}",
    "{{ (1).to_bytes(1000000000, 'big') }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ range(1000000000) }}",
    "{{ (':' * 1000000) % 1 }}",
    "{{ (':' * 1000000) | format(1) }}",
    "{{ (':' * 1000000).format(1) }}",
    "{{ _(':' * 1000000) }}",
    "{{ '{%{' .format(1) }}",
    "{{ ('a' * 1000000) | wordwrap(1) }}",
    "{{ ([[1]] * 50000) | sum(start=[]) }}",
    "{{ ('海' * 1000000) | wrap }}",
    "{{ ('\u0301' * 1000000) | truncate(10) }}",
    "{{ ('\u2066' * 1000000) | isolated }}",
    "{{ ('<p>' * 300000) | plain }}",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "email/card").mkdir(parents=True)
    return tmp_path


def render_source(folder: Path, source: str, name: str = "body.txt") -> str:
    (folder / "email/card" / name).write_text(source, "utf-8")
    path = (folder, config.find_shipped_folder("templates"))
    return render_template(get_environment("en", path), f"email/card/{name}", {})


@pytest.mark.parametrize("name", ["body.txt", "body.html"])
@pytest.mark.parametrize("source", BOMBS, ids=range(len(BOMBS)))
def test_template_bomb_is_refused_in_bounds(
    folder: Path, source: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "MAX_SECONDS", 1.0)
    monkeypatch.setattr(sandbox, "MAX_STEPS", 20_000)
    monkeypatch.setattr(sandbox, "MAX_TOTAL_TEXT", 5_000_000)
    started_at = time.thread_time()
    with pytest.raises(ComposeError) as caught:
        render_source(folder, source, name)
    assert time.thread_time() - started_at < 3
    assert caught.value.where.startswith(f"email/card/{name}")


def test_template_bomb_stays_within_memory(folder: Path) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ComposeError):
            render_source(folder, double_text("X ~ X", "'ab'"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60_000_000


def test_subject_bomb_is_refused() -> None:
    env = get_environment("en", (config.find_shipped_folder("templates"),))
    with pytest.raises(ComposeError, match="too long a text"):
        render_line(env, "{{ 'a' * 1000000000 }}", "subject", {})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% for a in range(3) %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/3 2/3 3/3 "),
        ("{% for a in [] %}{% else %}none{% endfor %}", "none"),
        ("{% for a, b in {'x': 1}.items() %}{{ a }}{{ b }}{% endfor %}", "x1"),
        ("{% for a in [3, 1, 2] | sort if a > 1 %}{{ a }}{% endfor %}", "23"),
        ("{{ '%s: {%d}' % ('a', 12) }} {{ [1, 2] | sum }}", "a: {12} 3"),
        ("{{ 'a' ~ 1 ~ 'b' }}{{ '=' * 20 }}", "a1b" + "=" * 20),
        ("{{ '%5s|%-5s' | format(1, 'a') }}{{ '%.2f' % 1.5 }}", "    1|a    1.50"),
        ("{{ '{:>5}'.format(7) }}{{ 'a'.center(3) }}", "    7 a "),
        ("{{ [1, 2] | join(', ') }} {{ [1, 2] }} {{ 2 ** 10 }}", "1, 2 [1, 2] 1024"),
        ("{{ ['a', 'b'] | map('upper') | join }}", "AB"),
        ("{% set x %}a{% for n in range(2) %}{{ n }}{% endfor %}{% endset %}{{ x }}", "a01"),
        ("{% macro m(a, b=2) %}{{ a + b }}{% endmacro %}{{ m(1) }}", "3"),
        ("{{ 1234567 }}{{ (7, 8)[1] }}", "12345678"),
    ],
)
def test_ordinary_template_is_rendered_as_by_jinja(folder: Path, source: str, text: str) -> None:
    assert render_source(folder, source) == text


def test_joined_text_is_escaped_in_html(folder: Path) -> None:
    assert render_source(folder, "{{ '<b>' ~ ('<i>' | safe) }}", "body.html") == "&lt;b&gt;<i>"
