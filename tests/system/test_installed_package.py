"""The installed package runs from any directory: nothing of the checkout is used.

docs/operations.md (*Install*) shows the same with ``scripts/build``, which compiles beforehand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from exchange.client.order_entry import OrderEntryClient
from exchange.runtime.run_file import read_run_file

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600.0
SETTINGS = """
[order_entry]
port = 0
[api]
port = 0
[health]
port = 0
[metrics]
port = 0
[store]
dsn = "off"
"""
pytestmark = pytest.mark.needs_jit


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment that has the package, and its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    wheel = folder / "wheel"
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(wheel), str(ROOT)], check=True)
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    (package,) = wheel.glob("*.whl")
    subprocess.run(
        [*pip, "--python", str(python), "install", "--no-deps", str(package)], check=True
    )
    # the pinned packages that this test runs with; the checkout itself is not on the path
    found = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    packages = Path(found.stdout.strip()) / "dependencies.pth"
    packages.write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin"


def run(command: Path, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [command, *words], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_it_brings_its_defaults(installed: Path, tmp_path: Path) -> None:
    where = "import exchange.settings as s; print(s.SHIPPED, s.load(None).file, sep='\\n')"
    done = run(installed / "python", "-c", where, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.split():
        assert Path(line).is_relative_to(installed.parent), "nothing of the checkout is used"


def test_it_trades_from_any_directory(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "exchange.toml").write_text(SETTINGS)
    for name in ("accounts", "instruments", "sessions"):
        (tmp_path / f"{name}.toml").write_bytes((ROOT / "config" / f"{name}.toml").read_bytes())
    data = tmp_path / "data"
    words = ("run", "--config", str(tmp_path / "exchange.toml"), "--data-dir", str(data))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    log = tmp_path / "log"
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            [installed / "exchange", *words], cwd="/", env=environment, stdout=output, stderr=output
        )
    try:
        end_s = time.monotonic() + PATIENCE_S
        while (state := read_run_file(data)) is None or state.phase != "running":
            assert daemon.poll() is None and time.monotonic() < end_s, log.read_text()
            time.sleep(0.05)
        host, _, port = state.order_entry.rpartition(":")
        with OrderEntryClient(host, int(port)) as client:
            client.login("DEMO1", "demo1pass")
            client.enter("FIRST", "B", 1, "AAPL", 1_500_000)
            assert "A" in (message.letter for message in client.messages(PATIENCE_S))
        stopped = run(installed / "exchange", "stop", "--data-dir", str(data), folder=tmp_path)
        assert stopped.returncode == 0, stopped.stderr
        assert daemon.wait(PATIENCE_S) == 0
    finally:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()
    verified = run(
        installed / "exchange-replay", "verify", "--data-dir", str(data), folder=tmp_path
    )
    assert verified.returncode == 0, verified.stderr
