"""A load generator: keep-alive connections over loopback, one request at a time on each.

`wrk` where it is installed; else one process and plain `epoll`, so that it needs a fraction of what a Python server
needs for the same request. The server is then what is measured.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack

CONNECTIONS = 16
WRK = shutil.which("wrk")
_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


class UnexpectedAnswer(Exception):
    """The server answered with something else than 200."""


def load(address: tuple[str, int], request: bytes, *, seconds: float) -> float:
    """Answers a second that the server gave in so many seconds (`wrk` knows only whole ones), all of them 200."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, mine - {min(mine)} or mine)
    try:
        if WRK is not None:
            return _by_wrk(WRK, address, request, max(1, round(seconds)))
        with ExitStack() as stack:
            connections = [stack.enter_context(_connected(address)) for _ in range(CONNECTIONS)]
            return _drive(connections, request, seconds)
    finally:
        os.sched_setaffinity(0, mine)


def _by_wrk(wrk: str, address: tuple[str, int], request: bytes, seconds: int) -> float:
    (_, path, _), *lines = (line.decode().split(" ", 2) for line in request.split(b"\r\n") if line)
    headers = [argument for line in lines for argument in ("--header", " ".join(line))]
    command = [wrk, "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", *headers]
    url = f"http://{address[0]}:{address[1]}{path}"
    done = subprocess.run([*command, url], stdout=subprocess.PIPE, text=True, check=True).stdout
    rate = re.search(r"Requests/sec: +([0-9.]+)", done)
    if rate is None or "Non-2xx" in done or "Socket errors" in done:
        raise UnexpectedAnswer(done)
    return float(rate[1])


def _connected(address: tuple[str, int]) -> socket.socket:
    connection = socket.create_connection(address, timeout=5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _drive(connections: list[socket.socket], request: bytes, seconds: float) -> float:
    by_handle = {connection.fileno(): connection for connection in connections}
    held = dict.fromkeys(by_handle, b"")
    answers = 0
    with select.epoll() as poll:
        for handle, connection in by_handle.items():
            poll.register(handle, select.EPOLLIN)
            connection.sendall(request)
        started = time.perf_counter()
        ends = started + seconds
        while (now := time.perf_counter()) < ends:
            for handle, _ in poll.poll(ends - now):
                connection = by_handle[handle]
                answer = held[handle] + connection.recv(65_536)
                if _complete(answer):
                    answers += 1
                    answer = b""
                    connection.sendall(request)
                held[handle] = answer
        return answers / (time.perf_counter() - started)


def _complete(answer: bytes) -> bool:
    """Whether this is a whole answer; nothing follows it, as there is one request at a time."""
    end = answer.find(_END)
    if end < 0:
        return False
    if not answer.startswith(b"HTTP/1.1 200"):
        raise UnexpectedAnswer(answer[:end].decode("latin-1"))
    at = answer.find(_LENGTH, 0, end)
    length = 0 if at < 0 else int(answer[at + len(_LENGTH) : answer.find(b"\r", at)])
    return len(answer) >= end + len(_END) + length
