"""`keystile keys import`: what it sends, reports, and ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from keystile.cli.imports import sender

SECRET = "sk_live_{:024d}aBcDeF"
Answer = Callable[[list[dict[str, Any]]], Any]


def answers(refusing: Callable[[dict[str, Any]], bool] = lambda _: False) -> Answer:
    """A Hub that imports all but what is to be refused."""

    def answer(lines: list[dict[str, Any]]) -> dict[str, Any]:
        told = [
            {"line": number, "outcome": "refused", "errors": [{"field": "tier", "message": "There is no such tier."}]}
            if refusing(line)
            else {"line": number, "outcome": "imported", "key_id": "key_0"}
            for number, line in enumerate(lines, start=1)
        ]
        refused = sum(line["outcome"] == "refused" for line in told)
        return {"imported": len(told) - refused, "existed": 0, "refused": refused, "dry_run": False, "lines": told}

    return answer


def csv_file(folder: Path, count: int) -> Path:
    file = folder / "keys.csv"
    rows = [f"Client {number},{SECRET.format(number)},PSA CRM" for number in range(count)]
    file.write_text("\n".join(["name,secret,scopes", *rows, ""]))
    return file


def test_a_file_goes_in_batches_and_in_order(keystile: Any, hub: Any, tmp_path: Path) -> None:
    hub.body = answers()
    result = keystile("--json", "keys", "import", str(csv_file(tmp_path, 2_500)), "--tenant", "acme", "--tier", "Gold")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"dry_run": False, "imported": 2_500, "existed": 0, "refused": 0}
    assert sorted(len(lines) for _, _, lines in hub.asked) == [500, 1_000, 1_000]
    assert {path for _, path, _ in hub.asked} == {"/v1/keys/import?tenant=acme"}
    sent = [line["name"] for _, _, lines in hub.asked for line in lines]
    assert sorted(sent) == sorted(f"Client {number}" for number in range(2_500))
    assert {line["tier"] for _, _, lines in hub.asked for line in lines} == {"Gold"}
    assert "sk_live_0000" not in json.dumps(hub.asked)


def test_secrets_are_sent_if_that_is_wanted(keystile: Any, hub: Any, tmp_path: Path) -> None:
    hub.body = answers()
    result = keystile("keys", "import", str(csv_file(tmp_path, 1)), "--send-secrets")
    assert result.exit_code == 0, result.output
    [line] = hub.asked[0][2]
    assert (line["secret"], "sha256" in line) == (SECRET.format(0), False)
    assert "sk_live" not in result.output


def test_every_refused_line_is_reported_by_its_number(keystile: Any, hub: Any, tmp_path: Path) -> None:
    hub.body = answers(lambda line: line["name"].endswith("7"))
    file, report = csv_file(tmp_path, 1_200), tmp_path / "report.ndjson"
    with file.open("a") as stream:
        stream.write("Weak,password,\nToo,many,cells,here\n")
    result = keystile("keys", "import", str(file), "--report", str(report))
    assert result.exit_code == 1
    told = {line["line"]: line["errors"] for line in map(json.loads, report.read_text().splitlines())}
    by_hub = {number + 2: [{"field": "tier", "message": "There is no such tier."}] for number in range(7, 1_200, 10)}
    assert told.keys() == by_hub.keys() | {1_202, 1_203}
    assert told.items() >= by_hub.items()
    assert told[1_202] == [{"field": "secret", "message": "Use 16 to 512 characters."}]
    assert "password" not in result.output + report.read_text()


def test_without_a_report_the_first_are_shown(keystile: Any, hub: Any, tmp_path: Path) -> None:
    hub.body = answers(lambda _: True)
    result = keystile("keys", "import", str(csv_file(tmp_path, 30)))
    assert result.exit_code == 1
    assert result.stderr.count("There is no such tier.") == 20
    assert "--report" in result.stderr


def test_a_dry_run_says_so(keystile: Any, hub: Any, tmp_path: Path) -> None:
    hub.body = answers()
    result = keystile("keys", "import", str(csv_file(tmp_path, 3)), "--dry-run")
    assert result.exit_code == 0
    assert "nothing is stored" in result.stderr
    assert parse_qs(urlsplit(hub.asked[0][1]).query) == {"dry_run": ["true"]}


def test_stdin_and_ndjson(keystile: Any, hub: Any) -> None:
    hub.body = answers()
    lines = "\n".join(json.dumps({"label": f"c{n}", "hash": "0" * 63 + str(n), "plan": "x"}) for n in range(5))
    options = ["--format", "ndjson", "--map", "name=label,sha256=hash", "--ignore-unknown", "--scopes", "PSA,CRM"]
    result = keystile("keys", "import", "-", *options, "--from-line", "3", input=lines)
    assert result.exit_code == 0, result.output
    assert [line["name"] for line in hub.asked[0][2]] == ["c2", "c3", "c4"]
    assert hub.asked[0][2][0]["scopes"] == ["PSA", "CRM"]


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", [], "FILE is empty"),
        ("name,secret,plan\n", [], "column 3 is not known"),
        (f"{SECRET.format(1)},PSA\n", [], "column 1, 2 is not known"),
        ("name,scopes\n", [], "no column for the secret"),
        ("secret,scopes\n", [], "no column for the name"),
        ("name,secret,name\n", [], "two columns have the same name"),
        ("name,secret\n", ["--map", "secret=api_key"], "column 2 is not known"),
        ("name,secret\n", ["--map", "api_key=secret"], "--map takes FIELD=NAME"),
        ("name,secret\n", ["--map", "secret"], "--map takes FIELD=NAME"),
        ("name,secret\n", ["--format", "xml"], "xml"),
    ],
)
def test_a_file_that_makes_no_sense_is_not_sent(
    keystile: Any, hub: Any, tmp_path: Path, *, content: str, options: list[str], words: str
) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(content)
    result = keystile("keys", "import", str(file), *options)
    assert result.exit_code in {1, 2}
    assert words in result.stderr
    assert "sk_live" not in result.output
    assert hub.asked == []


def test_what_is_no_file_is_not_repeated(keystile: Any, hub: Any, tmp_path: Path) -> None:
    for words in (["sk_live_4eC39HqLyjWDarjtT1zdp7dc"], ["sk_live_4eC39HqLyjWDarjtT1zdp7dc", "--format", "csv"]):
        result = keystile("keys", "import", *words)
        assert result.exit_code == 2
        assert "4eC39" not in result.output
    file = csv_file(tmp_path, 1)
    assert keystile("keys", "import", str(file), "--report", str(file)).exit_code == 2
    assert "Client 0" in file.read_text()
    assert hub.asked == []


def test_a_hub_that_stays_away_ends_it_and_says_how_far_it_was(
    keystile: Any, hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "PATIENCE_S", 0.3)
    monkeypatch.setattr(sender, "IN_FLIGHT", 1)
    taken = answers()

    def answer(lines: list[dict[str, Any]]) -> dict[str, Any]:
        hub.status = 200 if len(hub.asked) == 1 else 503
        return taken(lines)  # type: ignore[no-any-return]

    hub.body = answer
    result = keystile("keys", "import", str(csv_file(tmp_path, 1_500)))
    assert result.exit_code == 6
    assert "every line up to 1001 was answered" in result.stderr
    assert len(hub.asked) >= 3


def test_what_is_passing_is_waited_for(keystile: Any, hub: Any, tmp_path: Path) -> None:
    taken, statuses = answers(), iter([429, 503, 200])

    def answer(lines: list[dict[str, Any]]) -> dict[str, Any]:
        hub.status, hub.headers = next(statuses), {"Retry-After": "0"}
        return taken(lines)  # type: ignore[no-any-return]

    hub.body = answer
    result = keystile("--json", "keys", "import", str(csv_file(tmp_path, 10)))
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["imported"] == 10
    assert len(hub.asked) == 3
