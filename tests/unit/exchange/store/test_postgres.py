"""The embedded server: made, started, ended, whatever was left of before."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from exchange.store import binaries, postgres
from exchange.store.binaries import User, os_user, programs, reachable
from exchange.store.errors import PostgresUnavailable, StoreRefused
from exchange.store.postgres import CLUSTER, DIRECTORY, EmbeddedPostgres, running_server

FAST = {"fsync": "off", "shared_buffers": "16MB"}
DEADLINE_S = 120.0
pytestmark = pytest.mark.needs_jit  # once is enough: nothing here is compiled


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(tmp_path, settings=FAST)
    yield made
    made.stop()


def query(server: EmbeddedPostgres, text: str) -> object:
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        cursor = connection.execute(text.encode())
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def await_end(pid: int) -> None:
    """Wait until process ``pid`` is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], DEADLINE_S)[0], f"process {pid} lives"
    finally:
        os.close(descriptor)


def modes(directory: Path) -> dict[str, tuple[int, int, int]]:
    """Mode and owner of ``directory`` and of everything above it."""
    places = [directory, *directory.parents]
    return {
        str(each): (each.stat().st_mode, each.stat().st_uid, each.stat().st_gid) for each in places
    }


def test_from_nothing_in_a_closed_directory(tmp_path: Path) -> None:
    """The data directory is 0700, its path long; nothing outside of DATA/postgres is changed."""
    data = tmp_path / ("long-" * 30) / "data"
    data.mkdir(mode=0o700, parents=True)
    before = modes(data)
    server = EmbeddedPostgres(data, settings=FAST)
    server.start()
    try:
        assert query(server, "SELECT current_setting('listen_addresses')") == ""
        assert query(server, "SHOW unix_socket_permissions") == "0700"
        found = os.stat(data / DIRECTORY)
        assert stat.S_IMODE(found.st_mode) == 0o700
        if os.geteuid() == 0:
            assert found.st_uid == Path(f"/proc/{server.pid}").stat().st_uid != 0
        assert modes(data) == before
        assert not (data / "postgres.new").exists()
    finally:
        server.stop()
    assert server.pid is None


