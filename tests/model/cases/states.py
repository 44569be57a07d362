"""Cases of the states of instruments and of the market.

The language is that of ``tests/model/cases/script.py``; before each case as in ``table.py``.
"""

from __future__ import annotations

CASES: dict[str, str] = {
    "a halted instrument: nothing goes, not even cancels; the operator's do": """
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50 L=30/1
        > 1 enter b B 30 @ 50
        ACCEPTED 1#3 b B 30@50 L=60/2
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > 1 enter c B 30 @ 50
        REJECTED 1#4 c B 30@50 INSTRUMENT_HALTED
        > 1 cancel a 0
        CANCEL_REJECTED 1#5 a B INSTRUMENT_HALTED
        > 1 modify a B 10
        CANCEL_REJECTED 1#6 a B INSTRUMENT_HALTED
        > 1 replace a d 30 @ 51
        CANCEL_REJECTED 1#7 a B INSTRUMENT_HALTED
        > 1 mass-cancel
        > cancel-id :a 10
        CANCELED 1#8 a B 20@50 USER left=10 L=40/2
        > mass-cancel account=1
        CANCELED 1#9 a B 10@50 SUPERVISORY L=30/1
        CANCELED 1#10 b B 30@50 SUPERVISORY L=0/0
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
    """,
    "cancel-only: cancels and reductions": """
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50 L=30/1
        > state CANCEL_ONLY instrument=1
        STATE_CHANGED instrument=1 CANCEL_ONLY COMMAND
        > 1 enter b B 30 @ 50
        REJECTED 1#3 b B 30@50 CANCEL_ONLY
        > 1 replace a c 20 @ 50
        CANCEL_REJECTED 1#4 a B CANCEL_ONLY
        > 1 modify a B 20
        MODIFIED 1#5 a B 20@50 left=20 L=20/1
        > 1 cancel a 10
        CANCELED 1#6 a B 10@50 USER left=10 L=10/1
        > 1 mass-cancel
        CANCELED 1#7 a B 10@50 USER L=0/0
    """,
    "closed: as cancel-only; orders for the market's hours are gone, the others stay": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 enter b B 10 @ 50 tif=99999
        ACCEPTED 1#3 b B 10@50 tif=99999 L=20/2
        > 1 enter c B 10 @ 50 tif=600
        ACCEPTED 1#4 c B 10@50 tif=600 L=30/3
        > state CLOSED instrument=1
        STATE_CHANGED instrument=1 CLOSED COMMAND
        CANCELED 1#5 a B 10@50 TIMEOUT L=20/2
        > 1 enter d B 10 @ 50
        REJECTED 1#6 d B 10@50 MARKET_CLOSED
        > 1 replace b e 20 @ 50
        CANCEL_REJECTED 1#7 b B MARKET_CLOSED
        > 1 cancel b 0
        CANCELED 1#8 b B 10@50 USER L=10/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        > 2 enter f S 10 @ 50
        ACCEPTED 2#2 f S 10@50
        TRADE 1#9 c B 10@50 L=0/0 with 2#3 f S
    """,
    "a state check comes after the access checks and before the fields": """
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > 1 enter a B 0 @ 0
        REJECTED 1#2 a B INSTRUMENT_HALTED
        > parameter BLOCKED 1 account=1
        PARAMETER_SET account=1 BLOCKED 1,0,0
        > 1 enter b B 10 @ 50
        REJECTED 1#3 b B 10@50 ACCOUNT_BLOCKED
        > 1 enter c B 10 @ 50 instrument=7
        REJECTED 1#4 c B instrument=7 10@50 ACCOUNT_BLOCKED
    """,
    "a halt with an end is over with the first timer from then on": """
        > state HALTED instrument=1 until=5
        STATE_CHANGED instrument=1 HALTED COMMAND until=5
        > timer t=4.999999999
        > 1 enter a B 10 @ 50
        REJECTED 1#2 a B 10@50 INSTRUMENT_HALTED
        > timer t=5
        STATE_CHANGED instrument=1 OPEN TIMER
        > 1 enter b B 10 @ 50
        ACCEPTED 1#3 b B 10@50 L=10/1
    """,
    "a halt without an end stays": """
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > timer t=90000
        > 1 enter a B 10 @ 50
        REJECTED 1#2 a B 10@50 INSTRUMENT_HALTED
    """,
    "the end of a halt can be told anew": """
        > state HALTED instrument=1 until=5
        STATE_CHANGED instrument=1 HALTED COMMAND until=5
        > state HALTED instrument=1 until=7
        STATE_CHANGED instrument=1 HALTED COMMAND until=7
        > timer t=6
        > timer t=8
        STATE_CHANGED instrument=1 OPEN TIMER
        > timer t=9
    """,
    "states that are refused": """
        > state 5 instrument=1
        CONTROL_REJECTED instrument=1 INSTRUMENT_STATE INVALID_STATE
        > state OPEN instrument=1 until=5
        CONTROL_REJECTED instrument=1 INSTRUMENT_STATE INVALID_STATE
        > state HALTED instrument=1 until=-1700000001
        CONTROL_REJECTED instrument=1 INSTRUMENT_STATE INVALID_STATE
        > state OPEN instrument=7
        CONTROL_REJECTED instrument=7 INSTRUMENT_STATE UNKNOWN_INSTRUMENT
        > state 9 instrument=7
        CONTROL_REJECTED instrument=7 INSTRUMENT_STATE INVALID_STATE
        > state AUCTION
        CONTROL_REJECTED INSTRUMENT_STATE INVALID_STATE
        > state CLOSED
        CONTROL_REJECTED INSTRUMENT_STATE INVALID_STATE
        > state AUCTION group=3 key=none
        CONTROL_DONE none INSTRUMENT_STATE
    """,
    "the whole market: its state counts while it is not open": """
        > state CANCEL_ONLY instrument=1
        STATE_CHANGED instrument=1 CANCEL_ONLY COMMAND
        > state HALTED
        STATE_CHANGED HALTED COMMAND
        > 1 enter a B 10 @ 50
        REJECTED 1#2 a B 10@50 INSTRUMENT_HALTED
        > state CANCEL_ONLY
        STATE_CHANGED CANCEL_ONLY COMMAND
        > 1 enter b B 10 @ 50
        REJECTED 1#3 b B 10@50 CANCEL_ONLY
        > state OPEN
        STATE_CHANGED OPEN COMMAND
        > 1 enter c B 10 @ 50
        REJECTED 1#4 c B 10@50 CANCEL_ONLY
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        > 1 enter d B 10 @ 50
        ACCEPTED 1#5 d B 10@50 L=10/1
    """,
    "a market that is cancel-only lets a halted instrument's orders be cancelled": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > 1 cancel a 0
        CANCEL_REJECTED 1#3 a B INSTRUMENT_HALTED
        > state CANCEL_ONLY
        STATE_CHANGED CANCEL_ONLY COMMAND
        > 1 cancel a 0
        CANCELED 1#4 a B 10@50 USER L=0/0
    """,
    "a halt of the market ends by timer too, after those of instruments": """
        > state HALTED until=5
        STATE_CHANGED HALTED COMMAND until=5
        > state HALTED instrument=1 until=6
        STATE_CHANGED instrument=1 HALTED COMMAND until=6
        > timer t=7
        STATE_CHANGED instrument=1 OPEN TIMER
        STATE_CHANGED OPEN TIMER
    """,
    "the market leaves the call phase of an instrument as it is": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 2 enter b S 10 @ 50
        ACCEPTED 2#2 b S 10@50 L=10/1
        > state HALTED
        STATE_CHANGED HALTED COMMAND
        > state OPEN
        STATE_CHANGED OPEN COMMAND
        > 1 enter c B 10 @ 50
        ACCEPTED 1#3 c B 10@50 L=20/2
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 10@50 left=10
        TRADE 1#4 a B 10@50 OPENING_AUCTION with 2#3 b S
        LEVEL instrument=1 S 0@50 L=0/0
        LEVEL instrument=1 B 0@50 L=10/1
    """,
    "states stay over the end and the start of a day": """
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > state CANCEL_ONLY
        STATE_CHANGED CANCEL_ONLY COMMAND
        > end
        SYSTEM 1#2 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > start 20260103
        DAY_STARTED 1700000000000000000@20260103
        SYSTEM 1#1 1700000000000000000@20260103 START_OF_DAY
        SYSTEM 2#1 1700000000000000000@20260103 START_OF_DAY
        > 1 enter a B 10 @ 50
        REJECTED 1#2 a B 10@50 CANCEL_ONLY
        > state OPEN
        STATE_CHANGED OPEN COMMAND
        > 1 enter b B 10 @ 50
        REJECTED 1#3 b B 10@50 INSTRUMENT_HALTED
    """,
    "orders expire in every state": """
        > 1 enter a B 10 @ 50 tif=3
        ACCEPTED 1#2 a B 10@50 tif=3 L=10/1
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > timer t=3
        CANCELED 1#3 a B 10@50 TIMEOUT L=0/0
    """,
    "a state that stays the same is told, too": """
        > state OPEN instrument=1 key=again
        STATE_CHANGED instrument=1 OPEN COMMAND
        CONTROL_DONE again INSTRUMENT_STATE
        > state OPEN instrument=1 key=again
        CONTROL_REJECTED instrument=1 again INSTRUMENT_STATE DUPLICATE_KEY
        > state OPEN
        STATE_CHANGED OPEN COMMAND
    """,
    "the day ends in an auction: it finds its price first": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 51
        ACCEPTED 1#2 a B 30@51 L=30/1
        > 2 enter b S 20 @ 50
        ACCEPTED 2#2 b S 20@50 L=20/1
        > end prices
        AUCTION instrument=1 20@50 left=10
        TRADE 1#3 a B 20@50 CLOSING_AUCTION left=10 with 2#3 b S
        LEVEL instrument=1 S 0@50 L=0/0
        LEVEL instrument=1 B 0@51 L=10/1
        CANCELED 1#4 a B 10@51 TIMEOUT L=0/0
        PARAMETER_SET instrument=1 REFERENCE_PRICE 50,0,0
        SYSTEM 1#5 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#4 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
    """,
    "the day ends in an auction as older builds ended it": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 51
        ACCEPTED 1#2 a B 30@51 L=30/1
        > 2 enter b S 20 @ 50
        ACCEPTED 2#2 b S 20@50 L=20/1
        > end
        CANCELED 1#3 a B 30@51 TIMEOUT L=0/0
        CANCELED 2#3 b S 20@50 TIMEOUT L=0/0
        SYSTEM 1#4 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#4 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
    """,
    "the day ends in an auction of a market that is halted: nothing trades": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 51
        ACCEPTED 1#2 a B 30@51 L=30/1
        > 2 enter b S 20 @ 50
        ACCEPTED 2#2 b S 20@50 L=20/1
        > state HALTED
        STATE_CHANGED HALTED COMMAND
        > end prices
        CANCELED 1#3 a B 30@51 TIMEOUT L=0/0
        CANCELED 2#3 b S 20@50 TIMEOUT L=0/0
        SYSTEM 1#4 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#4 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
    """,
}
