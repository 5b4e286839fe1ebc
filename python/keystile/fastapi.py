"""The gate as a dependency of FastAPI routes.

```python
app = FastAPI()
app.add_middleware(KeystileDependencies)


@app.get("/tickets")
async def tickets(decision: Annotated[Decision, Depends(requires("PSA"))]) -> list[str]: ...
```

`keystile.asgi.KeystileMiddleware` is the one to prefer where a whole application needs one scope: it refuses before a
body is read or a route is looked for, and costs less.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from functools import cache
from os import PathLike

from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from keystile._core import Decision, Explained, Gate
from keystile.asgi import CHECKED, STATE_KEY, ASGIApp, ASGIScope, Message, Receive, Send, answer, request_id_of
from keystile.asking import Asking
from keystile.attachment import AttachmentsByScope
from keystile.client_address import TrustedProxies
from keystile.refusals import Refusal

__all__ = ["KeystileDependencies", "requires"]

_CALL = "keystile.fastapi"


class KeystileDependencies:
    """The middleware that `requires` needs: it knows the gate, sends refusals and headers, and counts the status.

    It asks for nothing by itself: a route without `requires` is open. Without a `gate` it attaches to this machine's
    (at `segment`, if given) when a route first asks; until there is one such routes answer 503 `gate_stale`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        gate: Gate | None = None,
        segment: str | PathLike[str] | None = None,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._attachments = AttachmentsByScope(gate, segment)
        self._proxies = TrustedProxies(trusted_proxies)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] not in CHECKED:
            await self._app(scope, receive, send)
            return
        call = _Call(Asking(self._attachments, scope["headers"], self._proxies.client(scope)), send)
        scope[_CALL] = call
        try:
            await self._app(scope, receive, call)
        except _Refused as refused:
            # One that passed the gate but lacks a further scope is still to be counted.
            call.asking.finish(refused.refusal.status)
            await answer(scope, receive, send, refused.refusal)
        except Exception:
            call.asking.finish(500)
            raise
        call.asking.finish(500)  # where nothing was answered; otherwise it is counted already


class _Call:
    """A request on its way: the question to the gate, and a `send` that explains the decision once there is one."""

    __slots__ = ("_send", "asking")

    def __init__(self, asking: Asking, send: Send) -> None:
        self.asking = asking
        self._send = send

    def __call__(self, message: Message) -> Awaitable[None]:
        return self._send(message)

    def ask(self, scope: str | None, request_id: str | None) -> Decision:
        """The decision, if the request may go on."""
        first = self.asking.decision is None
        decision = self.asking.ask(scope, request_id)
        if isinstance(decision, Refusal):
            raise _Refused(decision)
        if first:
            self._send = Explained(decision, self._send)
        return decision


class _Refused(Exception):  # no HTTPException: an application's handler for those would replace the answer
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal


class _Requires(SecurityBase):
    """Asks the gate for one scope; in the application's OpenAPI document the scheme `Keystile`."""

    def __init__(self, scope: str | None) -> None:
        self._scope = scope
        self.model = HTTPBearer(description="A key: `Authorization: Bearer <key>`.")
        self.scheme_name = "Keystile"

    async def __call__(self, connection: HTTPConnection) -> Decision:
        call = connection.scope.get(_CALL)
        if not isinstance(call, _Call):
            raise TypeError("a route asks the gate, but the application lacks add_middleware(KeystileDependencies)")
        decision = call.ask(self._scope, request_id_of(connection.scope))
        connection.scope.setdefault("state", {})[STATE_KEY] = decision
        return decision


@cache
def requires(scope: str | None = None) -> _Requires:
    """A dependency that gives the decision on a request whose key is live, holds `scope` and has a token left.

    None: any scope at all. A request is asked about once: where a router and its route name two scopes, the key must
    hold both, and pays one token. A preflight that gets as far as a route is checked like any request.
    """
    return _Requires(scope)
