"""Every program says which release it is, and explains itself whatever its surroundings.

Faults 18 and 19: ``--help`` ended in a traceback of the compiler without a usable cache directory,
and nothing had ``--version``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.settings import ROOT

PROGRAMS: dict[str, tuple[str, ...]] = {
    "exchange": (sys.executable, "-m", "exchange.cli"),
    "exchange-replay": (sys.executable, "-m", "replay.cli"),
    **{
        name: (str(ROOT / "scripts" / name),)
        for name in (
            *("up", "test", "build", "package", "image", "bench", "soak", "lobster", "idle_cost"),
            "attack",
            "observe",
        )
    },
}


def environment(**changes: str | None) -> dict[str, str]:
    made = {
        "PATH": os.environ["PATH"],
        "NUMBA_DISABLE_JIT": os.environ.get("NUMBA_DISABLE_JIT", "0"),
        "PYTHONPATH": str(ROOT),
    }
    return made | {name: value for name, value in changes.items() if value is not None}


def run(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd="/", env=env, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_says_its_release(name: str) -> None:
    done = run(*PROGRAMS[name], "--version", env=environment(HOME=os.environ.get("HOME")))
    assert done.returncode == 0, done.stderr
    assert re.match(rf"{name} \d+\.\d+\.\d+\b", done.stdout), done.stdout
    assert done.stdout.count("\n") == 1


def test_every_script_is_in_the_list() -> None:
    """A new script says its release too."""
    scripts = {
        path.name
        for path in (ROOT / "scripts").iterdir()
        if path.is_file() and os.access(path, os.X_OK)
    }
    assert scripts <= PROGRAMS.keys()


def as_somebody_else() -> tuple[str, ...]:
    """In front of a command: a user who owns nothing here; empty where we cannot become one."""
    return ("setpriv", "--reuid=65534", "--clear-groups") if os.geteuid() == 0 else ()


def no_home(path: Path) -> dict[str, str]:
    return environment()


def root_as_home(path: Path) -> dict[str, str]:
    return environment(HOME="/")


def missing_home(path: Path) -> dict[str, str]:
    return environment(HOME="/nonexistent")


def file_as_home(path: Path) -> dict[str, str]:
    return environment(HOME="/dev/null")


def unwritable_cache(path: Path) -> dict[str, str]:
    path.chmod(0o555)
    return environment(HOME="/", EXCHANGE_CACHE_DIR=str(path))


def unreadable_cache(path: Path) -> dict[str, str]:
    path.chmod(0o000)
    return environment(HOME="/", EXCHANGE_CACHE_DIR=str(path))


def file_as_cache(path: Path) -> dict[str, str]:
    return environment(EXCHANGE_CACHE_DIR="/dev/null/cache")


SURROUNDINGS = (
    no_home,
    root_as_home,
    missing_home,
    file_as_home,
    unwritable_cache,
    unreadable_cache,
    file_as_cache,
)
COMMANDS = (
    ("exchange.cli", "--help"),
    ("exchange.cli", "admin", "instrument", "add", "--help"),
    ("replay.cli", "verify", "--help"),
    ("exchange.cli", "check-config"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("make", SURROUNDINGS)
def test_help_needs_no_home_and_no_cache(
    tmp_path: Path, make: object, command: tuple[str, ...]
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    assert callable(make)
    env = make(cache)
    done = run(*as_somebody_else(), sys.executable, "-m", *command, env=env)
    cache.chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout
