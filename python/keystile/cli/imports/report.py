"""What became of the lines: counted, and of those that were refused told why. Never what stands in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from keystile.cli.failure import CommandError
from keystile.cli.output import note
from keystile.safe_text import safe

_MOST_SHOWN = 20


class Report:
    """Counts, and writes refused lines to `file` as they come; without one, the first of them to stderr."""

    def __init__(self, file: Path | None) -> None:
        self.imported = self.existed = self.refused = 0
        self.done = 0
        """The last line before which all lines were answered."""
        try:
            self._file = None if file is None else file.open("w", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"the report cannot be written: {error.strerror}") from None

    def __enter__(self) -> Report:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file; what was written stays."""
        if self._file is not None:
            self._file.close()

    def refuse(self, line: int, errors: Sequence[dict[str, Any]]) -> None:
        """A line was not imported."""
        self.refused += 1
        if self._file is not None:
            self._file.write(json.dumps({"line": line, "errors": errors}) + "\n")
        elif self.refused <= _MOST_SHOWN:
            faults = "; ".join(f"{error['field']}: {error['message']}".removeprefix(": ") for error in errors)
            note(f"line {line}: {safe(faults)}")
        elif self.refused == _MOST_SHOWN + 1:
            note("more lines are refused; --report FILE names them all")

    def take(self, numbers: Sequence[int], answer: dict[str, Any]) -> None:
        """The Hub's answer to lines of these numbers."""
        self.imported += answer["imported"]
        self.existed += answer["existed"]
        for line in answer["lines"]:
            if line["outcome"] == "refused":
                self.refuse(numbers[line["line"] - 1], line["errors"])
        self.done = numbers[-1]
