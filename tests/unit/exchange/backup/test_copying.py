"""Files as they are at one moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.backup.copying import checksum, copy_file, make_folder
from exchange.errors import DataDirectoryUnavailable


@pytest.mark.parametrize(("end", "kept"), [(None, 10), (0, 0), (4, 4), (10, 10), (99, 10)])
def test_a_copy_ends_where_it_is_told_and_is_as_long(
    tmp_path: Path, end: int | None, kept: int
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"0123456789")
    copy_file(source, target, end)
    assert target.read_bytes() == b"0123456789"[:kept] + bytes(10 - kept)
    assert target.stat().st_mode & 0o777 == 0o600
    assert (checksum(source) == checksum(target)) == (kept == 10)


def test_nothing_is_overwritten_and_what_is_gone_is_said(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(DataDirectoryUnavailable, match="File exists"):
        copy_file(source, source)
    with pytest.raises(DataDirectoryUnavailable, match="No such file"):
        copy_file(tmp_path / "gone", tmp_path / "target")
    with pytest.raises(DataDirectoryUnavailable, match="cannot be made"):
        make_folder(tmp_path)
