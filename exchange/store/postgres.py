"""The embedded Postgres: a server of our own in DATA/postgres, on a Unix socket, that dies with us.

Who uses it: the store's publisher, ``exchange store`` and tests. One object is one server process.

User and directory. Postgres refuses to run as root; started by root it runs as an unprivileged user
who owns DATA/postgres (0700) and nothing else. DATA itself may be closed to that user (0700,
root's), and so may every directory above it. So the server is never told a path: it inherits a
descriptor of its directory and is started with ``-D /proc/self/fd/N``, which reaches the directory
whatever lies above it. The socket lies in the same directory and is reached in the same way, so a
long path is no problem either. No permission outside DATA/postgres is changed.

Lifetime. The kernel sends the server SIGQUIT (immediate shutdown, nothing that was committed is
lost) when the thread that started it ends, so also after kill -9. Processes that an earlier server
left behind are ended first: one that still runs in our directory is recognised by its working
directory, not by its pid alone. Nobody else can be using the directory: whoever calls ``start``
holds the lock of DATA.

A disk of its own. Where DATA/postgres is there before any server was made in it, it is the root of
a file system (with ``lost+found``, which initdb does not take), and cannot be renamed. The server
then works in DATA/postgres/cluster.

Invariants: TCP is never listened on; a data directory is made under another name and renamed when
it is whole; a directory of another major version is never opened.

Decisions STO-1 and STO-2.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import psycopg

from exchange.store.binaries import MAJOR_VERSION, User, os_user, programs
from exchange.store.errors import PostgresUnavailable, StoreRefused

log = logging.getLogger(__name__)

DIRECTORY = "postgres"  # below DATA
CLUSTER = "cluster"  # below DATA/postgres, where that is a disk of its own
NEW_SUFFIX = ".new"
# what each data directory of Postgres has, also one that is damaged
_OF_POSTGRES = frozenset({"PG_VERSION", "base", "global", "pg_wal"})
SUPERUSER = "exchange"
DATABASE = "exchange"
PORT = 5432  # part of the socket's name; no port is opened
LOG_FILE = "postgres.log"  # below DATA: Postgres' user cannot put a link in its place
LOG_KEPT_BYTES = 4 << 20
START_TIMEOUT_S = 60.0  # recovery after a crash takes its time
STOP_TIMEOUT_S = 30.0
ORPHAN_TIMEOUT_S = 10.0
_PR_SET_PDEATHSIG = 1

# Sizes for a machine that has more to do than this; everything may be given by [store] later.
SETTINGS: dict[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "dynamic_shared_memory_type": "mmap",  # in its own directory: a kill leaves nothing in /dev/shm
    "max_connections": "20",
    "shared_buffers": "256MB",
    "wal_writer_delay": "20ms",  # COPY finds its log written when it needs its buffers again
    "bgwriter_lru_maxpages": "0",  # it writes pages that will be changed again
    "temp_buffers": "32MB",
    "max_wal_size": "4GB",
    "wal_buffers": "16MB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",  # no worker processes beside the exchange
    "max_worker_processes": "0",
    "max_parallel_workers": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def cluster_directory(data_directory: Path) -> Path:
    """Where the server of ``data_directory`` has its files: DATA/postgres, or ``cluster`` in it.

    The latter where DATA/postgres has nothing of a server, whatever else it has. Raises OSError.
    """
    directory = data_directory / DIRECTORY
    if not directory.is_dir() or _OF_POSTGRES & set(os.listdir(directory)):
        return directory
    return directory / CLUSTER


def _clean_environment() -> dict[str, str]:
    """The programs' environment; variables EXCHANGE_... of our own go with them."""
    kept = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C"}
    return kept | {key: value for key, value in os.environ.items() if key.startswith("EXCHANGE_")}


