"""The structured log on stderr: one JSON object per line, or coloured text on a terminal."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

Log = structlog.typing.FilteringBoundLogger


def create_logger(stream: TextIO | None = None, **context: Any) -> Log:
    """Create a logger that adds `context` to every line. Never log addresses or secrets."""
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
    """Put time, level and event first, so that people can read the lines."""
    names = [name for name in ("timestamp", "level", "event") if name in event]
    return {name: event[name] for name in dict.fromkeys((*names, *event))}
