"""The Django middleware and its decorator, with every kind of view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.test import override_settings

import tests.integration.frameworks.django_project  # noqa: F401  configures Django
from keystile import Gate
from tests.integration.frameworks.calling import Call, asgi, bearer, wsgi
from tests.unit.gates import private_gate, put_key

KINDS: dict[str, Any] = {"wsgi": (wsgi, get_wsgi_application), "asgi": (asgi, get_asgi_application)}
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return private_gate(tmp_path)


def served(kind: str, **settings: Any) -> Call:
    """The project with these settings, under that kind of server."""
    calls, application = KINDS[kind]
    with override_settings(**settings):
        call: Call = calls(application())
        return call


@kinds
@pytest.mark.parametrize("path", ["/tickets", "/tickets-async", "/class", "/class-async", "/stream"])
async def test_every_kind_of_view_is_guarded(gate: Gate, kind: str, path: str) -> None:
    call, (_, secret), (_, other) = served(kind, KEYSTILE_GATE=gate), put_key(gate), put_key(gate, scopes=["CRM"])
    answers = [await call(path, headers) for headers in (bearer(secret), bearer(other), [])]
    assert [answer.status for answer in answers] == [200, 403, 401]
    assert [answer.headers["ratelimit"].partition(";")[0] for answer in answers] == [
        '"standard"',
        '"standard"',
        '"unauthenticated"',
    ]


@kinds
async def test_a_view_that_says_nothing_is_open_unless_the_setting_says_otherwise(gate: Gate, kind: str) -> None:
    _, secret = put_key(gate, scopes=["CRM"])
    plain, guarded = served(kind, KEYSTILE_GATE=gate), served(kind, KEYSTILE_GATE=gate, KEYSTILE_SCOPE="CRM")
    assert (await plain("/plain", [])).status == 200
    assert (await guarded("/plain", [])).status == 401
    passed = await guarded("/plain", bearer(secret))
    assert (passed.status, passed.headers["x-ratelimit-limit"]) == (200, "60")
    assert (await guarded("/health", [])).status == 200
    assert (await guarded("/tickets", bearer(secret))).status == 403


@kinds
async def test_a_post_with_a_key_needs_no_csrf_token(gate: Gate, kind: str) -> None:
    call, (_, secret) = served(kind, KEYSTILE_GATE=gate), put_key(gate)
    assert (await call("/tickets", bearer(secret), method="POST")).status == 200
    assert (await call("/tickets", [], method="POST")).status == 401
    assert (await call("/plain", bearer(secret), method="POST")).status == 403


@kinds
async def test_a_guarded_view_is_closed_while_the_middleware_is_missing(gate: Gate, kind: str) -> None:
    _, secret = put_key(gate)
    assert (await served(kind, MIDDLEWARE=[])("/tickets", bearer(secret))).status == 500


@kinds
async def test_a_preflight_gives_nothing_away(gate: Gate, kind: str) -> None:
    preflight = [("access-control-request-method", "GET")]
    call = served(kind, KEYSTILE_GATE=gate, KEYSTILE_SCOPE="CRM")
    for path in ("/tickets", "/plain"):
        assert (await call(path, preflight, method="OPTIONS")).status == 401


@kinds
async def test_settings_name_the_segment_and_the_proxies(gate: Gate, kind: str, tmp_path: Path) -> None:
    _, secret = put_key(gate)
    call = served(kind, KEYSTILE_SEGMENT=gate.path, KEYSTILE_TRUSTED_PROXIES=["203.0.113.0/24"])
    assert (await call("/tickets", bearer(secret))).status == 200
    forged = [[("x-forwarded-for", f"198.51.100.{number}")] for number in range(110)]
    statuses = {(await call("/tickets", headers, peer="203.0.113.9")).status for headers in forged}
    assert statuses == {401}
    absent = await served(kind, KEYSTILE_SEGMENT=tmp_path / "none")("/tickets", bearer(secret))
    assert (absent.status, absent.headers["retry-after"]) == (503, "1")
