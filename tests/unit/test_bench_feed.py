"""The clients of the feed benchmark: what they count, and what they notice."""

from __future__ import annotations

import socket
import time

import numpy as np
import pytest

from exchange.api.websocket.frames import close_frame, ping_frame, text_frame
from scripts.benchmarks.feed import _bare_send, _orders, _trade_frame
from scripts.benchmarks.feed_client import (
    ACKNOWLEDGED,
    CLOSED,
    ERRORS,
    FRAMES,
    OTHERS,
    SAMPLES,
    TRADES,
    Clients,
)
from scripts.benchmarks.load import ENTER_WIRE
from scripts.benchmarks.result import BenchmarkFailed

pytestmark = pytest.mark.needs_jit


def pair() -> tuple[socket.socket, socket.socket]:
    """A client's end and a server's, of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    return ours, theirs


def trade(sequence: int, filler: int = 0) -> bytes:
    text = f'{{"type":"trade","symbol":"{"F" * filler}","trade_id":1,"sequence":{sequence},"t":1}}'
    return text_frame(text.encode())


@pytest.mark.parametrize("seed", [1, 2])
def test_frames_cut_anywhere_are_counted(seed: int) -> None:
    random = np.random.default_rng(seed)
    clients = Clients(3, 2, 10_000)  # connections 0 and 2 are sampled
    servers = []
    for number in range(3):
        ours, theirs = pair()
        servers.append(theirs)
        clients.add(ours, b"\x81" if number == 0 else b"")  # what came with the handshake
    streams: list[list[bytes]] = [[], [], []]
    sequences: list[list[int]] = [[], [], []]
    for step in range(600):
        number = int(random.integers(0, 3))
        kind = random.random()
        if kind < 0.7:
            streams[number].append(trade(step, int(random.choice([0, 30, 200, 3_000]))))
            sequences[number].append(step)
        elif kind < 0.8:
            streams[number].append(text_frame(b'{"type":"ticker","sequence":5}'))
        elif kind < 0.9:
            streams[number].append(ping_frame(b"x"))
        else:
            streams[number].append(text_frame(b'{"type":"subscribed","channel":"trade.F"}'))
    streams[0].insert(0, text_frame(b'{"type":"heartbeat"}'))
    before_ns = time.time_ns()
    with clients.receiving():
        total = sum(len(stream) for stream in streams)
        rests = [b"".join(stream) for stream in streams]
        rests[0] = rests[0][1:]
        while any(rests):
            for number, server in enumerate(servers):
                size = int(random.integers(1, 2_000))
                server.sendall(rests[number][:size])
                rests[number] = rests[number][size:]
        clients.wait_for(lambda: int(clients.totals[FRAMES]) >= total, "all frames")
    assert clients.trades.tolist() == [len(each) for each in sequences]
    assert int(clients.totals[TRADES]) == sum(len(each) for each in sequences)
    flat = [frame for stream in streams for frame in stream]
    assert int(clients.totals[ACKNOWLEDGED]) == sum(b'"subscribed"' in frame for frame in flat)
    assert int(clients.totals[OTHERS]) == sum(
        b'"ticker"' in frame or b'"heartbeat"' in frame for frame in flat
    )
    assert int(clients.totals[ERRORS]) == 0
    samples = clients.samples[: int(clients.totals[SAMPLES])]
    for number in (0, 2):
        assert samples[samples[:, 0] == number, 1].tolist() == sequences[number]
    assert not (samples[:, 0] == 1).any()
    assert (samples[:, 2] >= before_ns).all() and (samples[:, 2] <= time.time_ns()).all()
    clients.close()
    for server in servers:
        server.close()


def test_errors_and_lost_connections_are_noticed() -> None:
    clients = Clients(1, 1, 1)
    ours, theirs = pair()
    clients.add(ours)
    with pytest.raises(BenchmarkFailed, match="a connection was lost"), clients.receiving():
        theirs.sendall(text_frame(b'{"type":"error","code":1}') + close_frame(1000))
        clients.wait_for(lambda: int(clients.totals[ERRORS]) == 2, "errors")
        theirs.close()
        clients.wait_for(lambda: int(clients.totals[CLOSED]) == 2, "what never comes")
    clients.close()


def test_bare_send() -> None:
    assert len(_trade_frame(140)) == 140
    figures = _bare_send(20, 140, 400, 100_000)
    assert figures["bare_send_frames_per_s"] > 0


def test_orders_are_pairs_that_trade() -> None:
    raw, ends = _orders(100, 7, 3)
    orders = raw.view(ENTER_WIRE)
    assert len(orders) == 200 and ends[-1] == len(raw)
    makers, aggressors = orders[0::2], orders[1::2]
    for name in ("stock", "shares", "price"):
        assert (makers[name] == aggressors[name]).all()
    assert (makers["side"] != aggressors["side"]).all()
    assert len({bytes(token) for token in orders["token"]}) == 200
    assert set(orders["stock"].tolist()) == {
        f"F{number:03d}".ljust(8).encode() for number in range(7)
    }
