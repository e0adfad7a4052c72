"""The files of backups: written whole or not at all, and private."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailer.errors import ConfigError, InputError, NextStep, Refused
from mailer.store import Store


def check_target(store: Store, target: Path, *, replaces: bool) -> None:
    """Check that a backup may be written to a file. Raises InputError."""
    database = store.engine.url.database or ""
    if store.engine.dialect.name == "sqlite" and Path(database).resolve() == target.resolve():
        raise InputError("this is the database itself", where=str(target), field="file")
    if target.is_dir() or (target.exists() and not target.is_file()):
        raise InputError("this is not a regular file", where=str(target), field="file")
    if target.exists() and not replaces:
        raise InputError(
            "there is a file already", where=str(target), hint="name another one, or replace it"
        )


def check_source(source: Path) -> None:
    """Check that a backup can be read from a file. Raises InputError."""
    if not source.is_file():
        problem = "this is not a regular file" if source.exists() else "there is no such file"
        raise InputError(problem, where=str(source), field="file")


@contextmanager
def create_whole_file(target: Path) -> Iterator[Path]:
    """Yield the path of a new file with mode 0600 in the folder of `target`. If the block succeeds,
    the file is flushed to the disk and renamed to `target`; otherwise it is removed. Raises
    ConfigError."""
    new_file = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield new_file
        _flush(new_file)
        new_file.replace(target)
        _flush(target.resolve().parent)
    except OSError as error:
        raise ConfigError(
            f"the backup can't be written ({error.strerror or error})", where=str(target)
        ) from error
    finally:
        new_file.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def build_not_empty_error(store: Store, source: Path) -> Refused:
    return Refused(
        "the database is not empty, and a restoration would replace it",
        where=store.display_url,
        next_steps=[NextStep("replace_database", file=str(source))],
    )
