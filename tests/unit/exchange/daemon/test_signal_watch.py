"""The daemon's signals set a flag and wake its selector."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal

import pytest

from exchange.daemon.signal_watch import SignalWatch
from exchange.runtime.signals import STOPPING


@pytest.mark.parametrize("number", [*STOPPING, signal.SIGHUP])
def test_a_signal_wakes_the_selector_and_is_remembered(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        watch = SignalWatch(selector, stack)
        assert (watch.stop, watch.take_reload()) == (False, False)
        os.kill(os.getpid(), number)
        for key, mask in selector.select(60):
            key.data(mask)
        hup = number == signal.SIGHUP
        assert (watch.stop, watch.take_reload()) == (not hup, hup)
        assert not watch.take_reload()
        assert not selector.select(0)
    assert signal.getsignal(number) == before
