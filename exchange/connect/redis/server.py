"""The connection to Redis: settings, errors, the lock, and one transaction after the other.

Who uses it: ``sink.py`` and ``check.py``. Every transaction is MULTI ... EXEC under a WATCH of two
keys that was set in the same round trip as the transaction before it::

    WATCH lock, sequence -> GET both -> (as they must be) -> MULTI ... EXEC, WATCH, GET both -> ...

So nothing is written when anybody has touched one of them meanwhile: Redis was emptied, the lock
ran out or another instance has taken it. It costs no round trip of its own. The library's own
repetitions are off: what becomes of a batch whose answer was lost is decided by the position.

Decisions CON-32 and CON-33.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from redis import exceptions
from redis.backoff import NoBackoff
from redis.connection import Connection, parse_url
from redis.retry import Retry

from exchange.connect.redis.commands import pack
from exchange.connect.redis.content import Value
from exchange.connect.sink import SinkAway, SinkRefused
from exchange.settings.sections import RedisSection

CLIENT_NAME = "open-exchange"
OWNER_CHARACTERS = 16
_parse_url: Any = parse_url
_REFUSED = (
    exceptions.AuthenticationError,
    exceptions.AuthorizationError,
    exceptions.NoPermissionError,
    exceptions.ClusterError,
    exceptions.MovedError,
    exceptions.AuthenticationWrongNumberOfArgsError,
)


class Position(NamedTuple):
    """The hash ``<prefix>:sequence``. ``shape``: ``content.Shape.text`` of the content."""

    next_event: int
    identity: str
    shape: str
    time_ns: int


class Touched(Exception):
    """A transaction was not carried out: somebody has changed the position or the lock."""


def make_connection(section: RedisSection) -> Any:
    """A connection that is not open yet. Raises SinkRefused for what cannot be."""
    try:
        keywords: dict[str, Any] = dict(_parse_url(section.url))
    except ValueError as error:
        raise SinkRefused(f"[redis] url: {error}") from None
    kind: Any = keywords.pop("connection_class", Connection)
    if section.password_file:
        try:
            keywords["password"] = Path(section.password_file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SinkRefused(f"[redis] password_file: {error}") from None
    if section.username:
        keywords["username"] = section.username
    if section.ca_file:
        keywords["ssl_ca_certs"] = section.ca_file
    if section.certificate_file:
        keywords |= {"ssl_certfile": section.certificate_file, "ssl_keyfile": section.key_file}
    timeout_s = section.timeout_ms / 1000
    return kind(
        **keywords,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        client_name=CLIENT_NAME,
        driver_info=None,
    )


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Errors of the client library as SinkAway or SinkRefused, with what to do about them."""
    try:
        yield
    except _REFUSED as error:
        raise SinkRefused(f"Redis refuses: {_text(error)}") from error
    except exceptions.OutOfMemoryError as error:
        raise SinkAway(f"Redis is full, raise maxmemory: {_text(error)}") from error
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
            raise SinkRefused(f"Redis' certificate is not accepted: {_text(error)}") from error
        raise SinkAway(_text(error)) from error
    except exceptions.RedisError as error:
        if str(error).startswith("NOPERM") or "unknown command" in str(error):
            raise SinkRefused(f"Redis refuses: {_text(error)}") from error
        raise SinkAway(f"Redis refuses for now: {_text(error)}") from error


def _text(error: BaseException) -> str:
    return " ".join(str(error).split()) or repr(error)


def owner_of(data_directory: Path) -> str:
    """What tells this data directory from every other: two of its connectors never run at once."""
    text = f"{socket.gethostname()} {data_directory.resolve()}"
    return hashlib.sha256(text.encode()).hexdigest()[:OWNER_CHARACTERS]


