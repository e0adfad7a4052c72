"""The naming rules of CONTRIBUTING.md, held over the package and the tests."""

from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

from tests.unit.source_tree import (
    ROOT,
    Function,
    get_module_name,
    list_classes,
    list_functions,
    list_sources,
    list_variables,
)

VERBS = frozenset((Path(__file__).parent / "verbs.txt").read_text("utf-8").split())
"""First words of functions. A new verb is added there if it is the field's word."""

FILLERS = {"do", "handle", "process", "perform"}
"""Verbs that say nothing of what happens."""

PREDICATES = {"contains", "has", "holds", "is", "may", "needs", "was", "from", "to", "with"}
"""First words of questions (`is_notice_due`) and of conversions (`to_office_date`)."""

CONVENTIONAL_METHODS = {
    "begin", "close", "commit", "main", "read", "rollback", "run", "start", "stop", "wait", "write",
    "upgrade", "downgrade",
}  # fmt: skip
"""Names that readers know from files, threads, transactions and Alembic's migrations."""

FORBIDDEN_VARIABLES = {
    "anew", "asked", "both", "each", "fresh", "found", "given", "gone", "held", "kept", "known",
    "mine", "named", "one", "ours", "said", "shown", "some", "taken", "that", "these", "thing",
    "things", "this", "those", "told", "wanted", "what", "who", "whom",
}  # fmt: skip
"""Names that say nothing of the value."""

MAX_EXCEPTIONS = 40
MAX_ONE_WORD_SHARE = 0.3

_SMTPLIB = "overrides a method of smtplib.SMTP"
_AIOSMTPD = "aiosmtpd calls it by this name"
_JINJA = "overrides a method of jinja2"
_UVICORN = "overrides a method of uvicorn's protocol"
_SQLALCHEMY = "overrides a method of SQLAlchemy"
_TEMPLATE_WORD = "templates say it: {% if parts.any %}"

EXCEPTIONS = {
    "mailer.cli.command_groups.CommandGroup.command": "overrides a method of typer.Typer",
    "mailer.delivery.smtp_socket.SmtpSocket.getreply": _SMTPLIB,
    "mailer.demo.catcher.Catcher.handle_DATA": _AIOSMTPD,
    "mailer.render.environment.ConditionalParts.any": _TEMPLATE_WORD,
    "mailer.render.environment.ConditionalParts.contents": _TEMPLATE_WORD,
    "mailer.render.environment.ConditionalParts.first": _TEMPLATE_WORD,
    "mailer.render.environment.ConditionalParts.mail": _TEMPLATE_WORD,
    "mailer.render.environment.ConditionalParts.rest": _TEMPLATE_WORD,
    "mailer.render.environment.ConditionalParts.several": _TEMPLATE_WORD,
    "mailer.render.environment.ConditionalParts.single": _TEMPLATE_WORD,
    "mailer.render.environment.ConditionalParts.web": _TEMPLATE_WORD,
    "mailer.render.sandbox.BoundedSandbox.call": _JINJA,
    "mailer.web.public.connections.BoundedHttpProtocol.connection_made": _UVICORN,
    "mailer.web.public.connections.BoundedHttpProtocol.connection_lost": _UVICORN,
    "mailer.web.public.connections.BoundedHttpProtocol.data_received": _UVICORN,
    "mailer.web.public.connections.BoundedHttpProtocol.on_message_begin": _UVICORN,
    "mailer.web.public.connections.BoundedHttpProtocol.on_headers_complete": _UVICORN,
    "mailer.web.public.connections.BoundedHttpProtocol.on_message_complete": _UVICORN,
    "mailer.web.public.connections.BoundedHttpProtocol.on_response_complete": _UVICORN,
    "mailer.render.sandbox.BoundedSandbox.concat": _JINJA,
    "mailer.store.prepared_statements.among.self_group": _SQLALCHEMY,
    "mailer.store.schema.base.Utc.process_bind_param": _SQLALCHEMY,
    "mailer.store.schema.base.Utc.process_result_value": _SQLALCHEMY,
}
"""A function by its qualified name, or a variable by its module and name, with the reason."""


@cache
def _list_package_functions() -> list[Function]:
    return [
        function
        for path in list_sources("mailer")
        for function in list_functions(path)
        if not function.is_dunder
    ]


@cache
def _list_forbidden_variables() -> dict[str, list[str]]:
    """Return each folder's forbidden variables, as `file:line name`."""
    by_folder: dict[str, list[str]] = defaultdict(list)
    for path in list_sources("mailer", "tests"):
        relative, module = path.relative_to(ROOT), get_module_name(path)
        by_folder[relative.parent.as_posix()] += [
            f"{relative}:{line} {name}"
            for name, line in list_variables(path)
            if name in FORBIDDEN_VARIABLES and f"{module} {name}" not in EXCEPTIONS
        ]
    return by_folder


def _starts_with_verb(function: Function) -> bool:
    first = function.words[0]
    return first in PREDICATES or (first in VERBS and first not in FILLERS)


def test_public_functions_are_named_verb_and_object() -> None:
    misnamed = [
        function.qualified_name
        for function in _list_package_functions()
        if function.is_public
        and not function.is_property
        and function.name not in CONVENTIONAL_METHODS
        and function.qualified_name not in EXCEPTIONS
        and (len(function.words) < 2 or not _starts_with_verb(function))
    ]
    assert not misnamed, "not verb + object (verbs are in tests/unit/verbs.txt)"


def test_few_functions_have_one_word_names() -> None:
    counts = Counter(len(function.words) == 1 for function in _list_package_functions())
    assert counts[True] / counts.total() < MAX_ONE_WORD_SHARE, counts


def test_class_names_are_unique_in_the_package() -> None:
    modules: dict[str, list[str]] = defaultdict(list)
    for path in list_sources("mailer"):
        for name in list_classes(path):
            modules[name].append(get_module_name(path))
    assert {name: where for name, where in modules.items() if len(where) > 1} == {}


@pytest.mark.parametrize("folder", ["mailer", "tests"])
def test_variables_are_named_after_their_values(folder: str) -> None:
    misnamed = [
        variable
        for variable_folder, variables in _list_forbidden_variables().items()
        if variable_folder.split("/")[0] == folder
        for variable in variables
    ]
    assert not misnamed, "\n".join(misnamed)


def test_test_functions_name_subject_and_behaviour() -> None:
    short = [
        function.qualified_name
        for path in list_sources("tests")
        for function in list_functions(path)
        if function.name.startswith("test_") and len(function.words) < 4
    ]
    assert short == []


def test_naming_exceptions_are_few_and_still_needed() -> None:
    names = {function.qualified_name for function in _list_package_functions()}
    names |= {
        f"{get_module_name(path)} {name}"
        for path in list_sources("mailer")
        for name, _ in list_variables(path)
    }
    assert len(EXCEPTIONS) <= MAX_EXCEPTIONS
    assert sorted(EXCEPTIONS.keys() - names) == []


def test_verb_list_holds_no_filler() -> None:
    assert not VERBS & (FILLERS | PREDICATES)
