"""Checks passwords of logins in worker threads, so that no other session waits for scrypt.

Who calls it: OrderEntryAgent. A submitted check gives exactly one verdict later, unless it is
cancelled; the agent is woken through its eventfd.

scrypt is slow on purpose, so who is served when matters:

- A user who has logged in before, with the same password, is let in at once: a keyed hash of it is
  remembered, with a key of this process. So strangers who try passwords delay nobody who returns.
- What cannot be right costs no work: an unknown user, and another password of a user whose right
  one is known. Such a login is refused when a check of it would have been done, one at a time, so
  timing reveals neither which users exist nor who has been here.
- All others are checked, user by user in turn, and of one user the newest attempt first: the many
  attempts of one name wait behind each other and not before other names.

Whoever goes away while waiting costs nothing.

Decision GTW-6.
"""

from __future__ import annotations

import collections
import contextlib
import hmac
import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from exchange.gateway.passwords import parse_hash, verify_password
from exchange.gateway.protocol.soupbintcp import LoginRequest

NICENESS = 10  # of the threads that check: trading goes first
REFUSAL_S = 0.02  # what a check takes, until one has been measured

Key = tuple[int, int]  # connection and its generation


class Verdict(NamedTuple):
    """Handover of one check. ``connection`` and ``generation`` name the connection that asked."""

    connection: int
    generation: int
    request: LoginRequest
    right: bool


class _Attempts:
    """Attempts that wait: user by user in turn, of one user the newest first."""

    def __init__(self) -> None:
        self._of_user: collections.OrderedDict[str, dict[Key, LoginRequest]] = (
            collections.OrderedDict()
        )

    def add(self, key: Key, request: LoginRequest) -> None:
        self._of_user.setdefault(request.username, {})[key] = request

    def remove(self, key: Key, username: str) -> None:
        waiting = self._of_user.get(username, {})
        waiting.pop(key, None)
        if not waiting:
            self._of_user.pop(username, None)

    def take(self) -> tuple[Key, LoginRequest] | None:
        """The next one; None when nobody waits."""
        if not self._of_user:
            return None
        username, waiting = next(iter(self._of_user.items()))
        key, request = waiting.popitem()
        if waiting:
            self._of_user.move_to_end(username)
        else:
            del self._of_user[username]
        return key, request


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
        self._verdicts: collections.deque[Verdict] = collections.deque()
        self._pending: dict[Key, str] = {}  # user name; our own thread's only
        self._digest_key = secrets.token_bytes(32)
        self._proven: dict[str, bytes] = {}  # user name: keyed hash of the right password
        self._hashes: dict[str, str] = {}
        self.replace(password_hashes)
        self._check_s = REFUSAL_S
        # guards what follows; also wakes the threads
        self._changed = threading.Condition()
        self._to_check = _Attempts()
        self._to_refuse = _Attempts()
        self._closed = False
        bodies: list[Callable[[], None]] = [self._check_all] * threads
        self._threads = [
            threading.Thread(target=body, name="password", daemon=True)
            for body in (*bodies, self._refuse_all)
        ]
        for thread in self._threads:
            thread.start()

    def replace(self, password_hashes: dict[str, str]) -> None:
        """Check against these from the next check on. Raises ValueError, and changes nothing."""
        for text in password_hashes.values():
            parse_hash(text)
        before, self._hashes = self._hashes, dict(password_hashes)
        for username in list(self._proven):
            if before.get(username) != self._hashes.get(username):
                del self._proven[username]

    def submit(self, connection: int, generation: int, request: LoginRequest) -> None:
        """Check ``request``: at once if that is possible, else in a worker thread."""
        key = (connection, generation)
        assert key not in self._pending
        self._pending[key] = request.username
        proven = self._proven.get(request.username)
        if proven is not None and hmac.compare_digest(proven, self._digest(request)):
            self._tell(key, request, True)
            return
        with self._changed:
            hopeless = request.username not in self._hashes or proven is not None
            (self._to_refuse if hopeless else self._to_check).add(key, request)
            self._changed.notify_all()

    def cancel(self, connection: int, generation: int) -> None:
        """Do not check it unless that has begun; a verdict that comes nevertheless is stale."""
        username = self._pending.pop((connection, generation), None)
        if username is not None:
            with self._changed:
                self._to_check.remove((connection, generation), username)
                self._to_refuse.remove((connection, generation), username)

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
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    # --- the threads ------------------------------------------------------------------------------

    def _check_all(self) -> None:
        """Check one attempt after the other."""
        with contextlib.suppress(OSError):  # not allowed here: then at our own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while (taken := self._next(self._to_check)) is not None:
            key, request = taken
            started_s = time.monotonic()
            text = self._hashes.get(request.username)
            right = text is not None and verify_password(request.password, text)
            self._check_s = time.monotonic() - started_s
            if right and self._hashes.get(request.username) == text:
                self._proven[request.username] = self._digest(request)
            self._tell(key, request, right)

    def _refuse_all(self) -> None:
        """Refuse one attempt after the other, each as late as if it had been checked."""
        while (taken := self._next(self._to_refuse)) is not None:
            with self._changed:
                self._changed.wait_for(lambda: self._closed, self._check_s)
            self._tell(*taken, False)

    def _next(self, attempts: _Attempts) -> tuple[Key, LoginRequest] | None:
        """The next attempt, when there is one; None: we close."""
        with self._changed:
            while not self._closed:
                taken = attempts.take()
                if taken is not None:
                    return taken
                self._changed.wait()
        return None

    def _digest(self, request: LoginRequest) -> bytes:
        text = f"{request.username}\0{request.password}".encode()
        return hmac.digest(self._digest_key, text, "sha256")

    def _tell(self, key: Key, request: LoginRequest, right: bool) -> None:
        # append and popleft of a deque are atomic: no lock
        self._verdicts.append(Verdict(*key, request, right))
        # after the verdict and before the system call: who it wakes finds both
        self._verdict_word[0] = 1
        if self._eventfd >= 0:
            os.eventfd_write(self._eventfd, 1)
