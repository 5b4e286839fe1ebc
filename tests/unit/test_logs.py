"""Log lines: one line each, and never a secret."""

from __future__ import annotations

import logging

import pytest

from keystile import mint
from keystile.logs import log_to_stderr


def test_a_log_line_shows_no_secret_and_forges_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    secret = mint()
    try:
        log_to_stderr("info")
        logging.getLogger("keystile.test").info("asked with %s\nERROR forged \x1b[31m", secret)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    line = capsys.readouterr().err
    assert secret not in line
    assert line.count("\n") == 1
    assert "\x1b" not in line
