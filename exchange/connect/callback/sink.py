"""CallbackSink: every match to a service ``MatchCallback``, each once for who keeps the position.

Who uses it: the stage connect_callback, through ``exchange/connect/connector.py``. ``open`` asks
the service what it holds (``Position``), ``write`` is one call ``OnMatches``, answered when the
service has made the matches durable together with the position. Calls are made by the writer
thread, one at a time and each with a deadline; the library itself repeats none.

What an error means: a service that is not there, or slow, is tried again for ever; one that does
not know us, is served by another instance or answers what cannot be is a refusal, and one that will
not have a batch (INVALID_ARGUMENT) has a record refused.

Decision CON-45.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

# before gRPC is loaded; this process forks nobody
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import grpc
import numpy as np

from exchange.codes import EventKind, Side
from exchange.connect.directory import Directory, Named
from exchange.connect.grpc.messages import load
from exchange.connect.sink import (
    Batch,
    RecordRefused,
    SinkAway,
    SinkPosition,
    SinkRefused,
    exchange_identity,
)
from exchange.core.event_archive import EventArchive
from exchange.settings.sections import CallbackSection

messages = load("match_callback_v1")
SERVICE = "/exchange.callback.v1.MatchCallback/"
MESSAGE_BYTES = 64 << 20
_REFUSALS = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ALREADY_EXISTS,
    }
)


def matches_of(trades: np.ndarray, directory: Directory) -> list[Any]:
    """``trades`` (TRADE events, in order) as messages; ``directory`` knows their instruments."""
    maker_buys = trades["side"] == Side.BUY
    maker, taker = trades["order_id"], trades["contra_order_id"]
    rows = zip(
        trades["sequence"].tolist(),
        trades["instrument"].tolist(),
        np.where(maker_buys, maker, taker).tolist(),
        np.where(maker_buys, taker, maker).tolist(),
        trades["price"].tolist(),
        trades["quantity"].tolist(),
        trades["timestamp_ns"].tolist(),
        strict=True,
    )
    made = []
    for sequence, instrument, buy, sell, price, quantity, time_ns in rows:
        named = directory.instruments.get(instrument)
        named = named or Named(directory.symbol(instrument), "", 0)
        made.append(
            messages.Match(
                sequence=sequence,
                trade_id=sequence + 1,
                symbol=named.symbol,
                buy_order_id=buy,
                sell_order_id=sell,
                price=price,
                price_decimals=named.price_decimals,
                quantity=quantity,
                currency=named.currency,
                time_ns=time_ns,
            )
        )
    return made


def _credentials(section: CallbackSection) -> grpc.ChannelCredentials | None:
    """What the files say; None: no TLS. Raises SinkRefused when one cannot be read."""
    if section.plaintext:
        return None
    try:
        ca, key, certificate = (
            Path(name).read_bytes() if name else None
            for name in (section.ca_file, section.private_key_file, section.certificate_file)
        )
    except OSError as error:
        raise SinkRefused(f"[callback]: {error.filename}: {error.strerror}") from None
    return grpc.ssl_channel_credentials(ca, key, certificate)


def meaning(error: grpc.RpcError, target: str) -> Exception:
    """What the error of a call is for the connector."""
    code, details = error.code(), " ".join((error.details() or "").split())
    text = f"{target}: {code.name}: {details}"
    if code == grpc.StatusCode.INVALID_ARGUMENT:
        return RecordRefused(text)
    return SinkRefused(text) if code in _REFUSALS else SinkAway(text)


class CallbackSink:
    """See the module; ``exchange.connect.sink.Sink``."""

    title = "the call-back service"
    begins_with_state = False

    def __init__(
        self, section: CallbackSection, directory: Directory, archive: EventArchive
    ) -> None:
        self._section = section
        self._directory = directory
        self._archive = archive
        self._instance = uuid.uuid4().hex
        self._identity = ""
        self._channel: grpc.Channel | None = None

    def open(self) -> SinkPosition | None:
        """See ``Sink``."""
        self.close()
        section = self._section
        credentials = _credentials(section)
        options = [
            ("grpc.enable_retries", 0),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
        ]
        if credentials is None:
            self._channel = grpc.insecure_channel(section.target, options)
        else:
            self._channel = grpc.secure_channel(section.target, credentials, options)
        self._identity = exchange_identity(self._archive) or self._identity
        request = messages.PositionRequest(exchange=self._identity, instance=self._instance)
        found = self._call("Position", request, messages.PositionResponse)
        if found.empty:
            return None
        if found.next_event < 0:
            raise SinkRefused(f"{section.target} says that it holds events to {found.next_event}")
        self._identity = self._identity or found.exchange
        return SinkPosition(found.next_event, found.exchange)

    def _call(self, method: str, request: Any, answer: Any) -> Any:
        assert self._channel is not None, "the sink is open"
        call = self._channel.unary_unary(
            SERVICE + method, type(request).SerializeToString, answer.FromString
        )
        try:
            return call(request, timeout=self._section.call_timeout_ms / 1000)
        except grpc.RpcError as error:
            raise meaning(error, self._section.target) from None

    def begin(self, next_event: int) -> None:
        """See ``Sink``."""
        self._directory.follow(self._archive, next_event)

    def encode(self, events: np.ndarray) -> tuple[list[Any], int]:
        """See ``Sink``."""
        self._directory.learn(events)
        matches = matches_of(events[events["kind"] == EventKind.TRADE], self._directory)
        return matches, len(matches)

    def write(self, batch: Batch) -> None:
        """See ``Sink``: one call. Batches without a match move the position too."""
        request = messages.MatchBatch(
            exchange=self._identity,
            instance=self._instance,
            first_event=batch.first,
            next_event=batch.end,
            matches=batch.content,
        )
        answer = self._call("OnMatches", request, messages.MatchAnswer)
        if answer.next_event != batch.end:
            raise SinkAway(
                f"{self._section.target} holds events to {answer.next_event}, not {batch.end}"
            )

    def close(self) -> None:
        """See ``Sink``."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
