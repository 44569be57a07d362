"""Authenticates a REST request or a WebSocket's sign-in by its signature.

Who uses it: every private handler. ``signature.py`` defines what is signed. The order of the checks
is part of the safety: form, time, signature, rate, nonce. So a nonce is remembered only for a
request that a holder of the secret has made within the key's rate, which bounds the memory: at most
rate x twice the receive window + burst nonces a key, and none of a stranger.

Invariants: a nonce is refused as long as its timestamp would be accepted; an unknown key costs what
a wrong signature costs; secrets and signatures are compared in constant time and never logged.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from aiohttp import web

from exchange.access import signature
from exchange.access.keys import READ, Key, KeysDamaged, KeyStore, Permission
from exchange.api.access.nonces import NonceFile, NonceMemory
from exchange.api.access.rate_limit import RateLimits
from exchange.api.errors import ApiError, ErrorCode

log = logging.getLogger(__name__)

NONCE_CHARACTERS = 64
TIMESTAMP_DIGITS = 15
MILLISECONDS = 1_000_000  # in nanoseconds


class Credentials(NamedTuple):
    """A client's proof of its identity, as it was received."""

    key_id: str
    timestamp: str
    nonce: str
    signature: str


class Authenticator:
    """Turns credentials into a ``Key``, or an ApiError 2001 to 2006, 3001, 5002.

    ``nonce_file``: where nonces outlive this process; None: they do not.
    """

    def __init__(
        self,
        keys: KeyStore,
        limits: RateLimits,
        *,
        receive_window_ms: int = 5_000,
        nonce_file: NonceFile | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._keys = keys
        self._limits = limits
        self._window_ms = receive_window_ms
        self._clock_ns = clock_ns
        monotonic_ns = time.monotonic_ns if clock_ns is time.time_ns else clock_ns
        self._nonces = NonceMemory(
            receive_window_ms,
            nonce_file,
            clock_ns() // MILLISECONDS,
            lambda: monotonic_ns() // MILLISECONDS,
        )
        self._unknown_key_secret = secrets.token_hex(32).encode()
        self._told: KeysDamaged | None = None

    def authenticate(
        self, request: web.BaseRequest, body: bytes, permission: Permission = READ
    ) -> Key:
        """The key that signed ``request``, whose body is ``body`` (already read, limited)."""
        headers = request.headers
        values: list[str] = []
        for name in (
            signature.HEADER_KEY,
            signature.HEADER_TIMESTAMP,
            signature.HEADER_NONCE,
            signature.HEADER_SIGNATURE,
        ):
            found = headers.getall(name, ())
            if len(found) != 1 or not found[0]:
                raise ApiError(
                    ErrorCode.CREDENTIALS_MISSING,
                    f"header {name} is {'missing' if not found else 'there twice or empty'}: "
                    "a private request has X-API-KEY, X-TIMESTAMP, X-NONCE and X-SIGNATURE",
                )
            values.append(found[0])
        # the path with its query exactly as sent: nothing decoded or put in order
        key = self.check(Credentials(*values), request.method, request.raw_path, body)
        require(key, permission)
        return key

    def authenticate_websocket(self, message: dict[str, Any]) -> Key:
        """The key that signed an ``auth`` message of a WebSocket."""
        values: list[str] = []
        for name in ("key", "timestamp", "nonce", "signature"):
            value = message.get(name)
            if name == "timestamp" and isinstance(value, int) and not isinstance(value, bool):
                value = str(value)
            if not isinstance(value, str) or not value:
                raise ApiError(
                    ErrorCode.CREDENTIALS_MISSING,
                    f"{name}: auth needs key, timestamp (ms), nonce and signature",
                )
            values.append(value)
        return self.check(
            Credentials(*values), signature.WEBSOCKET_METHOD, signature.WEBSOCKET_PATH, b""
        )

    def check(self, credentials: Credentials, method: str, path: str, body: bytes) -> Key:
        """All checks but the permission's."""
        key_id, timestamp, nonce, given = credentials
        now_ms = self._clock_ns() // MILLISECONDS
        self._check_form(timestamp, nonce)
        ahead_ms = int(timestamp) - now_ms
        if abs(ahead_ms) > self._window_ms:
            raise ApiError(
                ErrorCode.TIMESTAMP_OUTSIDE_WINDOW,
                f"the timestamp is {abs(ahead_ms)} ms {'ahead' if ahead_ms > 0 else 'old'}; "
                f"{self._window_ms} ms are allowed; the exchange's clock says {now_ms}",
            )
        found = self._find(key_id)
        secret = found[1] if found is not None else self._unknown_key_secret
        expected = signature.sign(secret, method, path, timestamp, nonce, body)
        correct = hmac.compare_digest(
            expected.encode(), given.lower().encode("utf-8", "surrogateescape")
        )
        if found is None:
            raise ApiError(ErrorCode.KEY_UNKNOWN, "the API key is not known, or was revoked")
        if not correct:
            raise ApiError(
                ErrorCode.SIGNATURE_INVALID,
                f"the signature is not that of {method} {path} with this timestamp, nonce and "
                "body; docs/rest.md has an example",
            )
        self._limits.take_key(key_id)
        if not self._nonces.use(key_id, nonce, now_ms):
            raise ApiError(
                ErrorCode.NONCE_USED, "the nonce has been used: every request needs a new one"
            )
        return found[0]

    @staticmethod
    def _check_form(timestamp: str, nonce: str) -> None:
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= TIMESTAMP_DIGITS):
            raise ApiError(
                ErrorCode.INVALID_FIELD, "timestamp: must be milliseconds since 1970, digits only"
            )
        if not (
            len(nonce) <= NONCE_CHARACTERS and all("\x21" <= letter <= "\x7e" for letter in nonce)
        ):
            raise ApiError(
                ErrorCode.INVALID_FIELD,
                f"nonce: must be 1 to {NONCE_CHARACTERS} printable ASCII characters, no space",
            )

    def _find(self, key_id: str) -> tuple[Key, bytes] | None:
        try:
            return self._keys.find(key_id)
        except KeysDamaged as problem:
            if problem is not self._told:
                log.error("nobody can sign in: %s", problem)
                self._told = problem
            raise ApiError(
                ErrorCode.UNAVAILABLE, "API keys cannot be checked at the moment"
            ) from None


def require(key: Key, permission: Permission) -> None:
    """Raises ApiError PERMISSION_DENIED unless ``key`` has ``permission``."""
    if permission not in key.permissions:
        raise ApiError(
            ErrorCode.PERMISSION_DENIED,
            f"this API key may not {permission}: it has {', '.join(sorted(key.permissions))}",
        )
