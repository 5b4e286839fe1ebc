"""Which addresses a webhook may reach, however they are written."""

from __future__ import annotations

import pytest

from keystile.hub.webhooks.addresses import Reach

PUBLIC = ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2a00:1450::1"]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "0.0.0.0",
    "0.1.2.3",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2001:10::1",
    "100::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2606:4700:4700::1111%1",
]
NO_ADDRESSES = [
    "",
    "localhost",
    "1.1.1",
    "0x7f.1",
    "2130706433",
    "0177.0.0.1",
    "1.1.1.1/32",
    " 1.1.1.1",
    "\uff11.1.1.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert Reach().allows(address)
    assert not Reach().is_named(address)


@pytest.mark.parametrize("address", [*PRIVATE, *NO_ADDRESSES])
def test_no_other_may(address: str) -> None:
    assert not Reach().allows(address)


def test_networks_that_are_named_may_too() -> None:
    reach = Reach(["10.0.0.0/8", "fd00::/8"])
    named = {
        "10.0.0.1",
        "10.1.2.3",
        "::ffff:10.1.2.3",
        "::ffff:10.0.0.1",
        "64:ff9b::a01:203",
        "fd00:ec2::254",
        "fd00::1",
    }
    assert all(reach.is_named(address) and reach.allows(address) for address in named)
    others = {*PRIVATE, *NO_ADDRESSES, "fd00::1%1"} - named
    assert not any(reach.is_named(address) or reach.allows(address) for address in others)
    assert all(reach.allows(address) for address in PUBLIC)
    assert reach
    assert not Reach()
