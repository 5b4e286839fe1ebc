"""A relay between a proxy and the Hub, which can be gone or hang."""

from __future__ import annotations

import contextlib
import socket
import threading

_CHUNK_BYTES = 65_536


class Relay:
    """Threads that pass bytes on. Its address stays its own while it is gone: who connects then is turned away."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._hub = self._target = target
        self._listener = socket.socket()
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = free.getsockname()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(address)  # asked for by number, or it would be lost with the first `gone`
        self._open: set[socket.socket] = set()
        self._passing = threading.Event()
        self._passing.set()
        self._listening = False
        self.back()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def gone(self) -> None:
        """From now on connections are refused, and those that there are end."""
        self._listening = False
        self._listener.shutdown(socket.SHUT_RDWR)  # bound, but no longer listening
        self._cut()

    def back(self) -> None:
        """From now on it listens, and passes bytes on to the Hub."""
        self._target = self._hub
        self._cut()
        self._passing.set()
        if self._listening:
            return
        self._listening = True
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def hang(self) -> None:
        """From now on it takes connections and bytes, and passes nothing on."""
        self._passing.clear()

    def lead_to(self, target: tuple[str, int]) -> None:
        """From now on it leads somewhere else."""
        self._target = target
        self._cut()

    def close(self) -> None:
        """End it all."""
        self._cut()
        self._passing.set()
        self._listener.close()

    def _cut(self) -> None:
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                hub = socket.create_connection(self._target)
            except OSError:
                return
            for one in (client, hub):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open |= {client, hub}
            for pair in ((client, hub), (hub, client)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, drain: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                self._passing.wait()
                drain.sendall(chunk)
        self._open.discard(source)
        with contextlib.suppress(OSError):
            drain.shutdown(socket.SHUT_RDWR)  # ends the other thread too
        source.close()
