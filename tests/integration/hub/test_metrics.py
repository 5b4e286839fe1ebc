"""`/metrics` of a whole Hub: what was done is what is told, whichever worker is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from world import World, lifespan

from keystile import Gate, mint
from keystile.hub import metrics
from keystile.hub.app import create_app
from keystile.settings import segment_path

Eventually = Callable[..., Awaitable[None]]
Told = dict[tuple[str, str], float]


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be kept, as each test looks at what it has done itself."""
    monkeypatch.setattr(metrics, "KEPT_S", 0.0)


async def told(client: httpx.AsyncClient) -> Told:
    """Each sample by its name and its one label, if it has any."""
    text = (await client.get("/metrics")).text
    families = text_string_to_metric_families(text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}  # type: ignore[misc]


async def test_what_was_decided_is_told(world: World, eventually: Eventually) -> None:
    _, secret = await world.issue(scopes=["PSA"])
    before = await told(world.client)
    codes = [await world.decide(secret), await world.decide(secret), await world.decide(secret, "CRM")]
    codes += [await world.decide(mint()), await world.decide("nonsense")]
    verdict = await world.client.post("/v1/verify", json={"key": secret})
    assert verdict.json()["allowed"]
    expected = {"ok": 3, "insufficient_scope": 1, "unknown_key": 1, "malformed_key": 1}
    assert [code for _, code in codes] == ["ok", "ok", "insufficient_scope", "unknown_key", "malformed_key"]

    async def all_told() -> bool:
        now = await told(world.client)
        grown = {key[1]: now[key] - before[key] for key in now if key[0] == "keystile_decisions_total"}
        # The Hub's own key asks for nothing here: /metrics is open.
        return {code: number for code, number in grown.items() if number} == expected

    await eventually(all_told)


async def test_the_state_of_gate_and_agent_is_told(world: World, eventually: Eventually) -> None:
    async def flushed() -> bool:
        return ("keystile_flush_lag_seconds",) in await told(world.client)

    await eventually(flushed)
    now = await told(world.client)
    value = {name: number for (name, *labels), number in now.items() if not labels}
    assert value["keystile_gate_fresh"] == 1
    assert value["keystile_keys"] >= 1
    assert value["keystile_segment_capacity"] == 10_000
    assert value["keystile_applied_revision"] >= 1
    assert value["keystile_segment_memory_bytes"] >= 500_000
    assert value["keystile_segment_filesystem_available_bytes"] > 0
    for name in ("feed_lag", "flush_lag", "agent_heartbeat_age"):
        assert 0 <= value[f"keystile_{name}_seconds"] < 60


async def test_any_worker_tells_of_all_of_them(world: World) -> None:
    settings = world.settings
    app = create_app(settings, Gate.attach(segment_path(settings)), place=1)
    headers = {"Authorization": f"Bearer {world.secret}"}
    async with (
        lifespan(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hub", headers=headers) as other,
    ):
        one, two = await told(world.client), await told(other)
        assert one[("keystile_hub_workers",)] == two[("keystile_hub_workers",)] == 2
        assert two[("keystile_hub_database_connections_max",)] == 16
        connections = (
            two[("keystile_hub_database_connections", "idle")] + two[("keystile_hub_database_connections", "used")]
        )
        assert 2 <= connections <= 16
        for client in (world.client, other, other):
            assert (await client.get("/v1/scopes")).status_code == 200
            assert (await client.get("/nothing")).status_code == 404
            # Asked of either, both tell.
            await told(client)
        for client in (world.client, other):
            now = await told(client)
            assert now[("keystile_hub_requests_total", "4xx")] - two[("keystile_hub_requests_total", "4xx")] == 3
            assert now[("keystile_hub_requests_total", "2xx")] - two[("keystile_hub_requests_total", "2xx")] >= 6


async def test_for_a_moment_the_same_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "KEPT_S", 3_600.0)
    first = (await world.client.get("/metrics")).text
    assert "keystile_feed_lag_seconds " in first
    assert (await world.client.get("/metrics")).text == first
    monkeypatch.setattr(metrics, "KEPT_S", 0.0)
    assert (await world.client.get("/metrics")).text != first
