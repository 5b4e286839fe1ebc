"""The fast part of Keystile, written in Rust.

Nothing here blocks, except `Gate.open` and `Writer.open`, which make files. Instants named `…_ns` are integers in
nanoseconds; `boottime` counts since the machine started, suspended time included; others are Unix time.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping, Sequence
from os import PathLike
from typing import Any, final

__all__ = [
    "Counters",
    "Decision",
    "Explained",
    "Gate",
    "KeyRecord",
    "Scope",
    "Writer",
    "boottime",
    "checksum_ok",
    "digest",
    "digest_of_sha256",
    "header_lines",
    "mint",
    "new_key_id",
]

def boottime() -> int:
    """Nanoseconds of `CLOCK_BOOTTIME`: the clock of leases and buckets."""

def mint(prefix: str = "tos_") -> str:
    """A new secret: prefix, 22 random base62 characters from the operating system, 6 checksum characters.

    ValueError for a prefix that is not `[a-z][a-z0-9_]{0,15}`; OSError if there is no randomness to be had.
    """

def checksum_ok(text: str | bytes, prefix: str = "tos_") -> bool:
    """Whether `text` is shaped like a key, checksum included. Says nothing about whether it was ever issued."""

def new_key_id() -> str:
    """A new key id: `key_` and a UUIDv7 in 26 base32 characters (a TypeID); sorts by time of issue."""

def digest(text: str | bytes, pepper: bytes, prefix: str = "tos_") -> bytes:
    """The 32 bytes kept instead of a secret: `HMAC-SHA-256(pepper, SHA-256(text))`.

    ValueError if the text is not shaped like a key, or the pepper has not 32 bytes.
    """

def digest_of_sha256(sha256: bytes, pepper: bytes) -> bytes:
    """The same from the SHA-256 of a secret, of whatever shape that is. ValueError unless both have 32 bytes."""

def header_lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Headers as HTTP/1 writes them, each on a line of its own. ValueError for one that holds a control character."""

@final
class Scope:
    """A scope of one gate's catalogue, resolved once (`Gate.scope`) so that checks need not look it up."""

    @property
    def name(self) -> str:
        """Its name in the catalogue."""

@final
class KeyRecord:
    """One key as a gate sees it."""

    def __new__(
        cls,
        key_id: str,
        digest: bytes,
        *,
        scopes: Sequence[str],
        tier: str,
        tenant: str = "home",
        expires_at_ns: int | None = None,
        disabled: bool = False,
        revoked: bool = False,
        previous_digest: bytes | None = None,
        previous_expires_at_ns: int | None = None,
    ) -> KeyRecord:
        """A record; the two `previous_…` belong to the secret before a rotation and go together.

        ValueError for a malformed id or a digest that has not 32 bytes.
        """

    @property
    def key_id(self) -> str:
        """The key's id."""

@final
class Counters:
    """What a gate counts for its whole machine since its segment was made: the same in every process."""

    def decisions(self) -> dict[str, int]:
        """Decisions by code, all codes included. Those on keys as of the agent's last tally, one flush interval ago at
        most while it runs; the others as of now.
        """

    def application_errors(self) -> tuple[int, int]:
        """Of the requests that passed, how many the application ended with 4xx and with 5xx; as of the last tally."""

    def durations(self) -> tuple[list[int], list[int], int]:
        """How long checks took, of about one in 1,024: the upper bounds of buckets in ns, how many are in each and
        beyond the last, and the sum of their times in ns.
        """

    def failure_budgets(self) -> tuple[int, int]:
        """How many budgets of failed attempts are not full, and how many of those are used up."""

    def figures(self) -> dict[str, int]:
        """The numbers that the agent publishes by name; those named `…_ns` are instants of boot time."""

    def report(self, place: int, *, pool: tuple[int, int, int], answered: tuple[int, int, int, int]) -> None:
        """Tell what the Hub's worker at `place` (0 to 255) does: its connections to the database (all, idle, at most),
        and how many requests it has answered with 2xx to 5xx since it told last.
        """

    def workers(self, within_ns: int) -> tuple[int, tuple[int, int, int], list[int]]:
        """How many workers told something `within_ns` nanoseconds, their connections together, and all answers."""

