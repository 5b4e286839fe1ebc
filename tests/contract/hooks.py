"""What Schemathesis is told beyond the document, and a note of what it saw. It loads this itself, in its own process.

Each change to a request is for something that no schema can say. It is made to requests that are meant to be right, and
never to those that are meant to be refused.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import schemathesis

OWN_KEY = os.environ["CONTRACT_OWN_KEY"]
SPARE_KEY = os.environ["CONTRACT_SPARE_KEY"]
SEEN = Path(os.environ["CONTRACT_SEEN"])
FAR = "2999-01-01T00:00:00Z"
NOWHERE = "http://127.0.0.1:9/"

_numbers = count(1)


@schemathesis.serializer("application/x-ndjson")
def ndjson(_: Any, value: Any) -> bytes:
    """A batch of one line: the document describes a line of it."""
    return json.dumps(value).encode()


@schemathesis.hook
def before_call(_: Any, case: Any, kwargs: Any) -> None:
    """Mend what was generated."""
    if (case.path_parameters or {}).get("key_id") == OWN_KEY:
        # It would revoke the key that it calls with, and see nothing but 401 from there on.
        case.path_parameters["key_id"] = SPARE_KEY
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if "cursor" in (case.query or {}):
        # Opaque: only a list can give one.
        del case.query["cursor"]
    if isinstance(case.body, dict):
        _mend_body(case.operation.label, case.body)


def _mend_body(operation: str, body: dict[str, Any]) -> None:
    if isinstance(body.get("expires_at"), str) and datetime.fromisoformat(body["expires_at"]) < datetime.now(UTC):
        # Whether a time is past is for the clock to say.
        body["expires_at"] = FAR
    if operation == "POST /v1/tenants":
        # It would ask for the one tenant that it knows, again and again: 409.
        body["id"] = f"tenant-{next(_numbers)}"
    if isinstance(body.get("url"), str):
        # Only what is out there can be sent to, and a test sends nothing there.
        body["url"] = NOWHERE
    if operation == "POST /v1/usage/outcomes":
        # Of a key that there is, and lately.
        body.update(key_id=SPARE_KEY, at=datetime.now(UTC).isoformat())


@schemathesis.hook
def after_call(_: Any, case: Any, response: Any) -> None:
    """Note the answer, unless the method is one that the document does not have."""
    if case.method.upper() == case.operation.method.upper():
        with SEEN.open("a") as file:
            file.write(f"{case.operation.label} {response.status_code}\n")
