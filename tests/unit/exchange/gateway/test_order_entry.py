"""The gateway over real sockets with the real engine: login, orders, resume, errors."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exchange.client.order_entry import ConnectionEnded, LoginRefused
from exchange.codes import CommandKind
from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.gateway.protocol import ouch, soupbintcp
from exchange.gateway.session import CONNECTION_DEADLINE_NS, CONNECTION_RECEIVED_NS
from tests.harness.order_entry_core import (
    NEARLY_LATE_S,
    PASSWORD,
    PASSWORD_HASH,
    UNREACHABLE_MS,
    username,
    wait_for,
)
from tests.harness.patient_client import PATIENCE_S, PatientClient

pytestmark = pytest.mark.needs_jit

PRICE = 1_000_000


def connect(gateway: Any, session: int = 1, **login: Any) -> PatientClient:
    client = PatientClient("127.0.0.1", gateway.port)
    try:
        client.login(username(session), PASSWORD, **login)
    except BaseException:
        client.close()
        raise
    return client


def names(client: PatientClient, count: int) -> list[str]:
    return [client.receive().name for _ in range(count)]


def test_an_order_is_answered(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    with connect(gateway) as client:
        assert client.session == "6010500001"
        first = client.receive()
        assert (first.sequence, first.name, first.fields["event"]) == (1, "system_event", "S")
        client.enter("a", "B", 100, "ACME", PRICE)
        accepted = client.receive()
        assert accepted.sequence == 2
        assert accepted.fields["token"] == "a"
        assert accepted.fields["price"] == PRICE
        with connect(gateway, 2) as other:
            other.receive()
            other.enter("b", "S", 40, "ACME", PRICE)
            assert names(other, 2) == ["accepted", "executed"]
            executed = client.receive()
            assert executed.fields["liquidity"] == "A"
            assert executed.fields["shares"] == 40
        client.cancel("a")
        assert client.receive().fields["decrement"] == 60


def take_all(gateway: Any, client: PatientClient, session: int) -> list[tuple[int, bytes]]:
    """What the session's stream still has for the client: (number, bytes)."""
    count = gateway.sent_messages(session) + 1 - client.next_sequence
    return [(each.sequence, each.data) for each in (client.receive() for _ in range(count))]


def raw_stream(gateway: Any, session: int = 1, **login: Any) -> list[tuple[int, bytes]]:
    """Every message of a session: (number, bytes)."""
    with connect(gateway, session, **login) as client:
        found = take_all(gateway, client, session)
        assert next(client.messages(0.05), None) is None
        return found


def trade_a_little(gateway: Any, orders: int = 40) -> list[tuple[int, bytes]]:
    """Provoke every kind of message for session 1; its stream as it was seen live."""
    with connect(gateway, 1) as client, connect(gateway, 2) as other:
        for number in range(orders):
            client.enter(f"a{number}", "B", 10, "ACME", PRICE + number % 3)
            client.replace(f"a{number}", f"r{number}", 12, PRICE + number % 2)
            if number % 3 == 0:
                other.enter(f"b{number}", "S", 5, "ACME", PRICE, time_in_force=0)
            client.cancel(f"r{number}", 4)
            client.enter(f"x{number}", "B", 10, "NONE", PRICE)
            client.enter(f"s{number}", "S", 10, "S2", 9 * PRICE)
            client.modify(f"s{number}", "T", 8)
        # the last answer of each says that all before it has been done
        live = []
        for each in (client, other):
            each.enter("last", "B", 1, "NONE", PRICE)
            while (message := each.receive()).fields.get("token") != "last":
                live.append((message.sequence, message.data))
            live.append((message.sequence, message.data))
            if each is client:
                mine = live
            live = []
        return mine + take_all(gateway, client, 1)


