"""Metrics, held together: what `/metrics` tells, what the documentation says, and what dashboard and alerts ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import promql_parser
import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from keystile._core import Writer, boottime
from keystile.figures import FED_NS, FLUSHED_NS
from keystile.hub.app import create_app
from keystile.settings import Settings
from tests.unit.gates import counted_gate, put_counted

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| `(keystile_\w+)` \| (\w+) \|(.*?)\| (.+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    """The writing side of a gate whose agent has done everything once."""
    made = counted_gate(tmp_path_factory.mktemp("gate"))
    for name in (FED_NS, FLUSHED_NS):
        made.set_figure(name, boottime())
    made.beat()
    yield made
    made.close()


@pytest.fixture(scope="module")
async def text(writer: Writer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a Hub tells that needs no database for it."""
    url = "postgresql://nobody@127.0.0.1:1/none"
    settings = Settings(data=tmp_path_factory.mktemp("hub"), database_url=url, pepper="00" * 32)
    secret = put_counted(writer, tenant="a-tenant")
    gate = writer.gate()
    assert gate.check(secret)
    writer.tally()
    transport = httpx.ASGITransport(app=create_app(settings, gate))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert secret not in answer.text
    assert "a-tenant" not in answer.text
    assert "key_0" not in answer.text
    return answer.text


@pytest.fixture(scope="module")
def families(text: str) -> dict[str, Metric]:
    """The families by the name that a query uses."""
    found = {}
    for family in text_string_to_metric_families(text):
        # The parser takes the ending off a counter's name; an info is a gauge in this format.
        found[f"{family.name}_total" if family.type == "counter" else family.name] = family
    return found


def test_each_metric_says_what_it_is(families: dict[str, Metric]) -> None:
    for name, family in families.items():
        assert family.documentation.endswith("."), name
        assert family.samples, name
        assert (family.type == "counter") == name.endswith("_total"), name


def test_the_documentation_tells_exactly_the_metrics_there_are(families: dict[str, Metric]) -> None:
    rows = {name: (kind, labels) for name, kind, labels, _ in _ROW.findall((ROOT / "docs/metrics.md").read_text())}
    assert set(rows) == set(families)
    for name, (kind, labels) in rows.items():
        told = set(re.findall(r"`(\w+)`", labels))
        assert kind == families[name].type, name
        assert told == {label for sample in families[name].samples for label in sample.labels} - {"le"}, name


def test_all_codes_are_told_and_summed(families: dict[str, Metric]) -> None:
    decided = {sample.labels["code"]: sample.value for sample in families["keystile_decisions_total"].samples}
    assert decided["ok"] == 1
    assert sum(decided.values()) == 1
    assert len(decided) == 12


# Dashboard and alerts


def alerts() -> list[dict[str, Any]]:
    """Every rule there is."""
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard that show something."""
    found: list[dict[str, Any]] = json.loads((ROOT / "deploy/grafana/keystile.json").read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def queries() -> list[Any]:
    """Every PromQL expression of both."""
    asked = [(f"alert {rule['alert']}", rule["expr"]) for rule in alerts()]
    asked += [(f"panel {panel['title']}", target["expr"]) for panel in panels() for target in panel["targets"]]
    return [pytest.param(expression, id=name) for name, expression in asked]


def series(expression: promql_parser.Expr) -> Iterator[tuple[str, dict[str, str]]]:
    """The name and the plain matchers of each series that an expression selects."""
    if isinstance(expression, promql_parser.VectorSelector):
        assert expression.name is not None
        plain = [one for one in expression.matchers.matchers if one.op == promql_parser.MatchOp.Equal]
        yield expression.name, {one.name: one.value for one in plain}
    if isinstance(expression, promql_parser.MatrixSelector):
        yield from series(expression.vector_selector)
    for name in ("expr", "lhs", "rhs"):
        if (inner := getattr(expression, name, None)) is not None:
            yield from series(inner)
    for argument in getattr(expression, "args", ()):
        yield from series(argument)


def parsed(text: str) -> promql_parser.Expr:
    """The expression; Grafana's variables stand for durations and names."""
    return promql_parser.parse(text.replace("$__rate_interval", "1m").replace("$instance", ".+"))


@pytest.mark.parametrize("expression", queries())
def test_a_query_asks_for_what_there_is(expression: str, families: dict[str, Metric]) -> None:
    known = {sample.name: family for family in families.values() for sample in family.samples}
    selected = list(series(parsed(expression)))
    assert selected
    for name, matchers in selected:
        if name == "up":  # Prometheus' own
            assert set(matchers) == {"job"}
            continue
        assert name in known, name
        for label, value in matchers.items():
            assert value in {sample.labels.get(label) for sample in known[name].samples}, (name, label, value)


def test_every_series_of_a_query_is_found() -> None:
    text = (
        'sum by (code) (rate(a_total{code="x"}[5m])) / on () group_left () max(b) > histogram_quantile(0.9, c_bucket)'
    )
    assert list(series(parsed(text))) == [("a_total", {"code": "x"}), ("b", {}), ("c_bucket", {})]
    with pytest.raises(ValueError, match="unexpected end"):
        parsed("rate(a_total)[")


def test_an_alert_says_what_happens_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in alerts()}) == len(alerts()) >= 7
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["for"]
        assert {"summary", "description"} == rule["annotations"].keys()


def test_a_panel_has_a_unit_and_a_place_of_its_own() -> None:
    places = set()
    for panel in panels():
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        places.add((panel["gridPos"]["x"], panel["gridPos"]["y"]))
    assert len(places) == len(panels())