class EmbeddedPostgres:
    """A server on ``data_directory``/postgres. ``settings``: over SETTINGS, for tests mostly.

    ``user``: the name of whom it runs as when we are root. Not thread-safe, and the thread that
    calls ``start`` must live as long as the server shall.
    """

    def __init__(
        self,
        data_directory: Path,
        *,
        user: str = "nobody",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._data_directory = Path(data_directory).resolve()
        self.directory = self._data_directory / DIRECTORY
        self._user_name = user
        self._settings = SETTINGS | dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._descriptor = -1

    # --- for users of the class -----------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """The server's pid while it runs."""
        return self._process.pid if self.running() and self._process is not None else None

    def running(self) -> bool:
        """Whether the server that was started is alive."""
        return self._process is not None and self._process.poll() is None

    def conninfo(self, database: str = DATABASE) -> str:
        """Connection string for this process (and those that inherit its descriptors)."""
        return _conninfo(self._descriptor, database)

    def start(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Make the data directory if there is none, end what is left of before, start, wait.

        Returns when connections are accepted. Raises PostgresUnavailable, StoreRefused (made by
        another major version).
        """
        if self.running():
            return
        self._forget()
        try:
            self.directory = cluster_directory(self._data_directory)
        except OSError as error:
            raise PostgresUnavailable(f"{self.directory}: {error.strerror}") from None
        user = os_user(self._user_name)
        binaries = programs(user)
        if not self.directory.is_dir():
            self._create(binaries, user)
        self._check_version()
        self._check_owner(user)
        self._end_orphans()
        self._descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._launch(binaries, user)
        self._await_connections(should_stop)

    def stop(self) -> None:
        """Graceful stop: open transactions are rolled back, a checkpoint is written. Idempotent."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                log.warning("Postgres did not stop in %g s and is ended", STOP_TIMEOUT_S)
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait()
        self._forget()

    def _forget(self) -> None:
        self._process = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    # --- the data directory ---------------------------------------------------------------------

    def _create(self, binaries: Path, user: User | None) -> None:
        """Run initdb beside the final name; rename when all of it is on the disk."""
        new = self.directory.with_name(self.directory.name + NEW_SUFFIX)
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
            if user is not None:
                os.chown(new, user.uid, user.gid)
            descriptor = os.open(new, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise PostgresUnavailable(f"{new} cannot be made: {error.strerror}") from None
        try:
            done = subprocess.run(
                [
                    binaries / "initdb",
                    f"--pgdata=/proc/self/fd/{descriptor}",
                    f"--username={SUPERUSER}",
                    "--auth=trust",  # whoever can open the socket, in a directory closed to others
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-instructions",
                    *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
                ],
                cwd="/",
                env=_clean_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                pass_fds=[descriptor],
                **_as_user(user),
            )
        except OSError as error:
            raise PostgresUnavailable(f"initdb cannot be run: {error}") from None
        finally:
            os.close(descriptor)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            shutil.rmtree(new, ignore_errors=True)
            raise PostgresUnavailable(f"initdb failed: {' / '.join(said[-3:])}")
        new.rename(self.directory)
        log.info("made a Postgres data directory", extra={"fields": {"path": str(self.directory)}})

    def _check_version(self) -> None:
        try:
            version = (self.directory / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise StoreRefused(
                f"{self.directory} is not a data directory of Postgres (PG_VERSION: "
                f"{error.strerror}); move it away: everything in it is made again from the archive"
            ) from None
        if version != str(MAJOR_VERSION):
            raise StoreRefused(
                f"{self.directory} was made by Postgres {version}, and this is {MAJOR_VERSION}; "
                "move it away (everything in it is made again from the archive), or upgrade it "
                "with pg_upgrade"
            )

    def _check_owner(self, user: User | None) -> None:
        owner = self.directory.stat().st_uid
        wanted = os.geteuid() if user is None else user.uid
        if owner != wanted:
            raise StoreRefused(
                f"{self.directory} belongs to user {owner}, and Postgres would run as user "
                f"{wanted}; give it to that user (chown -R), or move it away"
            )

    # --- an earlier server ----------------------------------------------------------------------

    def _end_orphans(self) -> None:
        """End whatever of an earlier server still runs here, then take away its pid file.

        A server that is killed leaves its children behind for a moment, and a child that is busy
        goes on writing. Two servers on one directory would destroy it, so the pid file, by which
        Postgres itself notices such children, goes only when none of them is left.
        """
        for number in (signal.SIGQUIT, signal.SIGKILL):
            found = self._servers()
            if not found:
                break
            log.warning(
                "ending processes of an earlier Postgres", extra={"fields": {"pids": [*found]}}
            )
            deadline_s = time.monotonic() + ORPHAN_TIMEOUT_S
            try:
                for descriptor in found.values():
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(descriptor, number)
                for descriptor in found.values():
                    select.select([descriptor], [], [], max(deadline_s - time.monotonic(), 0))
            finally:
                for descriptor in found.values():
                    os.close(descriptor)
        left = self._servers()
        for descriptor in left.values():
            os.close(descriptor)
        if left:
            raise PostgresUnavailable(f"processes {[*left]} of an earlier Postgres do not end")
        # its pid may be another process's by now, which would keep the new server from starting
        (self.directory / "postmaster.pid").unlink(missing_ok=True)

    def _servers(self) -> dict[int, int]:
        """The processes of Postgres that work in our directory: pid -> pidfd, to be closed."""
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            with contextlib.suppress(OSError):
                descriptor = os.pidfd_open(int(entry))
                if self._works_here(entry):
                    found[int(entry)] = descriptor
                else:
                    os.close(descriptor)
        return found

    def _works_here(self, pid: str) -> bool:
        try:
            program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            return program.startswith("postgres") and os.path.samefile(
                f"/proc/{pid}/cwd", self.directory
            )
        except OSError:
            return False

    # --- start ----------------------------------------------------------------------------------

    def _launch(self, binaries: Path, user: User | None) -> None:
        here = f"/proc/self/fd/{self._descriptor}"
        arguments = [str(binaries / "postgres"), "-D", here]
        for key, value in (self._settings | {"unix_socket_directories": here}).items():
            arguments += ["-c", f"{key}={value}"]
        libc = ctypes.CDLL(None)
        parent = os.getpid()

        def die_with_the_thread() -> None:
            # after the change of user, which would have reset it
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        try:
            with self._open_log() as output:
                self._process = subprocess.Popen(
                    arguments,
                    cwd="/",
                    env=_clean_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=[self._descriptor],
                    preexec_fn=die_with_the_thread,
                    process_group=0,  # Ctrl-C is for the daemon, which stops us in order
                    **_as_user(user),
                )
        except (OSError, subprocess.SubprocessError) as error:
            self._forget()
            raise PostgresUnavailable(f"Postgres cannot be started: {error}") from None

    def _open_log(self) -> BinaryIO:
        """The server's own log, put aside when it has become long."""
        path = self._data_directory / LOG_FILE
        if path.exists() and path.stat().st_size > LOG_KEPT_BYTES:
            path.replace(path.with_suffix(".log.old"))
        return path.open("ab")

    def _end_of_log(self) -> str:
        try:
            with (self._data_directory / LOG_FILE).open("rb") as stream:
                stream.seek(max(stream.seek(0, os.SEEK_END) - 4096, 0))
                lines = stream.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        told = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "HINT"))]
        return ": " + " / ".join((told or lines)[-2:]) if lines else ""

    def _await_connections(self, should_stop: Callable[[], bool]) -> None:
        """Wait until the server says "ready" in its pid file; make the database if it is new."""
        assert self._process is not None
        deadline_s = time.monotonic() + START_TIMEOUT_S
        ended = os.pidfd_open(self._process.pid)
        try:
            while not self._ready():
                if select.select([ended], [], [], 0.005)[0]:
                    status = self._process.wait()
                    said = self._end_of_log()
                    self._forget()
                    raise PostgresUnavailable(f"Postgres ended with status {status}{said}")
                if should_stop() or time.monotonic() > deadline_s:
                    self._process.send_signal(signal.SIGQUIT)
                    self._process.wait()
                    self._forget()
                    raise PostgresUnavailable(f"Postgres was not ready in {START_TIMEOUT_S:g} s")
        finally:
            os.close(ended)
        self._create_database()

    def _ready(self) -> bool:
        assert self._process is not None
        try:
            lines = (self.directory / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return (
            len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"
        )

    def _create_database(self) -> None:
        try:
            with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
                found = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if found is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
                    # so that whoever looks around finds the tables
                    connection.execute(
                        f"ALTER DATABASE {DATABASE} SET search_path TO exchange, public"
                    )
        except psycopg.Error as error:
            raise PostgresUnavailable(f"Postgres does not answer: {error}") from None


@contextlib.contextmanager
def running_server(data_directory: Path) -> Iterator[str]:
    """Connection string of the embedded server that a daemon on ``data_directory`` runs.

    Raises PostgresUnavailable when there is none, or it is not ours to look into.
    """
    directory = Path(data_directory) / DIRECTORY
    try:
        directory = cluster_directory(Path(data_directory))
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise PostgresUnavailable(f"{directory}: {error.strerror}") from None
    try:
        yield _conninfo(descriptor, DATABASE)
    finally:
        os.close(descriptor)


def _conninfo(descriptor: int, database: str) -> str:
    """By way of the directory's descriptor: the path of a socket has 107 characters at most."""
    return psycopg.conninfo.make_conninfo(
        host=f"/proc/{os.getpid()}/fd/{descriptor}", port=PORT, user=SUPERUSER, dbname=database
    )


def _as_user(user: User | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user.uid, "group": user.gid, "extra_groups": []}
