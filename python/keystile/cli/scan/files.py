"""Reads what is to be scanned: the files below a path, each once, whatever else lies there."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from keystile.cli.scan.seeker import PIECE_BYTES

Trouble = Callable[[str, OSError], None]

# Compressed data shows no text, and so no secret: the first bytes of archives, images, sound and film.
_COMPRESSED = (
    b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"OggS", b"fLaC", b"wOFF", b"wOF2",
    b"\x1a\x45\xdf\xa3",
)  # fmt: skip
_SMALL_BYTES = 65_536


def files_below(path: str, trouble: Trouble) -> Iterator[str]:
    """The path itself if it is no folder, else every regular file below it, by name.

    Links are not followed, and git's own store of objects is left out: it is compressed, and `--history`
    reads it. A folder that cannot be listed is told to `trouble`.
    """
    if not Path(path).is_dir():
        yield path
        return
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
            files = [entry.path for entry in entries if entry.is_file(follow_symlinks=False)]
            folders = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            trouble(folder, error)
            continue
        yield from files
        waiting.extend(found for found in reversed(folders) if not _is_git_store(found))


def _is_git_store(folder: str) -> bool:
    above, _, name = folder.rpartition("/")
    return name == "objects" and any(part.endswith(".git") for part in above.split("/"))


def pieces_of(path: str) -> Iterator[bytes]:
    """What a regular file holds, a piece at a time; nothing if it is compressed. OSError when it cannot be read.

    Opening never waits, as it would for a pipe that nobody writes to.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(0, "not a regular file; `-` reads a stream")
        # A small file costs a small buffer; files that tell no size, as below /proc, are read all the same.
        size = min(max(about.st_size + 1, _SMALL_BYTES), PIECE_BYTES)
        piece = os.read(descriptor, size)
        if is_compressed(piece):
            return
        while piece:
            yield piece
            piece = os.read(descriptor, size)
    finally:
        os.close(descriptor)


def is_compressed(beginning: bytes) -> bool:
    """Whether the first bytes are those of a format that shows no text."""
    return beginning.startswith(_COMPRESSED)


def pieces_of_stream(stream: BinaryIO) -> Iterator[bytes]:
    """What a stream holds, as soon as it comes."""
    # Buffered readers have `read1`, which does not wait for a whole piece.
    read = cast("Callable[[int], bytes]", getattr(stream, "read1", stream.read))
    while piece := read(PIECE_BYTES):
        yield piece
