"""The files for Prometheus, Alertmanager and Grafana, and docs/metrics.md: they fit the metrics."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from tests.harness.metrics_table import families, rows

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "config" / "prometheus"
GRAFANA = ROOT / "config" / "grafana"
RULES = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())
RULES_TEST = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())
DASHBOARD = json.loads((GRAFANA / "dashboards" / "exchange.json").read_text())
ALERTS = {
    rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule
}
RECORDED = {
    rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule
}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "info": ("_info",)}


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def series(directory: Path) -> set[str]:
    """The name of every time series."""
    return {
        metric.name + suffix
        for metric in families(directory)
        for suffix in SUFFIXES.get(metric.type, ("",))
    }


def used_in(expression: str) -> set[str]:
    return set(re.findall(r"\bexchange[_:][a-z_:0-9]+", expression))


def expressions() -> Iterator[str]:
    """Every query of a panel, a variable or an annotation of the dashboard."""
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    yield from (each["expr"] for each in DASHBOARD["annotations"]["list"])
    yield from (each["query"] for each in DASHBOARD["templating"]["list"])


def test_the_tables_have_every_metric_and_no_other(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    found = re.findall(r"^\| `exchange_.*\|$", text, re.MULTILINE)
    assert len(found) == len(set(found))
    there = set(rows(tmp_path).values())
    assert set(found) == there, f"to be: {there - set(found)}; not to be: {set(found) - there}"


def test_rules_use_metrics_that_there_are(tmp_path: Path) -> None:
    there = series(tmp_path) | RECORDED
    for group in RULES["groups"]:
        for rule in group["rules"]:
            used = used_in(rule["expr"])
            assert used and used <= there, (rule["expr"], used - there)


def test_panels_use_metrics_that_there_are(tmp_path: Path) -> None:
    there = series(tmp_path) | RECORDED
    used = {name for expression in expressions() for name in used_in(expression)}
    assert used <= there, used - there
    unused = RECORDED - used - {name for rule in ALERTS.values() for name in used_in(rule["expr"])}
    # for people who look at more than one exchange, and for tables of their own
    assert unused <= {
        "exchange:matching_latency_seconds:p99_5m",
        "exchange:commit_latency_seconds:p99_5m",
        "exchange:stage_busy:ratio_rate1m",
    }


def anchors(document: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_where_to_read_on(name: str) -> None:
    document, _, anchor = ALERTS[name]["annotations"]["runbook_url"].partition("#")
    assert document.startswith("docs/") and anchor in anchors(ROOT / document), anchor


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_tested_in_both_ways(name: str) -> None:
    """There is a moment at which it comes, and, but for absolute ones, one at which it does not."""
    expected = [
        test["exp_alerts"]
        for group in RULES_TEST["tests"]
        for test in group["alert_rule_test"]
        if test["alertname"] == name
    ]
    assert any(expected), "no test has it come"
    if name != "ExchangeCertificateEnds":  # there both are in one moment: one file of two
        assert not all(expected), "no test has it stay away"


def test_an_alert_has_a_severity_that_alertmanager_routes() -> None:
    routes = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text())["route"]
    assert {rule["labels"]["severity"] for rule in ALERTS.values()} == {"page", "ticket"}
    assert [route["matchers"] for route in routes["routes"]] == [["severity = page"]]


@pytest.mark.parametrize(
    "words",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "rules.yml"),
        ("test", "rules", "rules_test.yml"),
    ],
)
def test_prometheus_accepts_the_files(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [tool("promtool"), *words], cwd=PROMETHEUS, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_accepts_its_file() -> None:
    done = subprocess.run(
        [tool("amtool"), "check-config", "alertmanager.yml"],
        cwd=PROMETHEUS,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def lost(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """What Grafana's own model does not know: it is not there any more, or it is another value."""
    if isinstance(before, dict):
        for key, value in before.items():
            if not isinstance(after, dict) or key not in after:
                yield f"{path}.{key}"
            else:
                yield from lost(value, after[key], f"{path}.{key}")
    elif isinstance(before, list):
        if not isinstance(after, list) or len(after) != len(before):
            yield path
        else:
            for number, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from lost(one, other, f"{path}[{number}]")
    elif before != after:
        yield f"{path}: {before!r} becomes {after!r}"


def through_grafana(dashboard: Any) -> list[str]:
    plugins.register_default_plugins()
    with warnings.catch_warnings():
        # it prefers the model of Grafana 12's new layouts; every Grafana reads the one before
        warnings.simplefilter("ignore", DeprecationWarning)
        from grafana_foundation_sdk.models.dashboard import Dashboard
    decoded = Dashboard.from_json(copy.deepcopy(dashboard))
    return list(lost(dashboard, json.loads(JSONEncoder().encode(decoded))))


def test_the_dashboard_is_one_of_grafana_s_model() -> None:
    assert through_grafana(DASHBOARD) == []


def test_the_model_notices_what_it_does_not_know() -> None:
    changed = copy.deepcopy(DASHBOARD)
    changed["panels"][1]["fieldConfig"]["defaults"]["unitt"] = "s"
    changed["panels"][1]["targets"][0]["expression"] = "up"
    assert through_grafana(changed) == [
        ".panels[1].fieldConfig.defaults.unitt",
        ".panels[1].targets[0].expression",
    ]


def test_panels_have_numbers_and_places_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + across, place["y"] + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["title"] and panel["description"] and panel["targets"]


def test_grafana_finds_the_data_source_and_the_dashboard() -> None:
    provisioning = GRAFANA / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "exchange.yaml").read_text())[
        "datasources"
    ]
    assert source["type"] == "prometheus" and source["url"] == "http://127.0.0.1:9090"
    (variable,) = [each for each in DASHBOARD["templating"]["list"] if each["type"] == "datasource"]
    assert variable["current"]["value"] == source["uid"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "exchange.yaml").read_text())[
        "providers"
    ]
    assert provider["type"] == "file" and provider["options"]["path"].startswith("/")
    assert {
        panel["datasource"]["uid"] for panel in DASHBOARD["panels"] if panel["type"] != "row"
    } == {"${datasource}"}
