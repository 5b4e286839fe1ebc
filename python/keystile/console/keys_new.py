"""New API Keys. The secret stands in the answer to the form, and nowhere else ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import UNSET, Struct

from keystile import new_key_id
from keystile.client_address import TrustedProxies
from keystile.console.expiry import PRESETS, chosen
from keystile.console.format import day, number
from keystile.console.pages import HOME, Page, faults, page, path_of, shell
from keystile.console.request import ConsoleRequest
from keystile.console.snippets import snippets, variable_of
from keystile.hub.catalogue import service as catalogue
from keystile.hub.context import Call, Hub
from keystile.hub.demo.products import samples
from keystile.hub.errors import FieldError, Invalid
from keystile.hub.keys import service as keys
from keystile.hub.keys.schemas import CreateKey, IssuedKey
from keystile.hub.rights import check_change
from keystile.store.records import KeyRow, TierRow

_NO_ACCESS = FieldError("no_access", "Without a scope the key opens nothing. Choose one, or tick that this is meant.")
_NO_EXPIRY = FieldError("expires", "Choose one of these.")
_FIELDS = {"expires_at": "expires"}


class NewKeyForm(Struct, frozen=True):
    """What the form sends. `form` is the id that it came with."""

    form: str
    name: str = ""
    scopes: list[str] = msgspec.field(default_factory=list)
    no_access: str = ""
    expires: str = "1y"
    expires_on: str = ""
    tier: str = ""
    note: str = ""


class KeysNew(Controller):
    """The form, and what it makes."""

    path = f"{HOME}/t/{{tenant:str}}/keys/new"

    @get("/")
    async def form(self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str]) -> Page:
        """The form. RoleRefused for a viewer."""
        return await _form(request, hub, tenant, NewKeyForm(form=new_key_id()), [])

    @post("/")
    async def create(
        self,
        request: ConsoleRequest,
        hub: NamedDependency[Hub],
        proxies: NamedDependency[TrustedProxies],
        tenant: FromPath[str],
    ) -> Page:
        """The new key with its secret. The same form sent again makes no second key, and shows no secret."""
        form = await request.decoded(NewKeyForm)
        try:
            asked = _asked(form, tenant)
            async with hub.changing(request) as call:
                frame = await shell(request, call, tenant, "keys")
                made = await keys.create_once(call.connection, call.caller, asked, hub.issuer, form.form)
        except Invalid as invalid:
            return await _form(request, hub, tenant, form, invalid.errors)
        if isinstance(made, KeyRow):
            key_href = path_of(tenant, "keys", made.id)
            return page(request, "keys_created_before.html", shell=frame, key=made, key_href=key_href)
        return page(
            request,
            "keys_created.html",
            status=201,
            shell=frame,
            key=made.key,
            secret=made.secret,
            key_href=path_of(tenant, "keys", made.key.id),
            done_href=path_of(tenant),
            snippets=_snippets(request, hub, proxies, made),
        )


def _asked(form: NewKeyForm, tenant: str) -> CreateKey:
    """What the service is asked for. Invalid for a form without scopes whose reader has not said that this is meant."""
    if not form.scopes and form.no_access != "yes":
        raise Invalid([_NO_ACCESS])
    ends = chosen(form.expires, form.expires_on)
    if ends is UNSET:  # "as it is", which a new key cannot ask for
        raise Invalid([_NO_EXPIRY])
    return CreateKey(
        name=form.name,
        scopes=form.scopes,
        tier=form.tier or None,
        expires_at=ends,
        note=form.note or None,
        tenant=tenant,
    )


async def _form(request: ConsoleRequest, hub: Hub, tenant: str, form: NewKeyForm, errors: Sequence[FieldError]) -> Page:
    async with hub.reading(request) as call:
        check_change(call.caller)
        frame = await shell(request, call, tenant, "keys")
        context = await _choices(call)
    wrong = faults([FieldError(_FIELDS.get(error.field, error.field), error.message) for error in errors])
    today = datetime.now(UTC).date()
    return page(
        request,
        "keys_new.html",
        status=422 if errors else 200,
        shell=frame,
        form=form,
        errors=wrong,
        list_href=path_of(tenant),
        presets=PRESETS,
        first_day=today.isoformat(),
        expiry_hint=f"Counted from today; a year ends on {day(today + timedelta(days=365))}.",
        **context,
    )


async def _choices(call: Call) -> dict[str, object]:
    scopes = await catalogue.scopes(call.connection)
    tiers = await catalogue.tiers(call.connection)
    return {"scopes": scopes.items, "tiers": [(tier.name, _words(tier)) for tier in tiers.items]}


def _words(tier: TierRow) -> str:
    return f"{tier.name}: {number(tier.rate)} requests per minute, {number(tier.burst)} at once"


def _snippets(request: ConsoleRequest, hub: Hub, proxies: TrustedProxies, made: IssuedKey) -> object:
    held = made.key.scopes
    paths = {sample.scope: path for path, sample in samples().items()} if hub.settings.demo else {}
    return snippets(
        address=request.address(proxies),
        variable=variable_of(hub.settings.prefix),
        secret=made.secret,
        scope=held[0] if held else None,
        sample=paths.get(held[0]) if held else None,
    )
