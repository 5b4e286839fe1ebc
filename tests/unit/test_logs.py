"""Log lines: one line each in either form, and never a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from keystile import mint
from keystile.logs import REQUEST_ID, Format, log_to_stderr

logger = logging.getLogger("keystile.test")


@contextmanager
def logging_in(form: Format) -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        log_to_stderr("info", form, "worker")
        yield
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def in_message(secret: str) -> None:
    logger.info("asked with %s\nERROR forged \x1b[31m", secret)


def fail(secret: str) -> None:
    try:
        {}[secret]
    except KeyError as error:
        raise ValueError(f"bad secret {secret}") from error


def in_exception(secret: str) -> None:
    try:
        fail(secret)
    except ValueError:
        logger.exception("the request failed")


def in_stack(secret: str) -> None:
    logger.info("asked with %s", [secret], stack_info=True)


def in_request_id(secret: str) -> None:
    told = REQUEST_ID.set(secret)
    try:
        logger.info("asked")
    finally:
        REQUEST_ID.reset(told)


WAYS = [in_message, in_exception, in_stack, in_request_id]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_logged_shows_no_secret(
    way: Callable[[str], None], form: Format, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = mint()
    with logging_in(form):
        way(secret)
    shown = capsys.readouterr().err
    assert "(secret)" in shown
    assert secret not in shown
    assert secret[4:] not in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_message_forges_no_line(form: Format, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_in(form):
        in_message(mint())
    assert capsys.readouterr().err.count("\n") == 1


def test_without_the_filter_it_would_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    """The paired test: what pytest keeps has gone through no filter of ours."""
    secret = mint()
    for way in (in_message, in_exception):
        way(secret)
    assert caplog.text.count(secret) >= 2


def test_a_line_of_text_ends_with_its_request(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_in("text"):
        in_request_id("7705813614ab-14")
        logger.warning("later")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("INFO    keystile.test: asked (request 7705813614ab-14)")
    assert second.endswith("WARNING keystile.test: later")


def test_a_line_of_json_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_in("json"):
        in_request_id("7705813614ab-14")
        in_exception(mint())
        logger.info("Grüße \u202e %d %%", 5)
        logging.getLogger("a.library").warning("of another")
    first, failed, odd, other = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert list(first) == ["time", "level", "logger", "message", "process", "pid", "request_id"]
    assert {**first, "time": 0, "pid": 0} == {
        "time": 0,
        "level": "info",
        "logger": "keystile.test",
        "message": "asked",
        "process": "worker",
        "pid": 0,
        "request_id": "7705813614ab-14",
    }
    assert first["time"].endswith("+00:00")
    assert failed["message"] == "the request failed"
    assert failed["exception"].startswith("Traceback (most recent call last):\n")
    assert "request_id" not in failed
    assert odd["message"] == "Grüße \\u202e 5 %"
    assert other["logger"] == "a.library"
