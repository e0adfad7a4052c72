"""Columns of tables and keys of JSON are named by words of the field."""

import ast
from pathlib import Path

import mailer.cli
from mailer.model.editions import ChangeNote, EditionEvent
from mailer.model.embargoes import EmbargoEvent
from mailer.model.releases import Kill
from mailer.store.schema import metadata

CLI = Path(mailer.cli.__file__).parent
QUESTION_WORDS = frozenset({"named", "what", "when", "who", "who_key", "why"})


def list_keys(path: Path) -> set[str]:
    """Return the keys of all dictionaries that a module writes out, and those it sets."""
    keys: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        literals: list[ast.expr | None] = []
        if isinstance(node, ast.Dict):
            literals = list(node.keys)
        elif isinstance(node, ast.Subscript):
            literals = [node.slice]
        keys |= {
            literal.value
            for literal in literals
            if isinstance(literal, ast.Constant) and isinstance(literal.value, str)
        }
    return keys


def test_command_output_has_no_question_word_as_a_key() -> None:
    keys_by_file = {
        str(path.relative_to(CLI)): keys & QUESTION_WORDS
        for path in CLI.rglob("*.py")
        if (keys := list_keys(path))
    }
    assert {file: keys for file, keys in keys_by_file.items() if keys} == {}
    assert len(keys_by_file) > 20


def test_printed_records_have_no_question_word_as_a_field() -> None:
    for record in (ChangeNote, EditionEvent, EmbargoEvent, Kill):
        assert set(record.__dataclass_fields__) & QUESTION_WORDS == set()


def test_database_columns_have_no_question_word_as_a_name() -> None:
    columns = {column.name for table in metadata.tables.values() for column in table.columns}
    assert columns & QUESTION_WORDS == set()
    assert "event_type" in columns
