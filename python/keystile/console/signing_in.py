"""Signing in and out, links, and the reader's own account."""

from __future__ import annotations

import re
from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from keystile.client_address import TrustedProxies
from keystile.console.pages import ACCOUNT, HOME, Page, faults, page, path_of, redirect, shell
from keystile.console.request import ConsoleRequest
from keystile.console.shell import Message
from keystile.hub.context import Hub
from keystile.hub.errors import CallerRefused, Invalid, SignInRefused, TooManyGuesses
from keystile.hub.sessions import cookies, service
from keystile.hub.sessions.service import Begun

Next = Annotated[str, QueryParameter(name="next", description="Where to go on.")]

_OUR_PATH = re.compile(r"/console(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_WRONG_PASSWORD = "The password is wrong."  # noqa: S105  it is a sentence, not a password


class SignInForm(Struct, frozen=True):
    """Signing in."""

    email: str
    password: str
    next: str = ""


class LinkForm(Struct, frozen=True):
    """Choosing a password, and the first operator an address."""

    password: str
    email: str = ""


class PasswordForm(Struct, frozen=True):
    """Changing one's own password."""

    old: str
    password: str


class SigningIn(Controller):
    """All that a browser can see without a session, and what begins and ends one."""

    path = HOME

    @get("/")
    async def home(self, request: ConsoleRequest, hub: NamedDependency[Hub]) -> Page:
        """To the keys of the reader's own tenant."""
        async with hub.reading(request) as call:
            return redirect(path_of(call.caller.tenant))

    @get("/sign-in")
    async def sign_in(self, request: ConsoleRequest, hub: NamedDependency[Hub], go_on: Next = "") -> Page:
        """The form; whoever is signed in already goes on."""
        if request.has_session:
            try:
                async with hub.reading(request):
                    return redirect(_ours(go_on))
            except CallerRefused:
                pass
        return page(request, "sign_in.html", email="", next=go_on, error="")

    @post("/sign-in")
    async def begin(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], proxies: NamedDependency[TrustedProxies]
    ) -> Page:
        """Sign in by a password."""
        form = await request.decoded(SignInForm)
        try:
            begun = await hub.sign_in.by_password(form.email, form.password, request.visitor(proxies))
        except (SignInRefused, TooManyGuesses) as refused:
            return _refused(request, form, refused)
        return _begun(request, proxies, begun, _ours(form.next))

    @get("/link/{token:str}")
    async def link(self, request: ConsoleRequest, hub: NamedDependency[Hub], token: FromPath[str]) -> Page:
        """What a link is for. Only the form behind it uses it up: programs that look at links do not."""
        email = await hub.sign_in.whom(token)
        return page(request, "link.html", token=token, known=email, email="", errors={})

    @post("/link/{token:str}")
    async def use_link(
        self,
        request: ConsoleRequest,
        hub: NamedDependency[Hub],
        proxies: NamedDependency[TrustedProxies],
        token: FromPath[str],
    ) -> Page:
        """Choose a password and sign in."""
        form = await request.decoded(LinkForm)
        try:
            begun = await hub.sign_in.by_link(token, form.email, form.password, request.visitor(proxies))
        except Invalid as invalid:
            known = await hub.sign_in.whom(token)
            context = {"token": token, "known": known, "email": form.email, "errors": faults(invalid.errors)}
            return page(request, "link.html", status=422, **context)
        return _begun(request, proxies, begun, HOME)

    @post("/sign-out")
    async def sign_out(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], proxies: NamedDependency[TrustedProxies]
    ) -> Page:
        """End this session; also one that is over already."""
        try:
            async with hub.ending(request) as call:
                await service.sign_out(call.connection, call.caller, request.session_digest)
        except CallerRefused:
            pass
        return _ended(request, proxies)

    @post("/sign-out-everywhere")
    async def sign_out_everywhere(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], proxies: NamedDependency[TrustedProxies]
    ) -> Page:
        """End every session of the reader's."""
        async with hub.ending(request) as call:
            await service.sign_out_everywhere(call.connection, call.caller)
        return _ended(request, proxies)

    @get("/account")
    async def account(self, request: ConsoleRequest, hub: NamedDependency[Hub]) -> Page:
        """The reader's own password and sessions."""
        return await _account(request, hub, {})

    @post("/account")
    async def change_password(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], proxies: NamedDependency[TrustedProxies]
    ) -> Page:
        """Change one's own password: every other session ends."""
        form = await request.decoded(PasswordForm)
        async with hub.reading(request) as call:
            caller = call.caller
        try:
            begun = await hub.sign_in.new_password(caller, form.old, form.password, request.visitor(proxies))
        except Invalid as invalid:
            return await _account(request, hub, faults(invalid.errors))
        except SignInRefused:
            return await _account(request, hub, {"old": _WRONG_PASSWORD})
        except TooManyGuesses as guesses:
            return await _account(request, hub, {"old": _wait(guesses)})
        return _begun(request, proxies, begun, f"{ACCOUNT}?changed=yes")


async def _account(request: ConsoleRequest, hub: Hub, errors: object) -> Page:
    done = request.query_params.get("changed") == "yes"
    messages = [Message("Your password is changed. Every other session has ended.")] if done and not errors else []
    async with hub.reading(request) as call:
        frame = await shell(request, call, call.caller.tenant, "account", messages=messages)
    return page(request, "account.html", status=422 if errors else 200, shell=frame, errors=errors)


def _refused(request: ConsoleRequest, form: SignInForm, refused: SignInRefused | TooManyGuesses) -> Page:
    context = {"email": form.email, "next": form.next}
    if isinstance(refused, TooManyGuesses):
        answer = page(request, "sign_in.html", status=429, error=_wait(refused), **context)
        answer.headers["Retry-After"] = str(_whole(refused))
        return answer
    return page(request, "sign_in.html", status=422, error="The address or the password is wrong.", **context)


def _wait(guesses: TooManyGuesses) -> str:
    return f"Too many tries. Try again in {_whole(guesses)} seconds."


def _whole(guesses: TooManyGuesses) -> int:
    return int(guesses.wait_s) + 1


def _begun(request: ConsoleRequest, proxies: TrustedProxies, begun: Begun, path: str) -> Page:
    secure = request.is_https(proxies)
    return redirect(path, [cookies.session(begun.token, secure=secure), cookies.device(begun.device, secure=secure)])


def _ended(request: ConsoleRequest, proxies: TrustedProxies) -> Page:
    return redirect("/console/sign-in", [cookies.no_session(secure=request.is_https(proxies))])


def _ours(path: str) -> str:
    """The same path if it is one of ours, so that no link leads from here to another site."""
    return path if _OUR_PATH.fullmatch(path) else HOME
