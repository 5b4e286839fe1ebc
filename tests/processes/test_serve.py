"""`keystile serve` from the first start to the last process gone, also when it is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.hub.receiver import Receiver
from tests.processes.serving import PROGRAM, Serve, command_line, eventually, parents
from tests.processes.serving import run as run_command

Start = Callable[..., Serve]


def _gone(pids: set[int]) -> bool:
    return not pids & parents().keys()


def test_the_first_start_the_printed_line_and_an_orderly_stop(serve: Start) -> None:
    one = serve("--demo", "--workers", "2").started()
    family = one.family()
    assert len(one.workers()) == 2
    assert (one.data / "address").read_text() == one.url + "\n"
    assert (one.data / "operator.key").stat().st_mode & 0o777 == 0o600
    assert (one.data / "pepper").stat().st_mode & 0o777 == 0o600

    lines = [line.strip() for line in one.log.read_text().splitlines() if line.strip().startswith("curl ")]
    assert len(lines) == 2
    for line in lines:
        answer = subprocess.run(line, shell=True, capture_output=True, text=True, check=True).stdout
        assert answer.startswith("HTTP/1.1 200")

    _follow_the_link(one)

    assert one.stop() == 0
    assert _gone(family)
    assert not (one.data / "address").exists()


def _follow_the_link(one: Serve) -> None:
    """The link that it has printed leads to the first owner's password, once."""
    (link,) = re.findall(rf"^ +({one.url}/console/link/[\w-]+)$", one.log.read_text(), re.MULTILINE)
    form = {"email": "first@example.com", "password": "correct horse battery staple"}
    with httpx.Client(headers={"Sec-Fetch-Site": "same-origin"}, timeout=10) as browser:
        assert browser.get(link).status_code == 200
        assert browser.post(link, data=form).headers["location"] == "/console"
        assert browser.get(f"{one.url}/v1/operators").json()["items"][0]["role"] == "owner"
        assert browser.get(link).status_code == browser.post(link, data=form).status_code == 404


