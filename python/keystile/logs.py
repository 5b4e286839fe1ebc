"""Log lines of everything that runs for long: to stderr, one line each, without secrets."""

from __future__ import annotations

import logging

from keystile.safe_text import safe, without_secrets


class _OneLine(logging.Formatter):
    """Escapes what an attacker could put into a message to forge a line or drive a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name that logging calls
        record.message = without_secrets(safe(record.message))
        return super().formatMessage(record)


def log_to_stderr(level: str) -> None:
    """Log from `level` upwards: debug, info, warning or error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # httpx logs each request, which here is only our own waiting for the Hub.
    logging.getLogger("httpx").setLevel(logging.WARNING)
