"""The stamps: for which sources and which part they speak, and where they may lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.compiler import stamps
from exchange.compiler.stamps import Part, is_compiled, stamp, stamp_name
from ringbuffer.jit import cache


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("EXCHANGE_CACHE_DIR", str(tmp_path / "user"))
    monkeypatch.setattr(cache, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr(stamps, "JIT_DISABLED", False)
    return tmp_path


def test_a_stamp_speaks_for_one_part_and_these_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    stamp(Part.TRADING)
    assert is_compiled(Part.TRADING) and not is_compiled(Part.ALL)
    stamp(Part.ALL)
    assert is_compiled(Part.ALL)
    monkeypatch.setattr(stamps, "source_hash", lambda: "other sources")
    assert not is_compiled(Part.TRADING) and not is_compiled(Part.ALL)


def test_a_stamp_that_a_package_has_brought_counts(own_cache: Path) -> None:
    directory = own_cache / "shipped" / cache.cache_directory().name
    directory.mkdir(parents=True)
    (directory / stamp_name(Part.ALL)).touch()
    assert is_compiled(Part.ALL)


def test_without_the_jit_there_is_nothing_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "JIT_DISABLED", True)
    assert is_compiled(Part.ALL)
