"""Every object of a git repository, streamed from the git program: neither history nor file is held in memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from keystile.cli.failure import CommandError
from keystile.cli.scan.seeker import PIECE_BYTES

# All that a reference, a reflog or the index leads to. What a partial clone lacks is told and not fetched.
_EVERYTHING = ("--all", "--reflog")
_LIST = ("rev-list", "--objects", *_EVERYTHING, "--indexed-objects", "--missing=print")
_READ = ("cat-file", "--buffer", "--batch=%(objecttype) %(objectsize) %(objectname) %(rest)")
_LOG = (
    "-c", "log.showRoot=true", "log", *_EVERYTHING, "-m", "--raw", "--no-abbrev", "--no-renames", "--no-show-signature",
    "--no-ext-diff", "--no-textconv", "--no-color", "--topo-order", "--format=commit %H",
)  # fmt: skip
_KINDS = frozenset({b"blob", b"commit", b"tag", b"tree"})
# Set by git for its hooks, these would lead to another repository than the one that was asked for.
_MISLEADING = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY"})


class Object(NamedTuple):
    """A blob, commit or tag, and the path at which a tree names it, if one does."""

    kind: str
    name: str
    path: str
    pieces: Iterator[bytes]
    """To be taken before the next object is; what is left over is skipped."""


class Missing(NamedTuple):
    """An object that the repository ought to have and has not."""

    name: str


def objects(folder: str) -> Iterator[Object | Missing]:
    """Every blob, commit and tag, once each. CommandError when git fails, or there is none, or no repository."""
    with _running(folder) as output:
        while header := output.readline():
            kind, _, rest = header.rstrip(b"\n").partition(b" ")
            if kind not in _KINDS:
                yield Missing(kind.decode("ascii", "replace").removeprefix("?"))
                continue
            size, name, path = rest.split(b" ", 2)
            pieces = _pieces(output, int(size))
            if kind != b"tree":
                yield Object(kind.decode(), name.decode(), os.fsdecode(path), pieces)
            for _ in pieces:
                """Skip what nobody wanted."""
            if output.read(1) != b"\n":
                raise CommandError("git broke off in the middle of an object")


def is_shallow(folder: str) -> bool:
    """Whether the repository lacks its older commits on purpose."""
    return _ask(folder, "rev-parse", "--is-shallow-repository").strip() == b"true"


def commits_of(folder: str, blobs: Sequence[str]) -> dict[str, str]:
    """The commit that brought each of the blobs, the earliest one. Those that no commit has are absent."""
    brought: dict[str, str] = {}
    wanted = set(blobs)
    commit = ""
    for line in _ask(folder, *_LOG, *(f"--find-object={blob}" for blob in blobs)).splitlines():
        if line.startswith(b"commit "):
            commit = line[7:].decode()
        elif line.startswith(b":"):
            # ":100644 100644 OLD NEW M<tab>path"; children stand before their parents, so the last one wins.
            new = line.split(b" ", 4)[3].decode()
            if new in wanted:
                brought[new] = commit
    return brought


def _pieces(output: IO[bytes], size: int) -> Iterator[bytes]:
    left = size
    while left:
        piece = output.read(min(left, PIECE_BYTES))
        if not piece:
            raise CommandError("git broke off in the middle of an object")
        left -= len(piece)
        yield piece


@contextmanager
def _running(folder: str) -> Iterator[IO[bytes]]:
    """What `rev-list | cat-file` prints; both are ended and asked how they fared."""
    with ExitStack() as stack:
        said = stack.enter_context(tempfile.TemporaryFile())
        first = stack.enter_context(_start(folder, _LIST, subprocess.DEVNULL, said))
        second = stack.enter_context(_start(folder, _READ, first.stdout, said))
        assert first.stdout is not None and second.stdout is not None  # noqa: S101, PT018 - for the type checker
        first.stdout.close()  # the second has it; the first must notice when that one ends
        try:
            yield second.stdout
        except BaseException:
            first.kill()
            second.kill()
            raise
        _check((first.wait(), second.wait()), said)


def _ask(folder: str, *words: str) -> bytes:
    with tempfile.TemporaryFile() as said, _start(folder, words, subprocess.DEVNULL, said) as running:
        answer = running.communicate()[0]
        _check((running.returncode,), said)
    return answer


def _start(
    folder: str, words: Sequence[str], stdin: int | IO[bytes] | None, stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    command = ["git", "-C", str(Path(folder).absolute()), "--no-replace-objects", *words]
    try:
        return subprocess.Popen(  # noqa: S603 - no shell, and no word of it begins as somebody else likes
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, env=_environment(os.environ)
        )
    except OSError as error:
        raise CommandError(f"--history needs the program git: {error.strerror}") from None


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if name not in _MISLEADING}
    return {**kept, "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def _check(codes: Sequence[int], said: IO[bytes]) -> None:
    if any(codes):
        said.seek(0)
        message = said.read(4096).decode("utf-8", "replace").strip()
        raise CommandError(f"git: {message or 'ended with an error'}")
