"""Password hashes of order entry sessions: scrypt (RFC 7914), one printable string each.

Format: ``scrypt$n$r$p$salt_base64$hash_base64`` with standard, padded base64. ``n`` (a power of
two), ``r`` and ``p`` are scrypt's cost parameters; they need about ``128 * n * r`` bytes of memory.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import NamedTuple

DEFAULT_N = 1 << 14
DEFAULT_R = 8
DEFAULT_P = 1
SALT_SIZE_BYTES = 16
HASH_SIZE_BYTES = 32
MEMORY_MAXIMUM_BYTES = 256 << 20  # what a hash string may make us allocate


class PasswordHash(NamedTuple):
    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes


def _scrypt(password: str, n: int, r: int, p: int, salt: bytes, size_bytes: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8"),
        salt=salt,
        n=n,
        r=r,
        p=p,
        maxmem=2 * MEMORY_MAXIMUM_BYTES,
        dklen=size_bytes,
    )


def hash_password(
    password: str,
    *,
    n: int = DEFAULT_N,
    r: int = DEFAULT_R,
    p: int = DEFAULT_P,
    salt: bytes | None = None,
) -> str:
    """The hash string of ``password`` with a fresh random salt (or the one given)."""
    salt = os.urandom(SALT_SIZE_BYTES) if salt is None else salt
    digest = _scrypt(password, n, r, p, salt, HASH_SIZE_BYTES)
    fields = (base64.b64encode(salt).decode(), base64.b64encode(digest).decode())
    return f"scrypt${n}${r}${p}${fields[0]}${fields[1]}"


def parse_hash(text: str) -> PasswordHash:
    """Parse a hash string. Raises ValueError that says what is wrong."""
    parts = text.split("$")
    if len(parts) != 6 or parts[0] != "scrypt":
        raise ValueError("password hash is not of the form scrypt$n$r$p$salt$hash")
    try:
        n, r, p = (int(part) for part in parts[1:4])
        salt = base64.b64decode(parts[4], validate=True)
        digest = base64.b64decode(parts[5], validate=True)
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"password hash has a field that cannot be read: {error}") from None
    if n < 2 or n & (n - 1) or r < 1 or p < 1 or p > 64 or 128 * n * r > MEMORY_MAXIMUM_BYTES:
        raise ValueError("password hash has scrypt parameters out of range")
    if len(salt) < 8 or len(digest) < 16:
        raise ValueError("password hash has a salt below 8 or a hash below 16 bytes")
    return PasswordHash(n, r, p, salt, digest)


def verify_password(password: str, text: str) -> bool:
    """Whether ``password`` has the hash string ``text``; compared in constant time."""
    expected = parse_hash(text)
    digest = _scrypt(
        password, expected.n, expected.r, expected.p, expected.salt, len(expected.digest)
    )
    return hmac.compare_digest(digest, expected.digest)
