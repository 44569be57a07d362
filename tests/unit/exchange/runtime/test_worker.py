"""The thread that does one thing at a time."""

from __future__ import annotations

import threading

import pytest

from exchange.runtime.worker import Worker

DEADLINE_S = 10.0


def test_calls_are_made_one_after_the_other() -> None:
    worker = Worker("test-worker")
    go = threading.Event()
    made: list[int] = []
    first = worker.submit(lambda: go.wait(DEADLINE_S) and made.append(1))
    second = worker.submit(lambda: made.append(2) or "done")
    assert not first.wait(0.0) and not second.done
    go.set()
    assert second.wait(DEADLINE_S)
    assert first.done and made == [1, 2] and second.result() == "done"
    assert worker.close(DEADLINE_S)


def test_what_a_call_raises_comes_out_of_its_result() -> None:
    worker = Worker("test-worker")
    job = worker.submit(lambda: 1 // 0)
    assert job.wait(DEADLINE_S)
    with pytest.raises(ZeroDivisionError):
        job.result()
    assert worker.close(DEADLINE_S)


def test_closing_does_not_wait_for_a_call_that_hangs() -> None:
    worker = Worker("test-worker")
    go = threading.Event()
    job = worker.submit(lambda: go.wait(DEADLINE_S))
    assert not worker.close(0.0)
    go.set()
    assert job.wait(DEADLINE_S)
