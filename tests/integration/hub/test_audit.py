"""The audit trail by the API: filters, times, and all of it as CSV."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from world import World

from keystile.store import audit

AUDIT = "/v1/audit"


async def _rows(world: World, **query: str) -> list[dict[str, Any]]:
    answer = await world.client.get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def _table(world: World, **query: str) -> list[dict[str, str]]:
    answer = await world.client.get(AUDIT, params=query, headers={"Accept": "text/csv"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="keystile-audit.csv"'
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_an_actor_is_a_key_or_an_operator(world: World) -> None:
    browser = await world.browser("admin")
    operator = browser.headers["X-Test-Operator"]
    key = (await browser.post("/v1/keys", json={"name": "theirs", "scopes": []})).json()["key"]
    rows = await _rows(world, actor=operator)
    assert [row["action"] for row in rows] == ["key.create", "session.begin", "operator.password"]
    assert rows[0]["target"] == key["id"]
    operators_key = (await _rows(world, target=operator, action="operator.create"))[0]["actor"]
    assert await _rows(world, key=operators_key) == await _rows(world, actor=operators_key)


async def test_from_one_time_on_and_before_another(world: World) -> None:
    for number in range(3):
        await world.issue(name=f"key {number}")
    first, second, third = (await _rows(world, action="key.create", limit="3"))[::-1]
    within = await _rows(world, since=second["at"], until=third["at"])
    assert [row["id"] for row in within] == [second["id"]]
    assert first["id"] not in {row["id"] for row in await _rows(world, since=second["at"])}
    moved = datetime.fromisoformat(second["at"]) + timedelta(hours=2)
    elsewhere = moved.replace(tzinfo=None).isoformat() + "+02:00"
    assert [row["id"] for row in await _rows(world, since=elsewhere, until=third["at"])] == [second["id"]]
    assert await _rows(world, since=third["at"], until=first["at"]) == []


@pytest.mark.parametrize(
    "time",
    ["", "now", "2030-01-31", "2030-01-31T00:00:00", "2030-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1795417451"],
)
@pytest.mark.parametrize("name", ["since", "until"])
async def test_what_is_no_time(world: World, name: str, time: str) -> None:
    answer = await world.client.get(AUDIT, params={name: time})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [name]


async def test_pages_follow_each_other_whatever_is_asked(world: World) -> None:
    for number in range(5):
        await world.issue(name=f"key {number}")
    actor = (await _rows(world, action="key.create", limit="1"))[0]["actor"]
    query = {"actor": actor, "action": "key.create", "limit": "2"}
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await world.client.get(AUDIT, params={**query, **({"cursor": cursor} if cursor else {})})).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next_cursor"]
    everything = await _rows(world, actor=actor, action="key.create", limit="200")
    assert seen == [row["id"] for row in everything]


async def test_csv_has_all_of_it_with_names_and_no_formulas(world: World) -> None:
    tenant = await world.tenant()
    key, _ = await world.issue(name="=HYPERLINK(1)", tenant=tenant)
    for number in range(1_100):  # more than two of the pages that it is read in
        await audit.write(
            world.connection,
            actor="@agent",
            tenant=tenant,
            action="key.update",
            target=key["id"],
            detail={"n": number},
            request_id=None,
        )
    rows = await _table(world, tenant=tenant, limit="1")
    assert [row["detail"] for row in rows[:1_100]] == [f'{{"n":{number}}}' for number in reversed(range(1_100))]
    assert rows[0]["actor"] == "'@agent"
    assert (rows[0]["target"], rows[0]["target_name"], rows[0]["actor_name"]) == (key["id"], "'=HYPERLINK(1)", "")
    assert [row["action"] for row in rows[1_100:]] == ["key.create", "tenant.create"]
    assert rows[-1]["actor_name"] == "Operator"
    assert [row["action"] for row in await _table(world, tenant=tenant, action="key.create")] == ["key.create"]


async def test_csv_names_nobody_of_another_tenant(world: World) -> None:
    tenant = await world.tenant()
    foreign, _ = await world.issue(name="not theirs to know", tenant=await world.tenant())
    await audit.write(
        world.connection, actor=foreign["id"], tenant=tenant, action="x", target="y", detail={}, request_id=None
    )
    assert (await _table(world, tenant=tenant))[0]["actor_name"] == ""


async def test_csv_is_refused_as_json_is(world: World) -> None:
    answer = await world.client.get(AUDIT, params={"tenant": "absent"}, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
