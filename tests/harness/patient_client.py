"""The order entry client with time-outs that no busy machine exceeds, only a broken one."""

from __future__ import annotations

from exchange.client.order_entry import OrderEntryClient, Sequenced
from exchange.gateway.protocol.soupbintcp import LoginAccepted

PATIENCE_S = 180.0


class PatientClient(OrderEntryClient):
    """As OrderEntryClient; what is given as a time-out still counts."""

    def __init__(self, host: str, port: int, *, connect_timeout_s: float = PATIENCE_S) -> None:
        super().__init__(host, port, connect_timeout_s=connect_timeout_s)

    def login(
        self,
        username: str,
        password: str,
        *,
        session: str = "",
        sequence: int = 1,
        timeout_s: float = PATIENCE_S,
    ) -> LoginAccepted:
        return super().login(
            username, password, session=session, sequence=sequence, timeout_s=timeout_s
        )

    def receive(self, timeout_s: float = PATIENCE_S) -> Sequenced:
        return super().receive(timeout_s)
