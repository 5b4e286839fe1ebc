"""Changing a key's name, scopes, tier, expiry and note."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from markupsafe import Markup
from msgspec import UNSET, Struct, structs

from keystile.console import expiry
from keystile.console.format import moment, shown
from keystile.console.key_found import EDITABLE, PATH, changed, done, held, key_path, state, to_change
from keystile.console.pages import Page, faults, page, shell
from keystile.console.request import ConsoleRequest
from keystile.hub.catalogue import service as catalogue
from keystile.hub.context import Call, Hub
from keystile.hub.errors import FieldError, Invalid
from keystile.hub.keys import service
from keystile.hub.keys.schemas import UpdateKey
from keystile.store.records import KeyRow, TierRow

_LABELS = {"name": "Name", "scopes": "Scopes", "tier": "Tier", "expires_at": "Expires", "note": "Note"}


class EditForm(Struct, frozen=True):
    """All of a key that people can change; `state` is what it was when the form was made."""

    name: str
    tier: str
    state: str
    scopes: list[str] = []
    expires: str = expiry.KEEP
    expires_on: str = ""
    note: str = ""


class KeyEdit(Controller):
    """The form, and what it does."""

    path = PATH

    @get("/edit")
    async def ask(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """The form with what is so now. Conflict for a key that is revoked."""
        async with hub.reading(request) as call:
            row = await to_change(call, tenant, key_id)
            return await _page(request, call, row, _form_of(row))

    @post("/edit")
    async def save(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """Save it, unless somebody else has changed the key since the form was made."""
        form = await request.decoded(EditForm)
        try:
            async with hub.changing(request) as call:
                row = await held(call, tenant, key_id)
                if form.state != state(row, EDITABLE):
                    return await _conflict(request, call, row, form)
                saved = await service.update(call.connection, call.caller, row.id, _asked(form, row))
        except Invalid as invalid:
            async with hub.reading(request) as call:
                row = await to_change(call, tenant, key_id)
                return await _page(request, call, row, form, errors=invalid.errors)
        return done(row, "same" if saved == row else "saved")


def _form_of(row: KeyRow) -> EditForm:
    return EditForm(name=row.name, tier=row.tier, state=state(row, EDITABLE), scopes=row.scopes, note=row.note or "")


def _asked(form: EditForm, row: KeyRow) -> UpdateKey:
    """The update that the form means. Invalid for an expiry that is no date."""
    same_scopes = sorted(form.scopes) == sorted(row.scopes)
    return UpdateKey(
        name=form.name,
        scopes=UNSET if same_scopes else form.scopes,
        tier=form.tier,
        expires_at=expiry.chosen(form.expires, form.expires_on),
        note=form.note.strip() or None,
    )


async def _conflict(request: ConsoleRequest, call: Call, row: KeyRow, form: EditForm) -> Page:
    """The form as it was filled in, and what others have made of the key; sending it again overrides them."""
    theirs = [(_LABELS[field], _in_words(getattr(row, field))) for field in changed(form.state, row, EDITABLE)]
    again = structs.replace(form, state=state(row, EDITABLE))
    return await _page(request, call, row, again, theirs=theirs, status=409)


async def _page(
    request: ConsoleRequest,
    call: Call,
    row: KeyRow,
    form: EditForm,
    *,
    errors: Sequence[FieldError] = (),
    theirs: Sequence[tuple[str, Markup]] = (),
    status: int = 200,
) -> Page:
    wrong = faults([_field(error) for error in errors])
    return page(
        request,
        "key_edit.html",
        status=422 if errors else status,
        shell=await shell(request, call, row.tenant, "keys"),
        row=row,
        path=key_path(row),
        form=form,
        scopes=(await catalogue.scopes(call.connection)).items,
        tiers=[(tier.name, _tier(tier)) for tier in (await catalogue.tiers(call.connection)).items],
        presets=((expiry.KEEP, "As it is"), *expiry.PRESETS),
        tomorrow=datetime.now(UTC).date().isoformat(),
        errors=wrong,
        theirs=theirs,
    )


def _in_words(value: object) -> Markup:
    """What a field of a key holds."""
    if isinstance(value, datetime):
        return moment(value)
    return shown(", ".join(value) if isinstance(value, list) else str(value or "none"))


def _tier(tier: TierRow) -> str:
    return f"{tier.name}: {tier.rate:,} requests per minute, burst limit {tier.burst:,}"


def _field(error: FieldError) -> FieldError:
    """The service names what it keeps, the form what it asks."""
    return FieldError("expires", error.message) if error.field == "expires_at" else error
