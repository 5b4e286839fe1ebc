"""What criterion measured in the core."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure


def read_criterion() -> Iterator[Figure]:
    """The median of each benchmark of the last run; nothing where none was made."""
    results = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "criterion"
    for file in sorted(results.glob("*/*/new/benchmark.json")):
        benchmark = json.loads(file.read_text())
        estimates = json.loads(file.with_name("estimates.json").read_text())
        title = f"{benchmark['group_id']}, {benchmark['function_id'] or benchmark['value_str']}"
        yield Figure(group="time in the core", title=title, value=estimates["median"]["point_estimate"], unit="ns")
