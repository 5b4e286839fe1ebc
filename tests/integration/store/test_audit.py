"""The audit trail."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from keystile.errors import BadCursor
from keystile.store import audit, keys
from keystile.store.cursors import encode_cursor
from keystile.store.pool import Connection


async def _write(db: Connection, number: int, tenant: str | None = "acme", **fields: Any) -> int:
    row = {"actor": "key_a", "action": "key.create", "target": f"t{number}", "detail": {"n": number}}
    return await audit.write(db, **{**row, "tenant": tenant, "request_id": "req", **fields})


async def test_rows_come_back_newest_first_in_pages(db: Connection) -> None:
    for number in range(5):
        await _write(db, number)
    await _write(db, 9, tenant="globex")
    seen = []
    cursor = None
    while True:
        rows, cursor = await audit.page(db, "acme", limit=2, cursor=cursor)
        seen += [row.detail["n"] for row in rows]
        if cursor is None:
            break
    assert seen == [4, 3, 2, 1, 0]
    everything, _ = await audit.page(db, None)
    assert [row.detail["n"] for row in everything] == [9, 4, 3, 2, 1, 0]
    assert (everything[0].actor, everything[0].tenant, everything[0].request_id) == ("key_a", "globex", "req")


async def test_filters(db: Connection) -> None:
    await _write(db, 1)
    await _write(db, 2, action="key.revoke", actor="key_b", detail={"reason": "<b>\u202e", "deep": [1, {"a": None}]})
    (row,), _ = await audit.page(db, "acme", action="key.revoke")
    assert row.detail == {"reason": "<b>\u202e", "deep": [1, {"a": None}]}
    assert [found.target for found in (await audit.page(db, "acme", actor="key_b"))[0]] == ["t2"]
    assert [found.target for found in (await audit.page(db, "acme", target="t1"))[0]] == ["t1"]


async def test_no_change_without_its_row(db: Connection, new_key: Any) -> None:
    """Where the trail cannot be written, neither can what it would tell of."""
    row = await keys.insert(db, new_key())
    await db.execute("ALTER TABLE audit ADD CHECK (false)")
    transaction = db.transaction()
    await transaction.start()
    await keys.revoke(db, row.id, None, None)
    with pytest.raises(asyncpg.CheckViolationError):
        await _write(db, 1)
    await transaction.rollback()
    unchanged = await keys.get(db, row.id, None)
    assert unchanged is not None
    assert unchanged.status == "active"


@pytest.mark.parametrize("cursor", ["x", encode_cursor((0,)), encode_cursor((2**63,)), encode_cursor(("1",))])
async def test_bad_cursors(db: Connection, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await audit.page(db, None, cursor=cursor)
