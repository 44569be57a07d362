"""The units of an installation: places, user, statuses; systemd's own checker accepts them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from exchange.errors import RESTART_IN_VAIN
from exchange.install.layout import make_layout
from exchange.install.units import USUAL, service_text, unit_files
from exchange.settings import SHIPPED


def settings(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {key: value for key, is_setting, value in pairs if is_setting}


def test_a_prefix_of_its_own(tmp_path: Path) -> None:
    found = settings(service_text(make_layout(tmp_path, "alice", "staff")))
    assert found["ExecStart"] == (
        f"{tmp_path}/bin/exchange run --config {tmp_path}/etc/exchange.toml "
        f"--data-dir {tmp_path}/var/lib"
    )
    assert (found["User"], found["Group"]) == ("alice", "staff")
    assert found["ReadWritePaths"] == f"{tmp_path}/var/lib {tmp_path}/var/cache"
    assert "StateDirectory" not in found and "StateDirectoryMode" not in found
    shipped = settings((SHIPPED / "systemd" / "exchange.service").read_text())
    assert found["RestartPreventExitStatus"] == shipped["RestartPreventExitStatus"]
    assert set(map(int, found["RestartPreventExitStatus"].split())) == set(RESTART_IN_VAIN)


def test_the_usual_places_are_made_by_systemd() -> None:
    others = {name: Path(path) for name, (path, _) in USUAL.items()}
    found = settings(service_text(make_layout(Path("/opt/exchange"), "e", "e", others=others)))
    shipped = settings((SHIPPED / "systemd" / "exchange.service").read_text())
    assert {key for key, value in shipped.items() if found[key] != value} == {
        "User",
        "Group",
        "Environment",  # by its path
    }
    assert found["StateDirectory"] == "exchange"


def test_systemd_accepts_them(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    layout = make_layout(tmp_path, "root", "root")
    program = tmp_path / "bin" / "exchange"
    program.parent.mkdir()
    program.symlink_to("/bin/true")
    files = []
    for name, text in unit_files(layout).items():
        path = Path(name)
        if path.parent == Path(layout.units):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            files.append(name)
    assert len(files) == 3
    done = subprocess.run([analyze, "verify", *files], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    services = [name for name in files if name.endswith(".service")]
    measured = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=35", *services],
        capture_output=True,
        text=True,
    )
    assert measured.returncode == 0, measured.stdout[-400:]


def test_logs_are_rotated_as_their_owner(tmp_path: Path) -> None:
    text = unit_files(make_layout(tmp_path, "alice", "staff"))[
        f"{tmp_path}/etc/logrotate.d/exchange"
    ]
    assert f"{tmp_path}/var/lib/*.log {{\n    su alice staff\n" in text
