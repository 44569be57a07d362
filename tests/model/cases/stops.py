"""Cases of stop orders, in the language of ``tests/model/cases/script.py``.

Before each case the same as in ``table.py``. A stop order with a price is STOP_LIMIT (type=3),
one without is STOP (type=2); its TERMS say limit or protection price and stop price.
"""

from __future__ import annotations

CASES: dict[str, str] = {
    "a buy stop waits above the market and enters it when the last price gets there": """
        > 1 enter x S 10 @ 100
        ACCEPTED 1#2 x S 10@100 L=10/1
        > 1 enter y S 30 @ 105
        ACCEPTED 1#3 y S 30@105 L=30/1
        > 2 enter a B 20 @ 106 stop=100
        ACCEPTED 2#2 a B 20@106 type=3
        TERMS 2 a B 20@106 type=3 stop=100
        > 2 enter b B 10 @ 100
        ACCEPTED 2#3 b B 10@100
        TRADE 1#4 x S 10@100 L=0/0 with 2#4 b B
        TRIGGERED 2 a B 20@106 type=3 left=20
        TRADE 1#5 y S 20@105 left=10 L=10/1 with 2#5 a B
    """,
    "a buy stop does not enter one tick before, a sell stop not one tick after": """
        > 2 enter a B 10 @ 200 stop=101
        ACCEPTED 2#2 a B 10@200 type=3
        TERMS 2 a B 10@200 type=3 stop=101
        > 2 enter b S 10 @ 10 stop=99
        ACCEPTED 2#3 b S 10@10 type=3
        TERMS 2 b S 10@10 type=3 stop=99
        > 1 enter x S 10 @ 100
        ACCEPTED 1#2 x S 10@100 L=10/1
        > 1 enter y B 10 @ 100
        ACCEPTED 1#3 y B 10@100
        TRADE 1#4 x S 10@100 L=0/0 with 1#5 y B
    """,
    "a sell stop enters when the last price has fallen to it; what is left rests": """
        > 1 enter x B 10 @ 90
        ACCEPTED 1#2 x B 10@90 L=10/1
        > 1 enter y B 10 @ 88
        ACCEPTED 1#3 y B 10@88 L=10/1
        > 2 enter a S 30 @ 85 stop=95
        ACCEPTED 2#2 a S 30@85 type=3
        TERMS 2 a S 30@85 type=3 stop=95
        > 2 enter b S 10 @ 90
        ACCEPTED 2#3 b S 10@90
        TRADE 1#4 x B 10@90 L=0/0 with 2#4 b S
        TRIGGERED 2 a S 30@85 type=3 left=30
        TRADE 1#5 y B 10@88 L=0/0 with 2#5 a S
        RESTED 2 a S 20@85 type=3 left=20 L=20/1
        > 1 enter z B 20 @ 85
        ACCEPTED 1#6 z B 20@85
        TRADE 2#6 a S 20@85 type=3 L=0/0 with 1#7 z B
    """,
    "a stop that is due already enters at once": """
        > 1 enter x S 10 @ 100
        ACCEPTED 1#2 x S 10@100 L=10/1
        > 1 enter y B 10 @ 100
        ACCEPTED 1#3 y B 10@100
        TRADE 1#4 x S 10@100 L=0/0 with 1#5 y B
        > 2 enter a B 10 @ 100 stop=100
        ACCEPTED 2#2 a B 10@100 type=3
        TERMS 2 a B 10@100 type=3 stop=100
        TRIGGERED 2 a B 10@100 type=3 left=10
        RESTED 2 a B 10@100 type=3 left=10 L=10/1
        > 2 enter b S 10 @ 300 stop=150
        ACCEPTED 2#3 b S 10@300 type=3
        TERMS 2 b S 10@300 type=3 stop=150
        TRIGGERED 2 b S 10@300 type=3 left=10
        RESTED 2 b S 10@300 type=3 left=10 L=10/1
    """,
    "without a last price no stop is due; a new day forgets it": """
        > 1 enter x S 10 @ 100
        ACCEPTED 1#2 x S 10@100 L=10/1
        > 1 enter y B 10 @ 100
        ACCEPTED 1#3 y B 10@100
        TRADE 1#4 x S 10@100 L=0/0 with 1#5 y B
        > end
        PARAMETER_SET instrument=1 REFERENCE_PRICE 100,0,0
        SYSTEM 1#6 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > start 20260103
        DAY_STARTED 1700000000000000000@20260103
        SYSTEM 1#1 1700000000000000000@20260103 START_OF_DAY
        SYSTEM 2#1 1700000000000000000@20260103 START_OF_DAY
        > 2 enter a B 10 @ 100 stop=50
        ACCEPTED 2#2 a B 10@100 type=3
        TERMS 2 a B 10@100 type=3 stop=50
    """,
    "a stop market order trades up to its protection price, the rest is cancelled": """
        > parameter COLLAR 100000 instrument=1
        PARAMETER_SET instrument=1 COLLAR 100000,0,0
        > 2 enter a B 30 market stop=100
        ACCEPTED 2#2 a B 30@0 type=2
        TERMS 2 a B 30@110 type=2 stop=100
        > 1 enter x S 10 @ 100
        ACCEPTED 1#2 x S 10@100 L=10/1
        > 1 enter y S 10 @ 110
        ACCEPTED 1#3 y S 10@110 L=10/1
        > 1 enter z S 10 @ 111
        ACCEPTED 1#4 z S 10@111 L=10/1
        > 2 enter b B 10 @ 100
        ACCEPTED 2#3 b B 10@100
        TRADE 1#5 x S 10@100 L=0/0 with 2#4 b B
        TRIGGERED 2 a B 30@110 type=2 left=30
        TRADE 1#6 y S 10@110 L=0/0 with 2#5 a B
        CANCELED 2#6 a B 20@110 IMMEDIATE_OR_CANCEL type=2
    """,
    "an immediate stop-limit order lives until it has been triggered": """
        > 2 enter a S 30 @ 95 stop=100 tif=0
        ACCEPTED 2#2 a S 30@95 type=3 tif=0
        TERMS 2 a S 30@95 type=3 stop=100
        > 1 enter x B 10 @ 100
        ACCEPTED 1#2 x B 10@100 L=10/1
        > 1 enter y B 10 @ 95
        ACCEPTED 1#3 y B 10@95 L=10/1
        > 2 enter b S 10 @ 100
        ACCEPTED 2#3 b S 10@100
        TRADE 1#4 x B 10@100 L=0/0 with 2#4 b S
        TRIGGERED 2 a S 30@95 type=3 left=30
        TRADE 1#5 y B 10@95 L=0/0 with 2#5 a S
        CANCELED 2#6 a S 20@95 IMMEDIATE_OR_CANCEL type=3
    """,
    "buy stops: the lowest stop price first, then the oldest": """
        > 2 enter a B 10 @ 50 stop=102
        ACCEPTED 2#2 a B 10@50 type=3
        TERMS 2 a B 10@50 type=3 stop=102
        > 2 enter b B 10 @ 50 stop=101
        ACCEPTED 2#3 b B 10@50 type=3
        TERMS 2 b B 10@50 type=3 stop=101
        > 2 enter c B 10 @ 50 stop=101
        ACCEPTED 2#4 c B 10@50 type=3
        TERMS 2 c B 10@50 type=3 stop=101
        > 1 enter x S 10 @ 103
        ACCEPTED 1#2 x S 10@103 L=10/1
        > 1 enter y B 10 @ 103
        ACCEPTED 1#3 y B 10@103
        TRADE 1#4 x S 10@103 L=0/0 with 1#5 y B
        TRIGGERED 2 b B 10@50 type=3 left=10
        RESTED 2 b B 10@50 type=3 left=10 L=10/1
        TRIGGERED 2 c B 10@50 type=3 left=10
        RESTED 2 c B 10@50 type=3 left=10 L=20/2
        TRIGGERED 2 a B 10@50 type=3 left=10
        RESTED 2 a B 10@50 type=3 left=10 L=30/3
    """,
    "sell stops: the highest stop price first; buy stops go before them": """
        > 2 enter a S 10 @ 500 stop=98
        ACCEPTED 2#2 a S 10@500 type=3
        TERMS 2 a S 10@500 type=3 stop=98
        > 2 enter b S 10 @ 500 stop=99
        ACCEPTED 2#3 b S 10@500 type=3
        TERMS 2 b S 10@500 type=3 stop=99
        > 2 enter c B 10 @ 50 stop=97
        ACCEPTED 2#4 c B 10@50 type=3
        TERMS 2 c B 10@50 type=3 stop=97
        > 1 enter x S 10 @ 97
        ACCEPTED 1#2 x S 10@97 L=10/1
        > 1 enter y B 10 @ 97
        ACCEPTED 1#3 y B 10@97
        TRADE 1#4 x S 10@97 L=0/0 with 1#5 y B
        TRIGGERED 2 c B 10@50 type=3 left=10
        RESTED 2 c B 10@50 type=3 left=10 L=10/1
        TRIGGERED 2 b S 10@500 type=3 left=10
        RESTED 2 b S 10@500 type=3 left=10 L=10/1
        TRIGGERED 2 a S 10@500 type=3 left=10
        RESTED 2 a S 10@500 type=3 left=10 L=20/2
    """,
    "a stop's trade makes the next one due: a cascade": """
        > 1 enter x B 10 @ 100
        ACCEPTED 1#2 x B 10@100 L=10/1
        > 1 enter y B 10 @ 95
        ACCEPTED 1#3 y B 10@95 L=10/1
        > 1 enter z B 10 @ 90
        ACCEPTED 1#4 z B 10@90 L=10/1
        > 2 enter a S 10 @ 2 stop=95
        ACCEPTED 2#2 a S 10@2 type=3
        TERMS 2 a S 10@2 type=3 stop=95
        > 2 enter b S 10 @ 2 stop=100
        ACCEPTED 2#3 b S 10@2 type=3
        TERMS 2 b S 10@2 type=3 stop=100
        > 1 enter c S 10 @ 100
        ACCEPTED 1#5 c S 10@100
        TRADE 1#6 x B 10@100 L=0/0 with 1#7 c S
        TRIGGERED 2 b S 10@2 type=3 left=10
        TRADE 1#8 y B 10@95 L=0/0 with 2#4 b S
        TRIGGERED 2 a S 10@2 type=3 left=10
        TRADE 1#9 z B 10@90 L=0/0 with 2#5 a S
    """,
    "each stop is looked at anew: a trade that takes the price away leaves the others waiting": """
        > 1 enter x S 10 @ 110
        ACCEPTED 1#2 x S 10@110 L=10/1
        > 1 enter y B 10 @ 80
        ACCEPTED 1#3 y B 10@80 L=10/1
        > 2 enter a B 10 @ 120 stop=70
        ACCEPTED 2#2 a B 10@120 type=3
        TERMS 2 a B 10@120 type=3 stop=70
        > 2 enter b S 10 @ 60 stop=90
        ACCEPTED 2#3 b S 10@60 type=3
        TERMS 2 b S 10@60 type=3 stop=90
        > 1 enter z S 10 @ 80
        ACCEPTED 1#4 z S 10@80
        TRADE 1#5 y B 10@80 L=0/0 with 1#6 z S
        TRIGGERED 2 a B 10@120 type=3 left=10
        TRADE 1#7 x S 10@110 L=0/0 with 2#4 a B
        > 1 enter w S 10 @ 90
        ACCEPTED 1#8 w S 10@90 L=10/1
        > 1 enter v B 10 @ 90
        ACCEPTED 1#9 v B 10@90
        TRADE 1#10 w S 10@90 L=0/0 with 1#11 v B
        TRIGGERED 2 b S 10@60 type=3 left=10
        RESTED 2 b S 10@60 type=3 left=10 L=10/1
    """,
    "a triggered stop follows the other rules of an aggressor: self-trade prevention": """
        > parameter SELF_TRADE 2 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 2,0,0
        > 1 enter x S 10 @ 105
        ACCEPTED 1#2 x S 10@105 L=10/1
        > 1 enter a B 10 @ 110 stop=100
        ACCEPTED 1#3 a B 10@110 type=3
        TERMS 1 a B 10@110 type=3 stop=100
        > 2 enter y S 10 @ 100
        ACCEPTED 2#2 y S 10@100 L=10/1
        > 2 enter z B 10 @ 100
        ACCEPTED 2#3 z B 10@100
        TRADE 2#4 y S 10@100 L=0/0 with 2#5 z B
        TRIGGERED 1 a B 10@110 type=3 left=10
        SELF_TRADE_PREVENTED 1#4 a B 10@105 type=3 prevented=10 R for x
        > 1 cancel a 0
    """,
    "both sides lose when a triggered stop meets its own account: DECREMENT": """
        > parameter SELF_TRADE 4 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 4,0,0
        > 1 enter x S 10 @ 105
        ACCEPTED 1#2 x S 10@105 L=10/1
        > 2 enter w S 10 @ 106
        ACCEPTED 2#2 w S 10@106 L=10/1
        > 1 enter a B 40 @ 110 stop=100
        ACCEPTED 1#3 a B 40@110 type=3
        TERMS 1 a B 40@110 type=3 stop=100
        > 2 enter y S 10 @ 100
        ACCEPTED 2#3 y S 10@100 L=10/1
        > 2 enter z B 10 @ 100
        ACCEPTED 2#4 z B 10@100
        TRADE 2#5 y S 10@100 L=0/0 with 2#6 z B
        TRIGGERED 1 a B 40@110 type=3 left=40
        SELF_TRADE_PREVENTED 1#4 x S 10@105 prevented=10 A for a L=0/0
        SELF_TRADE_PREVENTED 1#5 a B 10@105 type=3 left=30 prevented=10 R for x
        TRADE 2#7 w S 10@106 L=0/0 with 1#6 a B
        RESTED 1 a B 20@110 type=3 left=20 L=20/1
        > 1 cancel a 20
        CANCELED 1#7 a B 10@110 USER type=3 left=10 L=10/1
    """,
    "a stop-limit iceberg shows its first part when it rests": """
        > 2 enter a B 50 @ 90 stop=100 show=20
        ACCEPTED 2#2 a B 50@90 type=3
        TERMS 2 a B 50@90 type=3 stop=100 show=20
        > 1 enter x S 10 @ 100
        ACCEPTED 1#2 x S 10@100 L=10/1
        > 1 enter y B 10 @ 100
        ACCEPTED 1#3 y B 10@100
        TRADE 1#4 x S 10@100 L=0/0 with 1#5 y B
        TRIGGERED 2 a B 50@90 type=3 left=50
        RESTED 2 a B 20@90 type=3 left=50 L=20/1
        > 1 enter z S 30 @ 90
        ACCEPTED 1#6 z S 30@90
        TRADE 2#3 a B 20@90 type=3 left=30 L=0/1 with 1#7 z S
        REFRESHED 2 a B 20@90 type=3 left=30 L=20/1
        TRADE 2#4 a B 10@90 type=3 left=20 L=10/1 with 1#8 z S
    """,
    "an iceberg that waits is reduced and cancelled without a level": """
        > 2 enter a B 50 @ 90 stop=100 show=20
        ACCEPTED 2#2 a B 50@90 type=3
        TERMS 2 a B 50@90 type=3 stop=100 show=20
        > 2 cancel a 30
        CANCELED 2#3 a B 20@90 USER type=3 left=30
        > 1 enter x S 10 @ 100
        ACCEPTED 1#2 x S 10@100 L=10/1
        > 1 enter y B 10 @ 100
        ACCEPTED 1#3 y B 10@100
        TRADE 1#4 x S 10@100 L=0/0 with 1#5 y B
        TRIGGERED 2 a B 30@90 type=3 left=30
        RESTED 2 a B 20@90 type=3 left=30 L=20/1
    """,
    "a waiting stop is cancelled, in part and whole": """
        > 1 enter a S 30 @ 90 stop=95
        ACCEPTED 1#2 a S 30@90 type=3
        TERMS 1 a S 30@90 type=3 stop=95
        > 1 cancel a 20
        CANCELED 1#3 a S 10@90 USER type=3 left=20
        > 1 cancel a 0
        CANCELED 1#4 a S 20@90 USER type=3
        > 1 cancel a 0
    """,
    "a waiting stop cannot be modified": """
        > 1 enter a S 30 @ 90 stop=95
        ACCEPTED 1#2 a S 30@90 type=3
        TERMS 1 a S 30@90 type=3 stop=95
        > 1 modify a S 20
        CANCEL_REJECTED 1#3 a S ORDER_WAITING type=3
    """,
    "a replace moves a waiting stop, makes it a plain order, and back": """
        > 1 enter a S 30 @ 90 stop=95
        ACCEPTED 1#2 a S 30@90 type=3
        TERMS 1 a S 30@90 type=3 stop=95
        > 1 replace a b 20 @ 80 stop=85
        REMOVED 1 a S 30@90 type=3
        REPLACED 1#3 b S 20@80 type=3 was a
        TERMS 1 b S 20@80 type=3 stop=85
        > 1 replace b c 20 @ 100
        REMOVED 1 b S 20@80 type=3
        REPLACED 1#4 c S 20@100 was b L=20/1
        > 1 replace c d 20 market stop=70
        REMOVED 1 c S 20@100 L=0/0
        REPLACED 1#5 d S 20@0 type=2 was c
        TERMS 1 d S 20@2 type=2 stop=70
        > 1 cancel d 0
        CANCELED 1#6 d S 20@2 USER type=2
    """,
    "a replace to a stop that is due already triggers it": """
        > 1 enter x S 10 @ 100
        ACCEPTED 1#2 x S 10@100 L=10/1
        > 1 enter y B 10 @ 100
        ACCEPTED 1#3 y B 10@100
        TRADE 1#4 x S 10@100 L=0/0 with 1#5 y B
        > 2 enter a B 10 @ 90 stop=110
        ACCEPTED 2#2 a B 10@90 type=3
        TERMS 2 a B 10@90 type=3 stop=110
        > 2 replace a b 10 @ 90 stop=100
        REMOVED 2 a B 10@90 type=3
        REPLACED 2#3 b B 10@90 type=3 was a
        TERMS 2 b B 10@90 type=3 stop=100
        TRIGGERED 2 b B 10@90 type=3 left=10
        RESTED 2 b B 10@90 type=3 left=10 L=10/1
    """,
    "a waiting stop expires; the time counts from its entry": """
        > 1 enter a S 30 @ 90 stop=95 tif=5 t=0.5
        ACCEPTED 1#2 a S 30@90 type=3 tif=5
        TERMS 1 a S 30@90 type=3 stop=95
        > timer t=5.9
        > timer t=6
        CANCELED 1#3 a S 30@90 TIMEOUT type=3
    """,
    "a triggered stop keeps its expiry": """
        > 1 enter a B 30 @ 90 stop=95 tif=5 t=0
        ACCEPTED 1#2 a B 30@90 type=3 tif=5
        TERMS 1 a B 30@90 type=3 stop=95
        > 2 enter x S 10 @ 95 t=1
        ACCEPTED 2#2 x S 10@95 L=10/1
        > 2 enter y B 10 @ 95
        ACCEPTED 2#3 y B 10@95
        TRADE 2#4 x S 10@95 L=0/0 with 2#5 y B
        TRIGGERED 1 a B 30@90 type=3 left=30
        RESTED 1 a B 30@90 type=3 left=30 L=30/1
        > timer t=5
        CANCELED 1#3 a B 30@90 TIMEOUT type=3 L=0/0
    """,
    "the end of the day cancels what waits, by age": """
        > 1 enter a S 30 @ 90 stop=95
        ACCEPTED 1#2 a S 30@90 type=3
        TERMS 1 a S 30@90 type=3 stop=95
        > 1 enter b B 30 @ 90
        ACCEPTED 1#3 b B 30@90 L=30/1
        > 1 enter c B 30 market stop=500
        ACCEPTED 1#4 c B 30@0 type=2
        TERMS 1 c B 30@1000 type=2 stop=500
        > end
        CANCELED 1#5 a S 30@90 TIMEOUT type=3
        CANCELED 1#6 b B 30@90 TIMEOUT L=0/0
        CANCELED 1#7 c B 30@1000 TIMEOUT type=2
        SYSTEM 1#8 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
    """,
    "mass cancels and kill switches reach what waits": """
        > 1 enter a S 30 @ 90 stop=95
        ACCEPTED 1#2 a S 30@90 type=3
        TERMS 1 a S 30@90 type=3 stop=95
        > 1 enter b B 30 @ 90 stop=95
        ACCEPTED 1#3 b B 30@90 type=3
        TERMS 1 b B 30@90 type=3 stop=95
        > 1 mass-cancel side=1
        CANCELED 1#4 a S 30@90 USER type=3
        > kill SESSION on session=1
        KILL_SWITCHED 1 SESSION on
        CANCELED 1#5 b B 30@90 SUPERVISORY type=3
    """,
    "what a stop order must be": """
        > 1 enter a B 10 @ 90 stop=0
        REJECTED 1#2 a B 10@90 INVALID_STOP_PRICE type=3
        > 1 enter b B 10 @ 90 stop=1001
        REJECTED 1#3 b B 10@90 INVALID_STOP_PRICE type=3
        > 1 enter c B 10 @ 90 stop=1
        REJECTED 1#4 c B 10@90 INVALID_STOP_PRICE type=3
        > 1 enter d B 10 @ 90 type=3
        REJECTED 1#5 d B 10@90 INVALID_ORDER_TYPE type=3
        > 1 enter e B 10 @ 90 stop=95 min=10 tif=0
        REJECTED 1#6 e B 10@90 INVALID_MINIMUM_QUANTITY type=3
        > 1 enter f B 10 @ 90 stop=95 display=P
        REJECTED 1#7 f B 10@90 INVALID_DISPLAY type=3 display=P
        > 1 enter g B 10 @ 1001 stop=95
        REJECTED 1#8 g B 10@1001 PRICE_OUT_OF_RANGE type=3
    """,
    "in a call auction stops wait; the auction's price triggers them when the market opens": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 2 enter a B 10 @ 90 stop=100
        ACCEPTED 2#2 a B 10@90 type=3
        TERMS 2 a B 10@90 type=3 stop=100
        > 1 enter x S 10 @ 100
        ACCEPTED 1#2 x S 10@100 L=10/1
        > 1 enter y B 10 @ 100
        ACCEPTED 1#3 y B 10@100 L=10/1
        > state OPEN instrument=1 key=k
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 10@100
        TRADE 1#4 y B 10@100 OPENING_AUCTION with 1#5 x S
        LEVEL instrument=1 B 0@100 L=0/0
        LEVEL instrument=1 S 0@100 L=0/0
        CONTROL_DONE k INSTRUMENT_STATE
        TRIGGERED 2 a B 10@90 type=3 left=10
        RESTED 2 a B 10@90 type=3 left=10 L=10/1
    """,
    "a stop that is due already waits until its instrument opens": """
        > 1 enter x S 10 @ 100
        ACCEPTED 1#2 x S 10@100 L=10/1
        > 1 enter y B 10 @ 100
        ACCEPTED 1#3 y B 10@100
        TRADE 1#4 x S 10@100 L=0/0 with 1#5 y B
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 2 enter a B 10 @ 90 stop=100
        ACCEPTED 2#2 a B 10@90 type=3
        TERMS 2 a B 10@90 type=3 stop=100
        > state HALTED instrument=1 until=5
        STATE_CHANGED instrument=1 HALTED COMMAND until=5
        > 2 cancel a 0
        CANCEL_REJECTED 2#3 a B INSTRUMENT_HALTED type=3
        > state HALTED
        STATE_CHANGED HALTED COMMAND
        > timer t=5
        STATE_CHANGED instrument=1 OPEN TIMER
        > state OPEN
        STATE_CHANGED OPEN COMMAND
        TRIGGERED 2 a B 10@90 type=3 left=10
        RESTED 2 a B 10@90 type=3 left=10 L=10/1
    """,
    "when the market opens, instruments trigger their stops by id": """
        > instrument 2 tick=1 lot=10 low=2 high=1000 most=5000
        INSTRUMENT_DEFINED instrument=2 currency=1 SYM2 10@1 left=5000 low=2 high=1000
        > 1 enter x T 10 @ 100 instrument=2
        ACCEPTED 1#2 x T instrument=2 10@100 L=10/1
        > 1 enter y B 10 @ 100 instrument=2
        ACCEPTED 1#3 y B instrument=2 10@100
        TRADE 1#4 x T instrument=2 10@100 L=0/0 with 1#5 y B
        > 1 enter v S 10 @ 100
        ACCEPTED 1#6 v S 10@100 L=10/1
        > 1 enter w B 10 @ 100
        ACCEPTED 1#7 w B 10@100
        TRADE 1#8 v S 10@100 L=0/0 with 1#9 w B
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > state AUCTION instrument=2
        STATE_CHANGED instrument=2 AUCTION COMMAND
        > 2 enter b B 10 @ 90 stop=100 instrument=2
        ACCEPTED 2#2 b B instrument=2 10@90 type=3
        TERMS 2 b B instrument=2 10@90 type=3 stop=100
        > 2 enter a B 10 @ 90 stop=100
        ACCEPTED 2#3 a B 10@90 type=3
        TERMS 2 a B 10@90 type=3 stop=100
        > state CANCEL_ONLY
        STATE_CHANGED CANCEL_ONLY COMMAND
        > state OPEN instrument=2
        STATE_CHANGED instrument=2 OPEN COMMAND
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        > state OPEN
        STATE_CHANGED OPEN COMMAND
        TRIGGERED 2 a B 10@90 type=3 left=10
        RESTED 2 a B 10@90 type=3 left=10 L=10/1
        TRIGGERED 2 b B instrument=2 10@90 type=3 left=10
        RESTED 2 b B instrument=2 10@90 type=3 left=10 L=10/1
    """,
    "orders are named by their id too: by their owner and by the operator": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3 account=1
        SESSION_DEFINED 3 U3 1@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > 1 enter a S 30 @ 90 stop=95
        ACCEPTED 1#2 a S 30@90 type=3
        TERMS 1 a S 30@90 type=3 stop=95
        > 2 cancel-id :a 0
        > 7 cancel-id :a 0
        > 3 cancel-id :a 20
        CANCELED 1#3 a S 10@90 USER type=3 left=20
        > 3 modify-id :a S 10
        > 1 modify-id :a S 10
        CANCEL_REJECTED 1#4 a S ORDER_WAITING type=3
        > 3 replace-id :a b 20 @ 100
        > 1 replace-id :a b 20 @ 100
        REMOVED 1 a S 20@90 type=3
        REPLACED 1#5 b S 20@100 was a L=20/1
        > 1 modify-id :b T 10
        MODIFIED 1#6 b T 10@100 left=10 L=10/1
        > cancel-id :b 0
        CANCELED 1#7 b T 10@100 USER L=0/0
    """,
}
