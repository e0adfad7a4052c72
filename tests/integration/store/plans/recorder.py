"""Read the plan of every statement that the program runs, at the moment at which it runs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from sqlalchemy import Connection, Engine, event

from mailer.store.prepared_statements import PreparedInsert, PreparedStatement
from tests.integration.store.plans.plan_reading import Scan, read_postgresql_plan, read_sqlite_plan

_EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@dataclass(frozen=True)
class RecordedStatement:
    """A statement, the scans in its plan, and the plan as the database words it."""

    sql: str
    scans: tuple[Scan, ...]
    plan: str


@dataclass
class PlanRecorder:
    """Collects the statements of each action by its label; each distinct statement once."""

    statements: dict[str, dict[str, RecordedStatement]] = field(default_factory=dict)
    _label: str = ""

    @contextmanager
    def record(self, label: str) -> Iterator[None]:
        """Record the statements of all databases that the block uses, in all threads."""
        self._label = label
        self.statements.setdefault(label, {})
        run_one, run_many, insert_many = (
            PreparedStatement._execute_statement,
            PreparedStatement.run_many,
            PreparedInsert.run,
        )

        def execute(statement: PreparedStatement, db: Connection, values: Mapping[str, Any]) -> Any:
            self._note_prepared(statement, db, values)
            return run_one(statement, db, values)

        def execute_many(
            statement: PreparedStatement, db: Connection, rows: Sequence[Mapping[str, Any]]
        ) -> None:
            if rows:
                self._note_prepared(statement, db, rows[0])
            run_many(statement, db, rows)

        def insert_rows(
            statement: PreparedInsert, db: Connection, rows: Sequence[Sequence[Any]]
        ) -> None:
            if rows:
                names = statement._columns
                row = rows[0] if db.dialect.positional else dict(zip(names, rows[0], strict=True))
                self._note(db, statement._compile_for(db), row)
            insert_many(statement, db, rows)

        event.listen(Engine, "before_cursor_execute", self._note_execution)
        try:
            with (
                mock.patch.object(PreparedStatement, "_execute_statement", execute),
                mock.patch.object(PreparedStatement, "run_many", execute_many),
                mock.patch.object(PreparedInsert, "run", insert_rows),
            ):
                yield
        finally:
            event.remove(Engine, "before_cursor_execute", self._note_execution)

    def _note_execution(
        self, db: Connection, _cursor: Any, sql: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        self._note(db, sql, parameters[0] if many else parameters)

    def _note_prepared(
        self, statement: PreparedStatement, db: Connection, values: Mapping[str, Any]
    ) -> None:
        sql, parameter_order, fixed_values = statement._compile_for(db)
        all_values = {**fixed_values, **values}
        self._note(
            db,
            sql,
            tuple(all_values[name] for name in parameter_order) if parameter_order else all_values,
        )

    def _note(self, db: Connection, sql: str, parameters: Any) -> None:
        statements = self.statements[self._label]
        if sql in statements or not sql.lstrip().upper().startswith(_EXPLAINED):
            return
        cursor = db.connection.cursor()
        if db.dialect.name == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
            details = [str(row[3]) for row in cursor.fetchall()]
            statements[sql] = RecordedStatement(
                sql, tuple(read_sqlite_plan(sql, details)), "\n".join(details)
            )
        else:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
            plan = cursor.fetchall()[0][0][0]["Plan"]
            statements[sql] = RecordedStatement(
                sql, tuple(read_postgresql_plan(plan)), _format_plan(plan)
            )
        cursor.close()


def _format_plan(node: Mapping[str, Any], depth: int = 0) -> str:
    facts = [
        f"{name}: {node[name]}"
        for name in ("Relation Name", "Index Name", "Index Cond", "Filter", "Plan Rows")
        if name in node
    ]
    lines = [f"{'  ' * depth}{node['Node Type']} {'; '.join(facts)}"]
    lines += [_format_plan(child, depth + 1) for child in node.get("Plans", ())]
    return "\n".join(lines)
