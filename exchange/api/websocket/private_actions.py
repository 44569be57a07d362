"""The actions of signed-in sockets: the private channel, and orders through the order gateway.

Who uses it: the endpoint of the stage api; feed workers have no private actions. An order action is
answered with ``received`` at once. Its outcome comes as an execution report, or, where no event
shows it (the order had just closed, the ring is full, the exchange stops), as an error with the
action's ``request_id``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from exchange.access.keys import READ, TRADE
from exchange.api.access.auth import Authenticator, require
from exchange.api.errors import ApiError, ErrorCode, internal_error
from exchange.api.orders.terms import Amendment, NewOrder
from exchange.api.websocket import messages
from exchange.api.websocket.messages import frame
from exchange.api.websocket.private_channel import Member, PrivateChannel

if TYPE_CHECKING:
    from exchange.api.access.rate_limit import RateLimits
    from exchange.api.orders.gateway import OrderGateway
    from exchange.api.websocket.subscriber import Subscriber

log = logging.getLogger(__name__)

PrivateAction = (
    messages.Auth
    | messages.Order
    | messages.Cancel
    | messages.Amend
    | messages.MassCancel
    | messages.CancelAfter
)
_NEW_ORDER_FIELDS = NewOrder.__struct_fields__


class Connection(Protocol):
    """The part of an endpoint.Connection that is needed here."""

    subscriber: Subscriber
    member: Member | None
    tasks: set[asyncio.Task[None]]

    def refuse(self, error: ApiError, *, request_id: str | UnsetType = UNSET) -> None: ...


class PrivateActions:
    """``limits``: counts order actions of a key with its other requests.

    ``sockets_left``: how many more there may be of all accounts.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        channel: PrivateChannel,
        gateway: OrderGateway,
        limits: RateLimits,
        *,
        actions_under_way: int,
        sockets_left: Callable[[], int],
    ) -> None:
        self.channel = channel
        self._authenticator = authenticator
        self._gateway = gateway
        self._limits = limits
        self._actions_under_way = actions_under_way
        self._sockets_left = sockets_left

    def sign_in(self, connection: Connection, action: messages.Auth) -> None:
        """Check the signature; the socket acts for its account from now on. Raises ApiError."""
        if connection.member is not None:
            raise ApiError(
                ErrorCode.INVALID_FIELD,
                f"action: this socket has signed in for account {connection.member.account}; "
                "open another one for another key",
            )
        key = self._authenticator.authenticate_websocket(msgspec.to_builtins(action))
        self.channel.check_keys()
        if self.channel.sockets_of(int(key.account)) > max(self._sockets_left(), 0):
            raise ApiError(
                ErrorCode.TOO_MANY_CONNECTIONS,
                f"account {key.account} has more sockets than are left for all others",
            )
        connection.member = self.channel.sign_in(connection.subscriber, key, connection.refuse)
        answer = messages.Authenticated(
            int(key.account), sorted(key.permissions), action.request_id
        )
        connection.subscriber.write(frame(answer))

    def member(self, connection: Connection) -> Member:
        """The signed-in member. Raises ApiError when the socket is not signed in (any more)."""
        self.channel.check_keys()
        if connection.member is None or connection.subscriber.closing:
            raise ApiError(
                ErrorCode.CREDENTIALS_MISSING, "sign in first: action auth (docs/websocket.md)"
            )
        return connection.member

    def check_may_read(self, connection: Connection) -> Member:
        """The member, if its key may read. Raises ApiError."""
        member = self.member(connection)
        require(member.key, READ)
        return member

    async def act(self, connection: Connection, action: PrivateAction) -> None:
        """Do what a signed-in client asks; ``received`` is written. Raises ApiError."""
        if isinstance(action, messages.Auth):
            self.sign_in(connection, action)
            return
        member = self.member(connection)
        require(member.key, TRADE)
        self._limits.take_key(member.key.id)
        if len(connection.tasks) >= self._actions_under_way:
            raise ApiError(
                ErrorCode.RATE_LIMITED,
                f"{self._actions_under_way} actions of this socket have no outcome yet",
            )
        if not member.subscribed:
            # the reports of an order must reach the socket that has sent it
            self.channel.follow(member)
        account, gateway = member.account, self._gateway
        if isinstance(action, messages.Order):
            order = NewOrder(**{name: getattr(action, name) for name in _NEW_ORDER_FIELDS})
            client_order_id = gateway.send_enter(account, order)
            received = messages.Received("order", "received", client_order_id=client_order_id)
        elif isinstance(action, messages.Cancel):
            received = messages.Received("cancel", "received", order_id=action.order_id)
            self._start(connection, action, gateway.cancel(account, action.order_id))
        elif isinstance(action, messages.Amend):
            if action.quantity is action.price is action.stop_price is None:
                raise ApiError(
                    ErrorCode.INVALID_FIELD, "quantity, price or stop_price: one must be there"
                )
            received = messages.Received("amend", "received", order_id=action.order_id)
            asked = Amendment(
                quantity=action.quantity, price=action.price, stop_price=action.stop_price
            )
            self._start(connection, action, gateway.amend(account, action.order_id, asked))
        elif isinstance(action, messages.MassCancel):
            received = messages.Received("mass_cancel", "received")
            self._start(
                connection, action, gateway.mass_cancel(account, action.symbol, action.side)
            )
        else:
            received = messages.Received("cancel_after", "received")
            self._start(connection, action, gateway.cancel_after(account, action.seconds))
        received.request_id = action.request_id
        connection.subscriber.write(frame(received))
        # let the started task send its command before the socket's next action is read
        await asyncio.sleep(0)

    def _start(
        self, connection: Connection, action: PrivateAction, outcome: Coroutine[Any, Any, Any]
    ) -> None:
        """Await ``outcome`` in a task of its own; only a failure is sent to the client."""

        async def wait() -> None:
            try:
                await outcome
            except ApiError as error:
                connection.refuse(error, request_id=action.request_id)
            except Exception:
                log.exception("bug while a WebSocket's %s was under way", type(action).__name__)
                connection.refuse(internal_error(), request_id=action.request_id)

        task = asyncio.create_task(wait())
        connection.tasks.add(task)
        task.add_done_callback(connection.tasks.discard)
