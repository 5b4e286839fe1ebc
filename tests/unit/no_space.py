"""A file system without space, by a filter of this process's own system calls; and a gate that meets it.

Run as a program: the filter stays until the process ends. No privilege is needed, and no file system is filled.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from pathlib import Path

from keystile import Gate, KeyRecord, mint, new_key_id
from keystile.errors import GateFull
from tests.unit.gates import SCOPES, UNLIMITED

FALLOCATE = {"x86_64": 285, "aarch64": 47}
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _FAIL_WITH = 0x7FFF0000, 0x00050000
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _BY_FILTER = 38, 22, 2

ROOM = 384
"""Three quarters of the smallest index: a gate that may not grow takes so many secrets, and no more."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def no_more_space() -> None:
    """From now on fallocate(2) fails with ENOSPC in this process."""
    steps = [
        (_LOAD, 0, 0, 0),  # the number of the system call
        (_JUMP_IF_EQUAL, 0, 1, FALLOCATE[platform.machine()]),
        (_RETURN, 0, 0, _FAIL_WITH | errno.ENOSPC),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p).value)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or prctl(_SET_SECCOMP, _BY_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "no filter")


def fill(gate: Gate) -> tuple[list[KeyRecord], list[str], GateFull]:
    """Put keys until there is no space; the keys, their secrets, and the error of the first that was refused."""
    records: list[KeyRecord] = []
    secrets: list[str] = []
    while True:
        secret = mint()
        record = KeyRecord(new_key_id(), gate.digest(secret), scopes=["PSA"], tier="Unlimited")
        try:
            gate.put(record)
        except GateFull as error:
            return records, secrets, error
        records.append(record)
        secrets.append(secret)
        if len(records) == 10:
            no_more_space()


def main(path: Path) -> None:
    """Fill a gate, and see that it goes on; prints how many keys it took, and the error."""
    gate = Gate.open(path, scopes=SCOPES, tiers=[UNLIMITED])
    records, secrets, error = fill(gate)
    psa = gate.scope("PSA")
    assert all(gate.check(secret, psa).allowed for secret in secrets)
    assert gate.check(mint(), psa).code == "unknown_key"
    # What needs no space is done: a revocation, at once or as a change of the key.
    assert gate.revoke(records[0].key_id)
    gate.put(KeyRecord(records[-1].key_id, gate.digest(secrets[-1]), scopes=["PSA"], tier="Unlimited", disabled=True))
    codes = [gate.check(secrets[place], psa).code for place in (0, 1, -1)]
    assert codes == ["revoked_key", "ok", "disabled_key"], codes
    print(len(records), error)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main(Path(sys.argv[1]))
