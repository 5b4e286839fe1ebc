"""Log lines of the long-running commands: to stderr, one line each."""

from __future__ import annotations

import logging

from keystile.cli.output import safe


class _OneLine(logging.Formatter):
    """Escapes what an attacker could put into a message to forge a line or drive a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name that logging calls
        record.message = safe(record.message)
        return super().formatMessage(record)


def log_to_stderr(level: str) -> None:
    """Log from `level` upwards: debug, info, warning or error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # httpx logs each request, which here is only our own waiting for the Hub.
    logging.getLogger("httpx").setLevel(logging.WARNING)
