"""Journals that older commits wrote are verified, replayed and continued by the code of today.

``tests/data/older_journals/README.md`` says how they were made. What is expected of each was
written down by the commit that recorded it: a change of a layout, a rule or an export shows here.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.client.order_entry import OrderEntryClient
from exchange.engine.state.chain_hash import chain_digest
from exchange.recovery.plan import recovery_plan
from exchange.recovery.rebuild import rebuild
from replay.cli import main
from tests.harness.patient_client import PatientClient

pytestmark = pytest.mark.needs_jit

RECORDED = Path(__file__).resolve().parents[1] / "data/older_journals"
NAMES = sorted(path.parent.name for path in RECORDED.glob("*/expected.json"))
# of the recorded exchanges, by the name of their directory
CHAIN_HASHES = {"670db7f": "5b9236d400698d9e", "bb67baa": "9b9562683b4ead96"}
# Kinds that a recording must have, so that it is worth its name.
MUST_HAVE = {
    "REPLACED",
    "CANCELED",
    "TRADE",
    "DAY_ENDED",
    "BALANCE_CHANGED",
    "KILL_SWITCHED",
    "RELEASED",
    "TRIGGERED",
    "REFRESHED",
    "SELF_TRADE_PREVENTED",
    "AUCTION",
    "STATE_CHANGED",
}


def unpack(name: str, directory: Path) -> Path:
    """The recorded configuration and files in ``directory``; its data directory."""
    with tarfile.open(RECORDED / name / "day.tar.xz") as archive:
        archive.extractall(directory, filter="data")
    return directory / "data"


def expected_of(name: str) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads((RECORDED / name / "expected.json").read_text())
    return expected


class Replay:
    """``exchange-replay`` on a data directory, in this process."""

    def __init__(self, data_dir: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        self._data_dir = data_dir
        self._capture = capfdbinary

    def __call__(self, *arguments: str) -> bytes:
        self._capture.readouterr()
        status = main([*arguments, "--data-dir", str(self._data_dir)])
        output = self._capture.readouterr().out
        assert status == 0, output
        return output

    def verdict(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("verify", "--json", "--every-command"))
        assert found["good"] and found["problems"] == []
        return found

    def digest(self, *arguments: str) -> str:
        return hashlib.sha256(self(*arguments)).hexdigest()


def trade(port: int) -> int:
    """Two sessions trade with each other; the quantity that was executed."""
    with PatientClient("127.0.0.1", port) as seller, PatientClient("127.0.0.1", port) as buyer:
        for client, username in ((seller, "S4"), (buyer, "S5")):
            client.login(username, "password", sequence=0)
        seller.enter("older-1", "S", 100, "BETA", 1_000_000)
        until(seller, "accepted")
        buyer.enter("older-2", "B", 60, "BETA", 1_010_000)
        return int(until(buyer, "executed")["shares"])


def be_patient(configuration: Path) -> None:
    """On a slow machine a client may be silent for long: nobody is cut off meanwhile."""
    section = "[order_entry]\n"
    text = configuration.read_text()
    assert section in text
    patience = "client_timeout_ms = 300_000\nlogin_timeout_ms = 120_000\n"
    # and no snapshot is made beside those of the recording
    alone = "[snapshot]\nenabled = false\n"
    configuration.write_text(f"{text.replace(section, section + patience)}\n{alone}")


def until(client: OrderEntryClient, name: str) -> dict[str, int | str]:
    """The fields of the next message called ``name``."""
    while True:
        message = client.receive()
        assert message.name != "rejected", message
        if message.name == name:
            return message.fields


def test_every_recording_has_its_chain_hash_here() -> None:
    assert sorted(CHAIN_HASHES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_older_journal_is_verified_and_replayed(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    expected = expected_of(name)
    assert set(expected["events_by_kind"]) >= MUST_HAVE
    replay = Replay(unpack(name, tmp_path), capfdbinary)
    verdict = replay.verdict()
    assert verdict["chain_hash"] == CHAIN_HASHES[name]
    assert {key: verdict[key] for key in expected["verify"]} == expected["verify"]
    for what, digest in expected["export_sha256"].items():
        assert replay.digest("export", what) == digest, what
    assert replay.digest("accounts", "--json") == expected["accounts_sha256"]
    assert replay.digest("book", "--json", "--orders", "--waiting") == expected["book_sha256"]


@pytest.mark.parametrize("name", NAMES)
def test_an_older_snapshot_is_used(name: str, tmp_path: Path) -> None:
    """And gives the state that the journal gives from its start."""
    data_dir = unpack(name, tmp_path)
    plan = recovery_plan(data_dir)
    assert (plan.status, plan.snapshots_refused) == (0, []) and plan.snapshot != ""
    result = rebuild(data_dir)
    assert result.snapshot_used is not None and result.snapshot_used.name == plan.snapshot
    assert result.next_command == plan.next_command == expected_of(name)["verify"]["next_command"]
    whole = rebuild(data_dir, from_snapshot=False)
    assert chain_digest(result.state) == chain_digest(whole.state)


@pytest.mark.parametrize("name", NAMES)
def test_an_older_journal_is_continued(
    name: str, make_exchange: Callable[..., Any], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    expected = expected_of(name)
    exchange = make_exchange()
    data_dir = unpack(name, exchange.directory)  # with the configuration of then
    be_patient(exchange.config_file)
    before = expected["verify"]
    exchange.start()
    assert trade(exchange.port) > 0
    assert exchange.stop() == 0
    replay = Replay(data_dir, capfdbinary)
    verdict = replay.verdict()
    assert verdict["next_command"] > before["next_command"]
    assert verdict["next_event"] > before["next_event"]
    assert verdict["snapshots"] == before["snapshots"]
    # what was there before is still there, byte for byte
    last = {"commands": before["next_command"] - 1, "events": before["next_event"] - 1}
    for what, digest in expected["export_sha256"].items():
        end = last["commands" if what == "commands" else "events"]
        assert replay.digest("export", what, "--last", str(end)) == digest, what