def test_the_commands_work_against_it(serve: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYSTILE_WEBHOOK_NETWORKS", "127.0.0.0/8")
    one = serve().started()

    def run(*args: str, **more: Any) -> Any:
        return run_command(*args, data=one.data, **more)

    created = run("keys", "create", "Till", "--scope", "PSA", "--expires", "1d", "--json")
    assert created.returncode == 0, created.stderr
    secret, key_id = json.loads(created.stdout)["secret"], json.loads(created.stdout)["key"]["id"]

    here = run("check", "--scope", "PSA", "--json", input=secret + "\n")
    assert (here.returncode, json.loads(here.stdout)["decided_by"]) == (0, "gate")
    there = run("check", "--scope", "CRM", "--json", "--url", one.url, input=secret)
    assert (there.returncode, json.loads(there.stdout)["decided_by"]) == (4, "hub")
    assert json.loads(there.stdout)["code"] == "insufficient_scope"

    listed = json.loads(run("keys", "list", "--search", "Till", "--json").stdout)
    assert [key["id"] for key in listed["items"]] == [key_id]
    assert key_id in run("keys", "list").stdout
    updated = json.loads(run("keys", "update", key_id, "--name", "Bar", "--json").stdout)
    assert updated["name"] == "Bar"
    rotated = run("keys", "rotate", key_id, "--overlap", "0", "-q").stdout.strip()
    assert rotated != secret
    assert run("check", input=secret).returncode == 4
    assert run("check", input=rotated).returncode == 0
    assert json.loads(run("keys", "revoke", key_id, "--reason", "test", "--json").stdout)["status"] == "revoked"
    assert run("check", input=rotated).returncode == 4
    assert run("keys", "show", key_id).returncode == 0
    assert run("keys", "show", "key_01h455vb4pex5vsknk084sn02q").returncode == 3
    assert run("keys", "create", "x", "--scope", "Nothing").returncode == 1

    for command in (["tiers"], ["scopes"], ["tenants", "list"], ["audit"], ["usage"], ["keys", "usage", key_id]):
        answer = run(*command)
        assert answer.returncode == 0, (command, answer.stderr)
        assert answer.stdout
        assert isinstance(json.loads(run(*command, "--json").stdout), dict)
    assert run("usage", "--csv").stdout.startswith("key_id,")
    assert run("audit", "--csv", "--since", "1h").stdout.startswith("id,at,")
    link = run("operators", "add", "ada@example.com", "--role", "admin", "-q").stdout.strip()
    assert httpx.get(link).status_code == 200
    assert run("operators", "disable", "ada@example.com").returncode == 0
    assert httpx.get(link).status_code == 404
    assert run("operators", "link", "ada@example.com").returncode == 1
    assert json.loads(run("operators", "list", "--json").stdout)["items"][0]["disabled"] is True
    assert json.loads(run("tenants", "create", "acme", "--json").stdout)["id"] == "acme"
    assert run("keys", "create", "Theirs", "--tenant", "acme", "-q").returncode == 0

    _is_told(one)

    health = run("doctor", "--json")
    assert health.returncode == 0, health.stdout
    assert {finding["level"] for finding in json.loads(health.stdout)["findings"]} == {"ok"}
    assert all(step["applied_at"] for step in json.loads(run("db", "status", "--json").stdout)["items"])


def _is_told(one: Serve) -> None:
    """A receiver is told, signed, of a key that its holder revokes."""
    receiver = Receiver()
    try:
        with one.http() as client:
            asked = {"url": receiver.url, "events": ["key.created", "key.revoked"]}
            receiver.secrets.append(client.post("/v1/webhooks", json=asked).json()["secret"])
            secret = client.post("/v1/keys", json={"name": "Lost", "scopes": []}).json()["secret"]
            own = {"Authorization": f"Bearer {secret}"}
            assert httpx.post(f"{one.url}/v1/keys/self/revoke", headers=own).json()["status"] == "revoked"
        eventually(lambda: len(receiver.received) == 2, "it is told")
        assert [told.event["type"] for told in receiver.received] == ["key.created", "key.revoked"]
        assert receiver.faults == []
    finally:
        receiver.close()


def test_a_request_in_flight_is_finished_before_the_end(serve: Start) -> None:
    one = serve().started()
    key = (one.data / "operator.key").read_text().strip()
    body = b'{"name": "Late", "scopes": []}'
    host, port = one.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(
            b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body[:5]
        )
        time.sleep(0.3)
        one.process.terminate()
        time.sleep(0.5)
        client.sendall(body[5:])
        assert client.recv(65_536).startswith(b"HTTP/1.1 201")
    assert one.process.wait(30) == 0


def test_ctrl_c_reaches_only_the_supervisor_and_stops_in_order(serve: Start) -> None:
    one = serve().started()
    family = one.family()
    os.killpg(one.process.pid, signal.SIGINT)
    assert one.process.wait(30) == 0
    assert _gone(family)
    assert "Traceback" not in one.log.read_text()


def test_a_second_signal_ends_the_patience(serve: Start) -> None:
    one = serve().started()
    host, port = one.url.removeprefix("http://").split(":")
    key = (one.data / "operator.key").read_text().strip()
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(
            b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {key}\r\nContent-Length: 100\r\n\r\n".encode()
        )
        time.sleep(0.3)
        one.process.terminate()
        time.sleep(0.3)
        assert one.process.poll() is None
        started_s = time.monotonic()
        assert one.stop() == 0
        assert time.monotonic() - started_s < 5


def test_killed_outright_it_leaves_no_process_and_starts_again(serve: Start) -> None:
    one = serve("--workers", "2").started()
    secret = run_command("keys", "create", "Kept", "--scope", "PSA", "-q", data=one.data).stdout
    family = one.family()
    assert family
    one.kill_group()
    eventually(lambda: _gone(family), "every child is gone")

    again = serve(data=one.data).started()
    assert run_command("check", data=again.data, input=secret).returncode == 0


def test_killed_while_it_starts_it_leaves_no_process(serve: Start) -> None:
    one = serve("--workers", "2")
    eventually(lambda: bool(one.workers()), "a worker was started")
    family = one.family()
    one.kill_group()
    eventually(lambda: _gone(family), "every child is gone")


def test_stopped_while_it_starts_it_stops_in_order(serve: Start) -> None:
    one = serve()
    eventually(lambda: bool(one.family()), "something was started")
    family = one.family()
    assert one.stop() == 0
    assert _gone(family)


def test_a_worker_that_dies_is_replaced(serve: Start) -> None:
    one = serve().started()
    (old,) = one.workers()
    os.kill(old, signal.SIGKILL)
    eventually(lambda: bool(one.workers() - {old}), "another worker was started")
    with one.http() as http:
        assert http.get("/v1/keys").status_code == 200


def test_no_secret_is_visible_to_other_users(serve: Start) -> None:
    one = serve().started()
    secrets = [(one.data / name).read_text().strip().encode() for name in ("operator.key", "pepper")]
    for pid in one.family() | {one.process.pid}:
        seen = command_line(pid) + Path(f"/proc/{pid}/environ").read_bytes()
        assert not any(secret in seen for secret in secrets)
    assert not any(secret.decode() in one.log.read_text() for secret in secrets)


def test_one_program_per_data_folder(serve: Start) -> None:
    one = serve().started()
    second = run_command("serve", "--port", "0", data=one.data)
    assert second.returncode == 1
    assert "already in use" in second.stderr
    assert "Traceback" not in second.stderr
    with one.http() as http:
        assert http.get("/readyz").status_code == 200
    assert (one.data / "address").read_text() == one.url + "\n"


def test_a_port_that_is_taken_is_told_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = run_command("serve", "--port", port, data=tmp_path / "data")
    assert run.returncode == 1
    assert run.stdout == ""
    assert f"port {port}" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "data" / "address").exists()


