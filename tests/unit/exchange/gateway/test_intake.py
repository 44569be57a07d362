"""A connection that ends, for whatever reason, becomes a DISCONNECT command at its right place."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from exchange.client.order_entry import ConnectionEnded, LoginRefused
from exchange.codes import CommandKind
from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.gateway.protocol import ouch, soupbintcp
from exchange.gateway.session import CONNECTION_RECEIVED_NS
from tests.harness.order_entry_core import (
    NEARLY_LATE_S,
    PASSWORD,
    UNREACHABLE_MS,
    username,
    wait_for,
)
from tests.harness.patient_client import PATIENCE_S, PatientClient

pytestmark = pytest.mark.needs_jit

PRICE = 1_000_000
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close() resets the connection


def connect(gateway: Any, session: int = 1, **login: Any) -> PatientClient:
    client = PatientClient("127.0.0.1", gateway.port)
    try:
        client.login(username(session), PASSWORD, **login)
    except BaseException:
        client.close()
        raise
    return client


def connect_again(gateway: Any, session: int = 1, **login: Any) -> PatientClient:
    """Log in as soon as the gateway has noticed the end of the old connection."""
    while True:
        with contextlib.suppress(LoginRefused):
            return connect(gateway, session, **login)


def flow(core: Any, since: int = 0) -> list[tuple[str, int, str]]:
    """What order entry has put into its ring, taken or not: (kind, session, token)."""
    published = int(core.cursors[pipeline.ingress_published(1)])
    mask = len(core.ingress) - 1
    assert published - since <= len(core.ingress), "overwritten"
    found = []
    for position in range(since, published):
        record = core.ingress[position & mask]
        token = record["token_0"].tobytes().strip(b" \0").decode()
        found.append((CommandKind(int(record["kind"])).name, int(record["session"]), token))
    return found


def ended(core: Any, session: int = 1) -> bool:
    return ("DISCONNECT", session, "") in flow(core)


def enter_and_wait(client: PatientClient, token: str) -> None:
    client.enter(token, "B", 1, "ACME", PRICE)
    while client.receive().fields.get("token") != token:
        pass


def close_by_end(client: PatientClient, gateway: Any) -> None:
    client.close()


def close_by_reset(client: PatientClient, gateway: Any) -> None:
    client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()


def close_by_logout(client: PatientClient, gateway: Any) -> None:
    client.logout()


def close_by_bad_message(client: PatientClient, gateway: Any) -> None:
    client.send(soupbintcp.packet(soupbintcp.UNSEQUENCED_DATA, b"?"))


def close_by_silence(client: PatientClient, gateway: Any) -> None:
    gateway.let_time_pass(1, CONNECTION_RECEIVED_NS)
    with pytest.raises(ConnectionEnded, match="nothing received"):
        client._sent_s = 1e18  # sends no heartbeats
        client.receive()


def close_by_takeover(client: PatientClient, gateway: Any) -> None:
    gateway.let_time_pass(1, CONNECTION_RECEIVED_NS, NEARLY_LATE_S)
    connect(gateway, 1).close()


@pytest.mark.parametrize(
    ("how", "parameters"),
    [
        (close_by_end, {}),
        (close_by_reset, {}),
        (close_by_logout, {}),
        (close_by_bad_message, {}),
        (close_by_silence, {"client_timeout_ms": UNREACHABLE_MS, "timer_interval_ms": 20}),
        (close_by_takeover, {"client_timeout_ms": UNREACHABLE_MS}),
    ],
)
def test_every_end_is_told_after_the_last_order(
    make_gateway: Callable[..., Any], how: Callable[..., None], parameters: dict[str, int]
) -> None:
    gateway = make_gateway({"cancel_on_disconnect": True}, **parameters)
    core = gateway.core
    client = connect(gateway)
    try:
        enter_and_wait(client, "a")
        client.enter("b", "B", 1, "ACME", PRICE)
        if how is not close_by_reset:  # a reset may overtake bytes that have not been read
            enter_and_wait(client, "c")
        else:
            assert client.receive().letter == "A"
        how(client, gateway)
        wait_for(lambda: ended(core), "the disconnect")
    finally:
        client.close()
    sent = flow(core)
    assert sent[0] == ("DISCONNECT", 0, "")  # at the start: nobody is connected
    orders = ["a", "b"] if how is close_by_reset else ["a", "b", "c"]
    expected = [("ENTER", 1, token) for token in orders] + [("DISCONNECT", 1, "")]
    assert sent[1 : 1 + len(expected)] == expected
    # once, and once more for the connection that took it over
    wait_for(lambda: core.counter(Counter.CONNECTIONS) == 0, "the connections to go")
    rest = flow(core)[1 + len(expected) :]
    assert rest == ([("DISCONNECT", 1, "")] if how is close_by_takeover else [])
    # the matcher has done what the session's parameter says, and the session is told
    with connect(gateway) as again:
        told = [again.receive() for _ in range(1 + 2 * len(orders))]
    canceled = [(m.fields["token"], m.fields["reason"]) for m in told if m.letter == "C"]
    assert canceled == [(token, "Z") for token in orders]


def test_a_login_right_after_the_break_comes_later(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway({"cancel_on_disconnect": True})
    core = gateway.core
    for round_number in range(20):
        with connect_again(gateway, sequence=0) as client:
            enter_and_wait(client, f"r{round_number}")
    wait_for(lambda: core.counter(Counter.CONNECTIONS) == 0, "the last end")
    expected = [("DISCONNECT", 0, "")]
    for round_number in range(20):
        expected += [("ENTER", 1, f"r{round_number}"), ("DISCONNECT", 1, "")]
    assert flow(core) == expected
    with connect(gateway) as client:
        told = [client.receive() for _ in range(1 + 2 * 20)][1:]
    # every order was accepted after the one before it had been cancelled
    assert [(m.letter, m.fields["token"]) for m in told] == [
        (letter, f"r{round_number}") for round_number in range(20) for letter in "AC"
    ]


def fill_ring(gateway: Any, client: PatientClient) -> int:
    """Stop the core and send orders until the ring takes no more; returns how many it took."""
    core = gateway.core
    wait_for(
        lambda: (
            core.cursors[pipeline.ingress_consumed(1)]
            == core.cursors[pipeline.ingress_published(1)]
        ),
        "the ring to be empty",
    )
    core.consume = False
    before = int(core.cursors[pipeline.ingress_published(1)])
    for number in range(1000):
        message = ouch.encode("O", {"token": f"t{number}", "side": "B", "shares": 1})
        client.send(soupbintcp.packet(soupbintcp.UNSEQUENCED_DATA, message))
    full = core.counter(Counter.INGRESS_FULL)
    wait_for(lambda: core.counter(Counter.INGRESS_FULL) > full + 2, "the ring to be full")
    return int(core.cursors[pipeline.ingress_published(1)]) - before


def test_a_full_ring_delays_disconnects_and_loses_none(make_gateway: Callable[..., Any]) -> None:
    """Six sessions leave, again and again, while the ring is full; one flood goes on."""
    gateway = make_gateway({"ring_capacity": 128, "sessions": 8})
    core = gateway.core
    taken: list[tuple[str, int, str]] = []
    pump = core.pump

    def remember() -> int:
        before = int(core.cursors[pipeline.ingress_consumed(1)])
        records = core.ingress.copy()
        done = int(pump())
        for position in range(before, before + done):
            record = records[position & 127]
            token = record["token_0"].tobytes().strip(b" \0").decode()
            taken.append((CommandKind(int(record["kind"])).name, int(record["session"]), token))
        return done

    core.pump = remember
    with connect(gateway, 8) as flood:
        clients = [connect(gateway, session) for session in range(1, 7)]
        for session, client in enumerate(clients, 1):
            enter_and_wait(client, f"before{session}")
        assert fill_ring(gateway, flood) < 128
        for client in clients:
            client.close()
        # 6 slots fit into what order entry keeps free for them; leave until none is free. While
        # the ring is full sockets are not read: each end is noticed by a timer.
        for _ in range(4):
            wait_for(lambda: core.counter(Counter.SESSIONS_LOGGED_IN) == 1, "the ends")
            for session in range(1, 7):
                connect_again(gateway, session, sequence=0).close()
        wait_for(lambda: core.counter(Counter.SESSIONS_LOGGED_IN) == 1, "the ends")
        again = [connect_again(gateway, session, sequence=0) for session in range(1, 7)]
        for session, client in enumerate(again, 1):
            client.enter(f"after{session}", "B", 1, "ACME", PRICE)
        assert not any(token.startswith("after") for _, _, token in taken)
        core.consume = True
        for client in again:
            while client.receive().letter != "A":
                pass
            client.close()
    wait_for(lambda: core.counter(Counter.SESSIONS_LOGGED_IN) == 0, "the last end")

    def all_told() -> bool:
        # a disconnect for which there was no room is published some time after the session's end
        ends = {session: kind for kind, session, _ in taken}
        return all(ends[session] == "DISCONNECT" for session in (1, 2, 3, 4, 5, 6, 8))

    wait_for(all_told, "the core to take everything")
    for session in range(1, 7):
        own = [(kind, token) for kind, owner, token in taken if owner == session]
        first = own.index(("ENTER", f"before{session}"))
        last = own.index(("ENTER", f"after{session}"))
        between = [kind for kind, _ in own[first + 1 : last]]
        assert between and set(between) == {"DISCONNECT"}, own
        assert own[last + 1 :] == [("DISCONNECT", "")], own


def test_a_graceful_stop_disconnects_all_sessions_first(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway({"cancel_on_disconnect": True})
    core = gateway.core
    with connect(gateway) as client, connect(gateway, 2):
        enter_and_wait(client, "a")
        core.cursors[pipeline.STOP_INTAKE] = 1
        canceled = client.receive()
        assert (canceled.letter, canceled.fields["reason"]) == ("C", "Z")
        with pytest.raises(ConnectionEnded):
            list(client.messages(PATIENCE_S))
        assert client.ended
    assert gateway.join() == 0
    core.cursors[pipeline.STOP_INTAKE] = 0
    assert flow(core) == [("DISCONNECT", 0, ""), ("ENTER", 1, "a"), ("DISCONNECT", 0, "")]


def test_a_restarted_gateway_disconnects_all_sessions_first(
    make_gateway: Callable[..., Any],
) -> None:
    gateway = make_gateway({"cancel_on_disconnect": True})
    core = gateway.core
    with connect(gateway) as client:
        enter_and_wait(client, "a")
        assert gateway.stop() == 0
        again = make_gateway(core)
        with connect(again) as next_client:
            enter_and_wait(next_client, "b")
        with connect_again(again, sequence=2) as last:
            told = [(m.letter, m.fields["token"]) for m in (last.receive() for _ in range(4))]
        assert told == [("A", "a"), ("C", "a"), ("A", "b"), ("C", "b")]
    wait_for(lambda: core.counter(Counter.CONNECTIONS) == 0, "the end")
    everyone = ("DISCONNECT", 0, "")
    assert [entry for entry in flow(core) if entry != ("DISCONNECT", 1, "")] == [
        everyone,
        ("ENTER", 1, "a"),
        everyone,
        ("ENTER", 1, "b"),
    ]
