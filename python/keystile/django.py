"""The gate in front of the views of a Django project.

```python
MIDDLEWARE = ["keystile.django.KeystileMiddleware", ...]  # first: it explains what the others answer


@requires_scope("PSA")
def tickets(request): ...
```

Settings, all optional: `KEYSTILE_SCOPE`, what every other view needs (unset: nothing); `KEYSTILE_SEGMENT`, the path of
the gate; `KEYSTILE_TRUSTED_PROXIES`; `KEYSTILE_GATE`, a `Gate` of the project's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from keystile.asking import Asking
from keystile.attachment import AttachmentsByScope
from keystile.client_address import TrustedProxies
from keystile.refusals import Refusal
from keystile.wsgi import client, credentials

__all__ = ["KeystileMiddleware", "public", "requires_scope"]

View = TypeVar("View", bound=Callable[..., Any])

_ASKING = "_keystile_asking"
_OWN = "keystile_scope"


class KeystileMiddleware:
    """Knows the gate, puts the rate-limit headers on every answer to a view that asked it, and counts the status.

    Works under WSGI and ASGI; under ASGI without a thread. The decision stands in `request.keystile`.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._scope: str | None = getattr(settings, "KEYSTILE_SCOPE", None)
        self._attachments = AttachmentsByScope(
            getattr(settings, "KEYSTILE_GATE", None), getattr(settings, "KEYSTILE_SEGMENT", None)
        )
        self._proxies = TrustedProxies(getattr(settings, "KEYSTILE_TRUSTED_PROXIES", ()))
        self.process_view: Callable[..., Any] = self._before_view
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)
            self.process_view = self._before_view_async

    def __call__(self, request: HttpRequest) -> Any:
        asking = self._begin(request)
        if iscoroutinefunction(self._get_response):
            return self._answered(asking, self._get_response(request))
        try:
            response = self._get_response(request)
        except Exception:
            asking.finish(500)
            raise
        return _explained(asking, response)

    async def _answered(self, asking: Asking, answer: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        try:
            response = await answer
        except Exception:
            asking.finish(500)
            raise
        return _explained(asking, response)

    def _begin(self, request: HttpRequest) -> Asking:
        asking = Asking(self._attachments, credentials(request.META), client(request.META, self._proxies))
        setattr(request, _ASKING, asking)
        return asking

    def _before_view(self, request: HttpRequest, view: Callable[..., Any], *_: object) -> HttpResponse | None:
        """What Django calls before a view: asks for those that do not say themselves what they need."""
        if self._scope is None or hasattr(view, _OWN):
            return None
        return _ask(request, self._scope)

    async def _before_view_async(self, request: HttpRequest, view: Callable[..., Any], *_: object) -> Any:
        return self._before_view(request, view)


def requires_scope(scope: str | None) -> Callable[[View], View]:
    """A view, sync or async, that needs a live key that holds `scope` (None: any) and has a token left.

    For a class, decorate what `as_view()` gives. Every method is checked, `OPTIONS` too:
    preflights are for what stands in front of views. Such a view is exempt from Django's CSRF check, because no browser
    sends a key by itself.
    """

    def decorate(view: View) -> View:
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refused = _ask(request, scope)
            return view(request, *args, **kwargs) if refused is None else refused

        async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refused = _ask(request, scope)
            return await view(request, *args, **kwargs) if refused is None else refused

        made = wraps(view)(guarded_async if iscoroutinefunction(view) else guarded)
        setattr(made, _OWN, scope)
        made.csrf_exempt = True  # type: ignore[attr-defined]
        return cast("View", made)

    return decorate


def public(view: View) -> View:
    """A view that needs no key although `KEYSTILE_SCOPE` is set."""
    setattr(view, _OWN, None)
    return view


def _ask(request: HttpRequest, scope: str | None) -> HttpResponse | None:
    asking: Asking | None = getattr(request, _ASKING, None)
    if asking is None:
        raise ImproperlyConfigured("a view asks the gate, but MIDDLEWARE lacks keystile.django.KeystileMiddleware")
    decision = asking.ask(scope)
    if isinstance(decision, Refusal):
        return HttpResponse(decision.body, status=decision.status, headers=dict(decision.text_headers))
    request.keystile = decision  # type: ignore[attr-defined]
    return None


def _explained(asking: Asking, response: HttpResponseBase) -> HttpResponseBase:
    if asking.decision is not None:
        for name, value in asking.decision.headers.items():
            response.headers[name] = value
        asking.finish(response.status_code)
    return response
