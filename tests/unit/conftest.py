"""Unit tests that open a database or start a process fail."""

import sqlite3
import subprocess
from typing import Any, NoReturn

import psycopg
import pytest


@pytest.fixture(autouse=True)
def _no_database_and_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_call(*_: Any, **__: Any) -> NoReturn:
        pytest.fail("unit tests have no database and no process: move it to tests/integration")

    monkeypatch.setattr(subprocess, "Popen", refuse_call)
    monkeypatch.setattr(sqlite3, "connect", refuse_call)
    monkeypatch.setattr(psycopg, "connect", refuse_call)