@final
class Decision:
    """What a gate decided on one request. Its truth value is `allowed`."""

    def __bool__(self) -> bool: ...
    @property
    def allowed(self) -> bool:
        """Whether the request may pass."""

    @property
    def status(self) -> int:
        """The HTTP status to answer with: 200, or that of the refusal."""

    @property
    def code(self) -> str:
        """`ok`, or which refusal it is: one of a closed set."""

    @property
    def key_id(self) -> str | None:
        """The id of the key, where one was recognised."""

    @property
    def tenant(self) -> str | None:
        """The key's tenant, where a key was recognised."""

    @property
    def tier(self) -> str | None:
        """The name of the tier whose bucket was asked."""

    @property
    def scopes(self) -> list[str]:
        """The names of the scopes that the key holds now."""

    @property
    def needed_scope(self) -> str | None:
        """The name of the scope that was asked for."""

    @property
    def limit(self) -> int | None:
        """Requests per minute; of the key's tier, or of the client's failed attempts where no key is known."""

    @property
    def remaining(self) -> int | None:
        """Requests that will certainly be admitted now, at most `limit`."""

    @property
    def reset_at(self) -> int | None:
        """Unix time in seconds, rounded up, at which `remaining` is back at its largest."""

    @property
    def retry_after(self) -> int | None:
        """Whole seconds, rounded up, until a retry makes sense; on 429 and 503 only."""

    @property
    def headers(self) -> dict[str, str]:
        """The response headers that explain the decision, to be sent with every answer."""

    @property
    def asgi_headers(self) -> list[tuple[bytes, bytes]]:
        """The same in the form that ASGI takes."""

    @property
    def asgi_identity(self) -> list[tuple[bytes, bytes]]:
        """Headers that tell a proxy whose request may pass, in the same form; none for a refusal."""

    @property
    def header_lines(self) -> bytes:
        """Both as HTTP/1 writes them. ValueError if one holds a control character."""

