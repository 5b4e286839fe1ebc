"""Which addresses may be reached: those of the public Internet, and private networks that the settings name."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
# Not all of these are "not global" to every Python that we run on, and some carry an IPv4 address that would be.
_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/9",
    )
)


class Reach:
    """The addresses that may be reached."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """`networks`: private networks that may be reached too, in CIDR notation. ValueError for anything else."""
        self._networks: tuple[Network, ...] = tuple(ip_network(name) for name in networks)

    def __bool__(self) -> bool:
        """Whether there is any private network that may be reached."""
        return bool(self._networks)

    def is_named(self, text: str) -> bool:
        """Whether the address lies in one of the named networks."""
        address = _address(text)
        return address is not None and any(
            address.version == network.version and address in network for network in self._networks
        )

    def allows(self, text: str) -> bool:
        """Whether the address may be reached. What is no address, or has a zone, may not."""
        address = _address(text)
        return address is not None and (self.is_named(text) or _is_public(address))


def _address(text: str) -> Address | None:
    """The address that packets would go to: of an IPv4 address in an IPv6 one, the IPv4 address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    if address.scope_id is not None:
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def _is_public(address: Address) -> bool:
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address.version == network.version and address in network for network in _NEVER)
