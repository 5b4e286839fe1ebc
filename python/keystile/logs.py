"""Log lines of everything that runs for long: to stderr, one line each, without secrets."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from keystile.safe_text import safe, without_secrets

REQUEST_ID: ContextVar[str | None] = ContextVar("keystile_request_id", default=None)
"""The id of the request that is being answered, for every line that is logged meanwhile."""

Format = Literal["text", "json"]


class _Safe(logging.Formatter):
    """Takes secrets out of what is logged, and escapes what could forge a line or drive a terminal."""

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name that logging calls
        text = super().formatException(ei)  # type: ignore[arg-type] # whatever logging gives
        return "\n".join(without_secrets(safe(line)) for line in text.split("\n"))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - the name that logging calls
        return "\n".join(without_secrets(safe(line)) for line in stack_info.split("\n"))


class _Text(_Safe):
    """A line for people."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name that logging calls
        record.message = without_secrets(safe(record.message))
        line = super().formatMessage(record)
        request_id = _request_id()
        return line if request_id is None else f"{line} (request {request_id})"


class _Json(_Safe):
    """A line for programs: one JSON object."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_secrets(safe(record.getMessage())),
            "process": self._process,
            "pid": record.process,
        }
        request_id = _request_id()
        if request_id is not None:
            fields["request_id"] = request_id
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = self.formatStack(record.stack_info)
        return json.dumps(fields)


def _request_id() -> str | None:
    """The client may have chosen it, and nothing keeps it from choosing its key."""
    request_id = REQUEST_ID.get()
    return None if request_id is None else without_secrets(request_id)


def log_to_stderr(level: str, form: Format, process: str) -> None:
    """Log from `level` (debug, info, warning or error) upwards; `process` says which part of Keystile this is."""
    handler = logging.StreamHandler()
    text = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    handler.setFormatter(_Json(process) if form == "json" else _Text(text))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # httpx logs each request, which here is only our own waiting for the Hub.
    logging.getLogger("httpx").setLevel(logging.WARNING)
