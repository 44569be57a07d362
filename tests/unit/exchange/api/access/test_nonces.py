"""Nonces: refused twice, forgotten in time, bounded, and remembered over a restart."""

import stat

import pytest

from exchange.api.access import nonces
from exchange.api.access.nonces import NonceFile, NonceMemory
from exchange.api.errors import ApiError
from exchange.errors import DataDirectoryUnavailable

WINDOW_MS = 5_000


def test_nonces_are_forgotten_and_bounded(monkeypatch):
    memory = NonceMemory(WINDOW_MS)
    for now_ms in range(50_000):
        assert memory.use("k", str(now_ms), now_ms)
        assert len(memory) <= 2 * WINDOW_MS + 1
    assert memory.use("k", "0", 100_000)
    assert len(memory) == 1
    assert memory._of_key == {"k": 1} and len(memory._used) == 1
    monkeypatch.setattr(nonces, "NONCES_PER_KEY", 2)
    assert memory.use("k", "1", 100_000)
    with pytest.raises(ApiError):
        memory.use("k", "2", 100_000)
    assert not memory.use("k", "1", 100_000)
    assert memory.use("other", "1", 100_000)


def test_key_and_nonce_are_kept_apart():
    memory = NonceMemory(WINDOW_MS)
    assert memory.use("AB", "C", 0) and memory.use("A", "BC", 0)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(nonces, "ENTRIES", 8)
    made = NonceFile(tmp_path / "nonces")
    yield made
    made.close()


def test_a_new_memory_knows_what_the_last_one_knew(file, tmp_path):
    memory = NonceMemory(WINDOW_MS, file, 0)
    for number in range(11):  # more than the file has room for
        assert memory.use("k", str(number), number)
    again = NonceFile(tmp_path / "nonces")
    memory = NonceMemory(WINDOW_MS, again, 11)
    known = [number for number in range(11) if not memory.use("k", str(number), 11)]
    assert known == list(range(3, 11))
    again.close()


def test_what_has_expired_is_not_read(file):
    memory = NonceMemory(WINDOW_MS, file, 0)
    assert memory.use("k", "a", 0) and memory.use("k", "b", 1)
    assert len(NonceMemory(WINDOW_MS, file, 2 * WINDOW_MS)) == 2
    assert len(NonceMemory(WINDOW_MS, file, 2 * WINDOW_MS + 1)) == 1
    assert len(NonceMemory(WINDOW_MS, file, 2 * WINDOW_MS + 2)) == 0


def test_the_ring_goes_on_where_it_was(file, tmp_path):
    memory = NonceMemory(WINDOW_MS, file, 0)
    for number in range(5):
        memory.use("k", str(number), number)
    again = NonceFile(tmp_path / "nonces")
    memory = NonceMemory(WINDOW_MS, again, 5)
    memory.use("k", "5", 5)
    assert [until for until, _ in again.living(0)][-6:] == [2 * WINDOW_MS + n for n in range(6)]
    again.close()


def test_the_file_itself(file, tmp_path):
    path = tmp_path / "nonces"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.with_name("short").write_bytes(b"x" * 7)
    begun = NonceFile(path.with_name("short"))
    assert path.with_name("short").stat().st_size == 8 * 24
    assert len(list(begun.living(1))) == 0
    begun.close()
    with pytest.raises(DataDirectoryUnavailable):
        NonceFile(tmp_path / "nowhere" / "nonces")
