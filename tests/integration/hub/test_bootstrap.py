"""The first start, every later one, and the sample data."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from world import World

from keystile import mint
from keystile.errors import SettingsError, StoreError
from keystile.hub.bootstrap import bootstrap
from keystile.hub.demo.products import samples
from keystile.hub.demo.seed import seed
from keystile.settings import ScopeSetting, Settings, TierSetting, pepper_bytes
from keystile.store import advice, findings
from keystile.store.pool import Connection


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a new data folder."""
    made = Settings(data=tmp_path)
    pepper_bytes(made, create=True)
    return made


async def keys_of(conn: Connection) -> list[str]:
    """The ids of all keys."""
    return [row["id"] for row in await conn.fetch("SELECT id FROM keys ORDER BY created_at, id")]


async def test_the_first_start_leaves_one_key(conn: Connection, settings: Settings) -> None:
    path = await bootstrap(conn, settings)
    assert path == settings.data / "operator.key"
    assert path.stat().st_mode & 0o777 == 0o600
    secret = path.read_text()
    assert secret.endswith("\n")
    row = await conn.fetchrow("SELECT * FROM keys")
    assert row is not None
    assert (row["name"], row["tenant"], row["tier"]) == ("Operator", "home", "Enterprise")
    assert row["scopes"] == [scope.name for scope in settings.scopes]
    assert row["start"] == secret[:8]
    assert [p.name for p in settings.data.iterdir() if p.name.startswith(".")] == []
    assert await bootstrap(conn, settings) == path
    assert path.read_text() == secret
    assert await keys_of(conn) == [row["id"]]


async def test_later_starts_keep_the_feed_quiet(conn: Connection, settings: Settings) -> None:
    await bootstrap(conn, settings)
    before = await conn.fetchval("SELECT rev FROM feed_clock")
    await bootstrap(conn, settings)
    assert await conn.fetchval("SELECT rev FROM feed_clock") == before


async def test_a_key_written_before_a_crash_is_adopted(conn: Connection, settings: Settings) -> None:
    path = settings.data / "operator.key"
    path.write_text(mint() + "\n")
    secret = path.read_text()
    assert await bootstrap(conn, settings) == path
    assert path.read_text() == secret
    assert await conn.fetchval("SELECT start FROM keys") == secret[:8]


async def test_a_lost_file_is_left_to_the_operator(conn: Connection, settings: Settings) -> None:
    path = await bootstrap(conn, settings)
    assert path is not None
    before = await keys_of(conn)
    path.unlink()
    assert await bootstrap(conn, settings) is None
    assert not path.exists()
    assert await keys_of(conn) == before


async def test_once_the_key_is_revoked_and_gone_a_new_one_is_made(conn: Connection, settings: Settings) -> None:
    path = await bootstrap(conn, settings)
    assert path is not None
    secret = path.read_text()
    await conn.execute("UPDATE keys SET revoked_at = now()")
    assert await bootstrap(conn, settings) == path
    assert path.read_text() == secret, "a revoked key in the file is the operator's to remove"
    assert len(await keys_of(conn)) == 1
    path.unlink()
    assert await bootstrap(conn, settings) == path
    assert path.read_text() != secret
    assert len(await keys_of(conn)) == 2


async def test_a_file_without_a_key_is_refused(conn: Connection, settings: Settings) -> None:
    (settings.data / "operator.key").write_text("hunter2\n")
    with pytest.raises(SettingsError, match="holds no key") as caught:
        await bootstrap(conn, settings)
    assert "hunter2" not in str(caught.value)
    assert await keys_of(conn) == []


async def test_the_first_key_gains_what_the_configuration_adds(conn: Connection, settings: Settings) -> None:
    await bootstrap(conn, settings)
    await conn.execute("UPDATE keys SET scopes = array_remove(scopes, 'Voice')")
    larger = msgspec.structs.replace(
        settings,
        scopes=(*settings.scopes, ScopeSetting(name="Fax", grants="faxes")),
        tiers=(*settings.tiers, TierSetting(name="Unlimited", rate=100_000, burst=100_000)),
    )
    await bootstrap(conn, larger)
    row = await conn.fetchrow("SELECT scopes, tier FROM keys")
    assert row is not None
    assert "Fax" in row["scopes"]
    assert "Voice" not in row["scopes"], "what was taken on purpose stays taken"
    assert row["tier"] == "Unlimited"
    audited = await conn.fetchval("SELECT detail FROM audit WHERE action = 'key.update' AND actor = 'bootstrap'")
    assert "Fax" in str(audited)
    rows = await conn.fetchval("SELECT count(*) FROM audit")
    await bootstrap(conn, larger)
    assert await conn.fetchval("SELECT count(*) FROM audit") == rows


