"""The .deb, built by nfpm, installed by dpkg into a root of its own, run there, and removed.

README.md names it as one of two ways to install; tests/unit/exchange/install has the other.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchange.install.package import PYTHON
from exchange.runtime.release import RELEASE
from exchange.settings import ROOT

pytestmark = pytest.mark.needs_jit  # once is enough

Dpkg = Callable[..., subprocess.CompletedProcess[str]]
# dpkg's own part of a root, and the shell's part of its scripts: they get DPKG_ROOT
FORCED = "not-root,depends,script-chrootless,architecture"


def program(name: str) -> str:
    """A program of the environment of the tests, or of the system."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    program("nfpm")
    program("dpkg")
    folder = tmp_path_factory.mktemp("package")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(ROOT / "scripts" / "package"), str(folder)],
        env=os.environ | {"PATH": path, "EXCHANGE_VENV": sys.prefix},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    made = Path(done.stdout.strip())
    assert made.name.startswith(f"open-exchange-core_{RELEASE}_")
    yield made
    shutil.rmtree(folder)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A root with nothing in it but dpkg's own files."""
    made = tmp_path / "root"
    for folder in ("info", "updates", "triggers"):
        (made / "var/lib/dpkg" / folder).mkdir(parents=True)
    for file in ("status", "available"):
        (made / "var/lib/dpkg" / file).touch()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def dpkg(root: Path) -> Dpkg:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["dpkg", f"--root={root}", f"--force-{FORCED}", "--log=/dev/null", *words]
        return subprocess.run(command, capture_output=True, text=True)

    return run


def inside(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command with the root's /opt in place of this machine's, for itself alone."""
    script = f'mount --bind "{root}/opt" /opt && exec "$@"'
    return subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", *words],
        cwd="/",
        capture_output=True,
        text=True,
    )


def test_there_and_back(package: Path, root: Path, dpkg: Dpkg) -> None:
    done = dpkg("--install", str(package))
    assert done.returncode == 0, done.stderr
    assert "exchange check-config" in done.stdout, "what to do next"
    version = root / "opt/exchange/versions" / RELEASE
    assert (root / "opt/exchange/current").resolve() == version.resolve()
    assert (version / "bin/python").readlink() == Path("/usr/bin", PYTHON)
    sessions = root / "etc/exchange/sessions.toml"
    assert sessions.stat().st_mode & 0o777 == 0o640
    unit = (root / "lib/systemd/system/exchange.service").read_text()
    assert "User=exchange" in unit and "StateDirectory=exchange" in unit

    # it runs there, with Debian's Python and its own packages only
    if Path("/usr/bin", PYTHON).exists():
        ran = inside(root, "/opt/exchange/bin/exchange", "--version")
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.startswith(f"exchange {RELEASE} ")
        checked = inside(root, "/opt/exchange/bin/exchange", "check-config", "--demo")
        assert checked.returncode == 0 and "correct; " in checked.stdout, checked.stderr

    # not from under an exchange that runs
    data = root / "var/lib/exchange"
    data.mkdir(parents=True)
    (data / "engine.json").write_text("{}")
    with (data / "daemon.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = dpkg("--remove", "open-exchange-core")
        assert refused.returncode != 0 and "stop it first" in refused.stderr
        assert (version / "bin/exchange").exists()

    sessions.write_text("# mine\n")
    done = dpkg("--remove", "open-exchange-core")
    assert done.returncode == 0, done.stderr
    assert not (root / "opt/exchange/versions").exists()
    assert sessions.read_text() == "# mine\n", "configuration stays until a purge"
    done = dpkg("--purge", "open-exchange-core")
    assert done.returncode == 0, done.stderr
    assert not sessions.exists()
    assert (data / "engine.json").exists(), "no package removes a journal"
