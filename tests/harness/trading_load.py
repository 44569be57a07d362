"""Clients that trade while processes are killed, and remember everything that they were told.

Each ``Trader`` is a thread with one session: it enters orders with new tokens, keeps a window of
them unanswered, reconnects when the connection breaks, resumes at the message it expects next, and
sends again what was not answered (a token that was used is ignored). What it was told is
``messages``, in the order of the session's numbers; a gap or a changed number is an error.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from exchange_process import PASSWORD, RunningExchange
from patient_client import PatientClient

from exchange.client.order_entry import ConnectionEnded, LoginRefused
from exchange.gateway.protocol import ouch

SYMBOLS = ("AAPL", "AMZN", "MSFT")
WINDOW = 64
RETRY_S = 0.05


class Trader(threading.Thread):
    """One session's client; ``error`` says what went wrong, None = nothing."""

    def __init__(self, exchange: RunningExchange, number: int, seed: int) -> None:
        super().__init__(name=f"trader-{number}", daemon=True)
        self._exchange = exchange
        self._user = f"S{number}"
        self._random = random.Random(f"{seed}-{number}")
        self._finish = threading.Event()
        self._give_up = threading.Event()
        self._entered = 0
        self.unanswered: dict[str, tuple[str, int, str, int]] = {}
        self.messages: list[bytes] = []
        self.connections = 0
        self.error: BaseException | None = None

    def finish(self) -> None:
        """Enter no more orders; the thread ends when everything is answered."""
        self._finish.set()

    def give_up(self) -> None:
        """End now, answered or not (the test has failed already)."""
        self._give_up.set()

    def run(self) -> None:
        try:
            while not self._give_up.is_set() and not self._done():
                try:
                    self._connect_and_trade()
                except (OSError, ConnectionEnded, LoginRefused, TimeoutError):
                    # killed under us, or not started again yet
                    time.sleep(RETRY_S)
        except BaseException as error:
            self.error = error

    def _done(self) -> bool:
        return self._finish.is_set() and not self.unanswered

    def _connect_and_trade(self) -> None:
        state = self._exchange.state()
        if state is None:
            raise TimeoutError
        port = int(state.order_entry.rpartition(":")[2])
        with PatientClient("127.0.0.1", port, connect_timeout_s=10.0) as client:
            expected = len(self.messages) + 1
            accepted = client.login(self._user, PASSWORD, sequence=expected, timeout_s=10.0)
            assert accepted.sequence == expected, "the exchange forgot messages that it had sent"
            self.connections += 1
            for token, order in list(self.unanswered.items()):
                self._enter(client, token, order)
            while not self._give_up.is_set() and not self._done():
                if not self._finish.is_set():
                    while len(self.unanswered) < WINDOW:
                        self._enter_new(client)
                message = client.receive(10.0)
                assert message.sequence == len(self.messages) + 1
                self.messages.append(message.data)
                if message.letter in "AJ":
                    token = str(message.fields["token"]).strip()
                    assert token in self.unanswered, f"{token} was answered twice"
                    del self.unanswered[token]

    def _enter_new(self, client: PatientClient) -> None:
        self._entered += 1
        token = f"{self._user}-{self._entered}"
        order = (
            self._random.choice("BS"),
            self._random.randrange(1, 500),
            self._random.choice(SYMBOLS),
            1_000_000 + 100 * self._random.randrange(-20, 21),
        )
        self.unanswered[token] = order
        self._enter(client, token, order)

    @staticmethod
    def _enter(client: PatientClient, token: str, order: tuple[str, int, str, int]) -> None:
        side, shares, stock, price = order
        client.enter(token, side, shares, stock, price)

    # --- afterwards ---------------------------------------------------------------------------

    def check(self) -> None:
        """What was told is consistent: every token accepted once, never filled beyond its size."""
        assert self.error is None, self.error
        accepted: dict[str, int] = {}
        filled: Counter[str] = Counter()
        for data in self.messages:
            message = ouch.decode(data)
            token = str(message.fields.get("token", "")).strip()
            if message.letter == "A":
                assert token not in accepted, f"{token} was accepted twice"
                accepted[token] = int(message.fields["shares"])
            elif message.letter == "E":
                filled[token] += int(message.fields["shares"])
        for token, shares in filled.items():
            assert shares <= accepted[token], f"{token} was filled beyond its size"
        assert len(accepted) == self._entered

    def stream_again(self) -> list[bytes]:
        """The session's whole stream as the exchange tells it now."""
        with PatientClient("127.0.0.1", self._exchange.port) as client:
            client.login(self._user, PASSWORD, sequence=1)
            return [client.receive().data for _ in self.messages]
