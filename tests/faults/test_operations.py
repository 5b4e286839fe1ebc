"""A machine that lacks something: told in plain words, or done without."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.machine import until
from tests.faults.world import world_on
from tests.processes.serving import Serve, eventually, run

_NOWHERE = "/proc/keystile"
"""A place in which nobody can write, not even root."""
_FULL = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON usage_totals FOR EACH ROW EXECUTE FUNCTION no_room();
"""


async def test_a_database_without_room_for_usage(database_url: str) -> None:
    """It is told, checks go on, and all counts arrive when there is room again."""
    async with world_on(database_url) as world:
        (good,) = await world.issue()
        await world.start()
        async with world.connection() as conn:
            await conn.execute(_FULL)
            (machine,) = world.machines
            alarm = "usage cannot be written: could not extend file: No space left on device; it is kept"
            await until(lambda: alarm in machine.output.read_text(), "there is an alarm")
            await world.asked("ok", good)
            (number,) = await world.issue()
            await world.asked("ok", number)
            await conn.execute("DROP TRIGGER no_room ON usage_totals")
        world.judge()
        await world.finish()
        assert await world.judge_counts() > 0


@pytest.mark.parametrize("setting", ["KEYSTILE_SEGMENT", "KEYSTILE_DATA"])
def test_nowhere_to_write_is_told_in_plain_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    """No shared memory, or a data folder that is read-only."""
    data = Path(_NOWHERE) if setting == "KEYSTILE_DATA" else tmp_path / "data"
    monkeypatch.setenv("KEYSTILE_SEGMENT", f"{_NOWHERE}/gate" if setting == "KEYSTILE_SEGMENT" else "")
    done = run("serve", "--port", "0", data=data)
    assert done.returncode == 1
    assert _NOWHERE in done.stderr
    assert "Traceback" not in done.stderr


@contextlib.contextmanager
def few_files(most: int) -> Iterator[None]:
    """What is started in the block may have so many open files, connections included."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_few_file_descriptors(tmp_path: Path) -> None:
    """With 256 it serves; more connections than that are turned away, until others are gone."""
    with few_files(256):
        server = Serve(tmp_path / "data")
    try:
        server.started()
        host, port = server.url.removeprefix("http://").split(":")
        with contextlib.ExitStack() as crowd:
            for _ in range(300):
                crowd.enter_context(socket.create_connection((host, int(port)), timeout=5))
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{server.url}/healthz", timeout=0.5)

        def answers() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return server.http().get("/v1/keys").status_code == 200
            return False

        eventually(answers, "it answers again")
        assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.kill_group()
