"""The signature of a request: the one definition that server, client library and tests share.

The signature is HMAC-SHA256 in lower-case hexadecimal. Its key is the secret as it was shown (64
hexadecimal characters, taken as ASCII text); what is signed is::

    METHOD "\\n" path with query as sent "\\n" timestamp "\\n" nonce "\\n" body

``timestamp``: milliseconds since 1970 as decimal text. ``nonce``: any text of 1 to 64 printable
ASCII characters that the key has not used within the receive window. A WebSocket signs in with
method GET, path /ws and no body.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

HEADER_KEY = "X-API-KEY"
HEADER_TIMESTAMP = "X-TIMESTAMP"
HEADER_NONCE = "X-NONCE"
HEADER_SIGNATURE = "X-SIGNATURE"
WEBSOCKET_METHOD = "GET"
WEBSOCKET_PATH = "/ws"


def sign(secret: bytes, method: str, path: str, timestamp: str, nonce: str, body: bytes) -> str:
    """The signature of one request; ``secret`` is the secret's ASCII text."""
    head = f"{method}\n{path}\n{timestamp}\n{nonce}\n".encode("utf-8", "surrogateescape")
    return hmac.new(secret, head + body, hashlib.sha256).hexdigest()


def signed_headers(
    key_id: str,
    secret: str,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    now_ns: int | None = None,
) -> dict[str, str]:
    """The four headers of a request. ``now_ns``: the time to sign with (None: the clock's)."""
    timestamp = str((time.time_ns() if now_ns is None else now_ns) // 1_000_000)
    nonce = secrets.token_hex(12)
    return {
        HEADER_KEY: key_id,
        HEADER_TIMESTAMP: timestamp,
        HEADER_NONCE: nonce,
        HEADER_SIGNATURE: sign(secret.encode(), method, path, timestamp, nonce, body),
    }


def signed_websocket(key_id: str, secret: str, *, now_ns: int | None = None) -> dict[str, object]:
    """The ``auth`` message of a WebSocket."""
    headers = signed_headers(key_id, secret, WEBSOCKET_METHOD, WEBSOCKET_PATH, now_ns=now_ns)
    return {
        "action": "auth",
        "key": key_id,
        "timestamp": int(headers[HEADER_TIMESTAMP]),
        "nonce": headers[HEADER_NONCE],
        "signature": headers[HEADER_SIGNATURE],
    }
