"""Every error that Keystile raises on purpose, in one tree."""

from __future__ import annotations

__all__ = [
    "BadCursor",
    "GateAbsent",
    "GateBusy",
    "GateError",
    "GateFull",
    "GateUnusable",
    "KeystileError",
    "SettingsError",
    "StoreError",
    "UnknownScope",
]


class KeystileError(Exception):
    """The root: catching it catches whatever Keystile says no to."""


class SettingsError(KeystileError):
    """A setting is unknown, malformed or out of range; the message names it."""


class StoreError(KeystileError):
    """The database cannot be used as it is: wrong schema, in use, not reachable, not a primary."""


class BadCursor(StoreError):
    """A page cursor was not made by this list."""


class GateError(KeystileError):
    """The gate's segment cannot be made, opened or changed."""


class GateAbsent(GateError):
    """There is no gate on this machine, or no telling which one is meant."""


class GateBusy(GateError):
    """Another process holds the right to write this segment."""


class GateFull(GateError):
    """No room for another key or tenant; checks go on with what the gate holds."""


class GateUnusable(GateError):
    """The file is no segment that this version, boot and user can use."""


class UnknownScope(GateError, KeyError):
    """The catalogue has no scope of this name."""

    __str__ = KeystileError.__str__
