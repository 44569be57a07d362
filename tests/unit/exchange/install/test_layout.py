"""Where everything lies below a prefix, and the record of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.errors import ConfigurationError, DataDirectoryUnavailable
from exchange.install.layout import RECORD, make_layout, read_record, write_record


def test_everything_is_below_the_prefix_unless_said(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, "alice", "staff", others={"data": Path("/srv/x"), "cache": None})
    assert (layout.data, layout.cache) == ("/srv/x", f"{tmp_path}/var/cache")
    assert layout.configuration == f"{tmp_path}/etc"
    write_record(layout)
    assert read_record(tmp_path) == layout


def test_a_path_that_a_unit_would_misread(tmp_path: Path) -> None:
    for name in ("with space", "100%", "a$b"):
        with pytest.raises(ConfigurationError, match="letters, digits and"):
            make_layout(tmp_path / name, "alice", "staff")


def test_where_nothing_was_installed(tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryUnavailable, match="nothing was installed here"):
        read_record(tmp_path)
    (tmp_path / RECORD).write_text('{"prefix": 1}')
    with pytest.raises(DataDirectoryUnavailable, match=RECORD):
        read_record(tmp_path)


def test_versions_and_the_current_one(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, "alice", "staff")
    assert (layout.versions(), layout.current()) == ([], "")
    for name in ("0.2.0", "0.1.0", ".0.3.0.new"):
        layout.version(name).mkdir(parents=True)
    (tmp_path / "current").symlink_to("versions/0.1.0")
    assert (layout.versions(), layout.current()) == (["0.1.0", "0.2.0"], "0.1.0")
