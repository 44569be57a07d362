"""A stage's channel to the daemon, and a failure in one line.

Who uses it: ``stages/main.py`` and the bodies of the stages.
"""

from __future__ import annotations

import os

import msgspec

from exchange.errors import ExchangeError
from exchange.runtime.spec import StageMessage


class DaemonChannel:
    """The stage's end of the pipe to the daemon."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, message: StageMessage) -> None:
        """Send one message. The daemon always reads; when it dies, the kernel kills this stage."""
        data = msgspec.json.encode(message) + b"\n"
        while data:
            data = data[os.write(self._descriptor, data) :]


def explain(error: BaseException) -> str:
    """``error`` in one line for the operator."""
    text = str(error) or repr(error)
    return text if isinstance(error, ExchangeError) else f"{type(error).__name__}: {text}"
