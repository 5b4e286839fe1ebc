"""The webhook calls over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from keystile.hub.conflicts import conflicts
from keystile.hub.context import Hub
from keystile.hub.requests import Cursor, HubRequest, Limit, Tenant
from keystile.hub.webhooks import service
from keystile.hub.webhooks.schemas import (
    CreateWebhook,
    DeliveryPage,
    DeliveryStatus,
    IssuedWebhook,
    RotateWebhook,
    UpdateWebhook,
    WebhookPage,
)
from keystile.store.deliveries import DeliveryRow
from keystile.store.webhooks import WebhookRow

DeliveryFilter = Annotated[DeliveryStatus | None, QueryParameter(description="Only with this status.")]


class WebhooksController(Controller):
    """Set up, list, show, change, rotate, test and remove webhooks, and see what became of their deliveries."""

    path = "/v1/webhooks"
    tags = ("Webhooks",)

    @post("/", summary="Set up a webhook", responses=conflicts("too_many_webhooks"))
    async def create(
        self, request: HubRequest, hub: NamedDependency[Hub], data: JSONBody[CreateWebhook]
    ) -> Response[IssuedWebhook]:
        """The answer is the only time that the signing secret is shown."""
        async with hub.changing(request) as call:
            issued = await service.create(call.connection, call.caller, data, hub.vault, hub.reach)
        return Response(issued, status_code=201, headers={"Location": f"/v1/webhooks/{issued.webhook.id}"})

    @get("/", summary="List webhooks")
    async def page(
        self,
        *,
        request: HubRequest,
        hub: NamedDependency[Hub],
        limit: Limit = 50,
        cursor: Cursor = None,
        tenant: Tenant = None,
    ) -> WebhookPage:
        """Oldest first."""
        async with hub.reading(request) as call:
            return await service.page(call.connection, call.caller, tenant=tenant, limit=limit, cursor=cursor)

    @get("/{webhook_id:str}", summary="Show a webhook")
    async def show(self, request: HubRequest, hub: NamedDependency[Hub], webhook_id: FromPath[str]) -> WebhookRow:
        """A foreign webhook and an absent one give the same 404."""
        async with hub.reading(request) as call:
            return await service.show(call.connection, call.caller, webhook_id)

    @patch("/{webhook_id:str}", summary="Change a webhook")
    async def update(
        self, request: HubRequest, hub: NamedDependency[Hub], webhook_id: FromPath[str], data: JSONBody[UpdateWebhook]
    ) -> WebhookRow:
        """A field that is absent stays. What waits for a webhook that is disabled is given up."""
        async with hub.changing(request) as call:
            return await service.update(call.connection, call.caller, webhook_id, data, hub.reach)

    @delete("/{webhook_id:str}", summary="Remove a webhook")
    async def delete(self, request: HubRequest, hub: NamedDependency[Hub], webhook_id: FromPath[str]) -> None:
        """Its deliveries go with it."""
        async with hub.changing(request) as call:
            await service.delete(call.connection, call.caller, webhook_id)

    @post("/{webhook_id:str}/rotate", status_code=200, summary="Rotate a webhook's signing secret")
    async def rotate(
        self,
        request: HubRequest,
        hub: NamedDependency[Hub],
        webhook_id: FromPath[str],
        data: JSONBody[RotateWebhook | None] = None,
    ) -> IssuedWebhook:
        """Until the overlap ends, deliveries are signed with both secrets."""
        overlap = (data or RotateWebhook()).overlap_seconds
        async with hub.changing(request) as call:
            return await service.rotate(call.connection, call.caller, webhook_id, overlap, hub.vault)

    @post(
        "/{webhook_id:str}/test",
        status_code=202,
        summary="Send a test",
        responses=conflicts("webhook_disabled"),
    )
    async def test(self, request: HubRequest, hub: NamedDependency[Hub], webhook_id: FromPath[str]) -> DeliveryRow:
        """A delivery of the event `webhook.test`. What came of it stands among the deliveries."""
        async with hub.changing(request) as call:
            return await service.test(call.connection, call.caller, webhook_id)

    @get("/{webhook_id:str}/deliveries", summary="List deliveries")
    async def page_deliveries(
        self,
        *,
        request: HubRequest,
        hub: NamedDependency[Hub],
        webhook_id: FromPath[str],
        status: DeliveryFilter = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> DeliveryPage:
        """Newest first; those that have ended are kept for 30 days."""
        async with hub.reading(request) as call:
            return await service.page_deliveries(
                call.connection, call.caller, webhook_id, status=status, limit=limit, cursor=cursor
            )

    @post(
        "/{webhook_id:str}/deliveries/{delivery_id:str}/retry",
        status_code=202,
        summary="Deliver again",
        responses=conflicts("webhook_disabled"),
    )
    async def retry(
        self,
        request: HubRequest,
        hub: NamedDependency[Hub],
        webhook_id: FromPath[str],
        delivery_id: FromPath[str],
    ) -> DeliveryRow:
        """At once, under the same id, however it ended before."""
        async with hub.changing(request) as call:
            return await service.retry(call.connection, call.caller, webhook_id, delivery_id)
