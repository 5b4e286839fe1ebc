"""One run of `keystile scan`: what it has looked at, found, and could not read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import BinaryIO

from keystile.cli.output import note
from keystile.cli.scan import files, git
from keystile.cli.scan.found import Found, show
from keystile.cli.scan.pattern import Pattern
from keystile.cli.scan.progress import Progress
from keystile.cli.scan.seeker import places_in, redact
from keystile.safe_text import safe

_BATCH = 500  # finds of a history whose commits are looked up together: each look-up walks all of it


class Scanner:
    """Prints finds as it comes upon them. Use as a context: leaving it clears the progress line."""

    def __init__(self, patterns: Sequence[Pattern], *, as_json: bool, history: bool) -> None:
        self._patterns = patterns
        self._as_json = as_json
        self._history = history
        self._progress = Progress("objects" if history else "files")
        self._looked_at = 0
        self._found = 0
        self._unread = 0

    def __enter__(self) -> Scanner:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End, however it went."""
        self._progress.clear()

    @property
    def is_clean(self) -> bool:
        """Whether everything could be read and nothing was found."""
        return not self._found and not self._unread

    def summary(self) -> str:
        """What was done, in one line."""
        unread = f", {self._unread:,} could not be read" if self._unread else ""
        noun = "objects" if self._history else "files"
        return f"leaked secrets: {self._found:,}; {noun} looked at: {self._looked_at:,}{unread}"

    def scan_below(self, path: str) -> None:
        """A file, or every file below a folder."""
        for file in files.files_below(path, self._trouble):
            self._tell()
            try:
                for place in places_in(files.pieces_of(file), self._patterns):
                    self._show(Found(file, place))
            except OSError as error:
                self._trouble(file, error)

    def scan_stream(self, stream: BinaryIO, name: str) -> None:
        """What a stream brings until it ends."""
        self._tell()
        for place in places_in(files.pieces_of_stream(stream), self._patterns):
            self._show(Found(name, place))

    def scan_history(self, folder: str) -> None:
        """Every object of a git repository."""
        if git.is_shallow(folder):
            self._note(f"{self._shown(folder)} is a shallow clone: its older history is not here")
        batch: list[Found] = []
        for item in git.objects(folder):
            self._tell()
            if isinstance(item, git.Missing):
                self._unread += 1
                self._note(f"cannot read object {item.name}: it is not here")
                continue
            path = item.path if item.kind == "blob" else f"({item.kind} {item.path})".replace(" )", ")")
            commit = item.name if item.kind == "commit" else None
            for place in places_in(item.pieces, self._patterns):
                batch.append(Found(path, place, item.name, commit))
                if len(batch) == _BATCH:
                    self._show_history(folder, batch)
                    batch = []
        self._show_history(folder, batch)

    def _show_history(self, folder: str, batch: Sequence[Found]) -> None:
        blobs = sorted({found.object for found in batch if found.object and not found.commit})
        brought = git.commits_of(folder, blobs) if blobs else {}
        for found in batch:
            self._show(found._replace(commit=found.commit or brought.get(found.object or "")))

    def _show(self, found: Found) -> None:
        self._found += 1
        self._progress.clear()
        shown = found._replace(path=redact(found.path, self._patterns))
        show(shown, as_json=self._as_json, history=self._history)

    def _tell(self) -> None:
        self._looked_at += 1
        self._progress.tell(self._looked_at)

    def _trouble(self, path: str, error: OSError) -> None:
        self._unread += 1
        self._note(f"cannot read {self._shown(path)}: {error.strerror or os.strerror(error.errno or 0)}")

    def _note(self, message: str) -> None:
        self._progress.clear()
        note(message)

    def _shown(self, path: str) -> str:
        return safe(redact(path, self._patterns))
