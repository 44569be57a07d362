"""The order gateway on the real engine and models: outcomes, idempotency, other accounts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from api_core import ApiCore, run
from funding import admin_command
from order_entry_core import SYMBOL, text_word

from exchange.api.errors import ApiError, ErrorCode
from exchange.api.orders.terms import Amendment, NewOrder
from exchange.codes import CommandKind, InstrumentState, Parameter, Reject
from exchange.core.counters import Counter

ONE, TWO = 1, 2


def order(**fields: Any) -> NewOrder:
    return NewOrder(**({"symbol": SYMBOL, "side": "buy", "quantity": 100, "price": 50} | fields))


async def refused(coroutine: Any, code: int) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await coroutine
    assert caught.value.code == code, caught.value
    return caught.value


def status(core: ApiCore, order_id: int) -> str:
    found = core.accounts.order(order_id)
    assert found is not None
    return found.status.name


def test_an_order_rests_trades_and_is_answered_with_its_fills():
    async def test(core: ApiCore) -> None:
        resting, is_new = await core.gateway.enter_or_find(ONE, order(client_order_id="first"))
        assert is_new and resting.open == 100 and resting.status.name == "NEW"
        aggressor = await core.gateway.enter(
            TWO, order(side="sell", quantity=60, price=40, time_in_force="ioc")
        )
        assert (aggressor.filled, aggressor.filled_value) == (60, 3000)
        assert aggressor.status.name == "FILLED"
        described = core.gateway.describe(core.gateway.own_order(ONE, resting.order_id))
        assert described["client_order_id"] == "first"
        assert (described["filled_quantity"], described["remaining_quantity"]) == (60, 40)
        assert described["status"] == "partial_filled"
        assert core.gateway.under_way == 0
        assert core.counter(Counter.API_COMMANDS) == 2
        assert core.outcome_ns[0] == 2  # as many in the histogram

    run(test)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_an_answer_shows_the_whole_command_however_events_come(batch: int):
    async def test(core: ApiCore) -> None:
        for i in range(3):
            await core.gateway.enter(ONE, order(quantity=10, price=50 + i))
        core.batch = batch
        core.release_held = True
        asked = asyncio.ensure_future(
            core.gateway.enter(TWO, order(side="sell", quantity=30, price=50))
        )
        while core.archive.count == core.accounts.next_event:
            await asyncio.sleep(0)
        assert not asked.done()
        core.release()
        assert (await asked).filled == 30

    run(test)


def test_nothing_is_answered_before_it_is_released():
    async def test(core: ApiCore) -> None:
        core.release_held = True
        asked = asyncio.ensure_future(core.gateway.enter(ONE, order()))
        cancel_after = asyncio.ensure_future(core.gateway.cancel_after(ONE, 60))
        loop = asyncio.get_running_loop()
        until = loop.time() + 0.05  # many times the interval at which silent outcomes are looked at
        while loop.time() < until:
            await asyncio.sleep(0.002)
            core.step()
        assert not asked.done() and not cancel_after.done()
        core.release()
        core.step()
        assert (await asked).status.name == "NEW"
        await cancel_after

    run(test)


def test_the_same_client_order_id_is_the_same_order():
    async def test(core: ApiCore) -> None:
        same = order(client_order_id="again")
        found = await asyncio.gather(*(core.gateway.enter_or_find(ONE, same) for _ in range(5)))
        assert len({made.order_id for made, _ in found}) == 1
        assert [is_new for _, is_new in found].count(True) == 1
        later, is_new = await core.gateway.enter_or_find(ONE, same)
        assert not is_new and later.order_id == found[0][0].order_id
        # another account has ids of its own
        other, is_new = await core.gateway.enter_or_find(TWO, same)
        assert is_new and other.order_id != later.order_id
        for changed in (
            {"quantity": 101},
            {"price": 51},
            {"side": "sell"},
            {"time_in_force": "ioc"},
            {"post_only": True},
            {"display_quantity": 10},
            {"type": "stop_limit", "stop_price": 60},
        ):
            error = await refused(
                core.gateway.enter(ONE, order(client_order_id="again", **changed)),
                ErrorCode.CLIENT_ORDER_ID_USED,
            )
            assert error.data["order_id"] == later.order_id
        await core.gateway.amend(ONE, later.order_id, Amendment(quantity=90))
        lowered, is_new = await core.gateway.enter_or_find(ONE, same)
        assert not is_new and lowered.order_id == later.order_id and lowered.quantity == 90

    run(test)


def test_other_terms_while_the_first_is_under_way():
    async def test(core: ApiCore) -> None:
        core.stopped = True
        first = asyncio.ensure_future(core.gateway.enter(ONE, order(client_order_id="x")))
        await asyncio.sleep(0)
        await refused(
            core.gateway.enter(ONE, order(client_order_id="x", quantity=5)),
            ErrorCode.CLIENT_ORDER_ID_USED,
        )
        core.stopped = False
        await first

    run(test)


def test_an_order_is_found_by_its_name_before_it_was_answered():
    async def test(core: ApiCore) -> None:
        core.stopped = True
        made = asyncio.ensure_future(core.gateway.enter(ONE, order(client_order_id="soon")))
        await asyncio.sleep(0)
        named = asyncio.ensure_future(core.gateway.order_named(ONE, "soon"))
        other = asyncio.ensure_future(core.gateway.order_named(TWO, "soon"))
        await refused(other, ErrorCode.ORDER_NOT_FOUND)
        assert not named.done()
        core.stopped = False
        core.step()
        assert (await named).order_id == (await made).order_id
        rejected = asyncio.ensure_future(
            core.gateway.enter(ONE, order(client_order_id="bad", price=1 << 40))
        )
        await asyncio.sleep(0)
        assert (await core.gateway.order_named(ONE, "bad")).status.name == "REJECTED"
        await refused(rejected, 10_000 + Reject.PRICE_OUT_OF_RANGE)

    run(test)


def test_an_order_of_a_stage_that_died_is_found_again():
    """Its command is in the ring; the client sends it again to the next stage: one order."""

    async def test(core: ApiCore) -> None:
        core.stopped = True
        lost = asyncio.ensure_future(core.gateway.enter(ONE, order(client_order_id="lost")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        core.restart_gateway()
        await refused(lost, ErrorCode.OUTCOME_UNKNOWN)
        again = asyncio.ensure_future(core.gateway.enter(ONE, order(client_order_id="lost")))
        wrong = asyncio.ensure_future(
            core.gateway.enter(TWO, order(client_order_id="lost", quantity=7))
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        core.step()
        core.stopped = False
        made = await again
        assert made.status.name == "NEW"
        assert (await wrong).quantity == 7
        assert len(core.accounts.orders(ONE)) == 1

    run(test)


def test_other_terms_than_an_order_of_a_stage_that_died():
    async def test(core: ApiCore) -> None:
        core.stopped = True
        lost = asyncio.ensure_future(core.gateway.enter(ONE, order(client_order_id="lost")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        core.restart_gateway()
        await refused(lost, ErrorCode.OUTCOME_UNKNOWN)
        again = asyncio.ensure_future(
            core.gateway.enter(ONE, order(client_order_id="lost", price=51))
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        core.step()
        error = await refused(again, ErrorCode.CLIENT_ORDER_ID_USED)
        assert error.data["price"] == 50

    run(test)


def test_a_reject_is_an_error_with_the_order_also_the_second_time():
    async def test(core: ApiCore) -> None:
        bad = order(client_order_id="bad", price=1 << 40)
        for _ in range(2):
            error = await refused(core.gateway.enter(ONE, bad), 10_000 + Reject.PRICE_OUT_OF_RANGE)
            assert error.status == 422
            assert error.data["status"] == "rejected"
            assert error.data["reject_code"] == 10_003
            assert str(1 << 29) in error.message
        assert len(core.accounts.orders(ONE)) == 1

    run(test)


def test_cancel_amend_and_what_becomes_of_orders_that_are_closed():
    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order())
        lowered = await core.gateway.amend(ONE, made.order_id, Amendment(quantity=70))
        assert (lowered.order_id, lowered.quantity, lowered.open) == (made.order_id, 70, 70)
        same = await core.gateway.amend(ONE, made.order_id, Amendment(quantity=70, price=50))
        assert same.order_id == made.order_id
        await core.gateway.enter(TWO, order(side="sell", quantity=20))
        moved = await core.gateway.amend(ONE, made.order_id, Amendment(quantity=80, price=49))
        assert moved.replaces == made.order_id and moved.price == 49
        assert (moved.quantity, moved.filled, moved.open) == (60, 0, 60)
        assert moved.filled_before == 20
        error = await refused(core.gateway.cancel(ONE, made.order_id), ErrorCode.ORDER_CLOSED)
        assert error.data["status"] == "replaced"
        lowered = await core.gateway.amend(ONE, moved.order_id, Amendment(quantity=10))
        assert (lowered.order_id, lowered.open) == (moved.order_id, 10)
        gone = await core.gateway.cancel(ONE, moved.order_id)
        assert gone.status.name == "CANCELLED"
        for asked in (
            core.gateway.cancel(ONE, moved.order_id),
            core.gateway.amend(ONE, moved.order_id, Amendment(quantity=5)),
        ):
            await refused(asked, ErrorCode.ORDER_CLOSED)

    run(test)


def test_an_order_that_fills_while_its_cancel_is_under_way():
    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order())
        core.stopped = True
        filling = asyncio.ensure_future(core.gateway.enter(TWO, order(side="sell")))
        await asyncio.sleep(0)
        cancels = [
            asyncio.ensure_future(asked)
            for asked in (
                core.gateway.cancel(ONE, made.order_id),
                core.gateway.amend(ONE, made.order_id, Amendment(quantity=60)),
                core.gateway.amend(ONE, made.order_id, Amendment(price=60)),
            )
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        core.stopped = False
        core.step()
        assert (await filling).filled == 100
        for cancel in cancels:
            error = await refused(cancel, ErrorCode.ORDER_CLOSED)
            assert error.data["status"] == "filled"
        assert core.gateway.under_way == 0

    run(test)


def test_two_cancels_at_once_one_succeeds():
    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order())
        found = await asyncio.gather(
            core.gateway.cancel(ONE, made.order_id),
            core.gateway.cancel(ONE, made.order_id),
            return_exceptions=True,
        )
        errors = [each for each in found if isinstance(each, ApiError)]
        assert len(errors) == 1 and errors[0].code == ErrorCode.ORDER_CLOSED

    run(test)


def test_amendments_that_would_cost_the_order_its_life_are_refused_here():
    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order())
        for terms, code in (
            ({"quantity": 2_000_000}, Reject.QUANTITY_TOO_LARGE),
            ({"price": 1 << 30}, Reject.PRICE_OUT_OF_RANGE),
        ):
            error = await refused(
                core.gateway.amend(ONE, made.order_id, Amendment(**terms)), 10_000 + code
            )
            assert error.data["status"] == "new"
        for terms, field in (({}, "body"), ({"stop_price": 9}, "stop_price")):
            error = await refused(
                core.gateway.amend(ONE, made.order_id, Amendment(**terms)), ErrorCode.INVALID_FIELD
            )
            assert error.data == {"field": field}
        assert status(core, made.order_id) == "NEW"

    run(test)


def test_every_order_type():
    async def test(core: ApiCore) -> None:
        await core.gateway.enter(TWO, order(side="sell", quantity=1_000, price=100))
        await core.gateway.enter(TWO, order(quantity=1, price=90))
        await core.gateway.enter(TWO, order(side="sell", quantity=1, price=90))  # last price 90
        describe = core.gateway.describe
        for fields, expected in (
            ({"type": "market", "price": None}, {"status": "filled", "price": None}),
            (
                {"type": "stop", "price": None, "stop_price": 200},
                {"status": "waiting", "stop_price": 200, "price": None},
            ),
            (
                {"type": "stop_limit", "price": 210, "stop_price": 200},
                {"status": "waiting", "stop_price": 200, "price": 210},
            ),
            ({"display_quantity": 10}, {"status": "new", "display_quantity": 10}),
            ({"post_only": True}, {"status": "new", "post_only": True, "price": 50}),
            (
                {"post_only": True, "reprice": True, "price": 100},
                {"status": "new", "post_only": True, "price": 99},
            ),
            ({"time_in_force": "ioc"}, {"status": "cancelled", "time_in_force": "ioc"}),
            (
                {"time_in_force": "fok", "price": 100, "quantity": 950},
                {"status": "cancelled", "time_in_force": "fok", "filled_quantity": 0},
            ),
            (
                {"time_in_force": "fok", "price": 100, "quantity": 50},
                {"status": "filled", "time_in_force": "fok"},
            ),
            (
                {"time_in_force": "ioc", "price": 100, "quantity": 50, "minimum_quantity": 10},
                {"status": "filled", "minimum_quantity": 10},
            ),
            (
                {"time_in_force": "gtt", "expire_seconds": 60},
                {"status": "new", "time_in_force": "gtt", "expire_seconds": 60},
            ),
            ({"time_in_force": "system_hours"}, {"time_in_force": "system_hours"}),
            ({"side": "sell_short", "price": 300}, {"side": "sell_short", "status": "new"}),
            ({"side": "sell_short_exempt", "price": 300}, {"side": "sell_short_exempt"}),
        ):
            made = describe(await core.gateway.enter(ONE, order(**fields)))
            assert {name: made[name] for name in expected} == expected, fields
        await refused(
            core.gateway.enter(ONE, order(post_only=True, price=100)),
            10_000 + Reject.POST_ONLY_WOULD_TRADE,
        )
        waiting = core.accounts.orders(ONE, statuses=None, open_only=True)
        stop = next(each for each in waiting if each.stop_price and not each.price)
        moved = await core.gateway.amend(ONE, stop.order_id, Amendment(stop_price=220))
        assert (moved.stop_price, moved.status.name) == (220, "WAITING")
        await refused(
            core.gateway.amend(ONE, moved.order_id, Amendment(price=5)), ErrorCode.INVALID_FIELD
        )

    run(test)


def test_an_iceberg_that_shrinks_below_what_it_shows():
    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order(display_quantity=50))
        moved = await core.gateway.amend(ONE, made.order_id, Amendment(quantity=40, price=49))
        assert (moved.display_quantity, moved.open) == (0, 40)

    run(test)


def test_orders_of_other_accounts_do_not_exist():
    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order(client_order_id="mine"))
        with pytest.raises(ApiError) as caught:
            core.gateway.own_order(TWO, made.order_id)
        never = ApiError(ErrorCode.ORDER_NOT_FOUND, f"order_id: there is no order {made.order_id}")
        assert (caught.value.code, caught.value.message, caught.value.data) == (
            never.code,
            never.message,
            None,
        )
        for asked in (
            core.gateway.cancel(TWO, made.order_id),
            core.gateway.amend(TWO, made.order_id, Amendment(quantity=5)),
            core.gateway.cancel(ONE, 1 << 62),
            core.gateway.cancel(ONE, 0),
        ):
            await refused(asked, ErrorCode.ORDER_NOT_FOUND)
        assert core.gateway.own_order_by_client_id(TWO, "mine") is None
        assert await core.gateway.mass_cancel(TWO) == []
        assert status(core, made.order_id) == "NEW"

    run(test)


def test_mass_cancel_answers_with_what_it_cancelled():
    async def test(core: ApiCore) -> None:
        bids = [(await core.gateway.enter(ONE, order(price=40 + i))).order_id for i in range(3)]
        ask = (await core.gateway.enter(ONE, order(side="sell", price=90))).order_id
        other = (await core.gateway.enter(ONE, order(symbol="S2"))).order_id
        foreign = (await core.gateway.enter(TWO, order(price=30))).order_id
        assert await core.gateway.mass_cancel(ONE, SYMBOL, "buy") == bids
        assert await core.gateway.mass_cancel(ONE, SYMBOL) == [ask]
        assert await core.gateway.mass_cancel(ONE) == [other]
        assert await core.gateway.mass_cancel(ONE) == []
        assert status(core, foreign) == "NEW"
        await refused(core.gateway.mass_cancel(ONE, "NOPE"), ErrorCode.INSTRUMENT_NOT_FOUND)

    run(test)


def test_orders_of_order_entry_are_cancelled_and_lowered_but_not_replaced():
    async def test(core: ApiCore) -> None:
        before = core.sequence
        for token in ("A", "B"):
            core.command(
                kind=CommandKind.ENTER,
                session=ONE,
                instrument=1,
                token_0=text_word(token),
                token_1=0x20202020,
                token_2=0x2020,
                quantity=100,
                price=50,
                time_in_force=99_999,
                display=ord("Y"),
                capacity=ord("A"),
                cross_type=ord("N"),
            )
        core.deliver()
        assert core.gateway.describe(core.gateway.own_order(ONE, before))["client_order_id"] == "A"
        lowered = await core.gateway.amend(ONE, before, Amendment(quantity=10))
        assert lowered.open == 10
        error = await refused(
            core.gateway.amend(ONE, before, Amendment(price=51)), ErrorCode.ORDER_OF_ANOTHER_SESSION
        )
        assert error.status == 409
        assert (await core.gateway.cancel(ONE, before)).status.name == "CANCELLED"
        assert await core.gateway.mass_cancel(ONE) == [before + 1]

    run(test)


def test_a_halted_instrument_refuses_and_the_order_stays():
    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order())
        core.apply(
            admin_command(
                CommandKind.INSTRUMENT_STATE,
                {"instrument": 1},
                parameter=int(InstrumentState.HALTED),
            )
        )
        core.deliver()
        for asked in (
            core.gateway.cancel(ONE, made.order_id),
            core.gateway.amend(ONE, made.order_id, Amendment(quantity=5)),
            core.gateway.amend(ONE, made.order_id, Amendment(price=45)),
            core.gateway.enter(ONE, order()),
        ):
            await refused(asked, 10_000 + Reject.INSTRUMENT_HALTED)
        assert await core.gateway.mass_cancel(ONE) == []
        assert status(core, made.order_id) == "NEW"

    run(test)


def test_a_replacement_that_risk_refuses_leaves_the_order():
    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order())
        core.apply(
            admin_command(
                CommandKind.PARAMETER,
                {},
                parameter=int(Parameter.POSITION_LIMIT),
                account=ONE,
                value_0=1,
            )
        )
        core.deliver()
        error = await refused(
            core.gateway.amend(ONE, made.order_id, Amendment(quantity=200)),
            10_000 + Reject.POSITION_LIMIT,
        )
        assert error.data["order_id"] == made.order_id
        assert status(core, made.order_id) == "NEW"

    run(test)


def test_a_full_ring_is_unavailable_and_nothing_is_lost():
    async def test(core: ApiCore) -> None:
        core.stopped = True
        asked = []
        for i in range(8):
            asked.append(
                asyncio.ensure_future(core.gateway.enter(ONE, order(client_order_id=f"n{i}")))
            )
            await asyncio.sleep(0)
        error = await refused(core.gateway.enter(ONE, order()), ErrorCode.UNAVAILABLE)
        assert error.headers["Retry-After"] == "1"
        core.stopped = False
        core.step()
        assert len({(await each).order_id for each in asked}) == 8
        assert (await core.gateway.enter(ONE, order())).status.name == "NEW"

    run(test, ring=8)


def test_an_outcome_that_does_not_come_in_time_is_unknown_and_can_be_asked_for():
    async def test(core: ApiCore) -> None:
        core.stopped = True
        same = order(client_order_id="slow")
        await refused(core.gateway.enter(ONE, same), ErrorCode.OUTCOME_UNKNOWN)
        core.stopped = False
        core.step()
        made, is_new = await core.gateway.enter_or_find(ONE, same)
        assert not is_new and made.status.name == "NEW"

    run(test, timeout_s=0.02)


def test_a_client_that_goes_away_leaves_its_order():
    async def test(core: ApiCore) -> None:
        core.stopped = True
        asked = asyncio.ensure_future(core.gateway.enter(ONE, order(client_order_id="gone")))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        core.stopped = False
        core.step()
        made, is_new = await core.gateway.enter_or_find(ONE, order(client_order_id="gone"))
        assert not is_new and made.status.name == "NEW"

    run(test)


def test_sent_without_waiting():
    async def test(core: ApiCore) -> None:
        assert core.gateway.send_enter(ONE, order(client_order_id="ws")) == "ws"
        with pytest.raises(ApiError) as caught:
            core.gateway.send_enter(ONE, order(client_order_id="ws"))
        assert caught.value.code == ErrorCode.CLIENT_ORDER_ID_USED
        made, is_new = await core.gateway.enter_or_find(ONE, order(client_order_id="ws"))
        assert not is_new
        assert core.gateway.send_enter(ONE, order(symbol="S2")) is None
        amended = await core.gateway.amend(ONE, made.order_id, Amendment(quantity=50))
        assert amended.open == 50
        await core.gateway.cancel(ONE, made.order_id)
        assert len(await core.gateway.mass_cancel(ONE, "S2")) == 1
        assert core.accounts.orders(ONE, open_only=True) == []

    run(test)


def test_the_dead_mans_switch():
    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order())
        await core.gateway.cancel_after(ONE, 1)
        core.timer(86_400 * 365 * 100)
        core.deliver()
        described = core.gateway.describe(core.gateway.own_order(ONE, made.order_id))
        assert (described["status"], described["cancel_reason"]) == ("cancelled", "system")

    run(test)


def test_no_session_and_no_instrument():
    async def test(core: ApiCore) -> None:
        await refused(core.gateway.enter(50, order()), ErrorCode.UNAVAILABLE)
        await refused(core.gateway.enter(ONE, order(symbol="NOPE")), ErrorCode.INSTRUMENT_NOT_FOUND)

    run(test)


def test_long_client_order_ids_are_remembered():
    async def test(core: ApiCore) -> None:
        long_id = "0f9b1c52-3f1e-4c27-9f1a-aaaaaaaaaaaa"
        made = await core.gateway.enter(ONE, order(client_order_id=long_id))
        assert core.gateway.describe(made)["client_order_id"] == long_id
        core.restart_gateway()
        found = core.gateway.own_order_by_client_id(ONE, long_id)
        assert found is not None and found.order_id == made.order_id
        assert core.gateway.describe(found)["client_order_id"] == long_id

    run(test)


def test_the_gateway_takes_nothing_when_the_exchange_stops():
    async def test(core: ApiCore) -> None:
        core.gateway.close()
        await refused(core.gateway.enter(ONE, order()), ErrorCode.UNAVAILABLE)

    run(test)
