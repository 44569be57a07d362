"""Who asks over gRPC: addresses, metadata, signatures."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from exchange.access.keys import READ, TRADE, Key
from exchange.access.signature import signed_headers
from exchange.api.access.auth import Authenticator
from exchange.api.access.rate_limit import RateLimits
from exchange.api.errors import ApiError, ErrorCode
from exchange.connect.grpc.access import Access, address_of

SECRET = "5" * 64
PATH = "/exchange.v1.OrderService/List"


class Keys:
    """A store with one key that may read."""

    live = True

    def find(self, key_id: str) -> tuple[Key, bytes] | None:
        now = datetime.datetime.now(datetime.UTC)
        key = Key("ID", 7, frozenset({READ}), "", now, None)
        return (key, SECRET.encode()) if self.live and key_id == "ID" else None

    def refresh(self) -> int:
        return 1

    def is_live(self, key_id: str) -> bool:
        return self.live


def access(keys: Any, burst: int = 5) -> Access:
    limits = RateLimits(per_address=1, per_key=1, burst=burst)
    return Access(keys, limits, Authenticator(keys, limits))


def context(headers: dict[str, str]) -> Any:
    metadata = [(name.lower(), value) for name, value in headers.items()]
    return SimpleNamespace(peer=lambda: "ipv4:10.0.0.1:1", invocation_metadata=lambda: metadata)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[fe80::1]:5000", "fe80::1"),
        ("unix:", "unix:"),
    ],
)
def test_addresses(peer: str, address: str) -> None:
    assert address_of(peer) == address


def refused(made: Access, *arguments: Any) -> int:
    with pytest.raises(ApiError) as raised:
        made.check(*arguments)
    return raised.value.code


def test_a_call_is_signed_for_its_path_and_bytes() -> None:
    keys = Keys()
    made = access(keys)
    headers = signed_headers("ID", SECRET, "GRPC", PATH, b"body")
    caller = made.check(context(headers), PATH, b"body", READ)
    assert caller.account == 7 and caller.address == "10.0.0.1"
    assert refused(made, context(headers), PATH, b"body", READ) == ErrorCode.NONCE_USED
    headers = signed_headers("ID", SECRET, "GRPC", PATH, b"body")
    assert refused(made, context(headers), PATH, b"other", READ) == ErrorCode.SIGNATURE_INVALID
    assert refused(made, context(headers), PATH + "x", b"body", READ) == ErrorCode.SIGNATURE_INVALID
    assert refused(made, context(headers), PATH, b"body", TRADE) == ErrorCode.PERMISSION_DENIED
    assert refused(made, context({}), PATH, b"", READ) == ErrorCode.CREDENTIALS_MISSING
    made.check_live(caller)
    keys.live = False
    with pytest.raises(ApiError):
        made.check_live(caller)


def test_a_public_call_counts_for_its_address() -> None:
    made = access(Keys(), burst=2)
    caller = made.check(context({}), PATH, b"", None)
    assert caller.key is None
    made.count(caller)
    assert refused(made, context({}), PATH, b"", None) == ErrorCode.RATE_LIMITED