class Server:
    """An open connection that may hold the lock. Not for two threads at a time.

    Errors: SinkAway, SinkRefused, Touched; after any of them only ``close`` may be called.
    """

    def __init__(self, section: RedisSection, prefix: str, owner: str) -> None:
        """Connect."""
        self.sequence_key = f"{prefix}:sequence"
        self.lock_key = f"{prefix}:lock"
        self._owner = owner
        self._lock_ms = section.lock_ms
        self._token = b""
        self._armed = False  # watching, and the answers read so far are all that were asked for
        self._armed_at_s = 0.0
        self._seen: Position | None = None  # under the watch
        self._connection = make_connection(section)
        with told():
            self._connection.connect()

    def ask(self, *words: Value) -> Any:
        """The answer to one command."""
        with told():
            self._connection.send_command(*words, check_health=False)
            return self._connection.read_response(disable_decoding=True)

    # --- the lock -------------------------------------------------------------------------------

    def take_lock(self) -> bytes:
        """Take it and begin to watch. b"" when it is ours; else whose it is (his token).

        A lock of the same data directory is taken over: its holder is dead, or has been told.
        """
        self.ask("WATCH", self.lock_key, self.sequence_key)
        held: bytes | None = self.ask("GET", self.lock_key)
        if held and not held.startswith(self._owner.encode() + b" "):
            self.ask("UNWATCH")
            return held
        token = f"{self._owner} {socket.gethostname()} {secrets.token_hex(8)}"
        self.ask("MULTI")
        self.ask("SET", self.lock_key, token, "PX", self._lock_ms)
        if self.ask("EXEC") is None:
            raise SinkAway("another instance has taken the lock at this moment")
        self._token = token.encode()
        return b""

    def watch(self) -> Position | None:
        """Watch lock and position, and say what the position is; None: there is none."""
        with told():
            self._connection.send_packed_command([self._watch_commands()], check_health=False)
            return self._read_watch()

    def _watch_commands(self) -> bytes:
        packed: bytes = pack(("WATCH", self.lock_key, self.sequence_key))
        packed += pack(("GET", self.lock_key))
        fields = ("next_event", "identity", "shape", "time_ns")
        packed += pack(("HMGET", self.sequence_key, *fields))
        return packed

    def _read_watch(self) -> Position | None:
        read = self._connection.read_response
        read(disable_decoding=True)
        token = read(disable_decoding=True)
        next_event, *texts, time_ns = read(disable_decoding=True)
        if token != self._token:
            raise Touched("the lock was taken by another instance" if token else "the lock is gone")
        self._armed, self._armed_at_s = True, time.monotonic()
        self._seen = None
        if next_event is not None:
            identity, shape = (text.decode() if text else "" for text in texts)
            self._seen = Position(int(next_event), identity, shape, int(time_ns or 0))
        return self._seen

    # --- transactions ---------------------------------------------------------------------------

    def transact(self, packed: Sequence[bytes], position: Position | None) -> list[Exception]:
        """Carry out ``packed`` (commands as bytes) and set the position, or nothing of it.

        ``position`` None: there is none afterwards. The lock's time begins anew. Returns the errors
        of single commands that were carried out all the same (Redis does not undo the others).
        """
        assert self._armed
        if time.monotonic() - self._armed_at_s > self._lock_ms / 2000:
            self._take_again()
        self._armed = False
        read = self._connection.read_response
        with told():
            self._connection.send_packed_command(
                [b"".join(self._framed(packed, position))], check_health=False
            )
            read(disable_decoding=True)
            for _ in range(len(packed) + 2):
                read(disable_decoding=True)  # QUEUED, or why not
            answers = read(disable_decoding=True)
            if answers is None:
                raise Touched("it was emptied or written by another, or the lock ran out")
            found = self._read_watch()
        if (found and found.next_event) != (position and position.next_event):
            raise Touched("the position is not what was written")
        return [answer for answer in answers if isinstance(answer, Exception)]

    def _take_again(self) -> None:
        """Long ago: the lock may have run out. It is taken anew if nobody has written meanwhile."""
        self._armed, seen = False, self._seen
        self.ask("UNWATCH")
        if self.take_lock():
            raise Touched("another instance has taken the lock, which had run out")
        if self.watch() != seen:
            raise Touched("it was emptied or written by another")

    def _framed(self, packed: Sequence[bytes], position: Position | None) -> Iterable[bytes]:
        yield pack(("MULTI",))
        yield from packed
        if position is None:
            yield pack(("UNLINK", self.sequence_key))
        else:
            fields = (word for pair in position._asdict().items() for word in pair)
            yield pack(("HSET", self.sequence_key, *fields))
        yield pack(("PEXPIRE", self.lock_key, self._lock_ms))
        yield pack(("EXEC",))
        yield self._watch_commands()

    def close(self) -> None:
        """Give the lock back, if that can be done, and disconnect. Raises nothing."""
        try:
            if self._armed:
                self._armed = False
                self.ask("MULTI")
                self.ask("UNLINK", self.lock_key)
                self.ask("EXEC")
        except (SinkAway, SinkRefused):
            pass  # it runs out by itself
        finally:
            with contextlib.suppress(Exception):
                self._connection.disconnect()
