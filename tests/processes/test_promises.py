"""What the product promises, shown on whole running servers over HTTP."""

from __future__ import annotations

import http.client
import math
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from keystile import Gate, checksum_ok
from keystile.errors import GateError
from tests.processes.serving import PROGRAM, Serve, eventually

Start = Callable[..., Serve]
RATE_LIMIT_HEADERS = {
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit",
    "ratelimit-policy",
}


class Hub:
    """A running server, as its operator sees it."""

    def __init__(self, server: Serve) -> None:
        self.server = server
        self.operator = server.http()

    def create(self, **wanted: Any) -> tuple[str, str]:
        """A new key; its id and its secret."""
        answer = self.operator.post("/v1/keys", json={"name": "Test", "scopes": ["PSA"], **wanted})
        assert answer.status_code == 201, answer.text
        return answer.json()["key"]["id"], answer.json()["secret"]

    def get(self, path: str, secret: str) -> httpx.Response:
        """One request to a sample product on a connection of its own, so any worker may answer it."""
        return httpx.get(self.server.url + path, headers={"Authorization": f"Bearer {secret}"}, timeout=10)

    def usage(self, key_id: str) -> dict[str, Any]:
        """A key's usage report."""
        return self.operator.get(f"/v1/keys/{key_id}/usage").json()  # type: ignore[no-any-return]

    def settled(self, key_id: str, total: int) -> dict[str, Any]:
        """The usage report once it counts `total` requests."""
        eventually(lambda: self.usage(key_id)["total_requests"] >= total, f"{total} requests are counted", 10)
        return self.usage(key_id)


class Answer(NamedTuple):
    """What a client needs to see of an answer."""

    status_code: int
    headers: Mapping[str, str]


