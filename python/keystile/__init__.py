"""API keys, decided in-process.

```python
from keystile import Gate

gate = Gate.attach()
psa = gate.scope("PSA")
decision = gate.check(secret, psa)
```

This module is the fast part alone: importing it loads neither the Hub's web framework nor its database driver.
"""

from __future__ import annotations

from keystile._core import (
    Counters,
    Decision,
    Gate,
    KeyRecord,
    Scope,
    checksum_ok,
    digest,
    mint,
    new_key_id,
)

__all__ = [
    "Counters",
    "Decision",
    "Gate",
    "KeyRecord",
    "Scope",
    "checksum_ok",
    "digest",
    "mint",
    "new_key_id",
]
