"""A bar on stderr that says how much of a file is read and what became of it; nothing where there is no terminal."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from keystile.cli.imports.report import Report


class Bar:
    """How far an import is; `size` is that of the file in bytes, None where nobody knows it."""

    def __init__(self, size: int | None, *, shown: bool = True) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not (shown and console.is_terminal),
            # Rich would send stdout to stderr.
            redirect_stdout=False,
        )
        self._task = self._progress.add_task("", total=size)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave nothing on the screen."""
        self._progress.stop()

    def tell(self, bytes_read: int, report: Report) -> None:
        """Say how far it is."""
        done = f"{report.imported:,} imported, {report.existed:,} there before, {report.refused:,} refused"
        self._progress.update(self._task, completed=bytes_read, description=done)
