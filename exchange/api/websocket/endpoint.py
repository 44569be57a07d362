"""``/ws``: the handshake, the clients' messages, and the limits of each connection.

Who uses it: the server of the api stage and of the feed workers, as the handler of GET /ws. Reading
and the handshake are aiohttp's; everything is written by the hub's ``Subscriber``. Each socket has
a task that reads a message, carries it out and answers; no input of a client raises out of it. The
task yields to other sockets after a bounded number of messages and subscriptions, and a socket that
causes only errors is slowed down.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from aiohttp import WSMsgType, web
from msgspec import UNSET, UnsetType

from exchange.api.access.origins import require_origin
from exchange.api.access.rate_limit import bucket_name
from exchange.api.access.shares import Shares
from exchange.api.base.service import SERVICE
from exchange.api.errors import ApiError, ErrorCode, internal_error
from exchange.api.websocket import messages
from exchange.api.websocket.asyncapi import document
from exchange.api.websocket.channels import ORDERS, ChannelKey, UnknownChannel, resolve, shortened
from exchange.api.websocket.frames import CloseCode, answer_to_close, close_frame, pong_frame
from exchange.api.websocket.handshake import BrokenFrame, CheckedWebSocket
from exchange.api.websocket.messages import frame
from exchange.api.websocket.parameters import WebSocketParameters
from exchange.api.websocket.private_actions import PrivateAction, PrivateActions
from exchange.api.websocket.subscriber import Subscriber
from exchange.read_model.market.model import INTERVALS

if TYPE_CHECKING:
    from exchange.api.access.rate_limit import RateLimits
    from exchange.api.websocket.hub import Hub
    from exchange.api.websocket.private_channel import Member

log = logging.getLogger(__name__)

MESSAGES_BEFORE_YIELD = 32
CHANNELS_BEFORE_YIELD = 50
ERRORS_PAUSE_S = 0.001  # after as many refused channels

SINCE_PATIENCE_S = 0.5  # for the events up to ``since``
SINCE_PAUSE_S = 0.01

Action = messages.Subscribe | messages.Unsubscribe | messages.Ping | PrivateAction
CHANNEL = ORDERS.kind.value
_decoder = msgspec.json.Decoder(Action)


class _OnlyRequestId(msgspec.Struct):
    """Of a message that is wrong otherwise: enough to answer it."""

    request_id: str | UnsetType = UNSET


_request_id_decoder = msgspec.json.Decoder(_OnlyRequestId)


class _Place:
    """The place of a socket. ``subscriber``: None until its handshake is done."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.subscriber: Subscriber | None = None


