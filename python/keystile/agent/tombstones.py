"""Revocations remembered on this machine, whatever becomes of the database.

A text file that only grows: a first line of fixed length that says how far in which history it is complete, then one
line for each revoked key. Every line ends with its own checksum, so one that was torn by a crash is not taken for true.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import zlib
from datetime import datetime
from pathlib import Path
from uuid import UUID

from keystile.settings import Settings
from keystile.store.receipts import Position

_KIND = "keystile-tombstones-1"
_HEAD_BYTES = 160
_NOTHING = "-"


def tombstones_path(settings: Settings) -> Path:
    """In the data folder; agents for several segments of one data folder have a file each."""
    if settings.segment is None:
        return settings.data / "tombstones"
    return settings.data / f"tombstones-{hashlib.sha256(os.fsencode(settings.segment)).hexdigest()[:12]}"


class Tombstones:
    """The revoked keys that this machine knows of."""

    def __init__(self, path: Path) -> None:
        """Read what is there; `mark` says up to where nothing is missing. Never fails: `sync` does."""
        self._path = path
        self._handle: int | None = None
        # pwrite on a file that is open for appending would append.
        self._mark_handle: int | None = None
        self._revoked: dict[str, datetime] = {}
        self._unsaved: list[str] = []
        # `sync` runs in a thread, which goes on when whoever waited for it was cancelled.
        self._busy = threading.Lock()
        self.mark = Position()
        """How far the file is known to be complete."""
        self._read()

    def __len__(self) -> int:
        return len(self._revoked)

    def get(self, key_id: str) -> datetime | None:
        """When a key was revoked; None if nothing is known of that."""
        return self._revoked.get(key_id)

    def add(self, key_id: str, revoked_at: datetime) -> None:
        """Remember a revocation, which is final; on disk after the next `sync`."""
        if key_id not in self._revoked:
            self._revoked[key_id] = revoked_at
            self._unsaved.append(key_id)

    def sync(self, mark: Position | None) -> None:
        """Bring what was added to the disk, then note that up to `mark` nothing is missing. OSError if it cannot be.

        What could not be written stays to be written by the next call.
        """
        with self._busy:
            if self._handle is None:
                self._handle = self._rewrite()
            elif self._unsaved:
                lines = "".join(_line(f"{key_id} {self._revoked[key_id].isoformat()}") for key_id in self._unsaved)
                # After a short write the rest of a line lies there; the next one begins on a line of its own.
                _write(self._handle, f"\n{lines}".encode())
                os.fdatasync(self._handle)
            self._unsaved.clear()
            if mark is not None and mark != self.mark and self._mark_handle is not None:
                os.pwrite(self._mark_handle, _head(mark), 0)
                self.mark = mark

    def close(self) -> None:
        """Let the file go."""
        with self._busy:
            for handle in (self._handle, self._mark_handle):
                if handle is not None:
                    os.close(handle)
            self._handle = self._mark_handle = None

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            raw = self._path.read_bytes()
            self.mark = _mark(raw[:_HEAD_BYTES]) or Position()
            for line in raw.decode("ascii", "replace").split("\n"):
                key_id, _, moment = _text_of(line).partition(" ")
                with contextlib.suppress(ValueError):
                    if key_id != _KIND:
                        self._revoked.setdefault(key_id, datetime.fromisoformat(moment))

    def _rewrite(self) -> int:
        """The whole file anew beside the old one, then in its place: each key once, and nothing torn."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(draft, flags, 0o600)
        try:
            lines = (_line(f"{key_id} {at.isoformat()}") for key_id, at in self._revoked.items())
            _write(handle, _head(self.mark) + "".join(lines).encode())
            os.fsync(handle)
            draft.rename(self._path)
            _sync_folder(self._path.parent)
            self._mark_handle = handle
            return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        except BaseException:
            self._mark_handle = None
            os.close(handle)
            raise


def _head(mark: Position) -> bytes:
    epoch, stamp = mark.epoch or _NOTHING, _NOTHING if mark.stamp is None else mark.stamp.isoformat()
    text = f"{_KIND} {epoch} {mark.timeline} {mark.rev} {stamp}"
    return _line(text.ljust(_HEAD_BYTES - len(_line("")))).encode()


def _mark(head: bytes) -> Position | None:
    try:
        kind, epoch, timeline, rev, stamp = _text_of(head.decode("ascii").rstrip("\n")).split()
        if kind != _KIND or epoch == _NOTHING:
            return None
        moment = None if stamp == _NOTHING else datetime.fromisoformat(stamp)
        return Position(UUID(epoch), int(timeline), int(rev), moment)
    except ValueError:
        return None


def _line(text: str) -> str:
    return f"{text} {zlib.crc32(text.encode()):08x}\n"


def _text_of(line: str) -> str:
    """A line without its checksum; empty if that is not the line's."""
    text, _, checksum = line.rpartition(" ")
    return text if checksum == f"{zlib.crc32(text.encode()):08x}" else ""


def _write(handle: int, data: bytes) -> None:
    """All of it."""
    while data:
        data = data[os.write(handle, data) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
