"""A check of somebody else's is a function in a table, and sees what is right of the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.admin import check_config
from exchange.cli import main
from exchange.errors import ExitStatus
from tests.harness.files import copy_shipped


def test_a_further_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_shipped(tmp_path)
    (tmp_path / "exchange.toml").write_text("[api]\nport = -1\n")

    def further(examined: check_config.Examined) -> Iterator[str]:
        assert examined.facts is None and examined.data_directory is None
        assert examined.configuration.settings.api.port == 8081, "the shipped one in its place"
        yield f"something else, beside {len(examined.errors)}"

    monkeypatch.setattr(check_config, "CHECKS", (*check_config.CHECKS, further))
    status = main(["check-config", "--config", str(tmp_path / "exchange.toml")])
    assert status == ExitStatus.CONFIGURATION
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and lines[1] == "exchange: something else, beside 1"


def test_a_program_for_shipped_segments_must_be_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_shipped(tmp_path)
    file = tmp_path / "exchange.toml"
    for program, status in (("cp", ExitStatus.OK), ("/absent/cp", ExitStatus.CONFIGURATION)):
        file.write_text(f'[archive]\ncommand = ["{program}", "{{file}}", "there"]\n')
        assert main(["check-config", "--config", str(file)]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert "[archive]: command: there is no program '/absent/cp' that can be run" in line


@pytest.mark.parametrize("directory", [".", "journal", ".."])
def test_segments_are_shipped_outside_of_the_data_directory(
    tmp_path: Path, directory: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_shipped(tmp_path)
    file, data = tmp_path / "exchange.toml", tmp_path / "data"
    arguments = ["check-config", "--config", str(file), "--data-dir", str(data)]
    file.write_text('[archive]\ndirectory = "../shipped"\n')
    assert main(arguments) == ExitStatus.OK
    file.write_text(f'[archive]\ndirectory = "{directory}"\n')
    assert main(arguments) == ExitStatus.CONFIGURATION
    (line,) = capsys.readouterr().err.splitlines()
    assert f"[archive]: directory: {directory!r} is {(data / directory).resolve()}; it must" in line
