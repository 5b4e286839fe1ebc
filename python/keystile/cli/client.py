"""Talks to the Hub over HTTP, and turns its refusals into exit codes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import msgspec

from keystile.cli.failure import CommandError, Exit
from keystile.safe_text import safe
from keystile.settings import Settings

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 30.0
PAGE_LIMIT = 200

_NDJSON = {"Content-Type": "application/x-ndjson"}
_EXITS = {
    401: Exit.DENIED,
    403: Exit.DENIED,
    404: Exit.NOT_FOUND,
    429: Exit.RATE_LIMITED,
    502: Exit.UNREACHABLE,
    503: Exit.UNREACHABLE,
    504: Exit.UNREACHABLE,
}


class Page(msgspec.Struct, frozen=True):
    """Some items of a list, and the cursor for more; None at the end."""

    items: list[dict[str, Any]]
    next_cursor: str | None


class Client:
    """One Hub and, unless `anonymous`, a key: the Hub key by default. Failures are `CommandError` with an exit code."""

    def __init__(self, settings: Settings, *, anonymous: bool = False, key: str | None = None) -> None:
        # httpx takes longer to import than most commands take to run; --help and completion never need it.
        import httpx  # noqa: PLC0415

        self.url = hub_url(settings)
        headers = {"Accept": "application/json"}
        if not anonymous:
            headers["Authorization"] = f"Bearer {_hub_key(settings) if key is None else _checked(key)}"
        try:
            self._http = httpx.Client(
                base_url=self.url,
                timeout=TIMEOUT_S,
                # A proxy from the environment must not see what is meant for this machine.
                trust_env=not _is_loopback(self.url),
                headers=headers,
            )
        except httpx.InvalidURL as error:
            raise CommandError(f"the Hub's address {safe(self.url)} is not usable: {error}") from None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, query: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The JSON object at `path`; parameters that are None are left out."""
        return _object(self._send("GET", path, query=query))

    def page(self, path: str, query: Mapping[str, object] | None = None) -> Page:
        """One page of the list at `path`."""
        answer = self.get(path, query)
        try:
            return msgspec.convert(answer, Page)
        except msgspec.ValidationError as error:
            raise CommandError(f"{self.url}{path} is no list of a Keystile Hub: {error}") from None

    def pieces(self, path: str, query: Mapping[str, object], accept: str) -> Iterator[str]:
        """The answer as text of the media type `accept`, piece by piece as it comes."""
        import httpx  # noqa: PLC0415 - loaded by then; see __init__

        try:
            with self._http.stream("GET", path, params=_params(query), headers={"Accept": accept}) as response:
                if not response.is_success:
                    response.read()
                    raise _refusal(response)
                yield from response.iter_text()
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def send(self, method: str, path: str, body: object, *, wait: bool = False) -> dict[str, Any]:
        """Send a JSON body; the JSON object answered. `wait`: only when every gate has the change, however long."""
        query = {"wait": "confirmed"} if wait else None
        return _object(self._send(method, path, body=body, query=query, patient=wait))

    def delete(self, path: str) -> None:
        """Remove what is at `path`."""
        self._send("DELETE", path)

    def send_lines(self, path: str, lines: bytes, query: Mapping[str, object]) -> dict[str, Any]:
        """Send JSON objects, one a line; the JSON object answered. May be called by several threads at once."""
        return _object(self._send("POST", path, query=query, lines=lines))

    def decide(self, body: object) -> dict[str, Any]:
        """Ask `/v1/verify`, which answers also with a refusal, and needs no Hub key."""
        return _object(self._send("POST", "/v1/verify", body=body))

    def pages(self, path: str, query: Mapping[str, object]) -> Iterator[Any]:
        """All items of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.page(path, {**query, "limit": PAGE_LIMIT, "cursor": cursor})
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        lines: bytes | None = None,
        patient: bool = False,
    ) -> httpx.Response:
        import httpx  # noqa: PLC0415 - loaded by then; see __init__

        try:
            timeout = httpx.Timeout(TIMEOUT_S, read=None if patient else TIMEOUT_S)
            content = {"json": body} if lines is None else {"content": lines, "headers": _NDJSON}
            response = self._http.request(method, path, params=_params(query or {}), timeout=timeout, **content)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if not response.is_success:
            raise _refusal(response)
        return response

    def _unreachable(self, error: httpx.TransportError) -> CommandError:
        import httpx  # noqa: PLC0415 - loaded by then; see __init__

        if isinstance(error, httpx.TimeoutException):
            why = f"the Hub at {self.url} did not answer within {TIMEOUT_S:.0f} seconds"
        else:
            why = f"no Hub can be reached at {self.url}: {error}"
        return CommandError(why, Exit.UNREACHABLE)


def hub_url(settings: Settings) -> str:
    """The Hub's address: the setting, else what `serve` left in the data folder, else the usual one."""
    if settings.url is not None:
        return settings.url.rstrip("/")
    try:
        return (settings.data / "address").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return f"http://127.0.0.1:{settings.port or 8080}"


def segment(text: str) -> str:
    """The text as one segment of a path."""
    return quote(text, safe="")


def _hub_key(settings: Settings) -> str:
    path = settings.data / "operator.key"
    try:
        key = settings.key or path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise CommandError(
            f"no Hub key: {path} {why}, and KEYSTILE_KEY_FILE is not set. "
            "Start `keystile serve`, or say where its data folder is with --data."
        ) from None
    return _checked(key)


def _checked(key: str) -> str:
    if not (key and key.isascii() and key.isprintable() and " " not in key):
        raise CommandError("this is not a key: it is empty, or holds characters that no key has")
    return key


def _params(query: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value is not None}


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise CommandError(
            f"{response.url.copy_with(query=None)} did not answer as a Keystile Hub does: no JSON object"
        )
    return answer


def _refusal(response: httpx.Response) -> CommandError:
    code = _EXITS.get(response.status_code, Exit.ERROR)
    try:
        problem = response.json()
        lines = [str(problem.get("detail") or problem["title"])]
        lines += [f"  {error['field']}: {error['message']}" for error in problem.get("errors", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        lines = [f"the Hub answered with status {response.status_code}"]
    if retry := response.headers.get("Retry-After"):
        lines.append(f"  try again in {retry} s")
    message = "\n".join(safe(line) for line in lines)
    return CommandError(message, code, retry_after_s=int(retry) if retry and retry.isdigit() else None)
