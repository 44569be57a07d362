"""A client of the gRPC server as its users make one: generated code and signed calls.

Who uses it: the tests of connect_grpc and its benchmark. The modules of the messages are generated
here, in a temporary directory, from the proto file of the package, as a user does it.
"""

from __future__ import annotations

import functools
import importlib.util
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import grpc

from exchange.access.signature import signed_headers
from exchange.connect.grpc.generate import PROTO

SERVICES = ("OrderService", "ReportService", "MarketService")


@functools.cache
def generated(name: str = "exchange_v1") -> Any:
    """The generated messages of a proto file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTO}"]
        command += [f"--python_out={folder}", f"{name}.proto"]
        subprocess.run(command, check=True, capture_output=True)
        path = Path(folder) / f"{name}_pb2.py"
        spec = importlib.util.spec_from_file_location(f"generated_{name}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def free_port() -> int:
    """A TCP port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class GrpcClient:
    """``key``: id and secret; None: only what is public. ``target``: host:port."""

    def __init__(
        self,
        target: str,
        key: tuple[str, str] | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        options: tuple[tuple[str, int], ...] = (),
    ) -> None:
        self.v1 = generated()
        self.key = key
        options = (
            ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_reconnect_backoff_ms", 500),
            ("grpc.initial_reconnect_backoff_ms", 50),
            *options,
        )
        if credentials is None:
            self.channel = grpc.insecure_channel(target, options)
        else:
            self.channel = grpc.secure_channel(target, credentials, options)

    def close(self) -> None:
        self.channel.close()

    def __enter__(self) -> GrpcClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def signed(self, path: str, body: bytes) -> tuple[tuple[str, str], ...]:
        """The metadata of a call."""
        if self.key is None:
            return ()
        headers = signed_headers(*self.key, "GRPC", path, body)
        return tuple((name.lower(), value) for name, value in headers.items())

    def _about(self, method: str) -> tuple[str, Any]:
        for service in SERVICES:
            found = self.v1.DESCRIPTOR.services_by_name[service].methods_by_name.get(method)
            if found is not None:
                path = f"/exchange.v1.{service}/{method}"
                return path, getattr(self.v1, found.output_type.name).FromString
        raise AssertionError(method)

    def call(
        self, method: str, request: Any, *, metadata: Any = None, timeout_s: float = 120.0
    ) -> Any:
        """A call with one answer. Raises grpc.RpcError."""
        path, decode = self._about(method)
        body = request.SerializeToString()
        call = self.channel.unary_unary(path, None, decode)
        given = self.signed(path, body) if metadata is None else metadata
        return call(body, metadata=given, timeout=timeout_s, wait_for_ready=True)

    def stream(self, method: str, request: Any) -> Any:
        """A call that is answered with a stream: iterate over it."""
        path, decode = self._about(method)
        body = request.SerializeToString()
        call = self.channel.unary_stream(path, None, decode)
        return call(body, metadata=self.signed(path, body), wait_for_ready=True)

    def trade(self, batches: Any) -> Any:
        """The stream of batches (an iterator of InstructionBatch): iterate over its answers."""
        path, decode = self._about("Trade")
        encode = type(self.v1.InstructionBatch()).SerializeToString
        call = self.channel.stream_stream(path, encode, decode)
        return call(batches, metadata=self.signed(path, b""), wait_for_ready=True)

    def order(self, symbol: str, side: int, quantity: int, price: int, **more: Any) -> Any:
        """A SubmitRequest of a limit order."""
        return self.v1.SubmitRequest(
            symbol=symbol, side=side, quantity=quantity, price=price, **more
        )

    def reference(self, order_id: int) -> Any:
        return self.v1.OrderReference(order_id=order_id)


def error_of(refused: grpc.RpcError) -> Any:
    """The exchange.v1.Error of a call that was refused."""
    detail = dict(refused.trailing_metadata())["exchange-error-bin"]
    return generated().Error.FromString(detail)
