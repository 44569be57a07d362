"""The call-back sink on a service in this process: position, batches, and what errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import grpc
import msgspec
import numpy as np
import pytest

from exchange.codes import EventKind, Side
from exchange.connect.callback.sink import SERVICE, CallbackSink, messages
from exchange.connect.directory import Directory, Named
from exchange.connect.sink import Batch, RecordRefused, SinkAway, SinkPosition, SinkRefused
from exchange.records import EVENT
from exchange.settings import load


class Service:
    """Answers what it is told to; ``error``: a status."""

    def __init__(self) -> None:
        self.answer: Any = messages.PositionResponse(empty=True)
        self.error: grpc.StatusCode | None = None
        self.batches: list[Any] = []

    def call(self, request: Any, context: Any) -> Any:
        if self.error is not None:
            context.abort(self.error, "why")
        if isinstance(request, messages.MatchBatch):
            self.batches.append(request)
        return self.answer


@pytest.fixture
def service() -> Iterator[Any]:
    made = Service()
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            made.call, kind.FromString, lambda answer: answer.SerializeToString()
        )
        for name, kind in (
            ("Position", messages.PositionRequest),
            ("OnMatches", messages.MatchBatch),
        )
    }
    server = grpc.server(ThreadPoolExecutor(1))
    generic = grpc.method_handlers_generic_handler(SERVICE.strip("/"), handlers)
    server.add_generic_rpc_handlers((generic,))
    made.port = server.add_insecure_port("127.0.0.1:0")  # type: ignore[attr-defined]
    server.start()
    yield made
    server.stop(None).wait()


def sink(service: Any, **keys: Any) -> CallbackSink:
    keys = {"target": f"127.0.0.1:{service.port}", "plaintext": True} | keys
    section = msgspec.structs.replace(load(None).settings.callback, **keys)
    directory = Directory()
    directory.instruments[5] = Named("AAPL", "USD", 4)
    events = np.zeros(1, EVENT)
    archive = SimpleNamespace(oldest=lambda: 0, view=lambda first, count: events[first:count])
    return CallbackSink(section, directory, archive)


def test_matches_go_out_with_their_position(service: Any) -> None:
    made = sink(service)
    assert made.open() is None
    events = np.zeros(3, EVENT)
    events["sequence"] = (7, 8, 9)
    events["kind"] = (EventKind.TRADE, EventKind.ACCEPTED, EventKind.TRADE)
    events["side"] = (Side.BUY, Side.BUY, Side.SELL)
    events["instrument"], events["order_id"], events["contra_order_id"] = 5, 1, 2
    content, records = made.encode(events)
    assert records == 2
    service.answer = messages.MatchAnswer(next_event=10)
    made.write(Batch(7, 10, content, records))
    (sent,) = service.batches
    assert (sent.first_event, sent.next_event, len(sent.exchange)) == (7, 10, 32)
    assert [(each.sequence, each.buy_order_id, each.sell_order_id) for each in sent.matches] == [
        (7, 1, 2),
        (9, 2, 1),
    ]
    assert sent.matches[0].symbol == "AAPL" and sent.matches[0].price_decimals == 4
    service.answer = messages.MatchAnswer(next_event=9)
    with pytest.raises(SinkAway, match="holds events to 9, not 10"):
        made.write(Batch(7, 10, content, records))
    service.answer = messages.PositionResponse(next_event=10, exchange="x")
    assert made.open() == SinkPosition(10, "x")
    service.answer = messages.PositionResponse(next_event=-1)
    with pytest.raises(SinkRefused):
        made.open()
    made.close()
    made.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, SinkAway),
        (grpc.StatusCode.INTERNAL, SinkAway),
        (grpc.StatusCode.FAILED_PRECONDITION, SinkRefused),
        (grpc.StatusCode.UNAUTHENTICATED, SinkRefused),
        (grpc.StatusCode.INVALID_ARGUMENT, RecordRefused),
    ],
)
def test_what_an_error_means(service: Any, status: grpc.StatusCode, kind: type) -> None:
    made = sink(service)
    service.error = status
    with pytest.raises(kind, match=f"{status.name}: why") as raised:
        made.open()
    assert raised.type is kind
    made.close()


def test_a_service_that_is_not_there_and_files_that_are_not(service: Any) -> None:
    away = sink(service, target="127.0.0.1:1")
    with pytest.raises(SinkAway):
        away.open()
    away.close()
    with pytest.raises(SinkRefused, match="No such file"):
        sink(service, plaintext=False, ca_file="/nothing/here").open()
