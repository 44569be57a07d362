"""Segments are shipped to neither the data directory, nor into it, nor around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.retention.places import shipping_refusal


@pytest.mark.parametrize("directory", [".", "journal", "archive/old", "..", "../data"])
def test_what_touches_the_data_directory_is_refused(tmp_path: Path, directory: str) -> None:
    data = tmp_path / "data"
    refusal = shipping_refusal(data, directory)
    assert refusal is not None and refusal.startswith(f"{directory!r} is {tmp_path}")
    assert f"neither the data directory {data}" in refusal


@pytest.mark.parametrize("directory", ["", "../shipped", "/shipped"])
def test_what_lies_beside_it_is_allowed(tmp_path: Path, directory: str) -> None:
    assert shipping_refusal(tmp_path / "data", directory) is None