class WebSocketEndpoint:
    """The handler of /ws. ``private``: None where only public channels are served.

    ``limits`` finds the address that a connection counts for. ``check_ready`` raises ApiError while
    the service is not ready.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        limits: RateLimits | None = None,
        private: PrivateActions | None = None,
        check_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.hub = hub
        self.private = private
        self._limits = limits
        self._check_ready = check_ready
        self._numbers = itertools.count(1)
        self._places: Shares[_Place] = Shares()

    @property
    def _parameters(self) -> WebSocketParameters:
        return self.hub.parameters  # a reload replaces them; they count for new connections

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One socket, from its handshake to its end. Raises ApiError instead of a handshake."""
        self._check_ready()
        require_origin(request, self._parameters.allowed_origins)
        address = request.remote or ""
        if self._limits is not None:
            address = self._limits.client_address(request)
        name = bucket_name(address)
        self._check_room(name)
        parameters = self._parameters
        response = CheckedWebSocket(
            timeout=parameters.close_seconds,
            autoclose=False,
            autoping=False,
            compress=False,
            max_msg_size=parameters.message_bytes + 1,  # aiohttp refuses this size itself
            decode_text=False,
        )
        place = _Place(name)
        self._places.join(name, place)
        try:
            await response.prepare(request)
            transport = request.transport
            if transport is not None:
                await self._serve(response, transport, place)
        finally:
            self._places.leave(name, place)
        return response

    def _check_room(self, address: str) -> None:
        """Raises ApiError when there is no room, and nobody gives way to ``address``."""
        parameters = self._parameters
        if self._places.count(address) >= parameters.connections_per_address:
            raise ApiError(
                ErrorCode.TOO_MANY_CONNECTIONS,
                f"too many connections from this address: {parameters.connections_per_address} "
                "are allowed",
            )
        if self._places.held < parameters.connections:
            return
        other = self._places.gives_way(address)
        if other is None or other.subscriber is None:
            raise ApiError(
                ErrorCode.TOO_MANY_CONNECTIONS, "too many connections at the moment: try later"
            )
        self._places.leave(other.address, other)
        other.subscriber.close(
            CloseCode.GAVE_WAY, "no room for others, and this address has most connections"
        )

    async def _serve(
        self, response: CheckedWebSocket, transport: asyncio.Transport, place: _Place
    ) -> None:
        connected: socket.socket | None = transport.get_extra_info("socket")
        if connected is not None:
            # unread bytes must pile up in this process, where they are counted, not in the kernel
            connected.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDBUF, self._parameters.send_buffer_bytes
            )
        now_s = asyncio.get_running_loop().time()
        subscriber = Subscriber(next(self._numbers), transport, self._parameters, now_s)
        connection = Connection(self, subscriber)
        place.subscriber = subscriber
        self.hub.join(subscriber)
        try:
            await connection.read(response)
        finally:
            self.hub.leave(subscriber)
            connection.end()
            subscriber.hang_up()


def add_routes(app: web.Application) -> None:
    """Serve /ws, of the service's hub, and /asyncapi.json, which describes it."""
    service = app[SERVICE]
    endpoint = WebSocketEndpoint(
        service.hub,
        limits=service.limits,
        private=service.private,
        check_ready=service.check_ready,
    )
    app.router.add_get("/ws", endpoint.handle)

    async def get_asyncapi(request: web.Request) -> web.Response:
        body = document(request.host, private=service.private is not None)
        return web.Response(body=body, content_type="application/json")

    app.router.add_get("/asyncapi.json", get_asyncapi)


