"""The configuration of a data directory's exchange is remembered, and nothing stands in for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.errors import ConfigurationError, DataDirectoryUnavailable
from exchange.runtime.configured import configuration_in_use, remember_configuration


def test_the_last_start_counts_unless_a_file_is_given(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="say --config FILE"):
        configuration_in_use(tmp_path, None)
    for file in ("/etc/one.toml", "/etc/t wo\udcff.toml"):
        remember_configuration(tmp_path, file)
        assert configuration_in_use(tmp_path, None) == Path(file)
    assert configuration_in_use(tmp_path, Path("given")) == Path("given")


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryUnavailable):
        remember_configuration(tmp_path / "none", "/etc/one.toml")
