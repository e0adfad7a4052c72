"""A process that has imported the command line, and forks for each command.

Importing takes most of the time of a command, and the acceptance tests run some hundred and fifty.
Each command still runs in a process of its own, with its own words, folder, environment, output and
exit code.

Run as a program it reads one request a line on stdin, as JSON, and answers with the exit code.
"""

import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import time
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO, Any

import mailer
from mailer.cli.command_groups import LazyCommand
from mailer.cli.commands import COMMANDS
from tests.acceptance import moved_clock


class CommandForker:
    """A forking process that lasts for a test session. It serves one thread at a time."""

    def __init__(self, env: dict[str, str]) -> None:
        self._process = Popen(
            [sys.executable, "-W", "error", "-m", "tests.acceptance.forking"],
            cwd=Path(__file__).parents[2],
            env=env,
            stdin=PIPE,
            stdout=PIPE,
            text=True,
        )

    def run(self, words: list[str], folder: Path, env: dict[str, str], out: Path, err: Path) -> int:
        """Run ``mailer WORDS``, write its output to the two files, and return its exit code."""
        request = {"words": words, "cwd": str(folder), "env": env, "out": str(out), "err": str(err)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


def _set_up_process(request: dict[str, Any]) -> None:
    """Turn this process into the command of a request."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    for number, name in ((0, os.devnull), (1, request["out"]), (2, request["err"])):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        file = os.open(name, flags, 0o600)
        os.dup2(file, number)
        os.close(file)
    if moved_clock.ENVIRONMENT_NAME in os.environ:
        moved_clock.use_moved_clock(Path(os.environ[moved_clock.ENVIRONMENT_NAME]))
    sys.argv = ["mailer", *request["words"]]
    signal.alarm(120)


def _run_command() -> int:
    from mailer.cli import main

    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    else:
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _load_everything() -> None:
    """Import the whole package, also what commands import when they need it, and let Typer build
    the commands' parsers once: that is nine tenths of a short command."""
    for module in pkgutil.walk_packages(mailer.__path__, "mailer."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            importlib.import_module(module.name)
    from typer import main as typer_main

    typer_main.get_command = functools.cache(typer_main.get_command)
    typer_main.get_command(importlib.import_module("mailer.cli").app)
    commands = {entry.target: LazyCommand(entry).load_command() for entry in COMMANDS}

    def load_once(command: LazyCommand) -> Any:
        return commands[command.target]

    LazyCommand.load_command = load_once  # type: ignore[assignment,method-assign]
    gc.collect()
    gc.freeze()  # its pages stay shared


def serve_requests(requests: IO[str], answers: IO[str]) -> None:
    _load_everything()
    for line in requests:
        child = os.fork()
        if child == 0:
            _set_up_process(json.loads(line))
            os._exit(_run_command())
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


if __name__ == "__main__":
    serve_requests(sys.stdin, sys.stdout)