async def test_a_tier_in_use_cannot_be_configured_away(conn: Connection, settings: Settings) -> None:
    await bootstrap(conn, settings)
    fewer = msgspec.structs.replace(settings, tiers=(TierSetting("Standard", 60, 100),))
    with pytest.raises(StoreError, match="Enterprise"):
        await bootstrap(conn, fewer)


async def test_sample_data_covers_the_catalogue_and_is_added_once(conn: Connection, settings: Settings) -> None:
    await bootstrap(conn, settings)
    await seed(conn, settings)
    rows = await conn.fetch(
        "SELECT *, key_status(revoked_at, disabled, expires_at) AS status FROM keys WHERE created_by = 'demo'"
    )
    assert all(row["name"].startswith("Demo: ") for row in rows)
    assert {row["status"] for row in rows} == {"active", "disabled", "expired", "revoked"}
    assert {row["tier"] for row in rows} == {tier.name for tier in settings.tiers}
    assert {scope for row in rows for scope in row["scopes"]} == {s.name for s in settings.scopes}
    assert any(row["rotated_at"] for row in rows)
    assert any(row["previous_secret_expires_at"] for row in rows)
    names = await conn.fetch("SELECT name FROM tenants WHERE NOT home")
    assert len(names) == 3
    assert all(row["name"].startswith("Demo: ") for row in names)
    before = await conn.fetchval("SELECT (SELECT count(*) FROM keys) + (SELECT sum(requests) FROM usage_daily)")
    await seed(conn, settings)
    after = await conn.fetchval("SELECT (SELECT count(*) FROM keys) + (SELECT sum(requests) FROM usage_daily)")
    assert after == before


async def test_sample_data_gives_something_to_advise_on(conn: Connection, settings: Settings) -> None:
    await bootstrap(conn, settings)
    await seed(conn, settings)
    assert await findings.look(conn, pause_s=0)
    items, _ = await advice.page(conn, "home")
    assert {item.kind for item in items if item.name.startswith("Demo: ")} >= {"old_secret", "no_expiry", "unused"}


async def test_sample_usage_adds_up(conn: Connection, settings: Settings) -> None:
    await bootstrap(conn, settings)
    await seed(conn, settings)
    wrong = await conn.fetch(
        """SELECT d.key_id FROM usage_daily d
           JOIN (SELECT key_id, (hour AT TIME ZONE 'UTC')::date AS date, sum(requests) AS requests
                 FROM usage_hourly GROUP BY 1, 2) h USING (key_id, date)
           WHERE d.date = utc_today() - 1 AND d.requests <> h.requests"""
    )
    assert wrong == []
    assert await conn.fetchval("SELECT count(*) FROM usage_daily WHERE requests < client_errors + server_errors") == 0
    assert await conn.fetchval("SELECT count(DISTINCT date) FROM usage_daily") == 30
    assert (
        await conn.fetchval(
            """SELECT count(*) FROM usage_totals t WHERE requests <
               (SELECT sum(requests) FROM usage_daily d WHERE d.key_id = t.key_id)"""
        )
        == 0
    )
    late = "SELECT count(*) FROM usage_totals WHERE last_used_at > now()"
    assert await conn.fetchval(late) == 0


async def test_sample_products_stand_behind_their_scopes(demo: World) -> None:
    assert len(samples()) == 10
    for path, sample in samples().items():
        _, secret = await demo.issue(scopes=[sample.scope])
        async with demo.client_of(secret) as client:
            answer = await client.get(path)
            assert answer.status_code == 200
            assert len(answer.json()["items"]) >= 2
            assert "x-ratelimit-limit" in answer.headers
            failed = await client.get(path, params={"fail": "503"})
            assert failed.status_code == 503
            for bad in ("399", "600", "abc", "", "4040", "٤٠٤"):
                assert (await client.get(path, params={"fail": bad})).status_code == 422
            assert (await client.post(path)).status_code == 405
        other = "CRM" if sample.scope != "CRM" else "PSA"
        _, wrong = await demo.issue(scopes=[other])
        async with demo.client_of(wrong) as client:
            assert (await client.get(path)).status_code == 403
        async with demo.client_of(None) as client:
            assert (await client.get(path)).status_code == 401
    assert (await demo.client.get("/api/nothing")).status_code == 404


async def test_without_demo_there_are_no_products(world: World) -> None:
    for path in samples():
        assert (await world.client.get(path)).status_code == 404
