"""What nfpm is told to pack: Debian's places, links, configuration that dpkg keeps."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from exchange.install import package
from exchange.install.layout import Layout
from exchange.install.package import PYTHON, SCRIPTS, main


@pytest.fixture
def staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    def make_version(layout: Layout, wheel: Path | None, wheels: Path | None) -> str:
        folder = layout.version("0.1.0")
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)
        return "0.1.0"

    monkeypatch.setattr(package, "make_version", make_version)
    assert main([str(tmp_path)]) == 0
    made: dict[str, Any] = json.loads(Path(capsys.readouterr().out.strip()).read_text())
    return made


def test_what_is_packed(staged: dict[str, Any]) -> None:
    found = {entry["dst"]: entry for entry in staged["contents"]}
    assert found["/opt/exchange/versions/0.1.0"]["type"] == "tree"
    assert found["/opt/exchange/current"] == {
        "src": "versions/0.1.0",
        "dst": "/opt/exchange/current",
        "type": "symlink",
    }
    assert found["/usr/bin/exchange-replay"]["src"] == "/opt/exchange/bin/exchange-replay"
    unit = Path(found["/lib/systemd/system/exchange.service"]["src"]).read_text()
    assert "ExecStart=/opt/exchange/bin/exchange run --config /etc/exchange/exchange.toml" in unit
    assert "StateDirectory=exchange" in unit and "User=exchange" in unit
    for name in ("exchange", "accounts", "instruments", "sessions"):
        entry = found[f"/etc/exchange/{name}.toml"]
        assert (entry["type"], entry["file_info"]) == ("config|noreplace", {"mode": 0o640})
    assert found["/etc/logrotate.d/exchange"]["type"] == "config|noreplace"


def test_it_uses_debian_s_python(staged: dict[str, Any]) -> None:
    assert PYTHON in staged["depends"]
    tree = next(entry for entry in staged["contents"] if entry["type"] == "tree")
    assert (Path(tree["src"]) / "bin" / "python").readlink() == Path("/usr/bin", PYTHON)
    script = (Path(tree["src"]) / "bin" / "exchange").read_text()
    assert script.startswith("#!/opt/exchange/versions/0.1.0/bin/python\n")
    assert "home = /usr/bin\n" in (Path(tree["src"]) / "pyvenv.cfg").read_text()


def test_its_scripts_are_there(staged: dict[str, Any]) -> None:
    assert set(staged["scripts"]) == set(SCRIPTS)
    for name in staged["scripts"].values():
        assert Path(name).read_text().startswith("#!/bin/sh\n")
