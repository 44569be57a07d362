"""No signal but KILL ends an exchange without a graceful stop; HUP reads passwords again.

Fault 14: SIGHUP (a closed terminal, a reload, logrotate) killed the daemon, and a log that was
moved went on in the old file.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from exchange.client.order_entry import LoginRefused
from exchange.daemon.reload import RELOADED, describe, reload
from exchange.errors import ExitStatus
from exchange.gateway.passwords import hash_password
from exchange.runtime.signals import HARMLESS
from exchange.settings import ROOT, Configuration, load
from tests.harness.exchange_process import PASSWORD, RunningExchange, wait_until
from tests.harness.patient_client import PatientClient

PATIENCE_S = 300.0
LOG = "exchange.log"


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    """One exchange for the tests of this file; the last of them stops it."""
    made = RunningExchange(
        tmp_path_factory.mktemp("signals"), web=True, settings={"log": {"file": LOG}}
    )
    made.start()
    yield made
    made.close()


def command(exchange: RunningExchange, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "exchange.cli", *words, "--data-dir", exchange.data_directory],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def can_log_in(exchange: RunningExchange, user: str, password: str) -> bool:
    with PatientClient("127.0.0.1", exchange.port) as client:
        try:
            client.login(user, password)
        except LoginRefused:
            return False
        client.logout()
        return True


def log_lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.needs_jit
def test_signals_that_mean_nothing_end_nothing(exchange: RunningExchange) -> None:
    state = exchange.state()
    assert state is not None
    for stage in state.stages.values():
        for number in (*HARMLESS, signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            os.kill(stage.pid, number)
    for number in (*HARMLESS, signal.SIGHUP):
        os.kill(state.pid, number)
    assert can_log_in(exchange, "S1", PASSWORD)
    after = exchange.state()
    assert after is not None
    assert {name: stage.pid for name, stage in after.stages.items()} == {
        name: stage.pid for name, stage in state.stages.items()
    }


@pytest.mark.needs_jit
def test_a_log_that_was_moved_is_begun_anew_by_every_process(exchange: RunningExchange) -> None:
    path = exchange.data_directory / LOG
    path.rename(path.with_suffix(".1"))
    os.kill(exchange.pid("daemon"), signal.SIGHUP)
    assert can_log_in(exchange, "S2", PASSWORD)

    def both() -> bool:
        return {line["stage"] for line in log_lines(path)} >= {"daemon", "order_entry"}

    wait_until(both, PATIENCE_S, "lines of daemon and order entry in the new file")


@pytest.mark.needs_jit
def test_hup_reads_passwords_again_and_keeps_who_is_logged_in(exchange: RunningExchange) -> None:
    file = exchange.directory / "sessions.toml"
    text = file.read_text()
    with PatientClient("127.0.0.1", exchange.port) as stays:
        stays.login("S3", PASSWORD)
        entry = re.search(r'username = "S4"\npassword = "[^"]+"', text)
        assert entry is not None
        new = f'username = "S4"\npassword = "{hash_password("changed", n=16, r=1)}"'
        file.write_text(text.replace(entry[0], new))
        os.kill(exchange.pid("daemon"), signal.SIGHUP)
        wait_until(
            lambda: can_log_in(exchange, "S4", "changed"), PATIENCE_S, "the changed password"
        )
        assert not can_log_in(exchange, "S4", PASSWORD)
        stays.enter("A", "B", 1, "AAPL", 1_000_000)
        assert "A" in (message.letter for message in stays.messages(PATIENCE_S))
    file.write_text(text)


def preflight(url: str, origin: str) -> int:
    request = urllib.request.Request(url, headers={"Origin": origin}, method="OPTIONS")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.needs_jit
def test_reload_changes_what_it_can_and_names_the_rest(exchange: RunningExchange) -> None:
    text = exchange.config_file.read_text()
    url, origin = f"{exchange.url}/api/v1/orders", "https://example.org"
    assert preflight(url, origin) == 405
    api = f'[api]\nallowed_origins = ["{origin}"]\n'
    changed = text.replace("[api]\n", api).replace("review_value = 0", "review_value = 5")
    changed = changed.replace("batch = 16384", "batch = 8192")
    exchange.config_file.write_text(changed)
    done = command(exchange, "reload")
    assert done.returncode == 0, done.stderr
    for name in ("api.allowed_origins", "risk.review_value", "journal.batch"):
        assert name in done.stdout
    wait_until(lambda: preflight(url, origin) == 204, PATIENCE_S, "the origin to be allowed")

    # the daemon takes over what is its own
    exchange.config_file.write_text(changed + '\n[exchange]\noperators = ["anna"]\n')
    assert "exchange.operators" in command(exchange, "reload").stdout
    exchange.admin("account", "block", "60", "--as", "anna")

    # a mistake changes nothing and says where it is
    exchange.config_file.write_text(changed + "\n[nonsense]\n")
    done = command(exchange, "reload")
    assert done.returncode == ExitStatus.REFUSED
    assert "nothing was reloaded" in done.stderr and "nonsense" in done.stderr
    assert preflight(url, origin) == 204

    exchange.config_file.write_text(text)
    assert command(exchange, "reload").returncode == 0
    wait_until(lambda: preflight(url, origin) == 405, PATIENCE_S, "the origin to be refused")


@pytest.mark.needs_jit
def test_a_terminals_quit_is_a_graceful_stop(exchange: RunningExchange) -> None:
    os.kill(exchange.pid("daemon"), signal.SIGQUIT)
    assert exchange.wait() == 0
    assert not exchange.region_path.exists()


# --- what is taken over ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> Configuration:
    return load(None)


def with_keys(configuration: Configuration, section: str, **keys: object) -> Configuration:
    settings = configuration.settings
    changed = msgspec.structs.replace(getattr(settings, section), **keys)
    return msgspec.structs.replace(
        configuration, settings=msgspec.structs.replace(settings, **{section: changed})
    )


def test_nothing_new_is_nothing(shipped: Configuration) -> None:
    found = reload(shipped, shipped)
    assert found == (shipped, [], [], [])
    assert describe(found) == "now in force: nothing new"


@pytest.mark.parametrize(
    ("section", "key", "value", "where"),
    [
        ("exchange", "operators", ["anna"], "changed"),
        ("log", "level", "debug", "changed"),
        ("log", "file", "another.log", "restart"),
        ("api", "burst", 7, "changed"),
        ("api", "trusted_proxies", ["10.0.0.0/8"], "changed"),
        ("api", "port", 1, "restart"),
        ("api", "connections", 9, "restart"),
        ("health", "lag_ms", 77, "changed"),
        ("order_entry", "connections", 3, "restart"),
        ("risk", "orders_per_day", 3, "apply"),
    ],
)
def test_each_key_is_in_one_place(
    shipped: Configuration, section: str, key: str, value: object, where: str
) -> None:
    found = reload(shipped, with_keys(shipped, section, **{key: value}))
    assert getattr(found, where) == [f"{section}.{key}"]
    assert len(found.changed + found.restart + found.apply) == 1
    taken = getattr(getattr(found.configuration.settings, section), key) == value
    assert taken == (where == "changed")
    assert f"{section}.{key}" in describe(found)


def test_the_document_names_every_key_that_a_reload_takes_over() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    for section, keys in RELOADED.items():
        for key in keys:
            assert f"`{section}.{key}`" in text or f"`[{section}] {key}`" in text


def test_every_key_that_a_reload_takes_over_exists(shipped: Configuration) -> None:
    for section, keys in RELOADED.items():
        assert set(keys) <= set(getattr(shipped.settings, section).__struct_fields__), section