def test_a_lost_pepper_is_not_replaced_in_silence(serve: Start) -> None:
    one = serve().started()
    assert one.stop() == 0
    (one.data / "pepper").unlink()
    again = run_command("serve", "--port", "0", data=one.data)
    assert again.returncode == 1
    assert "pepper" in again.stderr
    assert not (one.data / "pepper").exists()


def test_an_agent_takes_over_where_serve_ends(serve: Start, tmp_path: Path) -> None:
    nothing = run_command("agent", data=tmp_path / "nothing")
    assert nothing.returncode == 1
    assert "KEYSTILE_DATABASE_URL" in nothing.stderr
    one = serve().started()
    agent = subprocess.Popen([*PROGRAM, "agent", "--data", str(one.data)], stderr=subprocess.PIPE, text=True)
    assert agent.stderr is not None
    while "is fresh" not in (line := agent.stderr.readline()):
        assert line, "the agent ended"
    agent.terminate()
    assert agent.wait(20) == 0


def test_the_database_commands_start_the_database_when_it_does_not_run(tmp_path: Path) -> None:
    data = tmp_path / "data"
    before = json.loads(run_command("db", "status", "--json", data=data).stdout)["items"]
    assert all(step["applied_at"] is None for step in before)
    applied = json.loads(run_command("db", "migrate", "--json", data=data).stdout)["items"]
    assert [step["number"] for step in applied] == [step["number"] for step in before]
    assert json.loads(run_command("db", "migrate", "--json", data=data).stdout)["items"] == []
    after = run_command("doctor", "--json", data=data)
    assert after.returncode == 1
    hub = [finding for finding in json.loads(after.stdout)["findings"] if finding["check"] == "hub"]
    assert hub[0]["level"] == "fail"


def test_a_worker_that_cannot_start_ends_the_whole(serve: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    run = subprocess.run(
        [*PROGRAM, "serve", "--port", "0", "--data", str(data)],
        env={**os.environ, "PYTHONPATH": str(_broken_worker(tmp_path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "workers cannot start" in run.stderr


def _broken_worker(folder: Path) -> Path:
    """A start-up file that ends every worker process before it can do anything."""
    path = folder / "broken"
    path.mkdir()
    (path / "sitecustomize.py").write_text(
        "import sys\nif 'keystile.hub.worker' in sys.orig_argv:\n    raise SystemExit(3)\n"
    )
    return path


def test_two_servers_with_folders_of_their_own_do_not_meet(serve: Start, tmp_path: Path) -> None:
    one, two = serve(data=tmp_path / "one"), serve(data=tmp_path / "two")
    one.started()
    two.started()
    secret = (one.data / "operator.key").read_text()
    assert httpx.get(f"{one.url}/v1/keys", headers={"Authorization": f"Bearer {secret.strip()}"}).status_code == 200
    assert httpx.get(f"{two.url}/v1/keys", headers={"Authorization": f"Bearer {secret.strip()}"}).status_code == 401


def test_a_database_elsewhere_is_used_instead_of_an_own_one(
    serve: Start, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYSTILE_DATABASE_URL", database_url)
    one = serve().started()
    with one.http() as http:
        assert http.get("/v1/keys").status_code == 200
    assert not (one.data / "postgres").exists()
    second = run_command("serve", "--port", "0", data=one.data)
    assert second.returncode == 1
    assert "already in use" in second.stderr
    assert one.stop() == 0


def test_a_database_that_is_away_is_told_in_plain_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYSTILE_DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:1/d")
    for command in (["serve", "--port", "0"], ["db", "status"]):
        answer = run_command(*command, data=tmp_path / "data")
        assert answer.returncode == 1
        assert "cannot be reached" in answer.stderr
        assert "hunter2" not in answer.stdout + answer.stderr
        assert "Traceback" not in answer.stderr
