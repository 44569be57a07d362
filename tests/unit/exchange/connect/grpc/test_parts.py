"""What the parts of the gRPC server answer about themselves."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from exchange.api.errors import ApiError, ErrorCode
from exchange.connect.grpc.parts import Parts


def parts() -> Any:
    """Parts without a stage: what is asked for here needs none."""
    made = Parts.__new__(Parts)
    made.ready = False
    made.stopping = asyncio.Event()
    made._turn = asyncio.Event()
    made.pump = SimpleNamespace(lag=lambda: 7)  # type: ignore[assignment]
    made.market = SimpleNamespace(instruments={}, by_symbol={})  # type: ignore[assignment]
    return made


def test_it_is_starting_then_ready_then_stopping() -> None:
    made = parts()
    with pytest.raises(ApiError, match="starting: 7 events") as raised:
        made.check_ready()
    assert raised.value.code == ErrorCode.UNAVAILABLE
    made.ready = True
    made.check_ready()
    made.end()
    with pytest.raises(ApiError, match="stopping"):
        made.check_ready()


def test_a_turn_wakes_who_waits_for_it() -> None:
    async def test() -> None:
        made = parts()
        waiting = [asyncio.create_task(made.next_turn()) for _ in range(2)]
        await asyncio.sleep(0)
        made._end_turn()
        await asyncio.gather(*waiting)
        late = asyncio.create_task(made.next_turn())
        await asyncio.sleep(0)
        assert not late.done()
        made.end()
        await late

    asyncio.run(test())


def test_an_instrument_that_is_not_there() -> None:
    made = parts()
    assert made.symbol(3) == ""
    with pytest.raises(ApiError, match="no instrument 'NOTHING'") as raised:
        made.instrument("NOTHING")
    assert raised.value.data == {"field": "symbol"}
