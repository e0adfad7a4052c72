"""Only verbs write: a command, a page or a job of the worker calls the verb, which holds the rule.

A method of a store writes unless its name begins with a word of :data:`READING_WORDS`; another test
holds the stores to these names.
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.unit.source_tree import (
    ROOT,
    FunctionNode,
    get_module_name,
    list_functions,
    list_sources,
    parse_source,
)

READING_WORDS = {
    "build", "check", "count", "describe", "explain", "fetch", "find", "get", "has", "is",
    "iterate", "list", "load", "needs", "read", "sample", "was",
}  # fmt: skip
"""First words of methods that only read."""

LOCKING_WORDS = {"lock"}
"""First words of methods that change no row: a caller may lock what it then passes to a verb."""

WRITING_CALLS = {"insert", "update", "delete", "build_upsert"}
"""SQLAlchemy's statements that write, and our own."""

DELIVERING = {"delivery", "store"}
"""Packages above the nouns that write: the ledger of deliveries, and the stores themselves."""


def _list_stores() -> set[str]:
    """Return the names of the stores of a transaction."""
    tree = parse_source(ROOT / "mailer/store/transaction.py")
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns).strip("'\"").endswith("Store")
    }


def _list_layers() -> list[list[str]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    return [layer.split(" | ") for layer in contract["layers"]]


def _list_layers_above_nouns() -> list[str]:
    """Return the packages and modules above the nouns that may write nothing themselves."""
    layers = _list_layers()
    position = next(number for number, layer in enumerate(layers) if "sources" in layer)
    return [name for layer in layers[:position] for name in layer if name not in DELIVERING]


def _list_files(names: list[str]) -> list[Path]:
    files = [path for name in names for path in list_sources(f"mailer/{name}")]
    modules = [ROOT / f"mailer/{name}.py" for name in names]
    return files + [path for path in modules if path.is_file()]


def _is_store(node: ast.AST, stores: set[str]) -> bool:
    """Check whether an expression is a store of a transaction, such as `tx.editions`."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in stores
        and isinstance(node.value, ast.Name)
        and node.value.id.endswith("tx")
    )


def _is_write(method: str) -> bool:
    return method.split("_")[0] not in READING_WORDS | LOCKING_WORDS


def _find_writes(tree: ast.AST, stores: set[str]) -> Iterator[tuple[int, str]]:
    """Yield (line, code) of each use of a writing method, each store under another name, and each
    use of the connection itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_store(node.value, stores):
            if _is_write(node.attr):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            if node.value is not None and _is_store(node.value, stores):
                yield node.lineno, ast.unparse(node)
        elif (
            isinstance(node, ast.Attribute)
            and node.attr == "connection"
            and isinstance(node.value, ast.Name)
            and node.value.id.endswith("tx")
        ):
            yield node.lineno, ast.unparse(node)


def test_store_writes_are_found_in_code() -> None:
    code = """
tx.editions.find_edition(1)
tx.editions.set_state(edition)
write = tx.schedules.attach_edition
store = tx.outbox
read_tx.outbox.claim_deliveries(1)
tx.connection.exec_driver_sql("DELETE FROM edition")
embargoes.find_embargoed(tx.embargoes, now)
editions.set_state(tx, actor, edition)
"""
    lines = sorted({line for line, _ in _find_writes(ast.parse(code), _list_stores())})
    assert lines == [3, 4, 5, 6, 7]


def test_code_above_the_nouns_writes_only_through_verbs() -> None:
    stores, files = _list_stores(), _list_files(_list_layers_above_nouns())
    assert {"editions", "outbox", "leases", "retention"} <= stores
    assert {"cli", "web", "worker", "app", "demo"} <= {
        path.relative_to(ROOT / "mailer").parts[0] for path in files
    }
    writes = [
        f"{path.relative_to(ROOT)}:{line} {code}"
        for path in files
        for line, code in _find_writes(parse_source(path), stores)
    ]
    assert writes == [], "write a verb beside the noun, and call that"


def test_store_methods_with_reading_names_write_nothing() -> None:
    misnamed = [
        function.qualified_name
        for path in list_sources("mailer/store")
        if "migrations" not in path.parts
        for function in list_functions(path)
        if function.is_public
        and function.owner is not None
        and function.words[0] in READING_WORDS
        and WRITING_CALLS & set(_list_called_names(function.node))
    ]
    assert misnamed == []


def _list_called_names(node: FunctionNode) -> Iterator[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name):
            yield child.func.id


def test_writing_verbs_take_transaction_then_actor() -> None:
    stores = _list_stores()
    layers = _list_layers()
    start = next(number for number, layer in enumerate(layers) if "sources" in layer)
    end = next(number for number, layer in enumerate(layers) if "model" in layer)
    files = _list_files([name for layer in layers[start:end] for name in layer])
    writing_verbs = [
        function
        for path in files
        for function in list_functions(path)
        if function.is_public
        and function.owner is None
        and any(_find_writes(function.node, stores))
    ]
    assert len(writing_verbs) > 60
    assert [
        function.qualified_name
        for function in writing_verbs
        if [argument.arg for argument in function.node.args.args[:2]] != ["tx", "actor"]
    ] == []


def test_layers_name_every_module_of_verbs() -> None:
    names = {name for layer in _list_layers() for name in layer}
    modules = {get_module_name(path).split(".")[1] for path in list_sources("mailer")[1:]}
    assert modules <= names | {"__init__"}
