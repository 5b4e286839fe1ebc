"""The key calls over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET

from keystile.hub.conflicts import conflicts
from keystile.hub.context import Call, Hub
from keystile.hub.errors import NotConfirmed
from keystile.hub.keys import service
from keystile.hub.keys.schemas import (
    ChangedKey,
    CreateKey,
    IssuedKey,
    KeyPage,
    RevokeKey,
    RotatedKey,
    RotateKey,
    Sort,
    Status,
    UpdateKey,
)
from keystile.hub.requests import Cursor, HubRequest, Limit, Tenant
from keystile.hub.waits import unconfirmed
from keystile.store.records import KeyRow

StatusFilter = Annotated[Status | None, QueryParameter(description="Only with this status.")]
ScopeFilter = Annotated[str | None, QueryParameter(name="scope", description="Only with this scope.")]
TierFilter = Annotated[str | None, QueryParameter(description="Only of this tier.")]
Search = Annotated[str | None, QueryParameter(description="Only with this in the name, id, start or last4.")]
SortOrder = Annotated[Sort, QueryParameter(description="Order; a leading '-' means descending.")]

Wait = Annotated[
    Literal["confirmed"] | None,
    QueryParameter(description="`confirmed`: answer when no gate decides without this change any more."),
]


class KeysController(Controller):
    """Issue, list, show, change, rotate and revoke keys."""

    path = "/v1/keys"
    tags = ("Keys",)

    @post("/", summary="Issue a key")
    async def create(
        self, request: HubRequest, hub: NamedDependency[Hub], data: JSONBody[CreateKey]
    ) -> Response[IssuedKey]:
        """The answer is the only time that the secret is shown."""
        async with hub.changing(request) as call:
            issued = await service.create(call.connection, call.caller, data, hub.issuer)
        return Response(issued, status_code=201, headers={"Location": f"/v1/keys/{issued.key.id}"})

    @get("/", summary="List keys")
    async def page(
        self,
        *,
        request: HubRequest,
        hub: NamedDependency[Hub],
        status: StatusFilter = None,
        key_scope: ScopeFilter = None,
        tier: TierFilter = None,
        q: Search = None,
        sort: SortOrder = "-created_at",
        limit: Limit = 50,
        cursor: Cursor = None,
        tenant: Tenant = None,
    ) -> KeyPage:
        """Each key comes with its usage figures."""
        async with hub.reading(request) as call:
            return await service.page(
                call.connection,
                call.caller,
                tenant=tenant,
                scope=key_scope,
                tier=tier,
                status=status,
                q=q,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )

    @get("/{key_id:str}", summary="Show a key")
    async def show(self, request: HubRequest, hub: NamedDependency[Hub], key_id: FromPath[str]) -> KeyRow:
        """A foreign key and an absent one give the same 404."""
        async with hub.reading(request) as call:
            return await service.show(call.connection, call.caller, key_id)

    @patch("/{key_id:str}", summary="Change a key", responses=conflicts("key_revoked"))
    async def update(
        self,
        request: HubRequest,
        hub: NamedDependency[Hub],
        key_id: FromPath[str],
        data: JSONBody[UpdateKey],
        wait: Wait = None,
    ) -> ChangedKey:
        """A field that is absent stays as it is; null clears `expires_at` or `note`."""
        async with hub.changing(request) as call:
            row = await service.update(call.connection, call.caller, key_id, data)
        return await _changed(request, hub, call, row, wait)

    @post(
        "/{key_id:str}/rotate",
        status_code=200,
        summary="Rotate a key's secret",
        responses=conflicts("key_revoked", "key_disabled", "key_expired"),
    )
    async def rotate(
        self,
        request: HubRequest,
        hub: NamedDependency[Hub],
        key_id: FromPath[str],
        data: JSONBody[RotateKey | None] = None,
        wait: Wait = None,
    ) -> RotatedKey:
        """Same id, bucket and history, a new secret; the old one works until the overlap ends."""
        overlap = (data or RotateKey()).overlap_seconds
        async with hub.changing(request) as call:
            issued = await service.rotate(call.connection, call.caller, key_id, overlap, hub.issuer)
        if wait is None:
            return RotatedKey(issued.key, issued.secret)
        try:
            confirmation = await hub.confirmed(request, call)
        except NotConfirmed:
            # The secret is shown this once: it must not be lost for want of a receipt.
            confirmation = unconfirmed(call.commit)
        return RotatedKey(issued.key, issued.secret, confirmation)

    @post(
        "/{key_id:str}/rotate/end",
        status_code=200,
        summary="End the old secret of a rotated key",
        responses=conflicts("key_revoked"),
    )
    async def end_overlap(
        self, request: HubRequest, hub: NamedDependency[Hub], key_id: FromPath[str], wait: Wait = None
    ) -> ChangedKey:
        """From now on only the new secret works. A second time changes nothing and answers the same."""
        async with hub.changing(request) as call:
            row = await service.end_overlap(call.connection, call.caller, key_id)
        return await _changed(request, hub, call, row, wait)

    @post("/{key_id:str}/revoke", status_code=200, summary="Revoke a key for good")
    async def revoke(
        self,
        request: HubRequest,
        hub: NamedDependency[Hub],
        key_id: FromPath[str],
        data: JSONBody[RevokeKey | None] = None,
        wait: Wait = None,
    ) -> ChangedKey:
        """Final. A second time changes nothing and answers the same."""
        async with hub.changing(request) as call:
            row = await service.revoke(call.connection, call.caller, key_id, data or RevokeKey())
        return await _changed(request, hub, call, row, wait)


async def _changed(request: HubRequest, hub: Hub, call: Call, row: KeyRow, wait: str | None) -> ChangedKey:
    confirmation = UNSET if wait is None else await hub.confirmed(request, call)
    return ChangedKey(**msgspec.structs.asdict(row), confirmation=confirmation)
