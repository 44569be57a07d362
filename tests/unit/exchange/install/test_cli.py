"""``exchange install`` and ``uninstall`` as commands: what they print and refuse."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from exchange.cli import main
from exchange.errors import ExitStatus
from exchange.install import install as module
from exchange.install.layout import Layout


@pytest.fixture(autouse=True)
def empty_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    def make_version(layout: Layout, wheel: Path | None, wheels: Path | None) -> str:
        layout.version("0.1.0").mkdir(parents=True, exist_ok=True)
        return "0.1.0"

    monkeypatch.setattr(module, "make_version", make_version)


def test_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prefix = tmp_path / "prefix"
    words = ["install", "--prefix", str(prefix), "--data-dir", str(tmp_path / "data")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "version 0.1.0 is current" in said and f"check --data-dir {tmp_path}/data" in said
    assert main(["install", "--prefix", str(prefix)]) == 0, "as it was installed"
    other = ["install", "--prefix", str(prefix), "--data-dir", str(tmp_path / "other")]
    assert main(other) == ExitStatus.CONFIGURATION
    assert "uninstall it first" in capsys.readouterr().err
    assert main(["install", "--prefix", str(prefix), "--use", "7"]) == ExitStatus.CONFIGURATION
    assert main(["uninstall", "--prefix", str(prefix)]) == 0
    assert main(["uninstall", "--prefix", str(prefix)]) == ExitStatus.DATA_DIRECTORY_UNAVAILABLE


def test_a_copy_of_an_installation_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix, copy = tmp_path / "prefix", tmp_path / "copy"
    assert main(["install", "--prefix", str(prefix)]) == 0
    shutil.copytree(prefix, copy, symlinks=True)
    for words in (["uninstall"], ["install", "--use", "0.1.0"], ["install"]):
        assert main([*words, "--prefix", str(copy)]) == ExitStatus.CONFIGURATION
        assert f"belongs to the installation at {prefix}:" in capsys.readouterr().err
    assert (prefix / "versions" / "0.1.0").is_dir()


def test_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    words = ["install", "--prefix", str(tmp_path / "file" / "prefix")]
    assert main(words) == ExitStatus.DATA_DIRECTORY_UNAVAILABLE
    assert "Not a directory" in capsys.readouterr().err