def test_resume_repeats_every_message_to_the_byte(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    live = trade_a_little(gateway)
    assert {data[:1] for _, data in live} == {b"S", b"A", b"U", b"E", b"C", b"J", b"M"}
    assert [number for number, _ in live] == list(range(1, len(live) + 1))
    assert raw_stream(gateway) == live
    for number in (1, 2, len(live) // 2, len(live), len(live) + 1):
        assert raw_stream(gateway, sequence=number) == live[number - 1 :]
    assert raw_stream(gateway, sequence=0) == []
    assert raw_stream(gateway, sequence=len(live) + 1000) == []
    assert raw_stream(gateway, session=1) == live


def test_a_restarted_gateway_continues_the_stream(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    live = trade_a_little(gateway)
    assert gateway.stop() == 0
    again = make_gateway(gateway.core)
    assert raw_stream(again) == live
    with connect(again, sequence=len(live) + 1) as client:
        client.enter("after", "B", 1, "ACME", PRICE)
        assert client.receive().sequence == len(live) + 1
        client.enter("a0", "B", 1, "ACME", PRICE)  # used before the restart: benign
        assert list(client.messages(0.3)) == []


def test_resume_reads_the_archive_when_the_ring_is_past(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway({"event_capacity": 256})
    live = trade_a_little(gateway, 120)
    assert raw_stream(gateway) == live
    assert gateway.core.archive.views > 0


def test_login_with_wrong_credentials(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway(password_hashes={"U00001": PASSWORD_HASH, "GHOST": PASSWORD_HASH})
    for name, password, session, reason in (
        ("U00001", "wrong", "", "A"),
        ("NOBODY", PASSWORD, "", "A"),
        ("U00002", PASSWORD, "", "A"),  # defined, but has no password
        ("GHOST", PASSWORD, "", "A"),  # has a password, but is not defined
        ("U00001", PASSWORD, "6010400001", "S"),  # another day's session
        ("U00001", PASSWORD, "6010500001", ""),
        ("U00001", PASSWORD, "", ""),
    ):
        with PatientClient("127.0.0.1", gateway.port) as client:
            try:
                client.login(name, password, session=session)
                got = ""
            except LoginRefused as refused:
                got = refused.reason
            assert got == reason, (name, password, session)
    assert gateway.core.counter(Counter.LOGINS_REJECTED) == 5


def test_a_live_connection_is_never_replaced_and_a_dead_one_is(
    make_gateway: Callable[..., Any],
) -> None:
    gateway = make_gateway(takeover_ms=UNREACHABLE_MS, client_timeout_ms=UNREACHABLE_MS)
    with connect(gateway) as client:
        client.receive()
        with pytest.raises(LoginRefused, match="S"):
            connect(gateway)
        client.enter("a", "B", 1, "ACME", PRICE)
        assert client.receive().name == "accepted"
        gateway.let_time_pass(1, CONNECTION_RECEIVED_NS)
        with connect(gateway) as second:
            assert names(second, 2) == ["system_event", "accepted"]
            with pytest.raises(ConnectionEnded, match="replaced"):
                client.receive()


def test_no_day_no_login(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway({"open_day": False})
    with pytest.raises(LoginRefused, match="S"):
        connect(gateway)
    gateway.core.start_day(20260106)
    with connect(gateway) as client:
        assert client.session == "6010600001"
        assert client.receive().fields["event"] == "S"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\0\0", "packet of length 0"),
        (b"\0\1Q", "unknown packet type 'Q'"),
        (b"\0\1\x80", "unknown packet type 0x80"),
        (b"\0\1U", "packet 'U' of length 1"),
        (b"\0\2Rx", "packet 'R' of length 2"),
        (b"\0\2Ox", "packet 'O' of length 2"),
        (b"\0\2UQ", "unknown OUCH message 'Q'"),
        (b"\0\x10UO" + bytes(14), "OUCH message 'O' of 15 bytes"),
        (b"\0\x15UX" + bytes(19), "OUCH message 'X' of 20 bytes"),
        (b"\xff\xffU", None),
        (b"\xff\xffUO", "OUCH message 'O' of 65534 bytes"),
        (b"\0\x2fL" + b" " * 46, "login request in a logged-in connection"),
    ],
)
def test_malformed_input_closes_that_session_only(
    make_gateway: Callable[..., Any], data: bytes, said: str | None
) -> None:
    gateway = make_gateway()
    with connect(gateway, 1) as client, connect(gateway, 2) as other:
        client.receive()
        other.receive()
        client.enter("good", "B", 1, "ACME", PRICE)
        client.send(data)
        if said is None:  # not enough to judge: nothing happens
            assert client.receive().name == "accepted"
            assert list(client.messages(0.2)) == []
        else:
            with pytest.raises(ConnectionEnded) as ended:
                list(client.messages(PATIENCE_S))
            assert said in ended.value.debug
            assert gateway.core.counter(Counter.MALFORMED_FRAMES) == 1
            with connect(gateway, 1, sequence=2) as again:  # what came before it counts
                assert again.receive().fields["token"] == "good"
        other.enter("fine", "B", 1, "ACME", PRICE)
        assert other.receive().name == "accepted"


def test_debug_packets_of_clients_are_passed_over(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway(receive_bytes=4096)
    with connect(gateway) as client:
        client.receive()
        for size in (0, 1, 100, 5000, 65534):
            client.send(soupbintcp.packet(soupbintcp.DEBUG, b"x" * size))
            client.enter(f"t{size}", "B", 1, "ACME", PRICE)
            assert client.receive().fields["token"] == f"t{size}"


def test_every_split_of_a_stream_decodes_the_same(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    with connect(gateway) as client:
        client.receive()
        enter = soupbintcp.packet(
            soupbintcp.UNSEQUENCED_DATA,
            ouch.encode(
                "O",
                {
                    "token": "TOKEN",
                    "side": "B",
                    "shares": 1,
                    "stock": "ACME",
                    "price": PRICE,
                    "time_in_force": 99999,
                    "display": "Y",
                    "capacity": "A",
                    "cross_type": "N",
                },
            ),
        )
        for offset in range(1, len(enter)):
            data = enter.replace(b"TOKEN", b"K%04d" % offset)
            client.send(data[:offset])
            client.send(data[offset:])
        tokens = [client.receive().fields["token"] for _ in range(1, len(enter))]
        assert tokens == [f"K{offset:04d}" for offset in range(1, len(enter))]
        client.send(b"".join(enter.replace(b"TOKEN", b"M%04d" % i) for i in range(400)))
        assert [client.receive().fields["token"] for _ in range(400)] == [
            f"M{i:04d}" for i in range(400)
        ]


def test_login_timeout_and_silence(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway(
        login_timeout_ms=UNREACHABLE_MS,
        client_timeout_ms=UNREACHABLE_MS,
        timer_interval_ms=20,
        heartbeat_interval_ms=100,
    )
    silent = PatientClient("127.0.0.1", gateway.port)
    wait_for(lambda: gateway.core.counter(Counter.CONNECTIONS) == 1, "the connection")
    gateway.let_time_pass(0, CONNECTION_DEADLINE_NS)
    with silent, pytest.raises(ConnectionEnded, match="no login request"):
        silent.receive()
    with connect(gateway, 1) as client, connect(gateway, 2) as talking:
        client.receive()
        talking.receive()
        while client.heartbeats < 2:
            assert list(client.messages(0.05)) == []
        client._sent_s = talking._sent_s = 1e18  # they send no heartbeats by themselves
        row = gateway.connection(2)
        gateway.let_time_pass(2, CONNECTION_RECEIVED_NS, NEARLY_LATE_S)
        heard_ns = int(row[CONNECTION_RECEIVED_NS])
        talking.heartbeat()
        wait_for(lambda: row[CONNECTION_RECEIVED_NS] > heard_ns, "the heartbeat to count")
        gateway.let_time_pass(1, CONNECTION_RECEIVED_NS)
        with pytest.raises(ConnectionEnded, match="nothing received"):
            client.receive()
        talking.enter("a", "B", 1, "ACME", PRICE)
        assert talking.receive().name == "accepted"
    assert gateway.core.counter(Counter.CLIENT_TIMEOUTS) == 2


def test_first_packet_must_be_a_login(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    for data in (b"\0\1Q", b"\0\x32UO", b"\0\x2eL", b"GET / HTTP/1.1\r\n\r\n", b"\0\1R" * 100):
        with PatientClient("127.0.0.1", gateway.port) as client:
            client.send(data)
            with pytest.raises(ConnectionEnded, match="login request"):
                client.receive()


def test_orders_written_behind_the_login_wait_for_it(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    login = soupbintcp.login_request(soupbintcp.LoginRequest(username(1), PASSWORD, "", 1))
    enter = ouch.encode(
        "O",
        {
            "token": "T",
            "side": "B",
            "shares": 1,
            "stock": "ACME",
            "price": PRICE,
            "time_in_force": 99999,
            "display": "Y",
            "capacity": "A",
            "cross_type": "N",
        },
    )
    with PatientClient("127.0.0.1", gateway.port) as client:
        client.send(login + soupbintcp.packet(soupbintcp.UNSEQUENCED_DATA, enter))
        packets = []
        for packet in client._packets(PATIENCE_S):
            packets.append(chr(packet.type))
            if len(packets) == 3:
                break
        assert packets == ["A", "S", "S"]


def test_logout_closes_without_end_of_session(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    with connect(gateway) as client:
        client.receive()
        client.logout()
        with pytest.raises(ConnectionEnded):
            client.receive()
        assert not client.ended
    with connect(gateway) as client:
        assert client.receive().sequence == 1


def test_end_of_day_ends_every_session(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    core = gateway.core
    with connect(gateway) as client:
        client.enter("a", "B", 5, "ACME", PRICE)
        assert names(client, 2) == ["system_event", "accepted"]
        core.end_day()
        assert client.receive().fields["reason"] == "T"
        assert client.receive().fields["event"] == "E"
        with pytest.raises(ConnectionEnded):
            client.receive()
        assert client.ended
    with connect(gateway, sequence=3) as client:  # what was missed can still be read
        assert names(client, 2) == ["canceled", "system_event"]
        with pytest.raises(ConnectionEnded):
            client.receive()
        assert client.ended
    core.start_day(20260106)
    with connect(gateway) as client:
        assert client.session == "6010600001"
        assert client.receive().sequence == 1
        client.enter("a", "B", 5, "ACME", PRICE)  # tokens are new every day
        assert client.receive().sequence == 2


def test_graceful_stop_delivers_everything_and_says_so(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    with connect(gateway) as client:
        client.receive()
        for number in range(300):
            client.enter(f"t{number}", "B", 1, "ACME", PRICE)
        wait_for(
            lambda: gateway.core.counter(Counter.MESSAGES_RECEIVED) == 300, "the orders to be read"
        )
        gateway.core.cursors[pipeline.STOP_INTAKE] = 1
        assert names(client, 300) == ["accepted"] * 300
        with pytest.raises(ConnectionEnded):
            client.receive()
        assert client.ended
    assert gateway.join() == 0
    gateway.core.cursors[pipeline.STOP_INTAKE] = 0


def test_a_full_ring_stops_reading_and_loses_nothing(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway({"ring_capacity": 256})
    core = gateway.core
    with connect(gateway, 1) as client, connect(gateway, 2) as other:
        client.receive()
        other.receive()
        core.consume = False
        client.send(unknown_stock_orders(3000))  # fits the kernel's buffers
        wait_for(lambda: core.counter(Counter.INGRESS_FULL) > 0, "the ring to be full")
        published = int(core.cursors[pipeline.ingress_published(1)])
        assert published <= 256
        other.enter("mine", "B", 1, "ACME", PRICE)
        core.consume = True
        tokens = [client.receive().fields["token"] for _ in range(3000)]
        assert tokens == [f"t{i:07d}" for i in range(3000)]
        assert other.receive().fields["token"] == "mine"


def unknown_stock_orders(count: int) -> bytes:
    """``count`` orders that are all rejected, tokens t0000000, t0000001, ..."""
    orders = np.zeros(count, ouch.INBOUND_FRAMED["O", 49])
    for name, value in (("length", 50), ("packet", b"U"), ("type", b"O"), ("side", b"B")):
        orders[name] = value
    orders["token"] = np.char.mod("t%07d      ", np.arange(count)).astype("S14")
    orders["shares"] = 1
    orders["stock"] = b"NONE    "
    orders["time_in_force"] = 99_999
    return orders.tobytes()


def test_a_client_that_does_not_read_is_cut_off_and_resumes(
    make_gateway: Callable[..., Any],
) -> None:
    gateway = make_gateway(output_bytes=8192, stall_timeout_ms=300, timer_interval_ms=20)
    core = gateway.core
    orders = unknown_stock_orders(400_000)  # more answers than the kernel buffers
    with connect(gateway, 1) as lazy, connect(gateway, 2) as busy:
        busy.receive()
        sender = threading.Thread(target=lambda: _send_quietly(lazy, orders))
        sender.start()
        number = 0
        deadline_s = time.monotonic() + 300
        while core.counter(Counter.CLIENTS_CUT_OFF) == 0:
            assert time.monotonic() < deadline_s, "never cut off"
            busy.enter(f"b{number}", "B", 1, "ACME", PRICE)
            assert busy.receive().name == "accepted"  # nobody else notices
            number += 1
        wait_for(lambda: core.counter(Counter.SESSIONS_LOGGED_IN) == 1, "the connection to go")
        wait_for(lambda: _disconnected(core, 1), "the matcher to be told")
        lazy._socket.shutdown(socket.SHUT_RDWR)
        sender.join()
    wait_for(
        lambda: (
            core.cursors[pipeline.ingress_consumed(1)]
            == core.cursors[pipeline.ingress_published(1)]
        ),
        "the ring to be empty",
    )
    assert gateway.stop() == 0
    patient = make_gateway(core)  # with the usual time-outs: this client reads slowly
    with connect(patient, 1, sequence=2) as client:
        tokens = []
        client.enter("last", "B", 1, "NONE", PRICE)
        while (token := client.receive().fields["token"]) != "last":
            tokens.append(token)
    assert len(tokens) > 50_000
    assert tokens == [f"t{i:07d}" for i in range(len(tokens))]


def _disconnected(core: Any, session: int) -> bool:
    records = core.ingress
    return bool(
        np.any((records["kind"] == CommandKind.DISCONNECT) & (records["session"] == session))
    )


def _send_quietly(client: PatientClient, data: bytes) -> None:
    with contextlib.suppress(OSError):
        client.send(data)


def test_a_slow_reader_gets_everything_in_order(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway(output_bytes=4096)
    with connect(gateway, 1) as client:
        client.receive()
        batch = b"".join(
            soupbintcp.packet(
                soupbintcp.UNSEQUENCED_DATA,
                ouch.encode(
                    "O",
                    {
                        "token": f"t{i}",
                        "side": "B",
                        "shares": 1,
                        "stock": "NONE",
                        "price": PRICE,
                        "time_in_force": 99999,
                    },
                ),
            )
            for i in range(5000)
        )
        client.send(batch)
        wait_for(lambda: gateway.core.counter(Counter.MESSAGES_RECEIVED) == 5000, "all to be read")
        tokens = [client.receive().fields["token"] for _ in range(5000)]
        assert tokens == [f"t{i}" for i in range(5000)]
        client.enter("live", "B", 1, "ACME", PRICE)
        assert client.receive().fields["token"] == "live"


def test_several_hundred_sessions_at_once(make_gateway: Callable[..., Any]) -> None:
    sessions = 300
    gateway = make_gateway({"sessions": sessions}, output_bytes=16384)
    clients = [connect(gateway, session) for session in range(1, sessions + 1)]
    try:
        wait_for(
            lambda: gateway.core.counter(Counter.SESSIONS_LOGGED_IN) == sessions, "all logged in"
        )
        for client in clients:
            client.enter("a", "B", 1, "ACME", PRICE)
        for client in clients:
            assert names(client, 2) == ["system_event", "accepted"]
    finally:
        for client in clients:
            client.close()
    wait_for(lambda: gateway.core.counter(Counter.CONNECTIONS) == 0, "all to be closed")
    with connect(gateway, 7) as client:  # slots are used again
        assert names(client, 2) == ["system_event", "accepted"]


def test_connections_that_do_not_log_in_are_limited(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway(unauthenticated_capacity=5)
    with connect(gateway) as client:
        idle = [PatientClient("127.0.0.1", gateway.port) for _ in range(20)]
        try:
            wait_for(
                lambda: gateway.core.counter(Counter.CONNECTIONS_ACCEPTED) == 21,
                "all to be accepted",
            )
            # the gauge follows: the oldest is closed before the newest counts
            wait_for(lambda: gateway.core.counter(Counter.CONNECTIONS) == 6, "the oldest to go")
            assert client.receive().sequence == 1
        finally:
            for each in idle:
                each.close()


@pytest.mark.parametrize("decimals", [(2, 4), (4, 2), (2, 6), (0, 2)])
def test_prices_are_in_the_decimals_of_their_instrument(
    make_gateway: Callable[..., Any], decimals: tuple[int, int]
) -> None:
    gateway = make_gateway({"decimals": decimals})
    with connect(gateway) as client:
        client.receive()
        for stock, places in (("ACME", decimals[0]), ("S2", decimals[1])):
            step = 10 ** max(0, 4 - places)  # the smallest price step on the wire
            client.enter(f"{stock}a", "B", 10, stock, 3 * step)
            assert client.receive().fields["price"] == 3 * step
            client.replace(f"{stock}a", f"{stock}b", 10, 5 * step)
            replaced = client.receive()
            assert replaced.fields["price"] == 5 * step
            assert replaced.fields["previous_token"] == f"{stock}a"
            if step > 1:
                client.enter(f"{stock}c", "B", 10, stock, 5 * step + 1)
                assert client.receive().fields["reason"] == "X"
                # invalid details of a Replace cancel the existing order
                client.replace(f"{stock}b", f"{stock}d", 10, 5 * step + 1)
                assert client.receive().name == "canceled"


def test_a_restart_after_old_events_were_removed(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    core = gateway.core
    with connect(gateway) as client:
        client.enter("a", "B", 5, "ACME", PRICE)
        assert names(client, 2) == ["system_event", "accepted"]
    removed = core.archive.count
    with connect(gateway, sequence=0) as client:
        client.enter("b", "B", 5, "ACME", PRICE)
        assert client.receive().sequence == 3
    core.end_day()
    core.start_day(20260106)
    live = trade_a_little(gateway, 5)
    assert gateway.stop() == 0
    core.archive.first = removed
    core.event_ring[:] = np.zeros(1, core.event_ring.dtype)[0]  # as in a new region
    again = make_gateway(
        core,
        known_instruments={1: ("ACME", 4), 2: ("S2", 4)},
        known_sessions={number: username(number) for number in range(1, 9)},
    )
    assert raw_stream(again) == live
    with connect(again, sequence=0) as client:
        client.enter("z", "B", 5, "ACME", PRICE)
        assert client.receive().fields["stock"] == "ACME"
