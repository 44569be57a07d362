"""The naive exchange: the trading rules of ``docs/matching.md`` in plain Python.

The independent twin of the matcher. It shares no code with the engine: dictionaries, sorted lists
and loops instead of pools, bitmaps and hash tables. Commands go in one at a time, the bytes of the
events come out. Clarity goes before speed.

One class made of mixins that share the memory of ``market.py``, each in its file:

    events       EventWriter   the bytes of the events
    market       Market        everything remembered
    clearing     Clearing      money, stock, what orders freeze
    matching     Matching      trades, self-trade prevention, resting, cancelling
    checks       Checks        what ENTER and REPLACE must pass; cancel ratio
    enter        Entering      ENTER
    amend        Amending      CANCEL, REPLACE, MODIFY
    stops        Stops         orders that wait for the last price
    held         Held          orders that wait for a review
    breaker      Breaker       halts after large moves
    auction      Auction       one price for all that trade
    states       States        instruments' states, the market's
    mass_cancel  MassCancel    many orders at once; TIMER
    parameters   Parameters    risk controls and fees
    control      Control       operators' commands and their keys
    definitions  Definitions   instruments, sessions, start and end of the day

The only rule that it does not model is LEVEL_POOL_FULL, which depends on the engine's pools.

Decision ARC-7.
"""

from __future__ import annotations

from exchange.codes import FLAG_LONG, CommandKind, Reject
from tests.model.naive.amend import Amending
from tests.model.naive.auction import Auction
from tests.model.naive.breaker import Breaker
from tests.model.naive.command import Capacities, Command, Continuation
from tests.model.naive.control import Control
from tests.model.naive.definitions import Definitions
from tests.model.naive.held import Held
from tests.model.naive.mass_cancel import MassCancel
from tests.model.naive.parameters import Parameters
from tests.model.naive.states import States
from tests.model.naive.stops import Stops

MUST_BE_LONG = {
    int(CommandKind.REPLACE),
    int(CommandKind.REPLACE_BY_ORDER_ID),
    int(CommandKind.INSTRUMENT),
    int(CommandKind.CURRENCY),
    int(CommandKind.ACCOUNT),
    int(CommandKind.DEPOSIT),
    int(CommandKind.WITHDRAW),
    int(CommandKind.PARAMETER),
    int(CommandKind.INSTRUMENT_STATE),
    int(CommandKind.KILL),
    int(CommandKind.REVIEW),
    int(CommandKind.NOTE),
}


class NaiveExchange(
    Amending,
    Stops,
    Held,
    Breaker,
    Auction,
    States,
    MassCancel,
    Parameters,
    Control,
    Definitions,
):
    """All trading state. ``apply`` takes one command and returns its events' bytes."""

    def __init__(self, capacities: Capacities) -> None:
        super().__init__(capacities)
        self.handlers = {
            int(CommandKind.ENTER): self.enter,
            int(CommandKind.CANCEL): self.cancel,
            int(CommandKind.CANCEL_BY_ORDER_ID): self.cancel_by_order_id,
            int(CommandKind.REPLACE): self.replace,
            int(CommandKind.REPLACE_BY_ORDER_ID): self.replace_by_order_id,
            int(CommandKind.MODIFY): self.modify,
            int(CommandKind.MODIFY_BY_ORDER_ID): self.modify_by_order_id,
            int(CommandKind.TIMER): self.timer,
            int(CommandKind.START_OF_DAY): self.start_of_day,
            int(CommandKind.END_OF_DAY): self.end_of_day,
            int(CommandKind.INSTRUMENT): self.define_instrument,
            int(CommandKind.SESSION): self.define_session,
            int(CommandKind.CURRENCY): self.operate,
            int(CommandKind.ACCOUNT): self.operate,
            int(CommandKind.DEPOSIT): self.operate,
            int(CommandKind.WITHDRAW): self.operate,
            int(CommandKind.PARAMETER): self.operate,
            int(CommandKind.INSTRUMENT_STATE): self.operate,
            int(CommandKind.KILL): self.operate,
            int(CommandKind.REVIEW): self.operate,
            int(CommandKind.MASS_CANCEL): self.mass_cancel,
            int(CommandKind.DISCONNECT): self.disconnect,
            int(CommandKind.CANCEL_AFTER): self.cancel_after,
            int(CommandKind.NOTE): self.note,
        }
        self.operators = {
            int(CommandKind.CURRENCY): self.define_currency,
            int(CommandKind.ACCOUNT): self.open_account,
            int(CommandKind.DEPOSIT): self.deposit,
            int(CommandKind.WITHDRAW): self.withdraw,
            int(CommandKind.PARAMETER): self.parameter,
            int(CommandKind.INSTRUMENT_STATE): self.instrument_state,
            int(CommandKind.KILL): self.kill,
            int(CommandKind.REVIEW): self.review,
            int(CommandKind.MASS_CANCEL): self.mass_cancel_of_operator,
        }

    def apply(
        self, sequence: int, command: Command, continuation: Continuation | None
    ) -> list[bytes]:
        """Apply the command at ``sequence``; ``continuation`` is the second slot of a long one."""
        self.sequence = sequence
        self.timestamp_ns = command.timestamp_ns
        self.events = events = []
        self.traded.clear()
        self.touched_balances.clear()
        self.touched_positions.clear()
        handler = self.handlers.get(command.kind)
        if handler is None or (command.kind in MUST_BE_LONG and not command.flags & FLAG_LONG):
            self.refuse_control(command, Reject.UNKNOWN_COMMAND)
        else:
            handler(command, continuation)
        for instrument in self.traded:
            self.look_for_due_stops(instrument)
        self.run_stops()
        self.drop_empty_positions(self.touched_positions)
        self.close_command()
        return events
