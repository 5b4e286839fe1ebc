"""A worker process: settings through a pipe, an inherited socket, and a graceful end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
from world import World

from keystile.settings import encode


@asynccontextmanager
async def worker(settings: bytes) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A running worker and its address; it is killed at the latest at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "keystile.hub.worker",
            "--fd",
            str(listener.fileno()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(listener.fileno(),),
            env={**os.environ, "PYTHONDEVMODE": "0"},
        )
        assert process.stdin is not None
        process.stdin.write(settings)
        process.stdin.close()
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            if process.returncode is None:
                process.kill()


async def test_a_worker_serves_the_machines_gate_and_drains(world: World) -> None:
    async with worker(encode(world.settings)) as (process, url):
        headers = {"Authorization": f"Bearer {world.secret}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=20) as client:
            made = await client.post("/v1/keys", json={"name": "made by a worker", "scopes": ["PSA"]})
            assert made.status_code == 201, made.text
            assert "server" not in made.headers
            secret = made.json()["secret"]
            assert await world.decide(secret) == (200, "ok")
            head = await client.head("/v1/authz?scope=PSA", headers={"Authorization": f"Bearer {secret}"})
            assert head.status_code == 200
            forged = {"X-Forwarded-For": "203.0.113.9", "Authorization": "Bearer nonsense"}
            assert (await client.get("/v1/authz", headers=forged)).status_code == 401
            await client.get("/v1/keys", params={"q": secret})
            await client.get("/v1/authz", params={"scope": secret})
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0, err.decode()
        for text in (secret, world.secret):
            assert text.encode() not in out + err


async def test_a_line_of_the_log_names_its_request(world: World) -> None:
    nowhere = f"postgresql://nobody@/none?host={world.settings.data}"
    settings = msgspec.structs.replace(world.settings, database_url=nowhere, log_format="json")
    async with worker(encode(settings)) as (process, url):
        headers = {"Authorization": f"Bearer {world.secret}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=20) as client:
            assert (await client.get("/healthz")).status_code == 200
            # Between two tries to connect, which are half a second apart, requests fail without a line.
            for identity in ("asked-by-a-test", world.secret):
                until_s = time.monotonic() + 1
                while time.monotonic() < until_s:
                    answer = await client.get("/v1/keys", headers={"X-Request-Id": identity})
                    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.wait_for(process.communicate(), 20)
    assert world.secret.encode() not in err
    lines = [json.loads(line) for line in err.splitlines()]
    named = [line for line in lines if line.get("request_id") == "asked-by-a-test"]
    assert {(line["logger"], line["process"], line["pid"]) for line in named} == {
        ("keystile.hub.database", "worker", process.pid)
    }


async def test_bad_settings_are_one_line_and_no_trace() -> None:
    async with worker(b'{"data": "/nowhere", "pepper": "not hex"}') as (process, _):
        out, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert out == b""
    assert err.decode().startswith("keystile worker: ")
    assert err.count(b"\n") == 1
    assert b"not hex" not in err
