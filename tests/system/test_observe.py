"""A real Prometheus beside a real exchange (``scripts/observe``): every panel shows something.

docs/metrics.md shows how ``scripts/up --observe`` starts it.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import math
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from exchange_process import PASSWORD, RunningExchange, wait_until
from patient_client import PatientClient

from exchange.client.rest import RestClient
from exchange.client.types import ApiKey, NewOrder
from exchange.control.socket import Request, ask
from exchange.settings import ROOT
from tests.harness.certificate_file import write_certificate

pytestmark = pytest.mark.needs_jit

LIMIT_S = 300.0
SCRIPT = ROOT / "scripts" / "observe"
DASHBOARD = json.loads((ROOT / "config/grafana/dashboards/exchange.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = yaml.safe_load((ROOT / "config/prometheus/rules.yml").read_text())
VARIABLES = {"$instance": ".*", "$__rate_interval": "30s"}
# Grafana is in no package that tests could install: this shows how it would be started
GRAFANA = """#!{python}
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
found = {{name: value for name, value in os.environ.items() if name.startswith("GF_")}}
with open("started.json", "w") as file:
    json.dump({{"words": sys.argv[1:], "environment": found}}, file)
address = (found["GF_SERVER_HTTP_ADDR"], int(found["GF_SERVER_HTTP_PORT"]))
http.server.HTTPServer(address, Handler).serve_forever()
"""
# what a test of some seconds does not see: a budget is judged over hours
PATIENT = {"ExchangeLatencyBudgetBurnsFast", "ExchangeLatencyBudgetBurns"}


def trade_until(exchange: RunningExchange, end: threading.Event) -> None:
    """Trades, cancels and rejects over order entry, orders over REST, again and again."""

    async def over_rest(key: ApiKey) -> None:
        async with RestClient(exchange.url, key) as client:
            while not end.is_set():
                order = await client.place(
                    NewOrder(symbol="MSFT", side="buy", quantity=1, price=1_000_000)
                )
                await client.cancel(order.order_id)
                over_order_entry()

    made = ask(exchange.data_directory, Request("key_make", account=2, label="", read_only=False))
    with PatientClient("127.0.0.1", exchange.port) as member:
        member.login("S1", PASSWORD)
        numbers = iter(range(1 << 40))

        def over_order_entry() -> None:
            number = next(numbers)
            member.enter(f"B{number}", "B", 5, "AAPL", 1_500_000)
            member.enter(f"S{number}", "S", 3, "AAPL", 1_500_000)
            member.enter(f"A{number}", "S", 3, "AAPL", 1_600_000)
            member.cancel(f"B{number}", 0)
            member.enter(f"R{number}", "B", 1, "NONE", 1_500_000)
            while member.receive(LIMIT_S).letter != "J":
                pass

        asyncio.run(over_rest(ApiKey(made["key"]["id"], made["secret"])))


class Observed:
    """An exchange, the program beside it, and Prometheus' answers."""

    def __init__(self, directory: Path) -> None:
        certificate = directory / "exchange.crt"
        write_certificate(certificate, datetime.datetime.now(datetime.UTC), 90)
        self.exchange = RunningExchange(
            directory,
            web=True,
            settings={
                "metrics": {"certificate_files": [str(certificate)]},
                "snapshot": {"enabled": True, "interval_s": 1},
            },
        )
        self.programs = directory / "programs"
        self.programs.mkdir()
        (self.programs / "grafana").write_text(GRAFANA.format(python=sys.executable))
        (self.programs / "grafana").chmod(0o755)
        self.program: subprocess.Popen[str] | None = None
        self.url = ""
        self.grafana = ""
        self._end = threading.Event()
        self._trading = threading.Thread(target=trade_until, args=(self.exchange, self._end))

    def start(self) -> None:
        daemon = self.exchange.launch()
        # before the exchange is ready, as scripts/up does
        self.program = subprocess.Popen(
            [
                *(sys.executable, str(SCRIPT), "--pid", str(daemon.pid)),
                *("--data-dir", str(self.exchange.data_directory), "--interval", "1"),
                *("--grafana-home", str(self.programs)),
            ],
            env=os.environ | {"PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.exchange.wait_ready()
        assert self.program.stdout is not None
        assert self.program.stdout.readline().startswith("metrics: http://127.0.0.1:")
        said = self.program.stdout.readline()
        found = re.fullmatch(r"Prometheus: (http://[\d.:]+)/graph, alerts \1/alerts\n", said)
        assert found, said
        self.url = found[1]
        self.grafana = self.program.stdout.readline()
        self._trading.start()

    def stop_trading(self) -> None:
        self._end.set()
        if self._trading.ident is not None:
            self._trading.join()

    def close(self) -> None:
        self.stop_trading()
        self.exchange.close()
        if self.program is not None:
            self.program.wait(LIMIT_S)
            assert self.program.stdout is not None
            self.program.stdout.close()

    def ask(self, path: str, **query: str) -> Any:
        """The ``data`` of Prometheus' answer."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:
            decoded = json.load(answer)
        assert decoded["status"] == "success"
        return decoded["data"]

    def values(self, expression: str) -> list[float]:
        """The value of each series of ``expression``, the dashboard's variables filled in."""
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        assert "$" not in expression
        return [float(each["value"][1]) for each in self.ask("query", query=expression)["result"]]

    def has_numbers(self, expression: str) -> bool:
        found = self.values(expression)
        return bool(found) and not all(map(math.isnan, found))


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    directory = tmp_path_factory.mktemp("observed")
    made = Observed(directory)
    try:
        made.start()
        yield made
    finally:
        made.close()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_shows_something(observed: Observed, panel: Any) -> None:
    for target in panel["targets"]:
        wait_until(
            lambda expression=target["expr"]: observed.has_numbers(expression),
            LIMIT_S,
            f"{target['expr']} to have a value",
        )


def test_the_variables_of_the_dashboard_have_values(observed: Observed) -> None:
    found = observed.ask("label/instance/values", **{"match[]": "exchange_healthy"})
    assert found == [observed.exchange.address("metrics")]


def test_prometheus_evaluates_every_rule(observed: Observed) -> None:
    wanted = [rule.get("alert") or rule["record"] for g in RULES["groups"] for rule in g["rules"]]

    def all_ok() -> bool:
        rules = [rule for group in observed.ask("rules")["groups"] for rule in group["rules"]]
        assert not [rule for rule in rules if rule["health"] == "err"]
        assert sorted(rule["name"] for rule in rules) == sorted(wanted)
        return all(rule["health"] == "ok" for rule in rules)

    wait_until(all_ok, LIMIT_S, "every rule to have been evaluated")


def test_no_alert_calls_while_all_is_well(observed: Observed) -> None:
    calls = {
        alert["labels"]["alertname"]
        for alert in observed.ask("alerts")["alerts"]
        if alert["state"] == "firing"
    }
    # the disk of a test machine may be full, and its processors busy
    assert calls - PATIENT <= {"ExchangeDiskFillsUp"}


def test_grafana_is_started_with_the_data_source_and_the_dashboard(observed: Observed) -> None:
    folder = observed.exchange.data_directory / "grafana"
    started = json.loads((folder / "started.json").read_text())
    assert started["words"] == ["server", "--homepath", str(observed.programs)]
    environment = started["environment"]
    port = environment["GF_SERVER_HTTP_PORT"]
    assert observed.grafana == f"Grafana: http://127.0.0.1:{port}/d/{DASHBOARD['uid']}\n"
    provisioning = Path(environment["GF_PATHS_PROVISIONING"])
    source = yaml.safe_load((provisioning / "datasources" / "exchange.yaml").read_text())
    assert source["datasources"][0]["url"] == observed.url
    provider = yaml.safe_load((provisioning / "dashboards" / "exchange.yaml").read_text())
    dashboards = Path(provider["providers"][0]["options"]["path"])
    assert json.loads((dashboards / "exchange.json").read_text()) == DASHBOARD


def test_it_ends_with_the_exchange(observed: Observed) -> None:
    """The last test: Prometheus is gone when the exchange is."""
    program, url = observed.program, observed.url
    assert program is not None
    observed.stop_trading()
    observed.exchange.kill()
    assert program.wait(LIMIT_S) == 0
    for address in (f"{url}/-/ready", observed.grafana.removeprefix("Grafana: ").strip()):
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(address, timeout=LIMIT_S)
    samples = observed.exchange.data_directory / "prometheus" / "samples"
    assert (samples / "wal").is_dir(), "they are kept in the data directory"


def up(root: Path, *words: str) -> list[str]:
    """What scripts/up runs, with a Python that only shows what it is asked to run."""
    done = subprocess.run(
        ["bash", str(root / "scripts" / "up"), *words], capture_output=True, text=True, check=True
    )
    return sorted(re.sub(r"--pid \d+", "--pid PID", line) for line in done.stdout.splitlines())


def test_scripts_up_starts_it_beside_the_exchange(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "up", tmp_path / "scripts" / "up")
    (tmp_path / "scripts" / "setup.bash").write_text(
        "set_up_environment() { PYTHON=echo; }\nanswer_version() { :; }\n"
    )
    observe = f"{tmp_path}/scripts/observe --data-dir"
    run = "-m exchange.cli run"
    assert up(tmp_path, "--observe", "--config", "own.toml") == [
        f"{run} --data-dir {tmp_path}/data --config own.toml",
        f"{observe} {tmp_path}/data --pid PID",
    ]
    for words in (("--demo", "--observe"), ("--observe", "--demo")):
        assert up(tmp_path, *words) == [
            f"-m exchange.cli demo --data-dir {tmp_path}/data-demo",
            f"{observe} {tmp_path}/data-demo --pid PID",
        ]
    for words in (("--data-dir", "/there"), ("--data-dir=/there",)):
        assert up(tmp_path, "--observe", "--config=own.toml", *words) == [
            f"{run} --config=own.toml {' '.join(words)}",
            f"{observe} /there --pid PID",
        ]
    assert len(up(tmp_path, "--config", "own.toml")) == 1
