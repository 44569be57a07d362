"""Cases of held orders and their review, in the language of ``tests/model/cases/script.py``.

Before each case the same as in ``table.py``; the operator then wants to see orders worth more
than 1,000 (value = price x quantity).
"""

from __future__ import annotations

_REVIEW = """
        > parameter REVIEW_VALUE 1000 instrument=1
        PARAMETER_SET instrument=1 REVIEW_VALUE 1000,0,0"""

_CASES: dict[str, str] = {
    "an order of more than the review value is held, one of the value is not": """
        > 1 enter a B 20 @ 50
        ACCEPTED 1#2 a B 20@50 L=20/1
        > 1 enter b B 30 @ 50
        ACCEPTED 1#3 b B 30@50
        HELD 1 b B 30@50 left=30
        > 2 enter c S 10 @ 200
        ACCEPTED 2#2 c S 10@200
        HELD 2 c S 10@200 left=10
        > 2 enter d S 40 @ 25
        ACCEPTED 2#3 d S 40@25
        TRADE 1#4 a B 20@50 L=0/0 with 2#4 d S
        RESTED 2 d S 20@25 left=20 L=20/1
    """,
    "approved: it rests behind those that came meanwhile": """
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50
        HELD 1 a B 30@50 left=30
        > 1 enter b B 10 @ 50
        ACCEPTED 1#3 b B 10@50 L=10/1
        > review :a yes
        RELEASED 1 a B 30@50 left=30
        RESTED 1 a B 30@50 left=30 L=40/2
        > 2 enter c S 20 @ 50
        ACCEPTED 2#2 c S 20@50
        TRADE 1#4 b B 10@50 L=30/1 with 2#3 c S
        TRADE 1#5 a B 10@50 left=20 L=20/1 with 2#4 c S
    """,
    "approved: it trades as an aggressor, also in part": """
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50
        HELD 1 a B 30@50 left=30
        > 2 enter b S 20 @ 49
        ACCEPTED 2#2 b S 20@49 L=20/1
        > review :a yes
        RELEASED 1 a B 30@50 left=30
        TRADE 2#3 b S 20@49 L=0/0 with 1#3 a B
        RESTED 1 a B 10@50 left=10 L=10/1
        > 1 cancel a 20
        CANCELED 1#4 a B 10@50 USER L=0/0
    """,
    "approved: it trades whole": """
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50
        HELD 1 a B 30@50 left=30
        > 2 enter b S 30 @ 33
        ACCEPTED 2#2 b S 30@33 L=30/1
        > review :a yes
        RELEASED 1 a B 30@50 left=30
        TRADE 2#3 b S 30@33 L=0/0 with 1#3 a B
        > review :a yes
        CONTROL_REJECTED REVIEW UNKNOWN_ORDER
        > 1 cancel a 0
    """,
    "refused: it is cancelled and its funds come back": """
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50
        HELD 1 a B 30@50 left=30
        > withdraw 1 999999999000
        CONTROL_REJECTED account=1 currency=1 WITHDRAW INSUFFICIENT_BALANCE
        > review :a no
        CANCELED 1#3 a B 30@50 SUPERVISORY
        > withdraw 1 1000000000000
        BALANCE_CHANGED account=1 currency=1 -1000000000000@0
    """,
    "a review names a held order and says yes or no; a key makes it happen once": """
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50
        HELD 1 a B 30@50 left=30
        > 1 enter b B 10 @ 50
        ACCEPTED 1#3 b B 10@50 L=10/1
        > review :b yes
        CONTROL_REJECTED REVIEW UNKNOWN_ORDER
        > review 999 no
        CONTROL_REJECTED REVIEW UNKNOWN_ORDER
        > review :a 2 key=k1
        CONTROL_REJECTED k1 REVIEW UNKNOWN_ORDER
        > review :a no key=k1
        CANCELED 1#4 a B 30@50 SUPERVISORY
        CONTROL_DONE k1 REVIEW 1@0
        > review :a no key=k1
        CONTROL_REJECTED k1 REVIEW DUPLICATE_KEY
        > 1 enter c B 30 @ 50
        ACCEPTED 1#5 c B 30@50
        HELD 1 c B 30@50 left=30
        > review :c yes key=k2
        RELEASED 1 c B 30@50 left=30
        RESTED 1 c B 30@50 left=30 L=40/2
        CONTROL_DONE k2 REVIEW
    """,
    "an immediate order that was held trades when it is approved, or not at all": """
        > 1 enter a B 30 @ 50 tif=0
        ACCEPTED 1#2 a B 30@50 tif=0
        HELD 1 a B 30@50 left=30
        > 2 enter b S 10 @ 50
        ACCEPTED 2#2 b S 10@50 L=10/1
        > review :a yes
        RELEASED 1 a B 30@50 left=30
        TRADE 2#3 b S 10@50 L=0/0 with 1#3 a B
        CANCELED 1#4 a B 20@50 IMMEDIATE_OR_CANCEL
        > 1 enter c B 30 @ 50 tif=0
        ACCEPTED 1#5 c B 30@50 tif=0
        HELD 1 c B 30@50 left=30
        > review :c yes
        RELEASED 1 c B 30@50 left=30
        CANCELED 1#6 c B 30@50 IMMEDIATE_OR_CANCEL
    """,
    "a minimum quantity is looked for when the order is approved": """
        > 1 enter a B 30 @ 50 tif=0 min=20
        ACCEPTED 1#2 a B 30@50 tif=0 min=20
        HELD 1 a B 30@50 left=30
        > 1 enter b B 30 @ 50 tif=0 min=20
        ACCEPTED 1#3 b B 30@50 tif=0 min=20
        HELD 1 b B 30@50 left=30
        > 2 enter x S 20 @ 50
        ACCEPTED 2#2 x S 20@50 L=20/1
        > review :a yes
        RELEASED 1 a B 30@50 left=30
        TRADE 2#3 x S 20@50 L=0/0 with 1#4 a B
        CANCELED 1#5 a B 10@50 IMMEDIATE_OR_CANCEL
        > 2 enter y S 10 @ 50
        ACCEPTED 2#4 y S 10@50 L=10/1
        > review :b yes
        RELEASED 1 b B 30@50 left=30
        CANCELED 1#6 b B 30@50 IMMEDIATE_OR_CANCEL
    """,
    "a post-only order that would trade when it is approved is cancelled": """
        > 1 enter a B 30 @ 50 display=P
        ACCEPTED 1#2 a B 30@50 display=P
        HELD 1 a B 30@50 display=P left=30
        > 1 enter b B 30 @ 51 display=P reprice=1
        ACCEPTED 1#3 b B 30@51 display=P
        HELD 1 b B 30@51 display=P left=30
        > 2 enter x S 10 @ 51
        ACCEPTED 2#2 x S 10@51 L=10/1
        > review :b yes
        RELEASED 1 b B 30@51 display=P left=30
        CANCELED 1#4 b B 30@51 SYSTEM display=P
        > review :a yes
        RELEASED 1 a B 30@50 display=P left=30
        RESTED 1 a B 30@50 display=P left=30 L=30/1
    """,
    "a market order is held at its protection price": """
        > parameter COLLAR 100000 instrument=1
        PARAMETER_SET instrument=1 COLLAR 100000,0,0
        > parameter REFERENCE_PRICE 100 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 100,0,0
        > 1 enter a B 20 market
        ACCEPTED 1#2 a B 20@0 type=1
        TERMS 1 a B 20@110 type=1
        HELD 1 a B 20@110 type=1 left=20
        > 2 enter x S 10 @ 100
        ACCEPTED 2#2 x S 10@100 L=10/1
        > 2 enter y S 10 @ 90
        ACCEPTED 2#3 y S 10@90 L=10/1
        > 1 enter b S 10 market
        ACCEPTED 1#3 b S 10@0 type=1
        CANCELED 1#4 b S 10@0 IMMEDIATE_OR_CANCEL type=1
        > 2 cancel x 0
        CANCELED 2#4 x S 10@100 USER L=0/0
        > review :a yes
        RELEASED 1 a B 20@110 type=1 left=20
        TRADE 2#5 y S 10@90 L=0/0 with 1#5 a B
        CANCELED 1#6 a B 10@110 IMMEDIATE_OR_CANCEL type=1
    """,
    "an approved iceberg shows its first part": """
        > 1 enter a B 50 @ 50 show=20
        ACCEPTED 1#2 a B 50@50
        TERMS 1 a B 50@50 show=20
        HELD 1 a B 50@50 left=50
        > 2 enter x S 10 @ 50
        ACCEPTED 2#2 x S 10@50 L=10/1
        > review :a yes
        RELEASED 1 a B 50@50 left=50
        TRADE 2#3 x S 10@50 L=0/0 with 1#3 a B
        RESTED 1 a B 20@50 left=40 L=20/1
    """,
    "an approved stop waits, one that is due triggers": """
        > 1 enter a S 30 @ 50 stop=60
        ACCEPTED 1#2 a S 30@50 type=3
        TERMS 1 a S 30@50 type=3 stop=60
        HELD 1 a S 30@50 type=3 left=30
        > 1 enter b S 30 @ 70 stop=50
        ACCEPTED 1#3 b S 30@70 type=3
        TERMS 1 b S 30@70 type=3 stop=50
        HELD 1 b S 30@70 type=3 left=30
        > 2 enter x S 10 @ 55
        ACCEPTED 2#2 x S 10@55 L=10/1
        > 2 enter y B 10 @ 55
        ACCEPTED 2#3 y B 10@55
        TRADE 2#4 x S 10@55 L=0/0 with 2#5 y B
        > review :b yes key=k
        RELEASED 1 b S 30@70 type=3 left=30
        CONTROL_DONE k REVIEW
        > review :a yes key=l
        RELEASED 1 a S 30@50 type=3 left=30
        CONTROL_DONE l REVIEW
        TRIGGERED 1 a S 30@50 type=3 left=30
        RESTED 1 a S 30@50 type=3 left=30 L=30/1
        > 1 cancel b 10
        CANCELED 1#4 b S 20@70 USER type=3 left=10
    """,
    "a triggered stop is not held again": """
        > parameter REVIEW_VALUE 0 instrument=1
        PARAMETER_SET instrument=1 REVIEW_VALUE 0,0,0
        > 1 enter a S 30 @ 50 stop=60
        ACCEPTED 1#2 a S 30@50 type=3
        TERMS 1 a S 30@50 type=3 stop=60
        > parameter REVIEW_VALUE 1000 instrument=1
        PARAMETER_SET instrument=1 REVIEW_VALUE 1000,0,0
        > 2 enter x S 10 @ 55
        ACCEPTED 2#2 x S 10@55 L=10/1
        > 2 enter y B 10 @ 55
        ACCEPTED 2#3 y B 10@55
        TRADE 2#4 x S 10@55 L=0/0 with 2#5 y B
        TRIGGERED 1 a S 30@50 type=3 left=30
        RESTED 1 a S 30@50 type=3 left=30 L=30/1
    """,
    "the approved order trades and makes a stop due": """
        > 1 enter s S 10 @ 45 stop=50
        ACCEPTED 1#2 s S 10@45 type=3
        TERMS 1 s S 10@45 type=3 stop=50
        > 1 enter a B 30 @ 50
        ACCEPTED 1#3 a B 30@50
        HELD 1 a B 30@50 left=30
        > 2 enter x S 20 @ 50
        ACCEPTED 2#2 x S 20@50 L=20/1
        > review :a yes key=k
        RELEASED 1 a B 30@50 left=30
        TRADE 2#3 x S 20@50 L=0/0 with 1#4 a B
        RESTED 1 a B 10@50 left=10 L=10/1
        CONTROL_DONE k REVIEW
        TRIGGERED 1 s S 10@45 type=3 left=10
        TRADE 1#5 a B 10@50 L=0/0 with 1#6 s S
    """,
    "a held order is cancelled in part and whole, and cannot be modified": """
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50
        HELD 1 a B 30@50 left=30
        > 1 modify a B 20
        CANCEL_REJECTED 1#3 a B ORDER_WAITING
        > 1 cancel a 20
        CANCELED 1#4 a B 10@50 USER left=20
        > review :a yes
        RELEASED 1 a B 20@50 left=20
        RESTED 1 a B 20@50 left=20 L=20/1
        > 1 enter b B 30 @ 50
        ACCEPTED 1#5 b B 30@50
        HELD 1 b B 30@50 left=30
        > 1 cancel b 0
        CANCELED 1#6 b B 30@50 USER
        > review :b yes
        CONTROL_REJECTED REVIEW UNKNOWN_ORDER
    """,
    "a held order is replaced: by a small one, by one that is held again": """
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50
        HELD 1 a B 30@50 left=30
        > 1 replace a b 40 @ 50
        REMOVED 1 a B 30@50
        REPLACED 1#3 b B 40@50 was a
        HELD 1 b B 40@50 left=40
        > review 22 yes
        CONTROL_REJECTED REVIEW UNKNOWN_ORDER
        > 1 replace b c 10 @ 50
        REMOVED 1 b B 40@50
        REPLACED 1#4 c B 10@50 was b L=10/1
        > 1 replace c d 30 @ 50
        REMOVED 1 c B 10@50 L=0/0
        REPLACED 1#5 d B 30@50 was c
        HELD 1 d B 30@50 left=30
        > 1 replace d e 35 @ 50
        CANCELED 1#6 d B 30@50 USER
    """,
    "a held order expires, in any state of its instrument": """
        > 1 enter a B 30 @ 50 tif=3 t=0
        ACCEPTED 1#2 a B 30@50 tif=3
        HELD 1 a B 30@50 left=30
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > timer t=3
        CANCELED 1#3 a B 30@50 TIMEOUT
    """,
    "the end of the day, a kill switch and an operator cancel what is held": """
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50
        HELD 1 a B 30@50 left=30
        > 2 enter b S 30 @ 50
        ACCEPTED 2#2 b S 30@50
        HELD 2 b S 30@50 left=30
        > 2 enter c S 30 @ 50
        ACCEPTED 2#3 c S 30@50
        HELD 2 c S 30@50 left=30
        > kill ACCOUNT on account=1 key=k
        KILL_SWITCHED account=1 ACCOUNT on
        CANCELED 1#3 a B 30@50 SUPERVISORY
        CONTROL_DONE k KILL 1@0
        > cancel-id :c 0
        CANCELED 2#4 c S 30@50 USER
        > end
        CANCELED 2#5 b S 30@50 TIMEOUT
        SYSTEM 1#4 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#6 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
    """,
    "nothing is approved while the instrument does not take orders": """
        > 1 enter a B 30 @ 50 tif=99999
        ACCEPTED 1#2 a B 30@50 tif=99999
        HELD 1 a B 30@50 left=30
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > review :a yes
        CONTROL_REJECTED REVIEW INSTRUMENT_HALTED
        > state CLOSED instrument=1
        STATE_CHANGED instrument=1 CLOSED COMMAND
        > review :a yes
        CONTROL_REJECTED REVIEW MARKET_CLOSED
        > state CANCEL_ONLY
        STATE_CHANGED CANCEL_ONLY COMMAND
        > review :a yes
        CONTROL_REJECTED REVIEW CANCEL_ONLY
        > review :a no
        CANCELED 1#3 a B 30@50 SUPERVISORY
    """,
    "market-hours orders that are held are gone when the instrument closes": """
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50
        HELD 1 a B 30@50 left=30
        > state CLOSED instrument=1 key=k
        STATE_CHANGED instrument=1 CLOSED COMMAND
        CANCELED 1#3 a B 30@50 TIMEOUT
        CONTROL_DONE k INSTRUMENT_STATE 1@0
    """,
    "approved in a call auction: it rests for the auction, whatever it is": """
        > 1 enter a B 30 @ 50 tif=0
        ACCEPTED 1#2 a B 30@50 tif=0
        HELD 1 a B 30@50 left=30
        > 1 enter b B 30 @ 50 tif=0 min=10
        ACCEPTED 1#3 b B 30@50 tif=0 min=10
        HELD 1 b B 30@50 left=30
        > 1 enter c B 30 @ 60 display=P
        ACCEPTED 1#4 c B 30@60 display=P
        HELD 1 c B 30@60 display=P left=30
        > 2 enter x S 20 @ 50
        ACCEPTED 2#2 x S 20@50 L=20/1
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > review :b yes
        RELEASED 1 b B 30@50 left=30
        CANCELED 1#5 b B 30@50 SYSTEM
        > review :a yes
        RELEASED 1 a B 30@50 left=30
        RESTED 1 a B 30@50 left=30 L=30/1
        > review :c yes
        RELEASED 1 c B 30@60 display=P left=30
        RESTED 1 c B 30@60 display=P left=30 L=30/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 20@55 left=10
        TRADE 1#6 c B 20@55 OPENING_AUCTION display=P left=10 with 2#3 x S
        LEVEL instrument=1 S 0@50 L=0/0
        LEVEL instrument=1 B 0@60 L=10/1
        CANCELED 1#7 a B 30@50 IMMEDIATE_OR_CANCEL L=0/0
    """,
    "a held order counts as open, and its funds are frozen": """
        > parameter OPEN_ORDERS 1 account=1
        PARAMETER_SET account=1 OPEN_ORDERS 1,0,0
        > 1 enter a S 30 @ 50
        ACCEPTED 1#2 a S 30@50
        HELD 1 a S 30@50 left=30
        > 1 enter b S 10 @ 50
        REJECTED 1#3 b S 10@50 OPEN_ORDER_LIMIT
        > withdraw 1 999980 stock=1
        CONTROL_REJECTED instrument=1 account=1 WITHDRAW INSUFFICIENT_BALANCE
        > withdraw 1 999970 stock=1
        BALANCE_CHANGED instrument=1 account=1 -999970@0 left=30
        > review :a yes
        RELEASED 1 a S 30@50 left=30
        RESTED 1 a S 30@50 left=30 L=30/1
    """,
}
CASES = {name: _REVIEW + text for name, text in _CASES.items()}
