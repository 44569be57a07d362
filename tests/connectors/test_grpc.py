"""connect_grpc on a running exchange: orders, refusals, rights, streams, reflection and health.

The client of docs/connectors.md is run as it stands there.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from document_examples import blocks
from exchange_process import RunningExchange, wait_until
from grpc_client import GrpcClient, error_of, free_port
from trading_load import Trader

from exchange.connect.grpc.generate import PROTO

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(1800)]

OWNER, OTHER = 7, 8
KILLS = 8
LIMIT_S = 180.0
PRICE = 1_500_000  # of AAPL: 150.0000


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: Any, port: int) -> Iterator[RunningExchange]:
    directory: Path = tmp_path_factory.mktemp("grpc")
    settings = {
        "grpc": {"enabled": True, "port": port},
        "supervision": {"retry_maximum_ms": 200},  # what is killed often starts at once
        "api": dict.fromkeys(
            ("requests_per_second_per_key", "requests_per_second_per_ip", "burst"), 1_000_000
        ),
    }
    running = RunningExchange(directory, settings=settings, web=True)
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def owner(exchange: RunningExchange, port: int) -> Iterator[GrpcClient]:
    with GrpcClient(f"127.0.0.1:{port}", exchange.make_key(OWNER)) as client:
        yield client


@pytest.fixture(scope="module")
def other(exchange: RunningExchange, port: int) -> Iterator[GrpcClient]:
    with GrpcClient(f"127.0.0.1:{port}", exchange.make_key(OTHER)) as client:
        yield client


def refused(client: GrpcClient, method: str, request: Any, **more: Any) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as raised:
        client.call(method, request, **more)
    return raised.value


def test_an_order_is_placed_amended_cancelled_and_repeated(owner: GrpcClient) -> None:
    v1 = owner.v1
    request = owner.order("AAPL", v1.SIDE_BUY, 10, PRICE, client_order_id="first")
    made = owner.call("Submit", request)
    assert made.is_new and made.order.status == v1.ORDER_STATUS_NEW
    assert made.order.client_order_id == "first" and made.order.remaining_quantity == 10
    again = owner.call("Submit", request)
    assert not again.is_new and again.order == made.order
    other_terms = owner.order("AAPL", v1.SIDE_BUY, 11, PRICE, client_order_id="first")
    error = refused(owner, "Submit", other_terms)
    assert error.code() == grpc.StatusCode.ALREADY_EXISTS and error_of(error).code == 4004
    reference = owner.reference(made.order.order_id)
    amended = owner.call("Amend", v1.AmendRequest(order=reference, quantity=6))
    assert amended.order_id == made.order.order_id and amended.remaining_quantity == 6
    moved = owner.call("Amend", v1.AmendRequest(order=reference, price=PRICE - 100))
    assert moved.replaces == made.order.order_id and moved.price == PRICE - 100
    same = owner.call("Amend", v1.AmendRequest(order=reference, price=PRICE - 100))
    assert same.order_id == moved.order_id
    by_name = v1.OrderReference(client_order_id="first")
    assert owner.call("Query", v1.QueryRequest(order=by_name)) == moved
    listed = owner.call("List", v1.ListRequest(open_only=True, limit=1000))
    assert moved in listed.orders
    cancelled = owner.call("Cancel", v1.CancelRequest(order=by_name))
    assert cancelled.status == v1.ORDER_STATUS_CANCELLED
    error = refused(owner, "Cancel", v1.CancelRequest(order=owner.reference(moved.order_id)))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error_of(error).code == 4003 and error_of(error).order.order_id == moved.order_id


def test_refusals_say_what_rest_says(owner: GrpcClient, exchange: RunningExchange) -> None:
    v1 = owner.v1
    for request, code, field in (
        (owner.order("AAPL", v1.SIDE_BUY, 0, PRICE), 1002, "quantity"),
        (owner.order("AAPL", v1.SIDE_UNSPECIFIED, 1, PRICE), 1002, "side"),
        (v1.SubmitRequest(symbol="AAPL", side=v1.SIDE_BUY, quantity=1), 1002, "price"),
        (owner.order("NOTHING", v1.SIDE_BUY, 1, PRICE), 4002, "symbol"),
        (owner.order("AAPL", v1.SIDE_BUY, 1, PRICE, client_order_id="a b"), 1002, ""),
    ):
        error = refused(owner, "Submit", request)
        detail = error_of(error)
        assert detail.code == code and detail.message == error.details()
        assert error.code() == {1002: grpc.StatusCode.INVALID_ARGUMENT}.get(
            code, grpc.StatusCode.NOT_FOUND
        )
        if field:
            assert detail.field == field and detail.message.startswith(field)
    # a price between two ticks: the matcher's own verdict, with the order that it has refused
    error = refused(owner, "Submit", owner.order("AAPL", v1.SIDE_BUY, 1, PRICE + 1))
    detail = error_of(error)
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert detail.code > 10_000 and detail.name.startswith("REJECT_")
    assert detail.order.status == v1.ORDER_STATUS_REJECTED


def test_rights(exchange: RunningExchange, owner: GrpcClient, other: GrpcClient, port: int) -> None:
    v1 = owner.v1
    order = owner.order("AAPL", v1.SIDE_BUY, 1, PRICE)
    target = f"127.0.0.1:{port}"
    with GrpcClient(target) as stranger:
        assert refused(stranger, "Submit", order).code() == grpc.StatusCode.UNAUTHENTICATED
        assert len(stranger.call("ListInstruments", v1.ListInstrumentsRequest()).instruments) == 5
    with GrpcClient(target, exchange.make_key(OWNER, read_only=True)) as reader:
        error = refused(reader, "Submit", order)
        assert error.code() == grpc.StatusCode.PERMISSION_DENIED and error_of(error).code == 2006
        with pytest.raises(grpc.RpcError) as raised:
            next(reader.trade(iter(())))
        assert raised.value.code() == grpc.StatusCode.PERMISSION_DENIED
        reader.call("List", v1.ListRequest())
    # a signature is for one call, one path and one body
    path, body = "/exchange.v1.OrderService/Submit", order.SerializeToString()
    signed = owner.signed(path, body)
    made = owner.call("Submit", order, metadata=signed)
    assert error_of(refused(owner, "Submit", order, metadata=signed)).code == 2005
    larger = owner.order("AAPL", v1.SIDE_BUY, 2, PRICE)
    signed = owner.signed(path, body)
    assert error_of(refused(owner, "Submit", larger, metadata=signed)).code == 2003
    # another account's order is one that does not exist
    reference = other.reference(made.order.order_id)
    error = refused(other, "Cancel", v1.CancelRequest(order=reference))
    assert error.code() == grpc.StatusCode.NOT_FOUND and error_of(error).code == 4001
    # a revoked key
    key = exchange.make_key(OWNER)
    with GrpcClient(target, key) as revoked:
        revoked.call("List", v1.ListRequest())
        stream = revoked.stream("Reports", v1.ReportsRequest())
        assert next(stream).caught_up
        exchange.revoke_key(key[0])
        assert refused(revoked, "List", v1.ListRequest()).code() == grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.RpcError) as raised:
            for _ in stream:
                pass
        assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
    owner.call("MassCancel", v1.MassCancelRequest())


def test_batches_are_answered_in_order_each_for_itself(owner: GrpcClient) -> None:
    v1 = owner.v1
    submit = owner.order("MSFT", v1.SIDE_BUY, 5, PRICE)

    def batches() -> Iterator[Any]:
        for number in range(40):
            bad = owner.order("MSFT", v1.SIDE_BUY, 0, PRICE)
            named = owner.order("MSFT", v1.SIDE_BUY, 5, PRICE, client_order_id=f"n{number // 2}")
            yield v1.InstructionBatch(
                batch=number,
                instructions=[
                    v1.Instruction(submit=submit),
                    v1.Instruction(submit=bad),
                    v1.Instruction(submit=named),
                    v1.Instruction(),
                    v1.Instruction(submit=named),
                ],
            )

    answers = list(owner.trade(batches()))
    assert [each.batch for each in answers] == list(range(40))
    names: dict[int, int] = {}
    for batch in answers:
        good, bad, named, empty, again = batch.answers
        assert (good.code, bad.code, named.code, empty.code) == (0, 1002, 0, 1002)
        assert bad.field == "quantity" and good.status == v1.ORDER_STATUS_NEW
        assert named.order_id == again.order_id
        assert names.setdefault(batch.batch // 2, named.order_id) == named.order_id
    ids = [each.answers[0].order_id for each in answers]
    amend = [
        v1.Instruction(amend=v1.AmendRequest(order=owner.reference(each), quantity=2))
        for each in ids
    ]
    cancel = [
        v1.Instruction(cancel=v1.CancelRequest(order=owner.reference(each))) for each in [*ids, 1]
    ]
    answered = threading.Event()

    def steps() -> Iterator[Any]:
        yield v1.InstructionBatch(batch=1, instructions=amend)
        # an answer shows the order as it is when it leaves: the cancel could be in it
        assert answered.wait(LIMIT_S)
        yield v1.InstructionBatch(batch=2, instructions=cancel)

    stream = iter(owner.trade(steps()))
    amended = next(stream)
    answered.set()
    (cancelled,) = stream
    assert all(not each.code and each.remaining_quantity == 2 for each in amended.answers)
    assert [each.code for each in cancelled.answers] == [0] * len(ids) + [4001]
    gone = owner.call("MassCancel", v1.MassCancelRequest(symbol="MSFT", side=v1.SIDE_BUY))
    assert sorted(gone.order_ids) == sorted(names.values())


def test_reports_resume_where_a_reader_stopped(owner: GrpcClient, other: GrpcClient) -> None:
    v1 = owner.v1
    stream = owner.stream("Reports", v1.ReportsRequest(funds=True))
    first = next(stream)
    assert first.caught_up and first.balances and first.positions
    ids = []
    for _ in range(5):
        bought = owner.call("Submit", owner.order("GOOG", v1.SIDE_BUY, 10, PRICE)).order
        sold = other.call("Submit", other.order("GOOG", v1.SIDE_SELL, 10, PRICE)).order
        assert sold.status == v1.ORDER_STATUS_FILLED
        ids.append(bought.order_id)
    seen: list[Any] = []
    while not any(each.order_id == ids[-1] and each.trade_id for each in seen):
        seen += next(stream).reports
    stream.cancel()
    kinds = [(each.order_id, each.kind) for each in seen]
    accepted, filled = v1.REPORT_KIND_ACCEPTED, v1.REPORT_KIND_FILLED
    assert kinds == [(each, kind) for each in ids for kind in (accepted, filled)]
    assert all(each.is_maker and each.remaining_quantity == 0 for each in seen if each.trade_id)
    # from the archive the same, from any of them on
    for at in (0, 3, len(seen) - 1):
        request = v1.ReportsRequest(after_sequence=seen[at].sequence)
        found: list[Any] = []
        for batch in owner.stream("Reports", request):
            found += batch.reports
            if batch.caught_up:
                break
        assert found == seen[at + 1 :]
    with pytest.raises(grpc.RpcError) as raised:
        next(owner.stream("Reports", v1.ReportsRequest(after_sequence=1 << 40)))
    assert raised.value.code() == grpc.StatusCode.OUT_OF_RANGE


def test_the_market(owner: GrpcClient, other: GrpcClient) -> None:
    v1 = owner.v1
    books = owner.stream("Books", v1.BookRequest(symbol="AMZN", levels=3))
    trades = owner.stream("Trades", v1.TradesRequest())
    candles = owner.stream("Candles", v1.CandlesRequest(symbol="AMZN", interval="1m"))
    assert next(books).symbol == "AMZN" and not next(trades).trades
    owner.call("Submit", owner.order("AMZN", v1.SIDE_BUY, 10, PRICE))
    other.call("Submit", other.order("AMZN", v1.SIDE_SELL, 4, PRICE))
    (trade,) = next(trades).trades
    assert (trade.symbol, trade.price, trade.quantity) == ("AMZN", PRICE, 4)
    assert trade.taker_side == v1.SIDE_SELL
    while True:
        book = next(books)
        if book.bids and book.bids[0].quantity == 6:
            break
    assert book == owner.call("GetBook", v1.BookRequest(symbol="AMZN", levels=3))
    assert next(candles).candles[-1].volume == "4"
    assert owner.call("GetTrades", v1.TradesRequest(symbol="AMZN")).trades[0] == trade
    found = owner.call("GetCandles", v1.CandlesRequest(symbol="AMZN", interval="1m"))
    assert found.candles[-1].close == PRICE
    error = refused(owner, "GetBook", v1.BookRequest(symbol="AMZN", levels=100_000))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    for stream in (books, trades, candles):
        stream.cancel()


def test_reflection_and_health(owner: GrpcClient) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase,
    )

    names = set(ProtoReflectionDescriptorDatabase(owner.channel).get_services())
    assert {f"exchange.v1.{name}Service" for name in ("Order", "Report", "Market")} <= names
    stub = health_pb2_grpc.HealthStub(owner.channel)
    for service in ("", "exchange.v1.OrderService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_the_documents_client(exchange: RunningExchange, port: int, tmp_path: Path) -> None:
    (program,) = [
        each.text for each in blocks("docs/connectors.md") if "exchange_v1_pb2_grpc" in each.text
    ]
    made = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", "exchange_v1.proto"]
    made += [f"--python_out={tmp_path}", f"--grpc_python_out={tmp_path}"]
    subprocess.run(made, check=True)
    (tmp_path / "client.py").write_text(program)
    command = [sys.executable, "client.py", f"127.0.0.1:{port}", *exchange.make_key(OWNER)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] == "ORDER_STATUS_NEW"


class Reader(threading.Thread):
    """Reads the reports of an account, and goes on where it was whenever its stream breaks."""

    def __init__(self, client: GrpcClient) -> None:
        super().__init__(daemon=True)
        self._client = client
        self.through = -1
        self.reports: list[Any] = []
        self.breaks = 0
        self.end = 1 << 62

    def run(self) -> None:
        v1 = self._client.v1
        while self.through < self.end:
            request = v1.ReportsRequest(after_sequence=self.through)
            try:
                for batch in self._client.stream("Reports", request):
                    self.reports += batch.reports
                    self.through = batch.through_sequence
                    if self.through >= self.end:
                        return
            except grpc.RpcError:
                self.breaks += 1
                threading.Event().wait(0.05)


def test_reports_over_kills_of_the_server(exchange: RunningExchange, port: int) -> None:
    dice = random.Random(40)
    target = f"127.0.0.1:{port}"
    traders = [Trader(exchange, number, 40) for number in (1, 2)]
    with GrpcClient(target, exchange.make_key(1)) as client:
        reader = Reader(client)
        for thread in (*traders, reader):
            thread.start()
        try:
            for _ in range(KILLS):
                wanted = len(reader.reports) + dice.randrange(1, 400)
                wait_until(lambda wanted=wanted: len(reader.reports) > wanted, LIMIT_S, "reports")  # type: ignore[misc]
                os.kill(exchange.pid("connect_grpc"), signal.SIGKILL)
            for trader in traders:
                trader.finish()
        finally:
            for trader in traders:
                trader.join(LIMIT_S)
                trader.give_up()
        for trader in traders:
            # after so many orders an account may have no more stock: then some are refused
            assert trader.error is None and not trader.unanswered
        reader.end = int(exchange.status()["cursors"]["event_released"]) - 1
        reader.join(LIMIT_S)
        assert not reader.is_alive() and reader.breaks >= KILLS // 2
        whole = Reader(client)
        whole.end = reader.through
        whole.run()
        assert len(reader.reports) > KILLS and not whole.breaks
        end = reader.end
        assert [each for each in reader.reports if each.sequence <= end] == [
            each for each in whole.reports if each.sequence <= end
        ]


def test_an_order_sent_again_over_a_kill_is_one_order(
    exchange: RunningExchange, owner: GrpcClient
) -> None:
    v1 = owner.v1
    for number in range(5):
        # far below what others sell at: it rests
        request = owner.order("AAPL", v1.SIDE_BUY, 1, 10_000, client_order_id=f"kill-{number}")
        pid = exchange.pid("connect_grpc")
        call = threading.Timer(0.001 * number, os.kill, (pid, signal.SIGKILL))
        call.start()
        made = None
        while made is None:
            try:
                made = owner.call("Submit", request)
            except grpc.RpcError as error:
                assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        call.join()
        reference = v1.OrderReference(client_order_id=f"kill-{number}")
        found = None
        while found is None:
            try:
                found = owner.call("Query", v1.QueryRequest(order=reference))
            except grpc.RpcError as error:
                assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        assert found.order_id == made.order.order_id
    listed = owner.call("List", v1.ListRequest(open_only=True, limit=1000)).orders
    names = [each.client_order_id for each in listed]
    assert all(names.count(f"kill-{number}") == 1 for number in range(5))
