"""The door: what is on its way counts, and a plan passes whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.codes import Reject
from exchange.commands import define_session, open_account
from tests.harness.operator_exchange import OperatorExchange


@pytest.fixture
def exchange(tmp_path: Path) -> OperatorExchange:
    made = OperatorExchange(tmp_path)
    made.stop()
    return made


def test_a_plan_passes_whole_or_not_at_all(exchange: OperatorExchange) -> None:
    plan = [open_account(5), define_session(5, "FIVE", 5), define_session(6, "FIVE", 5)]
    refused = exchange.door.pass_through(plan)
    assert refused is not None and refused.reject == Reject.SESSION_EXISTS
    assert refused.sentence == "session 6: username 'FIVE' is already the user name of session 5"
    refused = exchange.door.pass_through([define_session(5, "FIVE", 5)])
    assert refused is not None and refused.reject == Reject.UNKNOWN_ACCOUNT, "nothing of it is kept"
    assert exchange.door.pass_through(plan[:2]) is None
    refused = exchange.door.pass_through(plan[2:])
    assert refused is not None, "what is on its way counts"
