"""The arguments of ``exchange install``."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.cli import build_parser
from exchange.install.parser import other_directories


def test_directories_are_named_as_in_the_layout() -> None:
    words = ["install", "--prefix", "/opt/x", "--data-dir", "/srv/x"]
    found = other_directories(build_parser().parse_args(words))
    assert found["data"] == Path("/srv/x")
    assert {name for name, path in found.items() if path is None} == {
        "configuration",
        "cache",
        "backups",
        "units",
        "logrotate",
    }


def test_another_version_or_a_wheel() -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["install", "--prefix", "x", "--use", "1", "--wheel", "y"])
