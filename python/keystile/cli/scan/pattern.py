"""What a leaked secret looks like: a pattern that other scanners share, and the checksum that proves it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from keystile import checksum_ok

_LENGTH = 28  # random part and checksum
_WORD = "[0-9A-Za-z]"


def portable(prefix: str) -> str:
    """The pattern for one prefix, in the words that Python, Go's RE2 and PCRE share; its group 1 is the secret.

    It means `(?<![0-9A-Za-z_])PREFIX[0-9A-Za-z]{28}(?![0-9A-Za-z])`, which RE2 has no words for. A prefix
    needs no escaping: it is made of small letters, digits and "_".
    """
    return rf"\b({prefix}{_WORD}{{{_LENGTH}}})(?:\b|_)"


class Pattern:
    """Secrets of one prefix in bytes: ASCII (so UTF-8 too), and UTF-16 in both orders."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._narrow = prefix.encode()
        # The same bytes in both orders of UTF-16: what stands between the first letter and the last.
        self._wide = b"\0".join(prefix[at : at + 1].encode() for at in range(len(prefix)))
        self._regex = re.compile(portable(prefix).encode())
        self.reach = 2 * (len(prefix) + _LENGTH + 2)
        """How many bytes from its first one decide about a secret; of those before it, 3 do."""

    def secrets(self, data: bytes, begin: int, end: int) -> Iterator[tuple[int, str]]:
        """Each secret whose first letter stands at `begin` or later and before `end`, and where that is.

        The cost where there are none is that of finding four bytes: nothing but compiled code runs.
        """
        for at in _places(data, self._narrow, begin, end):
            if found := self._regex.match(data, at):
                yield from self._proved(at, found)
        if b"\0" not in data:
            return
        for at in _places(data, self._wide, begin, end):
            for text, behind in self._unwidened(data, at):
                if found := self._regex.match(text, behind):
                    yield from self._proved(at, found)
                    break

    def _proved(self, at: int, found: re.Match[bytes]) -> Iterator[tuple[int, str]]:
        if checksum_ok(found[1], self._prefix):
            yield at, found[1].decode()

    def _unwidened(self, data: bytes, at: int) -> Iterator[tuple[bytes, int]]:
        """What stands around `at` as ASCII, read in each order; whatever is not ASCII becomes a "?"."""
        for order, first in (("utf-16-le", at), ("utf-16-be", at - 1)):
            start = first - 2 if first >= 2 else first
            if start >= 0:
                text = data[start : first + self.reach - 1].decode(order, "replace")
                yield text.encode("ascii", "replace"), (first - start) // 2


def _places(data: bytes, needle: bytes, begin: int, end: int) -> Iterator[int]:
    stop = end + len(needle) - 1
    at = data.find(needle, begin, stop)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1, stop)