@final
class Explained:
    """An ASGI `send` that adds a decision's headers to the answer and counts its status, the first time."""

    def __new__(cls, decision: Decision, send: Callable[[Any], Awaitable[None]]) -> Explained: ...
    def __call__(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        """Hand the message on; what `send` returns."""

@final
class Gate:
    """Decides on requests inside this process, from memory that all processes of the machine share."""

    @staticmethod
    def attach(path: str | PathLike[str] | None = None) -> Gate:
        """This machine's gate, which `keystile serve` or `keystile agent` keeps fresh.

        Without a path: the environment's KEYSTILE_SEGMENT, else the only gate that this user has here. GateAbsent if
        there is none; GateUnusable if it is of another version, boot or owner.
        """

    @staticmethod
    def open(
        path: str | PathLike[str],
        *,
        scopes: Sequence[str],
        tiers: Sequence[tuple[str, int, int]],
        pepper: bytes | None = None,
        prefix: str = "tos_",
        capacity: int = 16_777_216,
        failure_rate: int = 60,
        failure_burst: int = 100,
    ) -> Gate:
        """A private gate at `path`, without any Hub: for tests, and for programs that keep their keys themselves.

        `tiers` are (name, requests per minute, burst); `capacity` is the most keys that it can ever hold: the
        file looks as large, but memory comes with the keys. Other processes may attach to the path, but only one may
        open it: GateBusy for the others. Opened again with the same pepper, it still knows its keys, buckets and
        counters; without a pepper a random one is used and it begins empty.
        """

    def scope(self, name: str) -> Scope:
        """The handle of a scope. UnknownScope (a KeyError) if the catalogue has none of this name."""

    def check(
        self, secret: str | bytes, scope: Scope | None = None, client: str | None = None, cost: int = 1
    ) -> Decision:
        """Decide on a request that presented `secret`, take `cost` tokens, and count it. No I/O, no lock, no wait.

        Without a scope, any live key passes that holds at least one. `client` is the IP address that a failed attempt
        is charged to; without one nobody is. Never raises for a bad secret; ValueError for a scope of another gate or a
        cost below 1.
        """

    def check_headers(
        self, headers: Iterable[tuple[bytes, bytes]], scope: Scope | None = None, client: str | None = None
    ) -> Decision:
        """The same, with the credential taken from a request's raw headers (`Authorization: Bearer …`)."""

    def finish(self, decision: Decision, status: int) -> None:
        """Count the HTTP status finally sent for a request that passed. Once per decision; more calls do nothing."""

    def digest(self, secret: str | bytes) -> bytes:
        """The digest under which this gate keeps `secret`. ValueError if it is not shaped like a key."""

    def put(self, record: KeyRecord) -> None:
        """Add or change a key of a gate from `Gate.open`. GateFull if there is no room; GateError otherwise."""

    def revoke(self, key_id: str) -> bool:
        """Revoke a key of a gate from `Gate.open`, for good; False if it is unknown."""

    @property
    def path(self) -> PathLike[str]:
        """Where its segment lies."""

    @property
    def fresh(self) -> bool:
        """Whether it may decide now: its lease runs, or it was set to go on without one."""

    @property
    def is_current(self) -> bool:
        """Whether the file at its path is still the one that is attached; if not, attach again."""

    @property
    def applied_revision(self) -> int:
        """The last revision of the change feed that it has applied."""

    @property
    def heartbeat_ns(self) -> int:
        """Boot time at which its agent last showed that it runs; 0: never."""

    @property
    def key_count(self) -> int:
        """How many keys it holds, revoked and deleted ones included."""

    @property
    def capacity(self) -> int:
        """How many keys it can hold at most."""

    @property
    def stale_refusals(self) -> int:
        """Requests refused because it was stale, since its segment was made."""

    @property
    def counters(self) -> Counters:
        """What it counts for its whole machine. For a gate from `Gate.open`, as of now."""

    @property
    def wall_offset_ns(self) -> int:
        """Unix time minus boot time by which it judges expiry: the database's clock, never moving back."""

@final
class Writer:
    """The agent's side of a gate: the right to write its segment, held until `close` or the process's end."""

    @staticmethod
    def open(
        path: str | PathLike[str],
        *,
        capacity: int,
        prefix: str,
        peppers: Sequence[bytes],
        failure_rate: int,
        failure_burst: int,
        allow_stale: bool,
    ) -> Writer:
        """Take the right to write, and adopt what lies there, or make a new segment. GateBusy if another holds it."""

    def close(self) -> None:
        """Give the right back. The segment stays, with its buckets and counters."""

    def gate(self) -> Gate:
        """A gate on the same segment."""

    @property
    def is_current(self) -> bool:
        """Whether this is still the machine's segment and this writer its only one; if not, open it anew."""

    @property
    def gate_id(self) -> bytes:
        """16 random bytes, under which this segment's counters are reported."""

    def set_catalogue(self, scopes: Sequence[str], tiers: Sequence[tuple[str, int, int]]) -> None:
        """Make the catalogue hold these scopes and tiers (name, requests per minute, burst)."""

    def reserve(self, keys: int) -> None:
        """Prepare for a load that ends with so many keys: what grows with them grows once, now."""

    def put(self, record: KeyRecord) -> None:
        """Add or change a key. A revoked key stays revoked."""

    def remove(self, key_id: str) -> bool:
        """Forget a key; False if it is unknown."""

    def retain(self, key_ids: Collection[str]) -> None:
        """Forget every key that is not listed: the last step of a full reload."""

    def refresh(self, epoch: bytes, revision: int, fresh_until_ns: int | None) -> None:
        """Everything up to `revision` of the feed's `epoch` (16 bytes) is applied; extend the lease (boot time).

        Without `fresh_until_ns` the lease stays as it is: what is applied is not yet all that there is.
        """

    def allow_stale(self) -> None:
        """Let the gate go on deciding when its lease has run out, from now on.

        `open` alone does not switch a gate that is deciding already: first the database is told.
        """

    def expect_imported(self) -> None:
        """Let the gate look for secrets that were made elsewhere: to be called before the first put of such a key."""

    def beat(self) -> None:
        """Show that this writer still runs, to whoever waits to take its place."""

    def set_wall_clock(self, wall_ns: int) -> None:
        """Take the database's Unix time, as just received, as one more measurement of wall time."""

    def drain(self) -> list[tuple[str, int, int, int, int, int, int, int, int, tuple[int, int, bytes], int]]:
        """The cumulative counters of every key that changed since the last call, and its scopes in use.

        Each: key id, requests, client errors, server errors, then refusals (rate limited, insufficient scope,
        revoked, disabled, expired), the times of the newest request with the current secret and with one before it, in
        Unix milliseconds (0: never), with the digest of the current one as the gate knows it, and the scopes with
        which requests passed since they were settled: one bit for each place in `scope_names`.
        """

    def count_outcomes(self, ended: Sequence[tuple[str, int]]) -> int:
        """Add the statuses that requests of keys (by id) ended with to the keys' errors, and never to their requests.

        How many were of keys that the segment holds; the others, and what is no id at all, count nothing.
        """

    def undrain(self, key_ids: Sequence[str]) -> None:
        """Mark keys as changed again, after what `drain` gave could not be stored."""

    def settle(self, stored: Sequence[tuple[str, int]]) -> None:
        """Take scopes, by key id, out of those in use, after what `drain` gave was stored."""

    @property
    def scope_names(self) -> list[str]:
        """The names of the scopes by place. A place never gets another name."""

    def tally(self) -> None:
        """Bring what `Counters` tells of decisions on keys up to date. Costs grow with keys used since `drain`."""

    def set_figure(self, name: str, value: int) -> None:
        """Publish a number for all processes of the machine; see `Counters.figures`.

        A name is a letter, then up to 31 letters, digits, `_` or `-`; GateError for another, or when there are 48.
        """

    def add_to_figure(self, name: str, more: int) -> None:
        """Add to such a number, which begins at 0 with the segment and does not go back with another agent."""

    def mark_all(self) -> None:
        """Mark every key that was ever used as changed, after what was stored was lost."""
