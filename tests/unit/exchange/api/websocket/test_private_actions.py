"""Who may sign in: an account has at most as many sockets as are left for all others."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.api.errors import ApiError, ErrorCode
from exchange.api.websocket.messages import Auth
from exchange.api.websocket.private_actions import PrivateActions
from exchange.api.websocket.private_channel import PrivateChannel


class Key:
    permissions = frozenset({"read"})

    def __init__(self, account: int) -> None:
        self.id, self.account = f"key of {account}", account


class Keys:
    """``refresh``: of a KeyStore."""

    def refresh(self) -> int:
        return 0


class Authenticator:
    """Everybody is right."""

    def authenticate_websocket(self, message: dict[str, Any]) -> Key:
        return Key(int(message["key"]))


class Socket:
    """An endpoint's Connection, and its subscriber."""

    def __init__(self) -> None:
        self.member: Any = None
        self.subscriber = self
        self.closing = False

    def write(self, frames: bytes) -> None:
        assert b"authenticated" in frames

    def refuse(self, error: ApiError, **_: Any) -> None:
        raise error


def test_an_account_has_no_more_sockets_than_are_left() -> None:
    nothing: Any = None
    channel = PrivateChannel(
        nothing,
        nothing,
        Keys(),
        describe=nothing,
        history=nothing,  # type: ignore[arg-type]
    )
    sockets, most = 0, 10
    actions = PrivateActions(
        Authenticator(),  # type: ignore[arg-type]
        channel,
        nothing,
        nothing,
        actions_under_way=1,
        sockets_left=lambda: most - sockets,
    )

    def sign_in(account: int) -> Socket:
        nonlocal sockets
        sockets += 1
        socket: Any = Socket()
        actions.sign_in(socket, Auth(str(account), 1, "n", "s"))
        return socket

    members = [sign_in(1).member for _ in range(5)]
    assert channel.sockets_of(1) == 5
    with pytest.raises(ApiError) as caught:
        sign_in(1)
    assert caught.value.code == ErrorCode.TOO_MANY_CONNECTIONS
    for _ in range(2):
        sign_in(2)
    sockets = 5
    for member in members:
        channel.leave(member)
        channel.leave(member)
    assert channel.sockets_of(1) == 0
    sign_in(1)
