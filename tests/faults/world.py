"""A whole installation for a fault test: a database, machines with networks of their own, keys, and what was done."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import msgspec

from keystile import digest, mint, new_key_id
from keystile.catalogue_settings import DEFAULT_SCOPES, TierSetting
from keystile.store import catalogue, feed, keys, tenants
from keystile.store.pool import FAILURES, Connection, connect
from keystile.store.records import NewKey
from tests.faults.checker import Bounds, check, check_counts, report
from tests.faults.history import Ending, History
from tests.faults.log import Log, Reader, Request, now_ns, read_all
from tests.faults.machine import PATIENCE_S, Machine, until
from tests.faults.proxy import Proxy
from tests.faults.server import MEMORY

POLL_INTERVAL_MS = 40
STALE_AFTER_MS = 800
FLUSH_INTERVAL_MS = 50
_NO_LIMIT = TierSetting(name="Boundless", rate=1_000_000_000, burst=1_000_000_000)


class World:
    """Database, machines, keys, history."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.pepper = secrets.token_bytes(32)
        self.machines: list[Machine] = []
        self._asked = count(1)
        self._reader = Reader(self.logs)
        self.requests: list[Request] = []
        """What was answered and not judged yet."""
        self.history = History()
        self.secrets: dict[int, str] = {}
        """What the workers check, by number."""
        self.database = url.split("@/")[1].split("?", 1)[0]

    async def add_machine(self, **settings: object) -> Machine:
        """A machine without processes. `settings` besides or instead of the usual ones."""
        proxy = await Proxy(self.url).__aenter__()
        usual: dict[str, object] = {
            "database_url": proxy.url(self.database),
            "pepper": self.pepper.hex(),
            "poll_interval_ms": POLL_INTERVAL_MS,
            "stale_after_ms": STALE_AFTER_MS,
            "flush_interval_ms": FLUSH_INTERVAL_MS,
            "capacity": 5_000,
            "tiers": msgspec.json.encode([_NO_LIMIT]).decode(),
        }
        environment = {f"KEYSTILE_{name.upper()}": str(value) for name, value in {**usual, **settings}.items()}
        self.machines.append(Machine(len(self.machines), self.folder, proxy, environment))
        return self.machines[-1]

    async def start(self, *mutations: str, workers: int = 1) -> None:
        """An agent and workers on each machine, and all of them ready. `mutations`: for the agents."""
        for machine in self.machines:
            await machine.start_agent(*mutations)
        for machine in self.machines:
            await until(lambda machine=machine: machine.fresh, f"{machine.output} tells of a good start")
            for _ in range(workers):
                await machine.start_worker(self.logs, self.secrets)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection to the database that no fault of a network reaches."""
        conn = await connect(self.url)
        try:
            yield conn
        finally:
            conn.terminate()

    async def issue(self, *, keys_: int = 1) -> list[int]:
        """New keys, which every worker checks once every machine knows them; the numbers of their secrets."""
        made = {len(self.history.key_of) + place: mint() for place in range(keys_)}
        async with self.connection() as conn, conn.transaction():
            for secret in made.values():
                new = self.new_key(secret)
                self.history.key_of.append(new.id)
                await keys.insert(conn, new)
            revision = await feed.settle(conn)
        await self.everywhere(revision)
        for number, secret in made.items():
            self.check(number, secret)
        return list(made)

    def new_key(self, secret: str) -> NewKey:
        """A key without limits, for the database."""
        return NewKey(
            id=new_key_id(),
            tenant="home",
            name="A key",
            start=secret[:8],
            last4=secret[-4:],
            digest=digest(secret, self.pepper),
            scopes=["PSA"],
            tier=_NO_LIMIT.name,
            created_by="test",
        )

    async def revoke(self, number: int) -> tuple[Ending, int]:
        """Revoke the key of a secret, all its secrets, in the database; with the revision that says so."""
        key_id = self.history.key_of[number]
        ending = self.history.ending("revocation", *(n for n, one in enumerate(self.history.key_of) if one == key_id))
        revision = None
        while revision is None:
            with contextlib.suppress(*FAILURES):
                async with self.connection() as conn:
                    async with conn.transaction():
                        await keys.revoke(conn, key_id, None, None)
                        settled = await feed.settle(conn)
                    # Only now: a commit that was cut off may not have been made.
                    revision = settled
                    ending.committed()
            # It may be away for a moment, and what was committed may be revoked once more.
            await asyncio.sleep(0.01)
        return ending, revision

    async def rotate(self, number: int, overlap_s: int) -> int:
        """Give a key another secret; its number."""
        secret, other = mint(), len(self.history.key_of)
        key_id = self.history.key_of[number]
        self.history.key_of.append(key_id)
        async with self.connection() as conn, conn.transaction():
            kept = digest(secret, self.pepper)
            start, last4 = secret[:8], secret[-4:]
            await keys.rotate(conn, key_id, None, digest=kept, start=start, last4=last4, overlap_seconds=overlap_s)
            revision = await feed.settle(conn)
        await self.everywhere(revision)
        self.check(other, secret)
        return other

    async def everywhere(self, revision: int) -> None:
        """Wait until every machine that has an agent can decide, and knows of a revision."""
        for machine in self.machines:
            if machine.agents:
                await until(lambda machine=machine: machine.applied(revision), f"machine {machine.number} follows")

    def check(self, number: int, secret: str) -> None:
        """Every worker checks this secret from now on."""
        self.secrets[number] = secret
        for machine in self.machines:
            machine.tell(number, secret)

    def forget(self, numbers: list[int]) -> None:
        """No worker checks these secrets any more."""
        for number in numbers:
            self.secrets.pop(number, None)
            for machine in self.machines:
                machine.tell(number, None)

    async def finish(self) -> None:
        """Stop the workers, and the agents with their last flush."""
        for machine in self.machines:
            await machine.stop_workers()
        for machine in self.machines:
            await machine.stop_agents()

    def read(self) -> list[Request]:
        """What was answered and not judged yet, up to now."""
        self.requests += self._reader.new()
        return self.requests

    def judge(self, *, bound: bool = True, recovery_s: float = PATIENCE_S) -> None:
        """AssertionError with everything that the checker finds in what was not judged yet."""
        bounds = Bounds(STALE_AFTER_MS * 1_000_000 if bound else None, int(recovery_s * 1e9))
        found = check(self.read(), self.history, bounds)
        self.requests = []
        self.history.faults.clear()
        assert not found, report(found)

    def ask(self, numbers: Iterable[int], secrets_: Mapping[int, str]) -> None:
        """Ask every machine's gate about secrets here and now, as a worker would; written down like all else."""
        for machine in self.machines:
            gate = machine.gate()
            assert gate is not None
            log = Log(self.logs / f"{machine.number}-test-{next(self._asked)}.log", machine.number)
            for number in numbers:
                log.begin(number)
                log.end(number, gate.check(secrets_[number]).code)

    async def asked(self, code: str, number: int, *gates: int) -> None:
        """Wait until the workers of these machines (none: all) ask anew and are answered `code` for a secret."""
        left = set(gates) or {machine.number for machine in self.machines}
        since_ns, seen = now_ns(), len(self.read())

        def all_were() -> bool:
            nonlocal seen
            for one in self.read()[seen:]:
                if one.start_ns >= since_ns and (one.secret, one.code) == (number, code):
                    left.discard(one.gate)
            seen = len(self.requests)
            return not left

        await until(all_were, f"secret {number} is answered {code} by {left}")

    async def totals(self) -> dict[str, int]:
        """What the database counted of the test's keys, by key."""
        async with self.connection() as conn:
            rows = await conn.fetch(
                "SELECT key_id, requests FROM usage_totals WHERE key_id = ANY ($1)", self.history.key_of
            )
        return dict(rows)

    async def judge_counts(self, *, unsure: int = 0) -> int:
        """AssertionError where the database counted other than was answered; how many requests it counted."""
        totals = await self.totals()
        found = check_counts(read_all(self.logs), self.history.key_of, totals, unsure=unsure)
        assert not found, report(found)
        return sum(totals.values())

    async def destroy(self) -> None:
        """End every process, whatever state it is in."""
        for machine in self.machines:
            await machine.destroy()
            await machine.proxy.__aexit__(None, None, None)


@asynccontextmanager
async def world_on(url: str, *, machines: int = 1, **settings: object) -> AsyncIterator[World]:
    """A world on a migrated, empty database, its machines without processes yet."""
    folder = Path(tempfile.mkdtemp(prefix="keystile-faults-", dir=MEMORY))
    world = World(url, folder)
    try:
        async with world.connection() as conn, conn.transaction():
            await catalogue.apply(conn, DEFAULT_SCOPES, (_NO_LIMIT,))
            await tenants.insert(conn, "home", "Home", home=True)
        for _ in range(machines):
            await world.add_machine(**settings)
        yield world
    finally:
        await world.destroy()
        await asyncio.to_thread(shutil.rmtree, folder)
