"""Whose budget a failed attempt is charged to."""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

_HOST = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")

UNIX_PEER = "unix"
"""What a peer without an address is called: one behind a Unix socket."""


class TrustedProxies:
    """The peers whose `X-Forwarded-For` is believed: networks in CIDR notation, and `unix`. ValueError if malformed."""

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        names = tuple(proxies)
        self._unix = UNIX_PEER in names
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(name) for name in names if name != UNIX_PEER]
        self._any = bool(names)

    def client(self, scope: MutableMapping[str, Any]) -> str:
        """The client's address for an ASGI connection scope.

        The socket's peer; if that is trusted, the last address of `X-Forwarded-For` that is not.
        """
        client = scope.get("client")
        peer: str = client[0] if client and client[0] else UNIX_PEER
        return self.behind(peer, _values(scope, b"x-forwarded-for")) if self._any else peer

    def behind(self, peer: str, forwarded: Sequence[str]) -> str:
        """The same for a socket's peer and the values of its `X-Forwarded-For`, in whatever form they came."""
        if not self._any or not forwarded:
            return peer
        for hop in reversed(",".join(forwarded).split(",")):
            address = hop.strip()
            if not self._trusts(peer) or not _is_address(address):
                break
            peer = address
        return peer

    def is_https(self, scope: MutableMapping[str, Any]) -> bool:
        """Whether the client speaks HTTPS: with us, or with a trusted proxy that says so in `X-Forwarded-Proto`."""
        if scope.get("scheme") == "https":
            return True
        client = scope.get("client")
        peer: str = client[0] if client and client[0] else UNIX_PEER
        if not self._any or not self._trusts(peer):
            return False
        values = _values(scope, b"x-forwarded-proto")
        return len(values) == 1 and values[0].lower() == "https"

    def address(self, scope: MutableMapping[str, Any]) -> str | None:
        """Where the client found us, as `https://host:port`: from `Host`, or from a trusted proxy's `X-Forwarded-Host`.

        None for a client that sent no host, several, or none that could be one.
        """
        client = scope.get("client")
        peer: str = client[0] if client and client[0] else UNIX_PEER
        forwarded = _values(scope, b"x-forwarded-host") if self._any and self._trusts(peer) else []
        hosts = forwarded or _values(scope, b"host")
        if len(hosts) != 1 or _HOST.fullmatch(hosts[0]) is None:
            return None
        return f"{'https' if self.is_https(scope) else 'http'}://{hosts[0]}"

    def _trusts(self, peer: str) -> bool:
        if peer == UNIX_PEER:
            return self._unix
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks if network.version == mapped.version)


def _values(scope: MutableMapping[str, Any], header: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for name, value in scope["headers"] if name == header]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
