"""Cases of the circuit breaker, in the language of ``tests/model/cases/script.py``.

Before each case the same as in ``table.py``; then the breaker of instrument 1 is set to 10 %
in 16 seconds, halting for 30: its window has 16 buckets of one second.
"""

from __future__ import annotations

_BREAKER = """
        > parameter BREAKER 100000 16 30 instrument=1 t=0
        PARAMETER_SET instrument=1 BREAKER 100000,16,30"""
# One trade at 100: the window's only price.
_AT_100 = """
        > 1 enter p S 10 @ 100
        ACCEPTED 1#2 p S 10@100 L=10/1
        > 2 enter q B 10 @ 100
        ACCEPTED 2#2 q B 10@100
        TRADE 1#3 p S 10@100 L=0/0 with 2#3 q B"""

_CASES: dict[str, str] = {
    "a trade exactly at the threshold does not trip it, one tick further does": """
        > 1 enter a S 10 @ 110
        ACCEPTED 1#4 a S 10@110 L=10/1
        > 2 enter b B 10 @ 110
        ACCEPTED 2#4 b B 10@110
        TRADE 1#5 a S 10@110 L=0/0 with 2#5 b B
        > 1 enter c S 10 @ 111
        ACCEPTED 1#6 c S 10@111 L=10/1
        > 2 enter d B 10 @ 111
        ACCEPTED 2#6 d B 10@111
        TRADE 1#7 c S 10@111 L=0/0 with 2#7 d B
        STATE_CHANGED instrument=1 HALTED BREAKER until=30
        > 2 enter e B 10 @ 100
        REJECTED 2#8 e B 10@100 INSTRUMENT_HALTED
    """,
    "downwards: from the highest price of the window": """
        > 1 enter a S 10 @ 105
        ACCEPTED 1#4 a S 10@105 L=10/1
        > 2 enter b B 10 @ 105
        ACCEPTED 2#4 b B 10@105
        TRADE 1#5 a S 10@105 L=0/0 with 2#5 b B
        > 1 enter c B 10 @ 95
        ACCEPTED 1#6 c B 10@95 L=10/1
        > 2 enter d S 10 @ 95
        ACCEPTED 2#6 d S 10@95
        TRADE 1#7 c B 10@95 L=0/0 with 2#7 d S
        > 1 enter e B 10 @ 94
        ACCEPTED 1#8 e B 10@94 L=10/1
        > 2 enter f S 10 @ 94
        ACCEPTED 2#8 f S 10@94
        TRADE 1#9 e B 10@94 L=0/0 with 2#9 f S
        STATE_CHANGED instrument=1 HALTED BREAKER until=30
    """,
    "back to a price that was fine before can be too far from a newer one": """
        > 1 enter a B 10 @ 90
        ACCEPTED 1#4 a B 10@90 L=10/1
        > 2 enter b S 10 @ 90
        ACCEPTED 2#4 b S 10@90
        TRADE 1#5 a B 10@90 L=0/0 with 2#5 b S
        > 1 enter c S 10 @ 100
        ACCEPTED 1#6 c S 10@100 L=10/1
        > 2 enter d B 10 @ 100
        ACCEPTED 2#6 d B 10@100
        TRADE 1#7 c S 10@100 L=0/0 with 2#7 d B
        STATE_CHANGED instrument=1 HALTED BREAKER until=30
    """,
    "in the middle of a sweep: what is left of the aggressor is cancelled": """
        > 1 enter a S 10 @ 105
        ACCEPTED 1#4 a S 10@105 L=10/1
        > 1 enter b S 10 @ 115
        ACCEPTED 1#5 b S 10@115 L=10/1
        > 1 enter c S 10 @ 116
        ACCEPTED 1#6 c S 10@116 L=10/1
        > 2 enter d B 50 @ 120
        ACCEPTED 2#4 d B 50@120
        TRADE 1#7 a S 10@105 L=0/0 with 2#5 d B
        TRADE 1#8 b S 10@115 L=0/0 with 2#6 d B
        STATE_CHANGED instrument=1 HALTED BREAKER until=30
        CANCELED 2#7 d B 30@120 REGULATORY
        > 1 cancel c 0
        CANCEL_REJECTED 1#9 c S INSTRUMENT_HALTED
        > cancel-id :c 0
        CANCELED 1#10 c S 10@116 USER L=0/0
    """,
    "a market order that trips it": """
        > 1 enter a S 10 @ 115
        ACCEPTED 1#4 a S 10@115 L=10/1
        > 2 enter b B 20 market
        ACCEPTED 2#4 b B 20@0 type=1
        TRADE 1#5 a S 10@115 L=0/0 with 2#5 b B
        STATE_CHANGED instrument=1 HALTED BREAKER until=30
        CANCELED 2#6 b B 10@0 REGULATORY type=1
    """,
    "the first trade outside trips, though it is a part of an iceberg": """
        > 1 enter a S 30 @ 115 show=10
        ACCEPTED 1#4 a S 30@115 L=10/1
        TERMS 1 a S 30@115 show=10
        > 2 enter b B 20 @ 115
        ACCEPTED 2#4 b B 20@115
        TRADE 1#5 a S 10@115 left=20 L=0/1 with 2#5 b B
        REFRESHED 1 a S 10@115 left=20 L=10/1
        STATE_CHANGED instrument=1 HALTED BREAKER until=30
        CANCELED 2#6 b B 10@115 REGULATORY
    """,
    "in a cascade of stops: the next ones wait until the halt is over": """
        > 2 enter s B 10 @ 120 stop=101
        ACCEPTED 2#4 s B 10@120 type=3
        TERMS 2 s B 10@120 type=3 stop=101
        > 2 enter t B 10 @ 90 stop=101
        ACCEPTED 2#5 t B 10@90 type=3
        TERMS 2 t B 10@90 type=3 stop=101
        > 2 enter u B 10 @ 90 stop=115
        ACCEPTED 2#6 u B 10@90 type=3
        TERMS 2 u B 10@90 type=3 stop=115
        > 1 enter a S 10 @ 101
        ACCEPTED 1#4 a S 10@101 L=10/1
        > 1 enter b S 20 @ 115
        ACCEPTED 1#5 b S 20@115 L=20/1
        > 2 enter c B 10 @ 101
        ACCEPTED 2#7 c B 10@101
        TRADE 1#6 a S 10@101 L=0/0 with 2#8 c B
        TRIGGERED 2 s B 10@120 type=3 left=10
        TRADE 1#7 b S 10@115 left=10 L=10/1 with 2#9 s B
        STATE_CHANGED instrument=1 HALTED BREAKER until=30
        > timer t=29.9
        > timer t=30
        STATE_CHANGED instrument=1 OPEN TIMER
        TRIGGERED 2 t B 10@90 type=3 left=10
        RESTED 2 t B 10@90 type=3 left=10 L=10/1
        TRIGGERED 2 u B 10@90 type=3 left=10
        RESTED 2 u B 10@90 type=3 left=10 L=20/2
    """,
    "a triggered stop that trips it loses what is left": """
        > 2 enter s B 30 @ 120 stop=101
        ACCEPTED 2#4 s B 30@120 type=3
        TERMS 2 s B 30@120 type=3 stop=101
        > 1 enter a S 10 @ 101
        ACCEPTED 1#4 a S 10@101 L=10/1
        > 1 enter b S 10 @ 115
        ACCEPTED 1#5 b S 10@115 L=10/1
        > 2 enter c B 10 @ 101
        ACCEPTED 2#5 c B 10@101
        TRADE 1#6 a S 10@101 L=0/0 with 2#6 c B
        TRIGGERED 2 s B 30@120 type=3 left=30
        TRADE 1#7 b S 10@115 L=0/0 with 2#7 s B
        STATE_CHANGED instrument=1 HALTED BREAKER until=30
        CANCELED 2#8 s B 20@120 REGULATORY type=3
    """,
    "an approved order that trips it loses what is left": """
        > parameter REVIEW_VALUE 2500 instrument=1
        PARAMETER_SET instrument=1 REVIEW_VALUE 2500,0,0
        > 1 enter b S 10 @ 115
        ACCEPTED 1#4 b S 10@115 L=10/1
        > 2 enter s B 30 @ 120
        ACCEPTED 2#4 s B 30@120
        HELD 2 s B 30@120 left=30
        > review :s yes key=k
        RELEASED 2 s B 30@120 left=30
        TRADE 1#5 b S 10@115 L=0/0 with 2#5 s B
        STATE_CHANGED instrument=1 HALTED BREAKER until=30
        CANCELED 2#6 s B 20@120 REGULATORY
        CONTROL_DONE k REVIEW
    """,
    "the halt ends with the first timer at its end, and the window begins anew": """
        > 1 enter a S 30 @ 120
        ACCEPTED 1#4 a S 30@120 L=30/1
        > 2 enter b B 10 @ 120 t=0.25
        ACCEPTED 2#4 b B 10@120
        TRADE 1#5 a S 10@120 left=20 L=20/1 with 2#5 b B
        STATE_CHANGED instrument=1 HALTED BREAKER until=30.25
        > timer t=30
        > timer t=31
        STATE_CHANGED instrument=1 OPEN TIMER
        > 2 enter c B 10 @ 120
        ACCEPTED 2#6 c B 10@120
        TRADE 1#6 a S 10@120 left=10 L=10/1 with 2#7 c B
    """,
    "an operator may open it earlier": """
        > 1 enter a S 30 @ 120
        ACCEPTED 1#4 a S 30@120 L=30/1
        > 2 enter b B 10 @ 120
        ACCEPTED 2#4 b B 10@120
        TRADE 1#5 a S 10@120 left=20 L=20/1 with 2#5 b B
        STATE_CHANGED instrument=1 HALTED BREAKER until=30
        > state OPEN instrument=1 t=2
        STATE_CHANGED instrument=1 OPEN COMMAND
        > timer t=30
    """,
    "a price leaves the window with its bucket, 16 seconds later": """
        > 1 enter a S 10 @ 111
        ACCEPTED 1#4 a S 10@111 L=10/1
        > 2 enter b B 10 @ 111 t=16
        ACCEPTED 2#4 b B 10@111
        TRADE 1#5 a S 10@111 L=0/0 with 2#5 b B
    """,
    "but not before": """
        > 1 enter a S 10 @ 111
        ACCEPTED 1#4 a S 10@111 L=10/1
        > 2 enter b B 10 @ 111 t=15.999999
        ACCEPTED 2#4 b B 10@111
        TRADE 1#5 a S 10@111 L=0/0 with 2#5 b B
        STATE_CHANGED instrument=1 HALTED BREAKER until=45.999999
    """,
    "switched off, and set anew: the window is empty": """
        > parameter BREAKER 0 0 0 instrument=1
        PARAMETER_SET instrument=1 BREAKER 0,0,0
        > 1 enter a S 10 @ 200
        ACCEPTED 1#4 a S 10@200 L=10/1
        > 2 enter b B 10 @ 200
        ACCEPTED 2#4 b B 10@200
        TRADE 1#5 a S 10@200 L=0/0 with 2#5 b B
        > parameter BREAKER 10000 1 1 instrument=1
        PARAMETER_SET instrument=1 BREAKER 10000,1,1
        > 1 enter c S 10 @ 300
        ACCEPTED 1#6 c S 10@300 L=10/1
        > 2 enter d B 10 @ 300
        ACCEPTED 2#6 d B 10@300
        TRADE 1#7 c S 10@300 L=0/0 with 2#7 d B
    """,
    "a new day empties the window": """
        > end
        PARAMETER_SET instrument=1 REFERENCE_PRICE 100,0,0
        SYSTEM 1#4 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#4 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > start 20260103
        DAY_STARTED 1700000000000000000@20260103
        SYSTEM 1#1 1700000000000000000@20260103 START_OF_DAY
        SYSTEM 2#1 1700000000000000000@20260103 START_OF_DAY
        > 1 enter a S 10 @ 200
        ACCEPTED 1#2 a S 10@200 L=10/1
        > 2 enter b B 10 @ 200
        ACCEPTED 2#2 b B 10@200
        TRADE 1#3 a S 10@200 L=0/0 with 2#3 b B
    """,
    "an auction trips nothing; its price is the new window": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a S 10 @ 200
        ACCEPTED 1#4 a S 10@200 L=10/1
        > 2 enter b B 10 @ 200
        ACCEPTED 2#4 b B 10@200 L=10/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 10@200
        TRADE 2#5 b B 10@200 OPENING_AUCTION with 1#5 a S
        LEVEL instrument=1 B 0@200 L=0/0
        LEVEL instrument=1 S 0@200 L=0/0
        > 1 enter c S 10 @ 190
        ACCEPTED 1#6 c S 10@190 L=10/1
        > 2 enter d B 10 @ 190
        ACCEPTED 2#6 d B 10@190
        TRADE 1#7 c S 10@190 L=0/0 with 2#7 d B
        > 1 enter e S 10 @ 210
        ACCEPTED 1#8 e S 10@210 L=10/1
        > 2 enter f B 10 @ 210
        ACCEPTED 2#8 f B 10@210
        TRADE 1#9 e S 10@210 L=0/0 with 2#9 f B
        STATE_CHANGED instrument=1 HALTED BREAKER until=30
    """,
}
CASES = {name: _BREAKER + _AT_100 + text for name, text in _CASES.items()}
