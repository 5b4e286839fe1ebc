"""What a gate promises, in every framework under real servers: two workers are one gate."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from keystile import KeyRecord, mint, new_key_id
from keystile._core import Writer
from tests.processes.web_servers import (
    GRANIAN,
    GRANIAN_ASGI,
    GUNICORN,
    GUNICORN_ASGI,
    UVICORN,
    Server,
    one_for_each_worker,
    running,
)
from tests.unit.gates import UNLIMITED, counted_gate

BURST = 20
# One token a minute: none comes back while this runs. And two a second, of which there is never more than one.
TIERS = [("Slow", 1, BURST), ("Hasty", 120, 1), UNLIMITED]

CASES = [
    ("fastapi", UVICORN),
    ("fastapi", GRANIAN_ASGI),
    ("starlette", GUNICORN_ASGI),
    ("litestar", UVICORN),
    ("django-asgi", GRANIAN_ASGI),
    ("django-wsgi", GUNICORN),
    ("flask", GUNICORN),
    ("flask", GRANIAN),
]


class Keys:
    """Keys of one gate, by what they are for."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._ids: dict[str, str] = {}

    def new(self, tier: str, scope: str = "PSA") -> str:
        """A new key's secret."""
        secret = mint()
        self._ids[secret] = new_key_id()
        self._put(secret, scopes=[scope], tier=tier)
        return secret

    def revoke(self, secret: str) -> None:
        self._put(secret, scopes=["PSA"], tier="Unlimited", revoked=True)

    def counts(self) -> dict[str, tuple[int, int, int]]:
        """Requests, client errors and server errors of each secret."""
        found = {counts[0]: counts[1:4] for counts in self._writer.drain()}
        return {secret: found[key_id] for secret, key_id in self._ids.items() if key_id in found}

    def _put(self, secret: str, **more: object) -> None:
        digest = self._writer.gate().digest(secret)
        self._writer.put(KeyRecord(self._ids[secret], digest, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(("framework", "server"), CASES, ids=[f"{name}-{server.name}" for name, server in CASES])
def test_two_workers_are_one_gate(tmp_path: Path, framework: str, server: Server) -> None:
    writer = counted_gate(tmp_path, TIERS)
    keys = Keys(writer)
    with running(server, framework, tmp_path, tmp_path / "counted") as url:
        clients = one_for_each_worker(url, keys.new("Unlimited"))
        hasty = keys.new("Hasty")
        refused = told_to_wait(clients, hasty)
        refusals(clients, keys)
        one_limit(clients, keys.new("Slow"))
        final_statuses(clients, keys)
        time.sleep(max(0.0, refused - time.monotonic()))
        assert ask(next(iter(clients.values())), hasty).status_code == 200
        for client in clients.values():
            client.close()
    writer.close()


def ask(client: httpx.Client, secret: str | None, path: str = "/tickets") -> httpx.Response:
    """The answer, which explains itself."""
    answer = client.get(path, headers={} if secret is None else {"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 500 or "ratelimit" in answer.headers
    return answer


def told_to_wait(clients: dict[str, httpx.Client], secret: str) -> float:
    """Spend the one token in one worker; until when the other says to wait."""
    first, second = clients.values()
    assert ask(first, secret).status_code == 200
    answer = ask(second, secret)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    return time.monotonic() + int(answer.headers["retry-after"])


def refusals(clients: dict[str, httpx.Client], keys: Keys) -> None:
    """401 and 403, twice a header, and a revocation that both workers know at once."""
    good, other = keys.new("Unlimited"), keys.new("Unlimited", scope="CRM")
    twice = [("Authorization", f"Bearer {good}")] * 2
    for client in clients.values():
        assert [ask(client, secret).status_code for secret in (None, mint(), other, good)] == [401, 401, 403, 200]
        assert client.get("/tickets", headers=twice).status_code in {400, 401}
    keys.revoke(good)
    codes = [ask(client, good).json()["code"] for client in clients.values()]
    assert codes == ["revoked_key"] * 2


def one_limit(clients: dict[str, httpx.Client], secret: str) -> None:
    """Both at once admit together what one would."""

    def ask_often(client: httpx.Client) -> list[tuple[str, int]]:
        answers = [ask(client, secret) for _ in range(BURST)]
        return [(answer.headers["x-worker"], answer.status_code) for answer in answers]

    with ThreadPoolExecutor(2) as pool:
        answered = [one for many in pool.map(ask_often, clients.values()) for one in many]
    assert Counter(status for _, status in answered) == {200: BURST, 429: BURST}
    assert {worker for worker, _ in answered} == set(clients)


def final_statuses(clients: dict[str, httpx.Client], keys: Keys) -> None:
    """What the application answers is what counts."""
    secret = keys.new("Unlimited")
    for client in clients.values():
        statuses = [ask(client, secret, path).status_code for path in ("/tickets", "/missing", "/fail")]
        assert statuses == [200, 404, 500]
    assert keys.counts()[secret] == (6, 2, 2)
