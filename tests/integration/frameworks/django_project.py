"""A Django project of one module: its settings, views and addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIRequest
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views import View

from keystile.django import public, requires_scope

__all__ = ["get_asgi_application", "get_wsgi_application", "urlpatterns"]

settings.configure(
    SECRET_KEY="a test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    LOGGING_CONFIG=None,
    MIDDLEWARE=["keystile.django.KeystileMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
)
django.setup()


@requires_scope("PSA")
def tickets(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.keystile.key_id)  # type: ignore[attr-defined]


@requires_scope("PSA")
async def tickets_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.keystile.key_id)  # type: ignore[attr-defined]


@requires_scope("PSA")
def missing(request: HttpRequest) -> HttpResponse:
    raise Http404


@requires_scope("PSA")
def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the application failed")


@requires_scope("PSA")
@requires_scope("CRM")
def both(request: HttpRequest) -> HttpResponse:
    return HttpResponse("both")


@requires_scope("PSA")
def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"

    return StreamingHttpResponse(parts() if isinstance(request, ASGIRequest) else iter([b"one"]))


class Tickets(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("of a class")


class TicketsAsync(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("of an async class")


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain")


@public
def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse("fine")


urlpatterns = [
    path("tickets", tickets),
    path("tickets-async", tickets_async),
    path("missing", missing),
    path("fail", fail),
    path("both", both),
    path("stream", stream),
    path("class", requires_scope("PSA")(Tickets.as_view())),
    path("class-async", requires_scope("PSA")(TicketsAsync.as_view())),
    path("plain", plain),
    path("health", health),
]
