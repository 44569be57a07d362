"""Files of machine code: written whole, read from where they are, removed when nobody uses them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from ringbuffer.jit import cache

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's directory of machine code, in a place of this test's."""
    monkeypatch.setenv("EXCHANGE_CACHE_DIR", str(tmp_path / "cache"))
    return cache.cache_directory()


def test_what_is_written_is_read(directory: Path) -> None:
    assert cache.read("module/f-1.code") is None
    cache.write("module/f-1.code", b"code")
    assert cache.read("module/f-1.code") == b"code"
    assert [path.name for path in (directory / "module").iterdir()] == ["f-1.code"]


def test_a_shipped_file_is_read_and_the_users_comes_first(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    (shipped / directory.name / "module").mkdir(parents=True)
    (shipped / directory.name / "module" / "f-1.code").write_bytes(b"shipped")
    monkeypatch.setattr(cache, "SHIPPED", shipped)
    assert cache.read("module/f-1.code") == b"shipped"
    cache.write("module/f-1.code", b"own")
    assert cache.read("module/f-1.code") == b"own"


def test_a_directory_that_cannot_be_made_is_said_once(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory.parent.parent.mkdir(exist_ok=True)
    directory.parent.write_text("a file is in the way")
    cache._told.clear()
    cache.write("module/f-1.code", b"code")
    cache.write("module/f-2.code", b"code")
    said = capsys.readouterr().err
    assert said.count(str(directory)) == 1 and "EXCHANGE_CACHE_DIR" in said
    assert cache.read("module/f-1.code") is None


def test_only_what_nobody_uses_is_removed(directory: Path) -> None:
    for name in ("old", "used", "new"):
        cache.write(f"module/{name}-1.code", b"code")
    long_ago = time.time() - (cache._KEPT_DAYS + 1) * 86_400
    for name in ("old", "used"):
        os.utime(directory / "module" / f"{name}-1.code", (long_ago, long_ago))
    assert cache.read("module/used-1.code") == b"code"
    assert cache.prune() == 1
    left = sorted(path.name for path in (directory / "module").iterdir())
    assert left == ["new-1.code", "used-1.code"]


def test_without_a_home_there_is_a_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("EXCHANGE_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.cache_directory().parent == Path("/somewhere/exchange")
    monkeypatch.delenv("XDG_CACHE_HOME")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    own = tmp_path / f"exchange-cache-{os.getuid()}"
    assert cache.cache_directory().parent == own
    assert stat.S_IMODE(own.stat().st_mode) == 0o700


def no_home() -> Path:
    raise RuntimeError("no home")


@pytest.mark.parametrize("what", ["open to others", "a link", "a file"])
def test_a_directory_that_others_may_have_made_is_not_used(
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is read from it is run: another user could have put it there."""
    monkeypatch.delenv("EXCHANGE_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(cache, "_told", set())
    own = tmp_path / f"exchange-cache-{os.getuid()}"
    if what == "open to others":
        (own / cache._kind() / "module").mkdir(parents=True)
        (own / cache._kind() / "module" / "f-1.code").write_bytes(b"theirs")
        own.chmod(0o777)
    elif what == "a link":
        (tmp_path / "elsewhere").mkdir()
        own.symlink_to(tmp_path / "elsewhere")
    else:
        own.touch()
    assert cache.read("module/f-1.code") is None
    cache.write("module/f-1.code", b"ours")
    assert cache.read("module/f-1.code") is None
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and str(own) in told and "EXCHANGE_CACHE_DIR" in told


def test_a_home_in_which_nothing_can_be_made_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("EXCHANGE_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    assert cache.cache_directory().is_relative_to(home)
    monkeypatch.setattr(cache.os, "access", lambda path, mode: False)  # also for root
    assert not cache.cache_directory().is_relative_to(home)
    (home / ".cache" / "exchange").mkdir(parents=True)
    assert cache.cache_directory().is_relative_to(home), "it may be complete, and only be read"


@pytest.mark.needs_jit
def test_a_second_process_reads_what_the_first_compiled(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_text(
        textwrap.dedent(
            """
            from ringbuffer.jit import jit, jit_inline_internal

            @jit_inline_internal
            def part(x):
                return 3 * x

            @jit
            def work(x):
                return part(x) + 1
            """
        )
    )
    code = "import kernel; print(kernel.work(5), sum(kernel.work.stats.cache_hits.values()))"
    environment = os.environ | {
        "EXCHANGE_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
    }
    answers = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert answers == [["16", "0"], ["16", "1"]]
    files = [path.name.split("-")[0] for path in (tmp_path / "cache").rglob("*.code")]
    assert files == ["work"], "a part of others has no file of its own"
