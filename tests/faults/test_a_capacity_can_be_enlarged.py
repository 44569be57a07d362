"""A capacity that is full is enlarged by a stop and a start; everything stays, to the bit.

The first start had fixed every capacity for the life of a data directory: the numbers of a later
one were passed over with a warning, and a venue that was full had to begin anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from exchange.codes import EventKind, Reject
from exchange.engine.state.create import capacity_of
from exchange.errors import ExitStatus
from exchange.gateway.protocol.ouch import REJECT_LETTERS
from exchange.recovery.archive_check import open_archive
from exchange.recovery.rebuild import rebuild
from exchange.runtime.data_directory import load_capacities
from exchange.settings import ROOT, load
from exchange.stages.wiring import recover_engine
from tests.harness.exchange_process import PASSWORD, RunningExchange
from tests.harness.patient_client import PatientClient

pytestmark = pytest.mark.needs_jit

PATIENCE_S = 600.0
FEW, MORE, MOST = 8, 12, 64
FULL = REJECT_LETTERS[Reject.ORDER_POOL_FULL]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    """Its tests go on, one after the other, with what the one before left."""
    running = RunningExchange(
        tmp_path_factory.mktemp("capacities"),
        sessions=2,
        settings={"capacity": {"live_orders": FEW, "tokens_per_day": 1_000, "sessions": 8}},
    )
    yield running
    running.close()


def configure(exchange: RunningExchange, key: str, number: int) -> None:
    """Edit the configuration file."""
    lines = exchange.config_file.read_text().splitlines()
    changed = [f"{key} = {number}" if line.startswith(f"{key} =") else line for line in lines]
    assert changed != lines
    exchange.config_file.write_text("\n".join(changed) + "\n")


def run(module: str, *words: str | Path) -> tuple[int, str]:
    """Exit status and everything that a command printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stdout + done.stderr


def client_of(exchange: RunningExchange) -> PatientClient:
    client = PatientClient("127.0.0.1", exchange.port)
    client.login("S1", PASSWORD, sequence=0)
    return client


def rest_until_full(client: PatientClient, prefix: str) -> int:
    """Enter orders until one is refused for want of room. Returns how many were accepted."""
    for number in range(MOST + 1):
        client.enter(f"{prefix}{number}", "B", 100, "AAPL", 1_000_000 + 100 * number)
        message = client.receive()
        if message.letter == "J":
            assert message.fields["reason"] == FULL
            return number
        assert message.letter == "A"
    raise AssertionError("it was never full")


def archived(data_directory: Path) -> np.ndarray:
    return open_archive(data_directory / "archive").read(0, 1 << 40)


def refused(data_directory: Path) -> list[int]:
    """The commands that were refused for want of room."""
    events = archived(data_directory)
    full = (events["kind"] == EventKind.REJECTED) & (events["reason"] == Reject.ORDER_POOL_FULL)
    found: list[int] = events["command_sequence"][full].tolist()
    return found


def verify(data_directory: Path) -> None:
    status, said = run("replay.cli", "verify", "--data-dir", data_directory)
    assert status == ExitStatus.OK, said
    assert said.startswith("good: commands 0 to "), said


def check(exchange: RunningExchange) -> tuple[int, str]:
    return run(
        "exchange.cli",
        *("check-config", "--config", exchange.config_file),
        *("--data-dir", exchange.data_directory),
    )


def test_fewer_than_the_data_directory_has_are_refused(exchange: RunningExchange) -> None:
    exchange.start()
    with client_of(exchange) as client:
        # an account leaves to others as many as it has
        assert rest_until_full(client, "few") == FEW // 2
    status, said = run("replay.cli", "snapshot", "--now", "--data-dir", exchange.data_directory)
    assert status == ExitStatus.OK, said
    assert exchange.stop() == ExitStatus.OK
    assert len(refused(exchange.data_directory)) == 1
    configure(exchange, "live_orders", FEW - 1)
    what = "[capacity]: live_orders: 7 is less than 8, which the data directory has"
    status, said = check(exchange)
    assert status == ExitStatus.CONFIGURATION and what in said, said
    exchange.launch()
    assert exchange.wait() == ExitStatus.CONFIGURATION
    assert what in exchange.log_tail()


