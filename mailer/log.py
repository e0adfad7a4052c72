"""Structured lines on stderr: JSON, one object a line, or for people on a terminal."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

Log = structlog.typing.FilteringBoundLogger


def create_logger(stream: TextIO | None = None, **context: Any) -> Log:
    """A logger whose lines all hold `context`. Addresses and secrets are never given to it."""
    output = stream or sys.stderr
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=True)
        if output.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(output),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _order_fields,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        **context,
    )
    return log


def _order_fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """What and when first, for whoever reads the lines."""
    names = [name for name in ("timestamp", "level", "event") if name in event]
    return {name: event[name] for name in dict.fromkeys((*names, *event))}
