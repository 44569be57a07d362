"""Witness: Wireshark's dissectors read what the running gateway sends, and find nothing wrong.

A live capture of the loopback interface (root) while every message that the gateway can send is
provoked; then also the byte streams of the reference captures through our own decoder.
"""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patient_client import PATIENCE_S, PatientClient

from exchange.client.order_entry import ConnectionEnded, LoginRefused, Sequenced
from exchange.gateway.protocol import ouch, soupbintcp

pytestmark = pytest.mark.needs_jit

REPOSITORY = Path(__file__).resolve().parents[2]
WIRE = Path(os.environ.get("EXCHANGE_WIRE_DIR") or REPOSITORY.parent / "shared" / "wire")
CAPTURES = {
    "soupbin_ouch42_all_messages_port39017.pcapng": 39017,
    "soupbin_ouch42_segmented_port39021.pcapng": 39021,
    "nasdaq_protocols_client_port39032.pcapng": 39032,
}


def run_tshark(tshark: str, *arguments: str) -> list[list[str]]:
    """Rows of tab-separated fields."""
    done = subprocess.run([tshark, *arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


@contextlib.contextmanager
def capture(tshark: str, port: int, file: Path) -> Iterator[None]:
    """Capture the loopback traffic of ``port`` into ``file``; skip where that is not permitted."""
    command = [tshark, "-i", "lo", "-f", f"tcp port {port}", "-w", str(file), "-q"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "Capturing on" in line:
                break
        else:
            pytest.skip("live capture is not permitted here")
        # it captures once a connection of ours appears in the file
        deadline_s = time.monotonic() + 300
        while not file.exists() or file.stat().st_size < 1024:
            assert time.monotonic() < deadline_s, "tshark captures nothing"
            with contextlib.suppress(ConnectionEnded, TimeoutError):
                PatientClient("127.0.0.1", port).close()
            time.sleep(0.05)
        yield
        size = -1
        while size != file.stat().st_size:  # until what was sent has been written
            size = file.stat().st_size
            time.sleep(1.0)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(300)
        process.stderr.close()


def provoke_everything(port: int, password: str, symbol: str, price: int) -> int:
    """Make the gateway send all it can but end of session; returns the malformed client's port."""
    with PatientClient("127.0.0.1", port) as first, PatientClient("127.0.0.1", port) as other:
        with PatientClient("127.0.0.1", port) as refused, pytest.raises(LoginRefused):
            refused.login("S3", "wrong")
        first.login("S1", password)
        other.login("S2", password)
        first.enter("a", "S", 100, symbol, price)
        first.enter("bad", "S", 100, "NONE", price)
        first.modify("a", "T", 90)
        first.replace("a", "b", 80, price)
        assert "".join(first.receive().letter for _ in range(5)) == "SAJMU"
        other.enter("c", "B", 30, symbol, price)
        other.enter("d", "B", 1, symbol, ouch.PRICE_MARKET, time_in_force=0)
        assert "".join(first.receive().letter for _ in range(2)) == "EE"
        first.cancel("b", 50)
        first.cancel("b")
        assert "".join(first.receive().letter for _ in range(2)) == "CC"
        while not first.heartbeats:
            list(first.messages(0.2))
        # many messages in one segment, and one message in many
        first.send(
            b"".join(
                soupbintcp.packet(
                    soupbintcp.UNSEQUENCED_DATA, ouch.encode("X", {"token": f"none{number}"})
                )
                for number in range(400)
            )
        )
        for number in range(300):
            first.enter(f"many{number}", "B", 1, symbol, price)
        assert [first.receive().letter for _ in range(300)] == ["A"] * 300
        with PatientClient("127.0.0.1", port) as broken:
            broken.login("S4", password)
            malformed_port = int(broken._socket.getsockname()[1])
            broken.send(soupbintcp.packet(soupbintcp.UNSEQUENCED_DATA, b"?"))
            with pytest.raises(ConnectionEnded, match="unknown OUCH message"):
                list(broken.messages(PATIENCE_S))
        return malformed_port


# Sessions whose accounts are made to be refused, by OUCH's letter of the refusal.
REFUSED_ACCOUNTS: dict[int, dict[str, Any]] = {
    1: {"may_short": True},
    6: {"self_trade_prevention": "decrement"},
    9: {"open_orders": 1},
    10: {"money": {"USD": 1}},
    11: {"stock": {}},
}
REFUSED_SESSIONS: dict[int, dict[str, Any]] = {
    5: {"cancel_on_disconnect": True},
    8: {"orders_per_second": 1, "burst": 1},
}


def answers(port: int, user: str, password: str, *orders: dict[str, Any]) -> list[Sequenced]:
    """Log in, send orders (fields of Enter), and take an answer to each."""
    with PatientClient("127.0.0.1", port) as client:
        client.login(user, password, sequence=0)
        sent = b""
        for number, order in enumerate(orders):
            fields = {
                "token": f"{user}-{number}",
                "side": "B",
                "shares": 10,
                "stock": "AMZN",
                "price": 900_000,
                "time_in_force": 99_999,
                "display": "Y",
                "capacity": "A",
                "cross_type": "N",
            } | order
            sent += soupbintcp.packet(soupbintcp.UNSEQUENCED_DATA, ouch.encode("O", fields))
        client.send(sent)  # at once: whether a rate refuses one does not hang on when it came
        return [client.receive() for _ in orders]


def provoke_refusals(exchange: Any, port: int, password: str) -> set[str]:
    """Have orders refused for every reason that OUCH has a letter for; the letters that came."""

    def refused(user: str, *orders: dict[str, Any]) -> list[str]:
        found = answers(port, user, password, *orders)
        return [str(m.fields["reason"]) if m.letter == "J" else m.letter for m in found]

    bad: list[dict[str, Any]] = [
        {"price": 0}, {"shares": 0}, {"shares": 1_000_001}, {"minimum_quantity": 5},
        {"display": "?"}, {"capacity": "?"}, {"stock": "NONE"}, {"side": "T"},
    ]  # fmt: skip
    letters = refused("S7", *bad)
    assert letters == ["X", "O", "Z", "N", "D", "R", "S", "i"]
    letters += refused("S8", {}, {})
    assert letters[-2:] == ["A", "M"]
    letters += refused("S9", {}, {})
    assert letters[-2:] == ["A", "m"]
    letters += refused("S10", {})
    assert letters[-1:] == ["n"]
    letters += refused("S11", {"side": "S"})
    assert letters[-1:] == ["b"]
    exchange.admin("kill", "on", "--account", "12")
    letters += refused("S12", {})
    assert letters[-1:] == ["a"]
    exchange.admin("close", "--instrument", "GOOG")
    letters += refused("S13", {"stock": "GOOG"})
    assert letters[-1:] == ["C"]
    return set(letters) - {"A"}


def provoke_auction_and_halt(exchange: Any, port: int, password: str) -> None:
    """Executed in an auction, Cancel Reject in a halt, AIQ Canceled of an order with itself."""
    with PatientClient("127.0.0.1", port) as client:
        client.login("S6", password, sequence=0)
        client.enter("q", "B", 40, "AMZN", 950_000)
        client.enter("r", "S", 30, "AMZN", 950_000)
        got = [client.receive() for _ in range(4)]
        assert [m.letter for m in got] == ["A", "A", "D", "D"]
        assert [m.fields["liquidity"] for m in got[2:]] == ["A", "R"]
        client.enter("w", "B", 5, "AMZN", 800_000, time_in_force=0)
        got = [client.receive() for _ in range(2)]
        assert (got[1].letter, got[1].fields["reason"]) == ("C", "I")
        exchange.admin("auction", "--instrument", "MSFT")
        client.enter("s", "B", 20, "MSFT", 4_000_000)
        client.enter("t", "S", 20, "MSFT", 4_000_000)
        assert [client.receive().letter for _ in range(2)] == ["A", "A"]
        exchange.admin("resume", "--instrument", "MSFT")
        assert [client.receive().fields.get("liquidity") for _ in range(2)] == ["O", "O"]
        client.enter("u", "B", 20, "MSFT", 4_000_000)
        assert client.receive().letter == "A"
        exchange.admin("halt", "--instrument", "MSFT")
        client.enter("v", "B", 20, "MSFT", 4_000_000)
        client.cancel("u")
        got = [client.receive() for _ in range(2)]
        assert (got[0].letter, got[0].fields["reason"], got[1].letter) == ("J", "H", "I")


def test_tshark_understands_every_message(tshark: str, make_exchange: Any, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("live capture needs root")
    from exchange_process import PASSWORD

    running_exchange = make_exchange(
        account_keys=REFUSED_ACCOUNTS, session_keys=REFUSED_SESSIONS
    ).start()
    port = running_exchange.port
    file = tmp_path / "gateway.pcapng"
    with capture(tshark, port, file):
        malformed_port = provoke_everything(port, PASSWORD, "AAPL", 1_000_000)
        letters = provoke_refusals(running_exchange, port, PASSWORD) | {"H"}
        provoke_auction_and_halt(running_exchange, port, PASSWORD)
        with PatientClient("127.0.0.1", port) as last:
            last.login("S5", PASSWORD)
            last.receive()
            last.enter("gone", "B", 1, "AAPL", 1_000_000)
            assert last.receive().letter == "A"
            assert running_exchange.stop() == 0
            assert last.receive().fields["reason"] == "Z"
            with pytest.raises(ConnectionEnded):
                list(last.messages(PATIENCE_S))
            assert last.ended
    decoded = ("-r", str(file), "-d", f"tcp.port=={port},soupbintcp", "-T", "fields")
    fields = ("-e", "tcp.srcport", "-e", "soupbintcp.packet_type", "-e", "ouch.packet_type")
    ours = f"tcp.port != {malformed_port} || tcp.srcport == {port}"
    bad = f"(_ws.malformed || soupbintcp.message || ouch.unknown_message) && ({ours})"
    assert run_tshark(tshark, *decoded, *fields, "-Y", bad) == []
    sent: collections.Counter[str] = collections.Counter()
    for row in run_tshark(tshark, *decoded, *fields, "-Y", f"tcp.srcport == {port}"):
        packets, messages = (column.replace("'", "").split(",") for column in row[1:3])
        sent.update(f"packet {letter}" for letter in packets if letter)
        sent.update(f"message {letter}" for letter in messages if letter)
    assert {key[-1] for key in sent if key.startswith("packet")} == set("AJSHZ+"), sent
    assert {key[-1] for key in sent if key.startswith("message")} == set("SAUCEJMDI"), sent
    assert sent["packet S"] == sum(sent[key] for key in sent if key.startswith("message"))
    assert sent["message A"] == 3 + 300 + 2 + 6 + 1
    seen = [
        {letter for row in run_tshark(tshark, *decoded, "-e", field, "-Y", field)
         for letter in row[0].replace("'", "").split(",")}
        for field in ("ouch.reject_reason", "ouch.liquidity_flag", "ouch.cancel_reason")
    ]  # fmt: skip
    assert seen[0] == letters == set("XOZNDRSiMmnbaCH")
    assert seen[1] == set("ARO")
    assert seen[2] == set("UIQZ")


@pytest.fixture
def wire_directory() -> Path:
    if not WIRE.is_dir():
        pytest.skip(f"no reference captures in {WIRE} (EXCHANGE_WIRE_DIR)")
    return WIRE


def client_stream(tshark: str, file: Path, port: int) -> bytes:
    """What the client of a capture has sent."""
    rows = run_tshark(
        tshark, "-r", str(file), "-Y", f"tcp.dstport == {port} && tcp.len > 0",
        "-T", "fields", "-e", "tcp.payload",
    )  # fmt: skip
    return b"".join(bytes.fromhex(row[0].replace(":", "")) for row in rows)


@pytest.mark.parametrize("name", CAPTURES)
def test_reference_captures_decode(tshark: str, wire_directory: Path, name: str) -> None:
    from exchange.gateway import decoder
    from exchange.gateway.decoder_stop import Stop
    from exchange.gateway.symbols import create_symbol_table
    from exchange.records import COMMAND

    data = client_stream(tshark, wire_directory / name, CAPTURES[name])
    login = data[: soupbintcp.LOGIN_REQUEST_SIZE_BYTES]
    request = soupbintcp.parse_login_request(login)
    assert request.sequence >= 0 and request.username
    rest = data[len(login) :]
    packets = list(soupbintcp.split_packets(bytearray(rest)))
    messages = [p.payload for p in packets if p.type == soupbintcp.UNSEQUENCED_DATA]
    for message in messages:
        parsed = ouch.decode(message, inbound=True)
        assert ouch.encode(parsed.letter, parsed.fields)[: len(message)] == message
    commands = np.zeros(2048, COMMAND)
    result = np.zeros(decoder.DECODED_WORDS, np.int64)
    buffer = np.frombuffer(rest, np.uint8).copy()
    received = decoder.ReceivedBytes(buffer, 0, len(rest), 1, 1)
    target = decoder.CommandSlots(commands, 0, 2048)
    decoder.decode(received, target, create_symbol_table(8), result)
    assert int(result[decoder.DECODED_MESSAGES]) == len(messages)
    stop = Stop(result[decoder.DECODED_STOP])
    assert stop in (Stop.NEED_MORE, Stop.LOGOUT)
    assert len(rest) - int(result[decoder.DECODED_OFFSET]) in (0, 3)
    letters = {chr(message[0]) for message in messages}
    assert letters <= set("OUXM") and letters
