"""Debian's own Postgres in a temporary directory, as an ordinary user: a witness for the store.

    with DebianPostgres() as server:
        settings = {"store": {"dsn": server.dsn}}

It listens on a port of the loopback network, asks for a password, and its user may do nothing but
use its own database. It ends with the block. See ``NEEDS_POSTGRES``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import psycopg
import pytest
from exchange_process import wait_until

LIMIT_S = 180.0
USER, PASSWORD, DATABASE = "venue", "venue pass", "trading"
SUPERUSER = "postgres"


def _programs() -> Path | None:
    """The folder of the newest server that Debian's packages have installed."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[4])
    )
    return found[-1].parent if found else None


PROGRAMS = _programs()
NEEDS_POSTGRES = pytest.mark.skipif(PROGRAMS is None, reason="Debian's postgresql is not installed")


def _ordinary() -> list[str]:
    """Before a command: run it as an ordinary user, where we are root. Postgres refuses root."""
    if os.geteuid() != 0:
        return []
    return [
        "setpriv",
        "--reuid=nobody",
        f"--regid={pwd.getpwnam('nobody').pw_gid}",
        "--clear-groups",
    ]


class DebianPostgres:
    """``dsn``: for ``[store]``, with the ordinary user's password."""

    def __init__(self) -> None:
        assert PROGRAMS is not None
        self._programs = PROGRAMS
        # of its own: pytest's directories are closed to the ordinary user
        self._temporary = tempfile.TemporaryDirectory(prefix="exchange-test-postgres-", dir="/tmp")
        self._folder = Path(self._temporary.name)
        self._data = self._folder / "data"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = int(listener.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None
        secret = PASSWORD.replace(" ", "%20")
        self.dsn = f"postgresql://{USER}:{secret}@127.0.0.1:{self._port}/{DATABASE}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*_ordinary(), str(self._programs / program), *arguments],
            cwd=self._folder,
            check=True,
            capture_output=True,
        )

    def __enter__(self) -> DebianPostgres:
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise
        return self

    def _set_up(self) -> None:
        """Make the cluster, start it, make the ordinary user and the database."""
        self._data.mkdir()
        password_file = self._folder / "password"
        password_file.write_text("super\n")
        if os.geteuid() == 0:
            for path in (self._folder, self._data, password_file):
                shutil.chown(path, "nobody")
        self._run(
            *("initdb", "-D", str(self._data), "-U", SUPERUSER, "--no-sync"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}"),
        )
        self._start()
        administrator = f"postgresql://{SUPERUSER}:super@127.0.0.1:{self._port}/postgres"
        with psycopg.connect(administrator, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'".encode())
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {USER}".encode())

    def _start(self) -> None:
        with (self._folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(*_ordinary(), str(self._programs / "postgres"), "-D", str(self._data)),
                    *("-h", "127.0.0.1", "-p", str(self._port), "-k", ""),
                ],
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, LIMIT_S, "Postgres to answer")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "postgres.log").read_text()
        ready = subprocess.run(
            [str(self._programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self._port)],
            capture_output=True,
            check=False,
        )
        return ready.returncode == 0

    def restart(self) -> None:
        """End it at once, as a power cut would, and start it again."""
        self._end(signal.SIGQUIT)
        self._start()

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(LIMIT_S)

    def close(self) -> None:
        """End the server and remove its directory. Idempotent."""
        if self._process is not None and self._process.poll() is None:
            self._end(signal.SIGINT)
        self._temporary.cleanup()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
