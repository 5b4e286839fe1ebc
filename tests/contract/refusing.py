"""What every refusal of a bad request has in common."""

from __future__ import annotations

import time

from world import World


async def refused(
    world: World, method: str, path: str, body: bytes, *answer: int | str, headers: dict[str, str] | None = None
) -> set[str]:
    """Send it, see it refused by the status and code in `answer`, fast and without a trace; the fields named."""
    before = await world.stored()
    if headers is None:
        headers = {"Content-Type": "application/json"} if body or method != "GET" else {}
    begin = time.monotonic()
    response = await world.client.request(method, path, content=body, headers=headers)
    assert time.monotonic() - begin < 2
    assert (response.status_code, response.json()["code"]) == answer, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(problem)
    assert len(response.content) < 8_192
    assert "?" not in problem["detail"]
    assert await world.stored() == before
    return {error["field"] for error in problem.get("errors", [])}