def test_it_keeps_what_was_committed_when_it_is_killed(server: EmbeddedPostgres) -> None:
    server.start()
    query(server, "CREATE TABLE kept AS SELECT 7 AS number")
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await_end(first)
    assert not server.running()
    server.start()
    assert server.pid not in (None, first)
    assert query(server, "SELECT number FROM kept") == 7


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_children_of_a_server_that_was_killed(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go on for a moment, and a second server beside them would destroy the data."""
    monkeypatch.setattr(postgres, "ORPHAN_TIMEOUT_S", 0.2)  # what is stopped takes no SIGQUIT
    server.start()
    assert server.pid is not None
    children = psutil.Process(server.pid).children()
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        # nothing that is stopped can notice that its parent has gone
        for each in (*children, backend):
            with contextlib.suppress(psutil.NoSuchProcess):  # one that had only a moment to live
                each.suspend()
        os.kill(server.pid, signal.SIGKILL)
        server._process.wait()  # type: ignore[union-attr]
        server.start()
        assert query(server, "SELECT 1") == 1
        assert not any(lives(each) for each in (*children, backend))


def test_a_server_of_an_earlier_life(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.start()
    query(server, "CREATE TABLE kept AS SELECT 8 AS number")
    pid = server.pid
    assert pid is not None
    later = EmbeddedPostgres(tmp_path, settings=FAST)
    later.start()
    try:
        await_end(pid)
        assert query(later, "SELECT number FROM kept") == 8
    finally:
        later.stop()


@pytest.mark.parametrize("content", ["", "not a number\n", "{pid}\n/somewhere\n", "999999999\n"])
def test_a_pid_file_that_means_nothing(
    content: str, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    """Also one with the pid of a process that is somebody else's: this one's."""
    server.start()
    server.stop()
    path = tmp_path / DIRECTORY / "postmaster.pid"
    path.write_text(content.format(pid=os.getpid()))
    server.start()
    assert query(server, "SELECT 1") == 1


def test_it_ends_with_the_thread_that_started_it(server: EmbeddedPostgres) -> None:
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    assert server._process is not None
    server._process.wait(DEADLINE_S)
    assert not server.running()


def test_it_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from exchange.store.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1])); server.start()\n"
        "print(server.pid, flush=True); sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stdin is not None
    pid = int(child.stdout.readline())
    child.kill()
    child.wait()
    await_end(pid)
    child.stdout.close()
    child.stdin.close()


def test_another_major_version(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.start()
    server.stop()
    (tmp_path / DIRECTORY / "PG_VERSION").write_text("16\n")
    with pytest.raises(StoreRefused, match="made by Postgres 16, and this is 18"):
        server.start()


def test_a_directory_that_has_lost_its_version(server: EmbeddedPostgres, tmp_path: Path) -> None:
    (tmp_path / DIRECTORY / "base").mkdir(parents=True)
    with pytest.raises(StoreRefused, match="not a data directory of Postgres"):
        server.start()


@pytest.mark.parametrize("foreign", [(), ("lost+found", "notes")])
def test_a_disk_of_its_own(
    foreign: tuple[str, ...], server: EmbeddedPostgres, tmp_path: Path
) -> None:
    """DATA/postgres was there before: a mount point, full or not, that cannot be renamed."""
    mounted = tmp_path / DIRECTORY
    mounted.mkdir()
    for name in foreign:
        (mounted / name).mkdir(mode=0o700)
    server.start()
    query(server, "CREATE TABLE kept AS SELECT 9 AS number")
    with running_server(tmp_path) as conninfo, psycopg.connect(conninfo) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (9,)
    server.stop()
    assert sorted(os.listdir(mounted)) == sorted((CLUSTER, *foreign))
    assert sorted(os.listdir(tmp_path)) == [DIRECTORY, "postgres.log"]
    server.start()
    assert query(server, "SELECT number FROM kept") == 9


def test_an_initdb_that_was_interrupted(server: EmbeddedPostgres, tmp_path: Path) -> None:
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    server.start()
    assert query(server, "SELECT 1") == 1 and not half.exists()


def test_a_server_that_cannot_start(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, settings=FAST | {"shared_buffers": "nonsense"})
    with pytest.raises(PostgresUnavailable, match="shared_buffers"):
        server.start()
    assert not server.running()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_users() -> None:
    assert os_user("nobody") is not None
    with pytest.raises(PostgresUnavailable, match="no user 'nobody-of-this-name'"):
        os_user("nobody-of-this-name")
    with pytest.raises(PostgresUnavailable, match="is root"):
        os_user("root")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_programs_that_the_user_cannot_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed below a closed directory they are copied to where everybody can read them."""
    user = User(65_534, 65_534)
    assert not reachable(tmp_path, user)  # pytest's own directory is 0700
    here = tmp_path / "site-packages" / binaries.PACKAGE
    real = binaries.package_directory()
    here.mkdir(parents=True)
    (here / binaries.INSTALLATION).symlink_to(real / binaries.INSTALLATION)
    libraries = real.parent / binaries.LIBRARIES
    (here.parent / binaries.LIBRARIES).symlink_to(libraries)
    monkeypatch.setattr(binaries, "package_directory", lambda: here)
    monkeypatch.setattr(binaries, "reachable", lambda path, user: "copies" in str(path))
    copies = tmp_path / "copies"
    found = programs(user, copies)
    assert copies in found.parents and programs(user, copies) == found
    said = subprocess.run([found / "postgres", "--version"], capture_output=True, text=True)
    assert "(PostgreSQL) 18" in said.stdout
    subprocess.run([found / "initdb", "--version"], check=True, capture_output=True)
    assert [each.name for each in copies.iterdir()] == [found.parents[2].name]