class Connection:
    """State of one socket: its member, its actions under way, its budget of messages."""

    def __init__(self, endpoint: WebSocketEndpoint, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self.member: Member | None = None  # when it has signed in
        self.tasks: set[asyncio.Task[None]] = set()  # actions that have no outcome yet
        self._endpoint = endpoint
        self._hub = endpoint.hub
        self._parameters = endpoint.hub.parameters
        self._clock_s: Callable[[], float] = asyncio.get_running_loop().time
        self._tokens = float(self._parameters.message_burst)
        self._tokens_at_s = self._clock_s()

    # --- reading ------------------------------------------------------------------------------

    async def read(self, response: CheckedWebSocket) -> None:
        """Carry out the client's messages until either side closes."""
        try:
            await self._read(response)
        except BrokenFrame as error:
            self.subscriber.close(CloseCode(error.code), str(error))
            await response.closed_by_client(self._parameters.close_seconds)

    async def _read(self, response: CheckedWebSocket) -> None:
        subscriber = self.subscriber
        handled = 0
        while True:
            message = await response.next_message()
            if message is None:
                return
            kind = message.type
            if kind is WSMsgType.TEXT:
                subscriber.heard_s, subscriber.pinged = self._clock_s(), False
                if not subscriber.closing:
                    await self._handle(message.data)
            elif kind is WSMsgType.PING:
                subscriber.heard_s = self._clock_s()
                if self._take_token():
                    subscriber.write(pong_frame(message.data))
            elif kind is WSMsgType.PONG:
                subscriber.heard_s, subscriber.pinged = self._clock_s(), False
            elif kind is WSMsgType.BINARY:
                if self._take_token():
                    self._refuse(
                        ErrorCode.INVALID_FIELD, "binary frames mean nothing here: send text"
                    )
            elif kind is WSMsgType.CLOSE:
                if not subscriber.closing:
                    subscriber.write(close_frame(answer_to_close(message.data or 0)))
                return
            handled += 1
            if handled % MESSAGES_BEFORE_YIELD == 0:
                # receive() yields only when no message is waiting
                await asyncio.sleep(0)

    async def _handle(self, text: bytes) -> None:
        if not _is_utf_8(text):
            self.subscriber.close(CloseCode.INVALID_TEXT, "text must be UTF-8")
            return
        if not self._take_token():
            self._refuse(
                ErrorCode.RATE_LIMITED,
                f"too many messages: {self._parameters.messages_per_second} a second are allowed, "
                f"{self._parameters.message_burst} at once; this one was not looked at",
            )
            return
        try:
            action = _decoder.decode(text)
        except msgspec.ValidationError as error:
            self._refuse(ErrorCode.INVALID_FIELD, str(error), request_id=_request_id(text))
            return
        except (msgspec.DecodeError, RecursionError) as error:
            self._refuse(ErrorCode.MALFORMED_JSON, f"not JSON: {error}")
            return
        try:
            await self._act(action)
        except ApiError as error:
            self.refuse(error, request_id=action.request_id)
        except Exception:
            log.exception("bug while a WebSocket's message was handled")
            self.refuse(internal_error(), request_id=action.request_id)

    def _take_token(self) -> bool:
        now_s = self._clock_s()
        parameters = self._parameters
        self._tokens = min(
            float(parameters.message_burst),
            self._tokens + (now_s - self._tokens_at_s) * parameters.messages_per_second,
        )
        self._tokens_at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def refuse(
        self,
        error: ApiError,
        *,
        channel: str | UnsetType = UNSET,
        request_id: str | UnsetType = UNSET,
    ) -> None:
        """Send ``error`` to the client."""
        self._refuse(error.code, error.message, channel, request_id, error.data)

    def _refuse(
        self,
        code: int,
        text: str,
        channel: str | UnsetType = UNSET,
        request_id: str | UnsetType = UNSET,
        data: object = None,
    ) -> None:
        self.subscriber.write(_error_frame(code, text, channel, request_id, data))

    # --- actions ------------------------------------------------------------------------------

    async def _act(self, action: Action) -> None:
        if isinstance(action, messages.Subscribe):
            await self._subscribe(action)
        elif isinstance(action, messages.Unsubscribe):
            await self._unsubscribe(action)
        elif isinstance(action, messages.Ping):
            pong = messages.Pong(self._hub.clock_ms(), action.request_id)
            self.subscriber.write(frame(pong))
        else:
            await self._private().act(self, action)

    def _private(self) -> PrivateActions:
        private = self._endpoint.private
        if private is None:
            raise ApiError(ErrorCode.PERMISSION_DENIED, "this address serves public channels only")
        return private

    async def _subscribe(self, action: messages.Subscribe) -> None:
        since = None if action.since is UNSET else action.since
        names = action.channels
        if since is not None and not await self._has_happened(since):
            text = (
                f"since: {since} has not happened yet, the newest event is {self._hub.sequence}: "
                "subscribe without it"
            )
            for name in names:
                self._refuse(ErrorCode.INVALID_FIELD, text, shortened(name), action.request_id)
            await asyncio.sleep(ERRORS_PAUSE_S)
            return
        if CHANNEL in names:
            await self._subscribe_to_orders(since, action.request_id)
            names = [name for name in names if name != CHANNEL]
        for some in _batches(names):
            refused = self._subscribe_some(some, since, action.request_id)
            await asyncio.sleep(ERRORS_PAUSE_S if refused else 0)
            if self.subscriber.closing:
                return

    async def _has_happened(self, since: int) -> bool:
        """Whether the event ``since`` has.

        Another process may have told the client an event that this one learns in a moment.
        """
        hub = self._hub
        patience_s = self._clock_s() + SINCE_PATIENCE_S
        hub.settle()
        while since > hub.sequence and self._clock_s() < patience_s:
            await asyncio.sleep(SINCE_PAUSE_S)
            hub.settle()
        return since <= hub.sequence

    def _subscribe_some(
        self, names: Sequence[str], since: int | None, request_id: str | UnsetType
    ) -> int:
        """Subscribe to some channels and answer. Returns how many were refused."""
        hub, subscriber = self._hub, self.subscriber
        hub.settle()
        accepted: dict[ChannelKey, str] = {}
        answers: list[bytes] = []
        room = self._parameters.subscriptions_per_connection - len(subscriber.channels)
        for name in names:
            try:
                key = resolve(name, hub.market.by_symbol, INTERVALS)
                if key not in subscriber.channels and key not in accepted:
                    if room <= 0:
                        raise ApiError(
                            ErrorCode.TOO_MANY_SUBSCRIPTIONS,
                            f"{self._parameters.subscriptions_per_connection} channels are allowed",
                        )
                    room -= 1
                accepted[key] = name
            except UnknownChannel as error:
                answers.append(
                    _error_frame(ErrorCode.CHANNEL_UNKNOWN, str(error), shortened(name), request_id)
                )
            except ApiError as error:
                answers.append(_error_frame(error.code, error.message, shortened(name), request_id))
        refused = len(answers)
        hub.subscribe(subscriber, accepted)
        for key, name in accepted.items():
            answers.append(frame(messages.Subscribed(name, hub.sequence, request_id)))
            answers.append(hub.present(subscriber, key, since))
        subscriber.write(b"".join(answers))
        return refused

    async def _subscribe_to_orders(self, since: int | None, request_id: str | UnsetType) -> None:
        try:
            private = self._private()
            member = private.check_may_read(self)
        except ApiError as error:
            self.refuse(error, channel=CHANNEL, request_id=request_id)
            return
        await private.channel.subscribe(member, since, request_id)

    async def _unsubscribe(self, action: messages.Unsubscribe) -> None:
        hub, subscriber = self._hub, self.subscriber
        for some in _batches(action.channels):
            hub.settle()
            left: list[ChannelKey] = []
            answers: list[bytes] = []
            for name in some:
                if name == CHANNEL and self.member is not None and self.member.subscribed:
                    self._private().channel.unsubscribe(self.member)
                    answers.append(
                        frame(messages.Unsubscribed(name, hub.sequence, action.request_id))
                    )
                    continue
                key: ChannelKey | None = None
                with contextlib.suppress(UnknownChannel):
                    key = resolve(name, hub.market.by_symbol, INTERVALS)
                if key is None or key not in subscriber.channels or key in left:
                    answers.append(
                        _error_frame(
                            ErrorCode.NOT_SUBSCRIBED,
                            "this socket has not subscribed to it",
                            shortened(name),
                            action.request_id,
                        )
                    )
                    continue
                left.append(key)
                answers.append(frame(messages.Unsubscribed(name, hub.sequence, action.request_id)))
            hub.unsubscribe(subscriber, left)
            subscriber.write(b"".join(answers))
            await asyncio.sleep(0 if left else ERRORS_PAUSE_S)

    def end(self) -> None:
        """The socket is closed. Its actions under way go on without anybody waiting for them."""
        if self.member is not None:
            self._private().channel.leave(self.member)


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _error_frame(
    code: int,
    text: str,
    channel: str | UnsetType = UNSET,
    request_id: str | UnsetType = UNSET,
    data: object = None,
) -> bytes:
    return frame(
        messages.Error(int(code), text, channel, request_id, UNSET if data is None else data)
    )


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(names), CHANNELS_BEFORE_YIELD):
        yield names[first : first + CHANNELS_BEFORE_YIELD]


def _request_id(text: bytes) -> str | UnsetType:
    try:
        return _request_id_decoder.decode(text).request_id
    except (msgspec.DecodeError, RecursionError):
        return UNSET
