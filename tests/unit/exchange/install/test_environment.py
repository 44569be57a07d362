"""A version's environment: what it needs, and how it is made from a wheel."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from exchange.errors import ConfigurationError
from exchange.install.environment import (
    make_version,
    needed_distributions,
    own_requirements,
    version_of,
)
from exchange.install.layout import make_layout
from exchange.runtime.release import RELEASE


def test_what_a_copy_needs() -> None:
    names = {each.metadata["Name"].lower().replace("_", "-") for each in needed_distributions()}
    assert {"numba", "llvmlite", "numpy", "aiohttp", "yarl", "psycopg-binary"} <= names
    assert not names & {"pytest", "ruff", "mypy", "pip"}, "tools of a checkout stay there"
    assert all("==" in each for each in own_requirements()), "the tested versions"


def test_versions(tmp_path: Path) -> None:
    assert version_of(None) == RELEASE
    wheel = tmp_path / "open_exchange_core-1.2.3-py3-none-any.whl"
    with pytest.raises(ConfigurationError, match="no wheel of open-exchange-core"):
        version_of(wheel)
    wheel.touch()
    assert version_of(wheel) == "1.2.3"
    (tmp_path / "numpy-1.2.3-py3-none-any.whl").touch()
    with pytest.raises(ConfigurationError, match="no wheel"):
        version_of(tmp_path / "numpy-1.2.3-py3-none-any.whl")


def tiny_wheel(folder: Path, version: str) -> Path:
    """A wheel with this program's name that only says its version."""
    info = f"open_exchange_core-{version}.dist-info"
    files = {
        "exchange/__init__.py": "",
        "exchange/cli.py": f"def main():\n    print('exchange {version}')\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: open-exchange-core\n"
        f"Version: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"open_exchange_core-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        record = ""
        for name, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
            record += f"{name},sha256={digest.decode()},{len(text)}\n"
            wheel.writestr(name, text)
        wheel.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path


def test_a_wheel_is_installed_under_its_version(tmp_path: Path) -> None:
    layout = make_layout(tmp_path / "prefix", "root", "root")
    wheel = tiny_wheel(tmp_path, "9.8.7")
    assert make_version(layout, wheel, tmp_path) == "9.8.7"
    program = layout.version("9.8.7") / "bin" / "exchange"
    done = subprocess.run([program], capture_output=True, text=True, cwd="/")
    assert (done.returncode, done.stdout) == (0, "exchange 9.8.7\n"), done.stderr
    assert layout.versions() == ["9.8.7"]
    assert make_version(layout, wheel, tmp_path) == "9.8.7", "what is there is not made again"


def test_one_that_fails_leaves_nothing(tmp_path: Path) -> None:
    layout = make_layout(tmp_path / "prefix", "root", "root")
    wheel = tmp_path / "open_exchange_core-1.0-py3-none-any.whl"
    wheel.write_bytes(b"no zip file")
    with pytest.raises(ConfigurationError, match="cannot be installed"):
        make_version(layout, wheel, tmp_path)
    assert list((tmp_path / "prefix" / "versions").iterdir()) == []