def at_once(url: str, secret: str, count: int) -> list[Answer]:
    """`count` requests over eight connections, as fast as they go."""

    def some(share: int) -> list[Answer]:
        client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        answers = []
        for _ in range(share):
            client.request("GET", "/api/tickets", headers={"Authorization": f"Bearer {secret}"})
            answer = client.getresponse()
            answer.read()
            answers.append(Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}))
        client.close()
        return answers

    with ThreadPoolExecutor(8) as threads:
        shares = [count // 8 + (place < count % 8) for place in range(8)]
        return [answer for part in threads.map(some, shares) for answer in part]


def check_headers(answer: httpx.Response | Answer) -> None:
    """The rate-limit headers are all there and agree with each other."""
    assert answer.headers.keys() >= RATE_LIMIT_HEADERS
    limit, remaining = int(answer.headers["x-ratelimit-limit"]), int(answer.headers["x-ratelimit-remaining"])
    name, *policy = answer.headers["ratelimit-policy"].split(";")
    burst, window = (int(part.split("=")[1]) for part in policy)
    same_name, *state = answer.headers["ratelimit"].split(";")
    tokens, until = (int(part.split("=")[1]) for part in state)
    assert same_name == name
    assert remaining == min(tokens, limit)
    assert window == math.ceil(burst * 60 / limit)
    assert 0 <= tokens <= burst
    assert until <= window
    answered_at = parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert -1 <= int(answer.headers["x-ratelimit-reset"]) - answered_at <= 62
    assert ("retry-after" in answer.headers) == (answer.status_code in {429, 503})


def test_a_key_from_its_creation_to_its_answers(serve: Start) -> None:
    hub = Hub(serve("--demo").started())
    wanted = {"name": "Zapier Integration", "scopes": ["PSA", "Books"], "tier": "Standard"}
    created = hub.operator.post("/v1/keys", json=wanted)
    assert created.status_code == 201
    secret, record = created.json()["secret"], created.json()["key"]
    assert len(secret) == 32
    assert checksum_ok(secret)
    assert {name: record[name] for name in wanted} == wanted
    assert (record["start"], record["last4"]) == (secret[:8], secret[-4:])
    assert record["status"] == "active"

    _, bare = hub.create(scopes=[])
    answers = {
        "right scope": hub.get("/api/tickets", secret),
        "other scope": hub.get("/api/deals", secret),
        "no header": httpx.get(f"{hub.server.url}/api/tickets"),
        "no scopes": hub.get("/api/tickets", bare),
        "the Hub itself": hub.get("/v1/keys", secret),
    }
    assert {what: answer.status_code for what, answer in answers.items()} == {
        "right scope": 200,
        "other scope": 403,
        "no header": 401,
        "no scopes": 403,
        "the Hub itself": 403,
    }
    assert answers["other scope"].json()["code"] == "insufficient_scope"
    assert answers["no header"].headers["www-authenticate"] == "Bearer"
    for answer in answers.values():
        check_headers(answer)
    assert all(hub.get(path, bare).status_code == 403 for path in ("/api/deals", "/api/jobs", "/api/tenants"))


def test_a_secret_is_shown_once_and_kept_nowhere(serve: Start) -> None:
    hub = Hub(serve("--demo").started())
    key_id, secret = hub.create()
    hub.get("/api/tickets", secret)
    hub.get("/api/deals", secret)
    hub.operator.patch(f"/v1/keys/{key_id}", json={"name": "Renamed"})
    hub.settled(key_id, 2)
    for path in ("/v1/keys", f"/v1/keys/{key_id}", f"/v1/keys/{key_id}/usage", "/v1/audit", "/v1/usage"):
        assert secret not in hub.operator.get(path).text, path
    assert secret not in hub.server.log.read_text()
    assert hub.server.stop() == 0
    # Stopped, the database has written everything to its files.
    files = [path for path in hub.server.data.rglob("*") if path.is_file()]
    assert len(files) > 100
    for path in files:
        assert secret.encode() not in path.read_bytes(), path
    start, last4 = secret[:8], secret[-4:]
    assert any(start.encode() in path.read_bytes() for path in files), "the search finds what is kept"
    assert last4


@pytest.mark.parametrize("workers", [1, 2])
def test_a_burst_passes_exactly_once_over_all_workers(serve: Start, workers: int) -> None:
    hub = Hub(serve("--demo", "--workers", str(workers)).started())
    for tier, rate, burst in (("Standard", 60, 100), ("Professional", 300, 500), ("Enterprise", 1000, 2000)):
        _, secret = hub.create(tier=tier)
        start = time.monotonic()
        answers = at_once(hub.server.url, secret, burst + 50)
        refilled = (time.monotonic() - start) * rate / 60
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses.keys() <= {200, 429}
        assert burst <= statuses[200] <= burst + refilled
        for answer in answers:
            check_headers(answer)
        if tier != "Standard":
            continue
        refused = hub.get("/api/tickets", secret)
        while refused.status_code == 200:
            refused = hub.get("/api/tickets", secret)
        time.sleep(int(refused.headers["retry-after"]))
        assert hub.get("/api/tickets", secret).status_code == 200


def test_processes_that_attach_to_an_agents_gate_share_its_buckets(serve: Start, tmp_path: Path) -> None:
    server = serve("--demo").started()
    _, secret = Hub(server).create()
    segment = tmp_path / "another machine"
    agent = subprocess.Popen(
        [*PROGRAM, "agent", "--data", str(server.data)],
        env={**os.environ, "KEYSTILE_SEGMENT": str(segment)},
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: is_fresh(segment), "the agent keeps its gate fresh")
    code = """
import sys
from keystile import Gate
gate = Gate.attach(sys.argv[1])
psa, secret = gate.scope("PSA"), sys.stdin.readline().strip()
print(sum(bool(gate.check(secret, psa)) for _ in range(150)))
"""
    command = [sys.executable, "-c", code, str(segment)]
    pipe = subprocess.PIPE
    start = time.monotonic()
    children = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    admitted = sum(int(child.communicate(secret)[0]) for child in children)
    assert 100 <= admitted <= 100 + (time.monotonic() - start)
    agent.terminate()
    assert agent.wait(20) == 0


def is_fresh(segment: Path) -> bool:
    """Whether a gate at this path can decide."""
    try:
        return Gate.attach(segment).fresh
    except GateError:
        return False


def test_revoking_reaches_every_worker_before_it_returns(
    serve: Start, record_property: Callable[[str, object], None]
) -> None:
    hub = Hub(serve("--demo", "--workers", "2").started())
    took_ms = []
    with httpx.Client(base_url=hub.server.url) as other:
        for _ in range(200):
            key_id, secret = hub.create()
            bearer = {"Authorization": f"Bearer {secret}"}
            assert other.get("/api/tickets", headers=bearer).status_code == 200
            start = time.monotonic()
            assert hub.operator.post(f"/v1/keys/{key_id}/revoke", json={}).status_code == 200
            took_ms.append((time.monotonic() - start) * 1_000)
            kept, fresh = other.get("/api/tickets", headers=bearer), hub.get("/api/tickets", secret)
            for answer in (kept, fresh):
                assert answer.status_code == 401
                assert answer.json()["code"] == "revoked_key"
                check_headers(answer)
    record_property("revoke call, p99 ms", round(statistics.quantiles(took_ms, n=100)[98], 1))


def test_rotation_with_and_without_an_overlap(serve: Start) -> None:
    hub = Hub(serve("--demo").started())
    key_id, old = hub.create()
    for _ in range(30):
        assert hub.get("/api/tickets", old).status_code == 200
    new = hub.operator.post(f"/v1/keys/{key_id}/rotate", json={"overlap_seconds": 2}).json()["secret"]
    ends = time.monotonic() + 2
    assert hub.get("/api/tickets", old).status_code == 200
    answer = hub.get("/api/tickets", new)
    assert answer.status_code == 200
    assert int(answer.headers["ratelimit"].split(";")[1].removeprefix("r=")) <= 71, "both draw from one bucket"
    eventually(lambda: hub.get("/api/tickets", old).status_code == 401, "the old secret has ended", 5)
    assert ends - 0.1 <= time.monotonic() <= ends + 1
    assert hub.get("/api/tickets", old).json()["code"] == "expired_key"
    assert hub.get("/api/tickets", new).status_code == 200

    newest = hub.operator.post(f"/v1/keys/{key_id}/rotate", json={"overlap_seconds": 0}).json()["secret"]
    assert hub.get("/api/tickets", new).status_code == 401
    assert hub.get("/api/tickets", newest).status_code == 200
    hub.operator.post(f"/v1/keys/{key_id}/rotate", json={})
    hub.operator.post(f"/v1/keys/{key_id}/revoke", json={})
    assert hub.get("/api/tickets", newest).json()["code"] == "revoked_key"


def test_a_key_expires_on_time(serve: Start) -> None:
    hub = Hub(serve("--demo").started())
    expires_at = datetime.now(UTC) + timedelta(seconds=2)
    key_id, secret = hub.create(expires_at=expires_at.isoformat())
    assert hub.get("/api/tickets", secret).status_code == 200
    eventually(lambda: hub.get("/api/tickets", secret).status_code == 401, "the key has expired", 5)
    assert abs((datetime.now(UTC) - expires_at).total_seconds()) < 1
    answer = hub.get("/api/tickets", secret)
    assert answer.json()["code"] == "expired_key"
    check_headers(answer)
    assert hub.operator.get(f"/v1/keys/{key_id}").json()["status"] == "expired"


def test_disabling_is_not_final_and_changes_apply_at_once(serve: Start) -> None:
    hub = Hub(serve("--demo", "--workers", "2").started())
    key_id, secret = hub.create()

    def change(**what: Any) -> None:
        assert hub.operator.patch(f"/v1/keys/{key_id}", json=what).status_code == 200

    change(disabled=True)
    assert hub.get("/api/tickets", secret).json()["code"] == "disabled_key"
    change(disabled=False, scopes=["CRM"])
    assert hub.get("/api/tickets", secret).json()["code"] == "insufficient_scope"
    assert hub.get("/api/deals", secret).status_code == 200
    change(tier="Enterprise")
    answer = hub.get("/api/deals", secret)
    assert answer.headers["x-ratelimit-limit"] == "1000"
    assert int(answer.headers["ratelimit"].split(";")[1].removeprefix("r=")) <= 100, "a new tier refills nothing"


def test_usage_counts_every_answer_once(serve: Start) -> None:
    hub = Hub(serve("--demo", "--workers", "2").started())
    key_id, secret = hub.create(tier="Enterprise")
    sent = ["/api/tickets"] * 90 + ["/api/tickets?fail=503"] * 10 + ["/api/deals"] * 5
    statuses = Counter(hub.get(path, secret).status_code for path in sent)
    finished = datetime.now(UTC)
    assert statuses == {200: 90, 503: 10, 403: 5}
    report = hub.settled(key_id, 105)
    assert (report["total_requests"], report["requests_30d"]) == (105, 105)
    assert report["error_rate"] == pytest.approx(100 * 15 / 105, abs=0.005)
    assert report["denied"]["insufficient_scope"] == 5
    assert abs(datetime.fromisoformat(report["last_used_at"]) - finished) < timedelta(seconds=2)
    today = report["daily"][-1]
    assert (today["requests"], today["client_errors"], today["server_errors"]) == (105, 5, 10)
    assert sum(hour["requests"] for hour in report["hourly"]) == 105


def test_killed_under_load_nothing_is_lost_and_nothing_is_left(serve: Start) -> None:
    server = serve("--demo", "--workers", "2").started()
    hub = Hub(server)
    key_id, secret = hub.create(tier="Enterprise")
    family = server.family()
    load = subprocess.Popen(
        [sys.executable, "-c", LOAD, f"{server.url}/api/tickets", secret], stdout=subprocess.PIPE, text=True
    )
    eventually(lambda: hub.usage(key_id)["total_requests"] > 200, "the load is running")
    server.kill_group()
    answered = int(load.communicate(timeout=20)[0])
    eventually(lambda: all(not Path(f"/proc/{pid}").exists() for pid in family), "no process is left")

    again = Hub(serve("--demo", data=server.data).started())
    assert again.operator.get(f"/v1/keys/{key_id}").status_code == 200
    counted = again.settled(key_id, answered)["total_requests"]
    assert answered <= counted <= answered + LOAD_THREADS
    assert again.get("/api/tickets", secret).status_code in {200, 429}


LOAD_THREADS = 4
LOAD = f"""
import sys, threading, http.client, urllib.parse
url, secret = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
answered = []
def hammer():
    client, count = http.client.HTTPConnection(url.netloc, timeout=5), 0
    try:
        while True:
            client.request("GET", url.path, headers={{"Authorization": "Bearer " + secret}})
            client.getresponse().read()
            count += 1
    except (OSError, http.client.HTTPException):
        answered.append(count)
threads = [threading.Thread(target=hammer) for _ in range({LOAD_THREADS})]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sum(answered))
"""