def test_a_start_that_died_before_its_first_command_did_no_harm(exchange: RunningExchange) -> None:
    configure(exchange, "live_orders", MORE)
    settings = load(exchange.config_file).settings
    state, _ = recover_engine(exchange.data_directory, settings, False, None)
    assert capacity_of(state).orders == MORE
    verify(exchange.data_directory)
    again, _ = recover_engine(exchange.data_directory, settings, False, None)
    assert capacity_of(again) == capacity_of(state)
    history = load_capacities(exchange.data_directory)
    assert history is not None and [each.capacity.orders for each in history] == [FEW, MORE]


def test_the_order_that_was_refused_is_accepted(exchange: RunningExchange) -> None:
    configure(exchange, "live_orders", MOST)
    status, said = check(exchange)
    assert status == ExitStatus.OK, said
    assert f"the next start enlarges live_orders from {MORE} to {MOST}" in said
    before = refused(exchange.data_directory)
    exchange.start()
    with client_of(exchange) as client:
        assert rest_until_full(client, "most") == MOST // 2 - FEW // 2
        exchange.kill()
    exchange.start()
    with client_of(exchange) as client:
        client.cancel("few0")
        assert client.receive().letter == "C", "what rested before is still there"
        client.enter("instead", "B", 100, "AAPL", 1_000_000)
        assert client.receive().letter == "A"
    assert exchange.stop() == ExitStatus.OK
    after = refused(exchange.data_directory)
    assert after[: len(before)] == before and len(after) == len(before) + 1
    history = load_capacities(exchange.data_directory)
    assert history is not None and [each.capacity.orders for each in history] == [FEW, MOST]


def test_replay_refuses_again_what_was_refused(exchange: RunningExchange) -> None:
    data = exchange.data_directory
    verify(data)
    # beginning with the snapshot of before, or with nothing
    told = archived(data).tobytes()
    ends = [rebuild(data, from_snapshot=from_snapshot) for from_snapshot in (True, False)]
    assert ends[0].snapshot_used is not None and ends[1].snapshot_used is None
    assert {capacity_of(end.state).orders for end in ends} == {MOST}
    for path in (data / "archive").iterdir():
        path.unlink()
    rebuild(data, from_snapshot=False, repair=True, write_archive=True)
    assert archived(data).tobytes() == told
    status, said = run("replay.cli", "book", "--data-dir", data, "--orders")
    assert status == ExitStatus.OK and "AAPL" in said, said


def test_several_at_once_and_for_the_second_time(exchange: RunningExchange) -> None:
    configure(exchange, "tokens_per_day", 5_000)
    configure(exchange, "sessions", 1_000)
    exchange.start()
    with client_of(exchange) as client:
        client.enter("once more", "B", 100, "AAPL", 1_000_000)
        assert client.receive().letter == "J", "live_orders is as full as before"
        client.cancel("few1")
        assert client.receive().letter == "C"
    assert exchange.stop() == ExitStatus.OK
    fields = json.loads((exchange.data_directory / "engine.json").read_text())
    assert [each["tokens"] for each in fields["periods"]] == [1_000, 1_000, 5_000]
    verify(exchange.data_directory)


def test_a_backup_has_them_all(exchange: RunningExchange, tmp_path: Path) -> None:
    data = ("--data-dir", exchange.data_directory)
    status, said = run("exchange.cli", "backup", tmp_path / "backup", *data)
    assert status == ExitStatus.OK, said
    restored = tmp_path / "restored"
    status, said = run("exchange.cli", "restore", tmp_path / "backup", "--data-dir", restored)
    assert status == ExitStatus.OK, said
    assert load_capacities(restored) == load_capacities(exchange.data_directory)
    assert refused(restored) == refused(exchange.data_directory)
    verify(restored)
