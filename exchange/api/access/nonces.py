"""Remembers used nonces: each is refused as long as its timestamp would be accepted.

Who uses it: the authenticator. In memory a nonce is 16 bytes of BLAKE2b over key and nonce. The
newest ones also lie in a file that is mapped into memory (DATA/nonces), so that a request cannot be
replayed against a process api that has just restarted: a mapped page survives the process, and a
machine takes longer to restart than a nonce lives. The file is a ring of 24-byte entries::

    0 forget at, ms since 1970, u8 | 8 digest, 16 bytes

Invariants: at most NONCES_PER_KEY of a key, all forgotten after two receive windows, also where the
wall clock is set: their time is monotonic; one writer.

Decision API-9.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from exchange.api.errors import ApiError, ErrorCode
from exchange.errors import DataDirectoryUnavailable

NONCES_PER_KEY = 1 << 20  # also when no rate is set
FILE = "nonces"
ENTRIES = 1 << 16  # in the file: of the last ten seconds at 6,500 requests a second
DIGEST_BYTES = 16
_ENTRY = struct.Struct(f"<Q{DIGEST_BYTES}s")


class NonceFile:
    """The mapped ring. A file of another size is begun anew."""

    def __init__(self, path: Path) -> None:
        size = ENTRIES * _ENTRY.size
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(descriptor).st_size != size:
                    os.ftruncate(descriptor, 0)
                    # not sparse: writing to a page that the disk has no room for would kill us
                    os.posix_fallocate(descriptor, 0, size)
                self._entries = mmap.mmap(descriptor, size)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise DataDirectoryUnavailable(f"{path}: cannot be used: {error.strerror}") from None
        newest = max(range(ENTRIES), key=lambda index: self._at(index)[0])
        self._next = (newest + 1) % ENTRIES

    def _at(self, index: int) -> tuple[int, bytes]:
        until_ms, digest = _ENTRY.unpack_from(self._entries, index * _ENTRY.size)
        return until_ms, digest

    def append(self, until_ms: int, digest: bytes) -> None:
        """Remember a nonce in place of the oldest one."""
        _ENTRY.pack_into(self._entries, self._next * _ENTRY.size, until_ms, digest)
        self._next = (self._next + 1) % ENTRIES

    def living(self, now_ms: int) -> Iterator[tuple[int, bytes]]:
        """The entries that have not expired at ``now_ms``, oldest first."""
        for step in range(ENTRIES):
            entry = self._at((self._next + step) % ENTRIES)
            if entry[0] >= now_ms:
                yield entry

    def close(self) -> None:
        """Unmap the file; it stays."""
        self._entries.close()


class NonceMemory:
    """``window_ms``: how far a timestamp may be from now. ``file``: None to forget at the end.

    ``monotonic_ms``: time by which nonces are forgotten; None: that of the requests.
    """

    def __init__(
        self,
        window_ms: int,
        file: NonceFile | None = None,
        now_ms: int = 0,
        monotonic_ms: Callable[[], int] | None = None,
    ) -> None:
        self._window_ms = window_ms
        self._file = file
        self._monotonic_ms = monotonic_ms
        # ours begins with the wall clock's, for the sake of the file
        self._ahead_ms = 0 if monotonic_ms is None else now_ms - monotonic_ms()
        self._time_ms = now_ms
        self._used: set[bytes] = set()
        self._of_key: dict[str, int] = {}
        self._until: deque[tuple[int, str, bytes]] = deque()  # (forget at ms, key, digest)
        if file is not None:
            for until_ms, digest in file.living(now_ms):
                # a clock that was ahead when it was written does not count
                self._remember(min(until_ms, now_ms + 2 * window_ms), "", digest)

    def __len__(self) -> int:
        return len(self._until)

    def _remember(self, until_ms: int, key_id: str, digest: bytes) -> None:
        self._used.add(digest)
        self._of_key[key_id] = self._of_key.get(key_id, 0) + 1
        self._until.append((until_ms, key_id, digest))

    def _forget(self, now_ms: int) -> None:
        if self._monotonic_ms is not None:
            now_ms = self._monotonic_ms() + self._ahead_ms
        self._time_ms = max(self._time_ms, now_ms)
        until = self._until
        while until and until[0][0] < self._time_ms:
            _, key_id, digest = until.popleft()
            self._used.discard(digest)
            left = self._of_key[key_id] - 1
            if left:
                self._of_key[key_id] = left
            else:
                del self._of_key[key_id]

    def use(self, key_id: str, nonce: str, now_ms: int) -> bool:
        """Remember a nonce. Returns whether it is new. Raises ApiError when a key has too many."""
        self._forget(now_ms)
        text = f"{key_id}\n{nonce}".encode()
        digest = hashlib.blake2b(text, digest_size=DIGEST_BYTES).digest()
        if digest in self._used:
            return False
        if self._of_key.get(key_id, 0) >= NONCES_PER_KEY:
            raise ApiError(ErrorCode.RATE_LIMITED, "too many requests from this API key")
        # the timestamp may lie a window ahead, and is then accepted for two windows from now
        self._remember(self._time_ms + 2 * self._window_ms, key_id, digest)
        if self._file is not None:
            self._file.append(now_ms + 2 * self._window_ms, digest)
        return True
