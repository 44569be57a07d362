"""What is checked before anything starts; tests/faults has the cases of each check."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from exchange.access.keys import MASTER_KEY_FILE, KeysDamaged
from exchange.daemon.preflight import check_data_directory, check_secrets, check_system
from exchange.errors import ConfigurationError
from exchange.settings import load, load_settings


def test_this_machine_runs_an_exchange() -> None:
    settings = load_settings(None)
    few = msgspec.structs.replace(settings.api, connections=100)
    check_system(msgspec.structs.replace(settings, api=few))


def test_secrets_matter_only_to_the_api(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shipped = load(None)
    api = msgspec.structs.replace(shipped.settings.api, enabled=False)
    off = msgspec.structs.replace(
        shipped, settings=msgspec.structs.replace(shipped.settings, api=api)
    )
    tmp_path.chmod(0o700)
    master = tmp_path / MASTER_KEY_FILE
    master.write_text("00" * 32)
    master.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        check_secrets(shipped, tmp_path)
    assert len(caplog.records) == 1
    master.chmod(0o666)
    check_secrets(off, tmp_path)
    with pytest.raises(KeysDamaged):
        check_secrets(shipped, tmp_path)


@pytest.mark.parametrize("directory", [".", "journal", "archive", "shipped", "..", "/"])
def test_segments_are_not_shipped_into_the_data_directory(tmp_path: Path, directory: str) -> None:
    shipped = load(None)
    (tmp_path / "data").mkdir(mode=0o700)

    def check(where: str) -> None:
        archive = msgspec.structs.replace(shipped.settings.archive, directory=where)
        settings = msgspec.structs.replace(shipped.settings, archive=archive)
        check_data_directory(msgspec.structs.replace(shipped, settings=settings), tmp_path / "data")

    check("")
    check("../shipped")
    with pytest.raises(ConfigurationError, match=r"\[archive\]: directory: .* must be neither"):
        check(directory)
