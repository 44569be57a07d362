"""What a restore refuses before it writes; tests/faults/test_backup.py has whole ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.backup.restore import restore
from exchange.errors import DataDirectoryUnavailable


def test_a_directory_that_is_no_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryUnavailable, match="is no backup"):
        restore(tmp_path, tmp_path / "data")
    assert not (tmp_path / "data").exists()
