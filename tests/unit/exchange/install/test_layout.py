"""Where everything lies below a prefix, and the record of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.errors import ConfigurationError, DataDirectoryUnavailable
from exchange.install.layout import RECORD, check_apart, make_layout, read_record, write_record


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


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"cache": "var/lib"}, "cache directory .*/var/lib lies in .*/var/lib .data."),
        ({"cache": "var"}, "data directory .* lies in .*/var .cache."),
        ({"cache": "."}, "prefix directory .* lies in .* .cache."),
        ({"cache": "etc"}, "configuration directory .* .cache."),
        ({"cache": "lib"}, "units directory .* .cache."),
        ({"cache": "b/c", "backups": "b/c/d"}, "backups directory .*/b/c/d lies in .*/b/c .cache."),
        ({"data": "."}, "prefix directory .* .data."),
        ({"data": "d", "backups": "d/backups"}, "backups directory .* .data."),
        ({"data": "d", "configuration": "d"}, "configuration directory .* .data."),
        ({"data": "versions/data"}, "data directory .* .versions."),
    ],
)
def test_nothing_lies_in_what_uninstalling_removes(
    tmp_path: Path, others: dict[str, str], said: str
) -> None:
    paths = {name: tmp_path / path for name, path in others.items()}
    with pytest.raises(ConfigurationError, match=said):
        check_apart(make_layout(tmp_path, "alice", "staff", others=paths))


def test_directories_that_are_apart(tmp_path: Path) -> None:
    check_apart(make_layout(tmp_path, "alice", "staff"))
    others = {"data": tmp_path / "etc" / "data", "cache": tmp_path / "etc" / "data-cache"}
    check_apart(make_layout(tmp_path, "alice", "staff", others=others))


def test_a_link_does_not_hide_where_a_directory_lies(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "var")
    others = {"cache": tmp_path / "link" / "lib"}
    with pytest.raises(ConfigurationError, match="lies in"):
        check_apart(make_layout(tmp_path, "alice", "staff", others=others))


def test_a_copy_is_not_the_installation(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    layout = make_layout(tmp_path / "a", "alice", "staff")
    write_record(layout)
    (tmp_path / "b" / RECORD).write_bytes((tmp_path / "a" / RECORD).read_bytes())
    with pytest.raises(ConfigurationError, match=f"belongs to the installation at {tmp_path}/a:"):
        read_record(tmp_path / "b")
    (tmp_path / "link").symlink_to("a")
    assert read_record(tmp_path / "link") == layout
