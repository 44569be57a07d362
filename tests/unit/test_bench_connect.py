"""The arithmetic of ``scripts/bench connect``: lags, parts of the load, settings."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from scripts.benchmarks.connect import lags_ms, names, orders, settings_text


def test_a_lag_is_from_released_to_written() -> None:
    # one event a millisecond is released; it is written 5 ms later
    times = np.arange(100) / 1000
    released = np.arange(100) + 10
    written = np.maximum(released - 5, 10)
    found = lags_ms(np.stack([times, released, written], axis=1))
    assert len(found) > 50
    assert found == pytest.approx(5, abs=1.01)


@pytest.mark.needs_jit
def test_parts_of_the_load_are_the_load() -> None:
    whole = orders(100)
    assert whole.trades > 50
    first, second = whole.part(0, 60), whole.part(60, len(whole.ends))
    assert np.array_equal(np.concatenate([first.raw, second.raw]), whole.raw)
    assert first.expected_after[-1] + second.expected_after[-1] == whole.after[-1]
    assert first.ends[-1] == len(first.raw) and second.ends[-1] == len(second.raw)


def test_settings() -> None:
    found = tomllib.loads(settings_text("kafka", {"servers": ["a:1"], "partitions": 3}))
    assert found["kafka"] == {"enabled": True, "servers": ["a:1"], "partitions": 3}
    assert found["supervision"] == {"hang_timeout_ms": 0}
    assert "kafka" in names()
