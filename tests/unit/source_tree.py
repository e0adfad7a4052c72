"""Python sources as the tests of names and of prose read them: functions, classes, variables."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """A function or method; `qualified_name` is `package.module.Class.name`."""

    qualified_name: str
    node: FunctionNode
    owner: ast.ClassDef | None
    is_nested: bool

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def words(self) -> list[str]:
        return [word for word in self.name.split("_") if word]

    @property
    def is_dunder(self) -> bool:
        return self.name.startswith("__") and self.name.endswith("__")

    @property
    def is_property(self) -> bool:
        decorators = [ast.unparse(decorator) for decorator in self.node.decorator_list]
        return any(
            "property" in decorator or decorator.endswith((".setter", ".deleter"))
            for decorator in decorators
        )

    @property
    def is_public(self) -> bool:
        """Check that other modules may call it: no part of its name starts with an underscore."""
        parts = self.qualified_name.split(".")
        return not self.is_nested and not any(part.startswith("_") for part in parts)


def list_sources(*folders: str) -> list[Path]:
    """Return every Python file below the folders, given from the project's root."""
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    )


@cache
def parse_source(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def get_module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


@cache
def list_functions(path: Path) -> list[Function]:
    return [*_walk_functions(parse_source(path), get_module_name(path), None, is_nested=False)]


def list_classes(path: Path) -> list[str]:
    """Return the names of a module's classes, without classes inside functions or classes."""
    return [node.name for node in parse_source(path).body if isinstance(node, ast.ClassDef)]


@cache
def list_variables(path: Path) -> list[tuple[str, int]]:
    """Return each name that a module binds, with its line: variables, parameters, fields, imports
    under another name. The loop variable of a comprehension is left out."""
    return sorted(set(_walk_bindings(parse_source(path))), key=lambda binding: binding[1])


def _walk_functions(
    node: ast.AST, prefix: str, owner: ast.ClassDef | None, *, is_nested: bool
) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FunctionNode):
            name = f"{prefix}.{child.name}"
            yield Function(name, child, owner, is_nested)
            yield from _walk_functions(child, name, None, is_nested=True)
        elif isinstance(child, ast.ClassDef):
            yield from _walk_functions(child, f"{prefix}.{child.name}", child, is_nested=is_nested)
        else:
            yield from _walk_functions(child, prefix, owner, is_nested=is_nested)


def _walk_bindings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname, node.lineno
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name, node.lineno
        if isinstance(node, ast.comprehension):
            waiting += [node.iter, *node.ifs]
        else:
            waiting += ast.iter_child_nodes(node)
