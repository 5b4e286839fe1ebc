"""The programs of the documentation, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

INTEGRATIONS = Path(__file__).parents[2] / "docs/integrations"

_PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs(page: str) -> list[str]:
    """The Python of a page of docs/integrations, block by block."""
    return _PROGRAM.findall((INTEGRATIONS / page).read_text("utf-8"))
