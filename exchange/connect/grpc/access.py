"""Who asks over gRPC, and within which limits.

Who uses it: the handlers' frame. A private call is signed as a REST request is (``signature.py``),
with the method GRPC, the call's path and the request's bytes; the four values are metadata. A
stream of the client's is signed once, over no bytes. A public call counts for the client's address.

Decision CON-43.
"""

from __future__ import annotations

import urllib.parse
from typing import Any, NamedTuple

from exchange.access import signature
from exchange.access.keys import Key, KeysDamaged, KeyStore, Permission
from exchange.api.access.auth import Authenticator, Credentials, require
from exchange.api.access.rate_limit import RateLimits
from exchange.api.errors import ApiError, ErrorCode

METHOD = "GRPC"
_HEADERS = tuple(
    name.lower()
    for name in (
        signature.HEADER_KEY,
        signature.HEADER_TIMESTAMP,
        signature.HEADER_NONCE,
        signature.HEADER_SIGNATURE,
    )
)


class Caller(NamedTuple):
    """Who asks. ``key``: None where the call is public. ``address``: without its port."""

    address: str
    key: Key | None

    @property
    def account(self) -> int:
        """The account of the key that signed the call."""
        assert self.key is not None
        return self.key.account


def address_of(peer: str) -> str:
    """The address in gRPC's name of a peer: ``ipv4:127.0.0.1:5000``, ``ipv6:%5B::1%5D:5000``."""
    address = urllib.parse.unquote(peer).partition(":")[2].rpartition(":")[0]
    return address.strip("[]") or peer


class Access:
    """``authenticator``: of the same keys as REST's, with nonces and buckets of its own."""

    def __init__(self, keys: KeyStore, limits: RateLimits, authenticator: Authenticator) -> None:
        self._keys = keys
        self._limits = limits
        self._authenticator = authenticator

    def check(self, context: Any, path: str, raw: bytes, permission: Permission | None) -> Caller:
        """Who has sent ``raw`` to ``path``, and may. Raises ApiError."""
        address = address_of(context.peer())
        if permission is None:
            self._limits.count_address(address)
            return Caller(address, None)
        credentials = Credentials(*self._values(context.invocation_metadata()))
        key = self._authenticator.check(credentials, METHOD, path, raw)
        require(key, permission)
        return Caller(address, key)

    def count(self, caller: Caller, weight: int = 1) -> None:
        """Count more of the same call, which itself counts as one. Raises ApiError RATE_LIMITED."""
        if caller.key is not None:
            self._limits.take_key(caller.key.id, weight)
        else:
            self._limits.count_address(caller.address, weight)

    def check_live(self, caller: Caller) -> None:
        """Raises ApiError when the key has been revoked since."""
        assert caller.key is not None
        try:
            self._keys.refresh()
        except KeysDamaged:
            raise ApiError(ErrorCode.UNAVAILABLE, "API keys cannot be checked") from None
        if not self._keys.is_live(caller.key.id):
            raise ApiError(ErrorCode.KEY_UNKNOWN, "the API key was revoked")

    @staticmethod
    def _values(metadata: Any) -> list[str]:
        given: dict[str, list[Any]] = {}
        for name, value in metadata or ():
            given.setdefault(name, []).append(value)
        values: list[str] = []
        for name in _HEADERS:
            found = given.get(name, [])
            if len(found) != 1 or not isinstance(found[0], str) or not found[0]:
                raise ApiError(
                    ErrorCode.CREDENTIALS_MISSING,
                    f"metadata {name}: {'missing' if not found else 'there twice or empty'}: "
                    f"a private call has {', '.join(_HEADERS)}",
                )
            values.append(found[0])
        return values
