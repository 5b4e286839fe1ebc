"""Tenants."""

from __future__ import annotations

import asyncpg
import pytest

from keystile.errors import BadCursor
from keystile.store import audit, tenants
from keystile.store.pool import Connection


async def test_insert_get_and_rename(db: Connection) -> None:
    row = await tenants.get(db, "globex")
    assert row is not None
    assert (row.name, row.home) == ("Globex", False)
    renamed = await tenants.update(db, "globex", "Globex II")
    assert renamed is not None
    assert renamed.name == "Globex II"
    assert renamed.created_at == row.created_at
    assert await tenants.get(db, "absent") is None
    assert await tenants.update(db, "absent", "x") is None


async def test_there_is_one_home(db: Connection) -> None:
    home = await tenants.home(db)
    assert home is not None
    assert home.id == "acme"
    with pytest.raises(asyncpg.UniqueViolationError):
        await tenants.insert(db, "second", "Second", home=True)
    assert await tenants.insert(db, "acme", "Again") is None


async def test_no_home_yet(conn: Connection) -> None:
    assert await tenants.home(conn) is None


@pytest.mark.parametrize("tenant", ["", "-a", "A", "a_b", "a" * 64, "a\n", "é"])
async def test_ids_that_are_refused(db: Connection, tenant: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await tenants.insert(db, tenant, "Name")


async def test_pages(db: Connection) -> None:
    for number in range(5):
        await tenants.insert(db, f"t-{number}", f"T {number}")
    seen = []
    cursor = None
    while True:
        rows, cursor = await tenants.page(db, limit=3, cursor=cursor)
        seen += [row.id for row in rows]
        if cursor is None:
            break
    assert seen == ["acme", "globex", "t-0", "t-1", "t-2", "t-3", "t-4"]
    with pytest.raises(BadCursor):
        await tenants.page(db, cursor="nonsense")


async def test_a_cursor_of_another_list_is_refused(db: Connection) -> None:
    await audit.write(db, actor="a", tenant=None, action="x", target="y", detail={}, request_id=None)
    await audit.write(db, actor="a", tenant=None, action="x", target="y", detail={}, request_id=None)
    _, cursor = await audit.page(db, None, limit=1)
    with pytest.raises(BadCursor):
        await tenants.page(db, cursor=cursor)
