"""Addresses and networks, as settings give them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from keystile.errors import SettingsError


def listening_address(name: str, text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:8514` or `[::1]:8514`; SettingsError, naming the setting, for anything else.

    Addresses only: a name could come to mean another one, and reach further than was meant.
    """
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        is_valid = (ipaddress.ip_address(bare).version == 6) == (bare != host)
    except ValueError:
        is_valid = False
    is_number = port.isascii() and port.isdecimal() and len(port) <= 5
    if not colon or not is_valid or not is_number or int(port) > 65_535:
        raise SettingsError(f"{name} must be an address and a port, as 127.0.0.1:8514 or [::1]:8514, not {text!r}")
    return bare, int(port)


def check_networks(name: str, networks: Iterable[str], use: str) -> None:
    """SettingsError, naming the setting and what to `use`, if one of the networks is none."""
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise SettingsError(f"{name}: {error}; use {use}") from None
