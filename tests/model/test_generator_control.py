"""The generated control commands: what they must bring about to be worth anything."""

from __future__ import annotations

from collections import Counter

from exchange.codes import CommandKind, EventKind, InstrumentState, Parameter, Scope
from tests.model.generators.orders import EPISODES, Generator
from tests.model.generators.streams import as_events, run
from tests.model.naive.exchange import NaiveExchange

KEYED = {
    CommandKind.CURRENCY,
    CommandKind.ACCOUNT,
    CommandKind.DEPOSIT,
    CommandKind.WITHDRAW,
    CommandKind.PARAMETER,
    CommandKind.INSTRUMENT_STATE,
    CommandKind.KILL,
    CommandKind.REVIEW,
    CommandKind.MASS_CANCEL,
}
MOST_STREAMS = 3 * len(EPISODES)


def test_every_parameter_state_switch_and_keyed_command_occurs() -> None:
    parameters: Counter[tuple[Parameter, bool]] = Counter()  # (number, of the defaults)
    states: Counter[tuple[InstrumentState, bool]] = Counter()  # (state, of the market)
    switches: Counter[tuple[Scope, int]] = Counter()
    done: Counter[CommandKind] = Counter()
    refused: Counter[CommandKind] = Counter()
    # some combinations are rare: more streams until all have come
    for number in range(MOST_STREAMS):
        episode = EPISODES[number % len(EPISODES)]
        exchange = NaiveExchange(episode.capacities)
        sequence = 0
        for slots in Generator(60 + number, episode).chunks(40_000):
            events = as_events(run(exchange, slots, sequence))
            sequence += len(slots)
            for event in events[events["kind"] == EventKind.PARAMETER_SET]:
                target = event["instrument"] or event["account"] or event["session"]
                parameters[Parameter(int(event["parameter"])), target == 0] += 1
            for event in events[events["kind"] == EventKind.STATE_CHANGED]:
                state = InstrumentState(int(event["display"]))
                states[state, event["instrument"] == 0] += 1
            for event in events[events["kind"] == EventKind.KILL_SWITCHED]:
                switches[Scope(int(event["scope"])), int(event["quantity"])] += 1
            for event in events[events["kind"] == EventKind.CONTROL_DONE]:
                done[CommandKind(int(event["order_type"]))] += 1
            rejected = events[events["kind"] == EventKind.CONTROL_REJECTED]
            for event in rejected[rejected["order_type"] != 0]:
                refused[CommandKind(int(event["order_type"]))] += 1
        if number + 1 >= len(EPISODES) and set(done) == KEYED == set(refused):
            break
    of_the_exchange = {Parameter.SHARES, Parameter.ORDERS_STOPPED}  # which have no target
    of_one = {number for number, is_default in parameters if not is_default}
    assert of_one == set(Parameter) - of_the_exchange
    assert {number for number, is_default in parameters if is_default} == set(Parameter)
    assert {state for state, is_market in states if not is_market} == set(InstrumentState)
    assert {state for state, is_market in states if is_market} == {
        InstrumentState.OPEN,
        InstrumentState.HALTED,
        InstrumentState.CANCEL_ONLY,
    }
    assert set(switches) == {(scope, on) for scope in Scope for on in (0, 1)}
    assert set(done) == KEYED
    assert set(refused) == KEYED
