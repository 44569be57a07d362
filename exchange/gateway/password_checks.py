"""Checks passwords of logins in worker threads, so that no other session waits for scrypt.

Who calls it: OrderEntryAgent. A submitted check gives exactly one verdict later, unless it is
cancelled; the agent is woken through its eventfd. An unknown user costs the same work as a known
one, so timing does not reveal which usernames exist.
"""

from __future__ import annotations

import collections
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from exchange.gateway.passwords import hash_password, parse_hash, verify_password
from exchange.gateway.protocol.soupbintcp import LoginRequest


class Verdict(NamedTuple):
    """Handover of one check. ``connection`` and ``generation`` name the connection that asked."""

    connection: int
    generation: int
    request: LoginRequest
    right: bool


class PasswordChecks:
    """Checks username and password against ``password_hashes`` (username -> hash string).

    ``verdict_word``: int64[1], set to 1 when there is a verdict to fetch.
    Raises ValueError for a hash string that cannot be read.
    """

    def __init__(
        self,
        password_hashes: dict[str, str],
        eventfd: int,
        threads: int = 1,
        verdict_word: np.ndarray | None = None,
    ) -> None:
        self._eventfd = eventfd
        self._verdict_word = np.zeros(1, np.int64) if verdict_word is None else verdict_word
        self.replace(password_hashes)
        self._verdicts: collections.deque[Verdict] = collections.deque()
        self._pending: dict[tuple[int, int], Future[None]] = {}  # our own thread's only
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")

    def replace(self, password_hashes: dict[str, str]) -> None:
        """Check against these from the next check on. Raises ValueError, and changes nothing."""
        costs = [parse_hash(text) for text in password_hashes.values()]
        worst = max(costs, key=lambda cost: cost.n * cost.r * cost.p, default=None)
        salt = bytes(16)
        if worst is None:
            self._decoy = hash_password("", n=2, salt=salt)
        else:
            self._decoy = hash_password("", n=worst.n, r=worst.r, p=worst.p, salt=salt)
        self._hashes = dict(password_hashes)

    def submit(self, connection: int, generation: int, request: LoginRequest) -> None:
        """Check ``request`` in a worker thread."""
        assert (connection, generation) not in self._pending
        self._pending[connection, generation] = self._pool.submit(
            self._check, connection, generation, request
        )

    def cancel(self, connection: int, generation: int) -> None:
        """Do not check it unless that has begun; a verdict that comes nevertheless is stale."""
        future = self._pending.pop((connection, generation), None)
        if future is not None:
            future.cancel()

    def _check(self, connection: int, generation: int, request: LoginRequest) -> None:
        known = self._hashes.get(request.username)
        # the decoy's work is done for its time only: an unknown user is never right
        right = verify_password(request.password, known or self._decoy) and known is not None
        # append and popleft of a deque are atomic: no lock
        self._verdicts.append(Verdict(connection, generation, request, right))
        # after the verdict and before the system call: who it wakes finds both
        self._verdict_word[0] = 1
        if self._eventfd >= 0:
            os.eventfd_write(self._eventfd, 1)

    def verdicts(self) -> list[Verdict]:
        """The verdicts that have come in since the last call."""
        found = []
        # before the look: a verdict that comes meanwhile sets it again
        self._verdict_word[0] = 0
        while self._verdicts:
            verdict = self._verdicts.popleft()
            self._pending.pop((verdict.connection, verdict.generation), None)
            found.append(verdict)
        return found

    def close(self) -> None:
        """Drop what is queued and wait for the check that is under way."""
        self._pool.shutdown(wait=True, cancel_futures=True)
