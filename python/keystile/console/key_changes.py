"""What changes a key at the press of one button: disabling, enabling, and ending the old secret of a rotation."""

from __future__ import annotations

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from keystile.console.key_found import PATH, done, held, key_path, to_change
from keystile.console.pages import Page, page, redirect, shell
from keystile.console.request import ConsoleRequest
from keystile.hub.context import Hub
from keystile.hub.keys import service
from keystile.hub.keys.schemas import UpdateKey


class KeyChanges(Controller):
    """Each answers with the key's page."""

    path = PATH

    @post("/disable")
    async def disable(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """Refuse the key's requests until it is enabled again."""
        return await _switch(request, hub, tenant, key_id, disabled=True)

    @post("/enable")
    async def enable(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """Let the key's requests pass again."""
        return await _switch(request, hub, tenant, key_id, disabled=False)

    @get("/rotate/end")
    async def ask_to_end(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """What ending the old secret means."""
        async with hub.reading(request) as call:
            frame = await shell(request, call, tenant, "keys")
            row = await to_change(call, tenant, key_id)
        if row.previous_secret_expires_at is None:
            return redirect(key_path(row))
        return page(request, "key_end_overlap.html", shell=frame, row=row, path=key_path(row))

    @post("/rotate/end")
    async def end(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """From now on only the new secret works."""
        async with hub.changing(request) as call:
            row = await held(call, tenant, key_id)
            await service.end_overlap(call.connection, call.caller, row.id)
        return done(row, "ended")


async def _switch(request: ConsoleRequest, hub: Hub, tenant: str, key_id: str, *, disabled: bool) -> Page:
    async with hub.changing(request) as call:
        row = await held(call, tenant, key_id)
        await service.update(call.connection, call.caller, row.id, UpdateKey(disabled=disabled))
    return done(row, "disabled" if disabled else "enabled")
