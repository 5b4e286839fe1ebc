"""The console's cookies. Over HTTPS their names begin with `__Host-`: nobody but this very host can set those."""

from __future__ import annotations

from litestar.datastructures import Cookie

from keystile.hub.wire import Scope

SESSION = "keystile-session"
DEVICE = "keystile-device"
_DEVICE_S = 400 * 86_400


def read(scope: Scope, name: str, *, secure: bool) -> str | None:
    """A cookie's value; None without it, and for one that is given twice."""
    wanted = _name(name, secure=secure)
    lines = [value.decode("latin-1") for header, value in scope["headers"] if header == b"cookie"]
    pairs = [pair.partition("=") for line in lines for pair in line.split(";")]
    values = [value.strip() for key, _, value in pairs if key.strip() == wanted]
    return values[0] if len(values) == 1 and values[0] else None


def session(token: str, *, secure: bool) -> Cookie:
    """What begins a session in a browser. It ends with the browser; the server may end it sooner."""
    return _cookie(SESSION, token, secure=secure)


def no_session(*, secure: bool) -> Cookie:
    """What takes the session back."""
    return _cookie(SESSION, "", secure=secure, max_age_s=0)


def device(value: str, *, secure: bool) -> Cookie:
    """What a browser is recognised by at the next sign-in."""
    return _cookie(DEVICE, value, secure=secure, max_age_s=_DEVICE_S)


def _cookie(name: str, value: str, *, secure: bool, max_age_s: int | None = None) -> Cookie:
    return Cookie(
        key=_name(name, secure=secure),
        value=value,
        path="/",
        max_age=max_age_s,
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def _name(name: str, *, secure: bool) -> str:
    return f"__Host-{name}" if secure else name
