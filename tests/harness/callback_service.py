"""A service MatchCallback as its users make one: matches and position in one file, line by line.

    python callback_service.py PORT FILE

Who uses it: the tests of connect_callback, which kill it. A batch is one line of JSON that is on
the disk before it is answered; a line without its end is none. The instance that asked last is
served, an older one is refused.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from grpc_client import generated

v1 = generated("match_callback_v1")


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The batches that the file holds."""
    content = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]


class Service:
    def __init__(self, path: Path) -> None:
        lines = lines_of(path)
        self._next = lines[-1]["next"] if lines else None
        self._exchange = lines[-1]["exchange"] if lines else ""
        content = path.read_bytes() if path.exists() else b""
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(content.rfind(b"\n") + 1)
        self._file.seek(0, os.SEEK_END)
        self._instance = ""
        self._lock = threading.Lock()

    def position(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._lock:
            self._instance = request.instance
            return v1.PositionResponse(
                empty=self._next is None, next_event=self._next or 0, exchange=self._exchange
            )

    def on_matches(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._lock:
            if request.instance != self._instance:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, "another instance is served")
            if self._next is not None and request.first_event != self._next:
                context.abort(grpc.StatusCode.INTERNAL, f"{request.first_event}, not {self._next}")
            line = {
                "first": request.first_event,
                "next": request.next_event,
                "exchange": request.exchange,
                "matches": [
                    [
                        *(each.sequence, each.symbol, each.buy_order_id, each.sell_order_id),
                        *(each.price, each.quantity),
                    ]
                    for each in request.matches
                ],
            }
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._next, self._exchange = request.next_event, request.exchange
            return v1.MatchAnswer(next_event=self._next)


def main() -> None:
    port, path = sys.argv[1:]
    service = Service(Path(path))
    encode = type(v1.MatchAnswer()).SerializeToString
    handlers = {
        "Position": grpc.unary_unary_rpc_method_handler(
            service.position, v1.PositionRequest.FromString, v1.PositionResponse.SerializeToString
        ),
        "OnMatches": grpc.unary_unary_rpc_method_handler(
            service.on_matches, v1.MatchBatch.FromString, encode
        ),
    }
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    generic = grpc.method_handlers_generic_handler("exchange.callback.v1.MatchCallback", handlers)
    server.add_generic_rpc_handlers((generic,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
