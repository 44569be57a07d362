"""Cases of call auctions: their price, who trades, what happens to the rest.

The language is that of ``tests/model/cases/script.py``; before each case as in ``table.py``.
"""

from __future__ import annotations

CASES: dict[str, str] = {
    "a call phase collects orders; the auction trades all at one price": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 100 @ 52
        ACCEPTED 1#2 a B 100@52 L=100/1
        > 2 enter b S 60 @ 48
        ACCEPTED 2#2 b S 60@48 L=60/1
        > 1 enter c B 10 @ 47
        ACCEPTED 1#3 c B 10@47 L=10/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 60@50 left=40
        TRADE 1#4 a B 60@50 OPENING_AUCTION left=40 with 2#3 b S
        LEVEL instrument=1 S 0@48 L=0/0
        LEVEL instrument=1 B 0@52 L=40/1
        > 2 enter d S 40 @ 52
        ACCEPTED 2#4 d S 40@52
        TRADE 1#5 a B 40@52 L=0/0 with 2#5 d S
    """,
    "nothing crosses: the market opens without an auction": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 10 @ 49
        ACCEPTED 1#2 a B 10@49 L=10/1
        > 2 enter b S 10 @ 50
        ACCEPTED 2#2 b S 10@50 L=10/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
    """,
    "the price with the largest volume": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 53
        ACCEPTED 1#2 a B 30@53 L=30/1
        > 1 enter b B 30 @ 51
        ACCEPTED 1#3 b B 30@51 L=30/1
        > 2 enter c S 20 @ 50
        ACCEPTED 2#2 c S 20@50 L=20/1
        > 2 enter d S 50 @ 51
        ACCEPTED 2#3 d S 50@51 L=50/1
        > 2 enter e S 40 @ 52
        ACCEPTED 2#4 e S 40@52 L=40/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 60@51 left=-10
        TRADE 1#4 a B 20@51 OPENING_AUCTION left=10 with 2#5 c S
        LEVEL instrument=1 S 0@50 L=0/0
        TRADE 1#5 a B 10@51 OPENING_AUCTION with 2#6 d S
        LEVEL instrument=1 B 0@53 L=0/0
        TRADE 1#6 b B 30@51 OPENING_AUCTION with 2#7 d S
        LEVEL instrument=1 B 0@51 L=0/0
        LEVEL instrument=1 S 0@51 L=10/1
    """,
    "among prices of one volume the least imbalance": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 50 @ 55
        ACCEPTED 1#2 a B 50@55 L=50/1
        > 1 enter b B 40 @ 53
        ACCEPTED 1#3 b B 40@53 L=40/1
        > 2 enter c S 50 @ 50
        ACCEPTED 2#2 c S 50@50 L=50/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 50@54
        TRADE 1#4 a B 50@54 OPENING_AUCTION with 2#3 c S
        LEVEL instrument=1 B 0@55 L=0/0
        LEVEL instrument=1 S 0@50 L=0/0
    """,
    "then the price nearest to the reference: the last price of today": """
        > 1 enter x B 10 @ 52
        ACCEPTED 1#2 x B 10@52 L=10/1
        > 2 enter y S 10 @ 52
        ACCEPTED 2#2 y S 10@52
        TRADE 1#3 x B 10@52 L=0/0 with 2#3 y S
        > parameter REFERENCE_PRICE 40 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 40,0,0
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 50 @ 55
        ACCEPTED 1#4 a B 50@55 L=50/1
        > 2 enter b S 50 @ 45
        ACCEPTED 2#4 b S 50@45 L=50/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 50@52
        TRADE 1#5 a B 50@52 OPENING_AUCTION with 2#5 b S
        LEVEL instrument=1 B 0@55 L=0/0
        LEVEL instrument=1 S 0@45 L=0/0
    """,
    "without a last price the reference price counts": """
        > parameter REFERENCE_PRICE 47 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 47,0,0
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 50 @ 55
        ACCEPTED 1#2 a B 50@55 L=50/1
        > 2 enter b S 50 @ 45
        ACCEPTED 2#2 b S 50@45 L=50/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 50@47
        TRADE 1#3 a B 50@47 OPENING_AUCTION with 2#3 b S
        LEVEL instrument=1 B 0@55 L=0/0
        LEVEL instrument=1 S 0@45 L=0/0
    """,
    "a reference outside: the edge that is nearer": """
        > parameter REFERENCE_PRICE 900 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 900,0,0
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 50 @ 55
        ACCEPTED 1#2 a B 50@55 L=50/1
        > 2 enter b S 50 @ 45
        ACCEPTED 2#2 b S 50@45 L=50/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 50@55
        TRADE 1#3 a B 50@55 OPENING_AUCTION with 2#3 b S
        LEVEL instrument=1 B 0@55 L=0/0
        LEVEL instrument=1 S 0@45 L=0/0
    """,
    "with neither the middle of the best bid and ask, rounded down": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 50 @ 55
        ACCEPTED 1#2 a B 50@55 L=50/1
        > 2 enter b S 50 @ 44
        ACCEPTED 2#2 b S 50@44 L=50/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 50@49
        TRADE 1#3 a B 50@49 OPENING_AUCTION with 2#3 b S
        LEVEL instrument=1 B 0@55 L=0/0
        LEVEL instrument=1 S 0@44 L=0/0
    """,
    "bids left over count as much as asks left over: the reference decides": """
        > parameter REFERENCE_PRICE 55 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 55,0,0
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 20 @ 60
        ACCEPTED 1#2 a B 20@60 L=20/1
        > 1 enter b B 20 @ 50
        ACCEPTED 1#3 b B 20@50 L=20/1
        > 2 enter c S 20 @ 40
        ACCEPTED 2#2 c S 20@40 L=20/1
        > 2 enter d S 20 @ 51
        ACCEPTED 2#3 d S 20@51 L=20/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 20@55 left=-20
        TRADE 1#4 a B 20@55 OPENING_AUCTION with 2#4 c S
        LEVEL instrument=1 B 0@60 L=0/0
        LEVEL instrument=1 S 0@40 L=0/0
    """,
    "a price between two ticks is none: prices that count are ticks": """
        > instrument 2 tick=5 lot=1 low=5 high=500 most=100
        INSTRUMENT_DEFINED instrument=2 currency=1 SYM2 1@5 left=100 low=5 high=500
        > deposit 2 1000 stock=2 price=1
        BALANCE_CHANGED instrument=2 account=2 1000@1 left=1000
        > state AUCTION instrument=2
        STATE_CHANGED instrument=2 AUCTION COMMAND
        > 1 enter a B 50 @ 105 instrument=2
        ACCEPTED 1#2 a B instrument=2 50@105 L=50/1
        > 2 enter b S 50 @ 90 instrument=2
        ACCEPTED 2#2 b S instrument=2 50@90 L=50/1
        > state OPEN instrument=2
        STATE_CHANGED instrument=2 OPEN COMMAND
        AUCTION instrument=2 50@95
        TRADE 1#3 a B instrument=2 50@95 OPENING_AUCTION with 2#3 b S
        LEVEL instrument=2 B 0@105 L=0/0
        LEVEL instrument=2 S 0@90 L=0/0
    """,
    "who trades: the best price first, then the oldest, whoever is larger": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50 L=30/1
        > 1 enter b B 30 @ 51
        ACCEPTED 1#3 b B 30@51 L=30/1
        > 1 enter c B 30 @ 50
        ACCEPTED 1#4 c B 30@50 L=60/2
        > 2 enter d S 70 @ 50
        ACCEPTED 2#2 d S 70@50 L=70/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 70@50 left=20
        TRADE 1#5 b B 30@50 OPENING_AUCTION with 2#3 d S
        LEVEL instrument=1 B 0@51 L=0/0
        TRADE 1#6 a B 30@50 OPENING_AUCTION with 2#4 d S
        TRADE 1#7 c B 10@50 OPENING_AUCTION left=20 with 2#5 d S
        LEVEL instrument=1 S 0@50 L=0/0
        LEVEL instrument=1 B 0@50 L=20/1
    """,
    "market orders take part at their protection price and never rest afterwards": """
        > parameter REFERENCE_PRICE 50 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 50,0,0
        > parameter COLLAR 100000 instrument=1
        PARAMETER_SET instrument=1 COLLAR 100000,0,0
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 market
        ACCEPTED 1#2 a B 30@0 type=1
        TERMS 1 a B 30@55 type=1 L=30/1
        > 2 enter b S 10 market
        ACCEPTED 2#2 b S 10@0 type=1
        TERMS 2 b S 10@45 type=1 L=10/1
        > 2 enter c S 10 @ 60
        ACCEPTED 2#3 c S 10@60 L=10/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 10@50 left=20
        TRADE 1#3 a B 10@50 OPENING_AUCTION type=1 left=20 with 2#4 b S
        LEVEL instrument=1 S 0@45 L=0/0
        LEVEL instrument=1 B 0@55 L=20/1
        CANCELED 1#4 a B 20@55 IMMEDIATE_OR_CANCEL type=1 L=0/0
    """,
    "immediate orders wait for the auction and are gone after it, oldest first": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 50 tif=0
        ACCEPTED 1#2 a B 30@50 tif=0 L=30/1
        > 2 enter b S 10 @ 50 tif=0
        ACCEPTED 2#2 b S 10@50 tif=0 L=10/1
        > 1 enter c B 20 @ 40 tif=0
        ACCEPTED 1#3 c B 20@40 tif=0 L=20/1
        > 2 enter d S 20 @ 90
        ACCEPTED 2#3 d S 20@90 L=20/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 10@50 left=20
        TRADE 1#4 a B 10@50 OPENING_AUCTION left=20 with 2#4 b S
        LEVEL instrument=1 S 0@50 L=0/0
        LEVEL instrument=1 B 0@50 L=20/1
        CANCELED 1#5 a B 20@50 IMMEDIATE_OR_CANCEL L=0/0
        CANCELED 1#6 c B 20@40 IMMEDIATE_OR_CANCEL L=0/0
    """,
    "immediate orders are cancelled also when nothing crosses, and when a halt lies between": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 50 tif=0
        ACCEPTED 1#2 a B 30@50 tif=0 L=30/1
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        CANCELED 1#3 a B 30@50 IMMEDIATE_OR_CANCEL L=0/0
    """,
    "a minimum quantity makes no sense in an auction": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 50 tif=0 min=10
        REJECTED 1#2 a B 30@50 NOT_IN_AUCTION
        > 1 enter b B 30 @ 50
        ACCEPTED 1#3 b B 30@50 L=30/1
        > 1 replace b c 30 @ 50 tif=0 min=10
        CANCELED 1#4 b B 30@50 USER L=0/0
    """,
    "icebergs take part with all of it; the shown part goes first and the place is kept": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 50 @ 50 show=20
        ACCEPTED 1#2 a B 50@50 L=20/1
        TERMS 1 a B 50@50 show=20
        > 1 enter b B 20 @ 50
        ACCEPTED 1#3 b B 20@50 L=40/2
        > 2 enter c S 30 @ 50
        ACCEPTED 2#2 c S 30@50 L=30/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 30@50 left=40
        TRADE 1#4 a B 30@50 OPENING_AUCTION left=20 with 2#3 c S
        LEVEL instrument=1 S 0@50 L=0/0
        LEVEL instrument=1 B 0@50 L=40/2
        > 2 enter d S 60 @ 50
        ACCEPTED 2#4 d S 60@50
        TRADE 1#5 a B 20@50 L=20/1 with 2#5 d S
        TRADE 1#6 b B 20@50 L=0/0 with 2#6 d S
        RESTED 2 d S 20@50 left=20 L=20/1
    """,
    "an iceberg's hidden part decides the price too": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 100 @ 52 show=10
        ACCEPTED 1#2 a B 100@52 L=10/1
        TERMS 1 a B 100@52 show=10
        > 2 enter b S 60 @ 50
        ACCEPTED 2#2 b S 60@50 L=60/1
        > 2 enter c S 40 @ 52
        ACCEPTED 2#3 c S 40@52 L=40/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 100@52
        TRADE 1#3 a B 60@52 OPENING_AUCTION left=40 with 2#4 b S
        LEVEL instrument=1 S 0@50 L=0/0
        TRADE 1#4 a B 40@52 OPENING_AUCTION with 2#5 c S
        LEVEL instrument=1 B 0@52 L=0/0
        LEVEL instrument=1 S 0@52 L=0/0
    """,
    "nobody is kept from trading with himself": """
        > parameter SELF_TRADE 3 account=1
        PARAMETER_SET account=1 SELF_TRADE 3,0,0
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50 L=30/1
        > 1 enter b S 30 @ 50
        ACCEPTED 1#3 b S 30@50 L=30/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 30@50
        TRADE 1#4 a B 30@50 OPENING_AUCTION with 1#5 b S
        LEVEL instrument=1 B 0@50 L=0/0
        LEVEL instrument=1 S 0@50 L=0/0
    """,
    "post-only orders rest; what they meet in the auction they may trade with": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50 L=30/1
        > 2 enter b S 30 @ 49 display=P
        ACCEPTED 2#2 b S 30@49 display=P L=30/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 30@49
        TRADE 1#3 a B 30@49 OPENING_AUCTION with 2#3 b S
        LEVEL instrument=1 B 0@50 L=0/0
        LEVEL instrument=1 S 0@49 L=0/0
    """,
    "orders can be changed in the call phase, and the market may be crossed": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50 L=30/1
        > 2 enter b S 30 @ 48
        ACCEPTED 2#2 b S 30@48 L=30/1
        > 1 replace a c 40 @ 49
        REMOVED 1 a B 30@50 L=0/0
        REPLACED 1#3 c B 40@49 was a L=40/1
        > 2 modify b S 20
        MODIFIED 2#3 b S 20@48 left=20 L=20/1
        > 1 cancel c 30
        CANCELED 1#4 c B 10@49 USER left=30 L=30/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 20@48 left=10
        TRADE 1#5 c B 20@48 OPENING_AUCTION left=10 with 2#4 b S
        LEVEL instrument=1 S 0@48 L=0/0
        LEVEL instrument=1 B 0@49 L=10/1
    """,
    "both sides pay the taker's fee": """
        > parameter FEES -10000 20000 instrument=1
        PARAMETER_SET instrument=1 FEES -10000,20000,0
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 2 enter b S 100 @ 50
        ACCEPTED 2#2 b S 100@50 L=100/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 100@50
        TRADE 1#3 a B 100@50 OPENING_AUCTION with 2#3 b S
        LEVEL instrument=1 B 0@50 L=0/0
        LEVEL instrument=1 S 0@50 L=0/0
        > withdraw 9 201
        CONTROL_REJECTED account=9 currency=1 WITHDRAW INSUFFICIENT_BALANCE
        > withdraw 9 200
        BALANCE_CHANGED account=9 currency=1 -200@0
    """,
    "the closing auction, then orders for the market's hours are gone": """
        > 1 enter a B 30 @ 47
        ACCEPTED 1#2 a B 30@47 L=30/1
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter b B 30 @ 50
        ACCEPTED 1#3 b B 30@50 L=30/1
        > 2 enter c S 20 @ 50
        ACCEPTED 2#2 c S 20@50 L=20/1
        > 2 enter d S 30 @ 60 tif=99999
        ACCEPTED 2#3 d S 30@60 tif=99999 L=30/1
        > state CLOSED instrument=1
        STATE_CHANGED instrument=1 CLOSED COMMAND
        AUCTION instrument=1 20@50 left=10
        TRADE 1#4 b B 20@50 CLOSING_AUCTION left=10 with 2#4 c S
        LEVEL instrument=1 S 0@50 L=0/0
        LEVEL instrument=1 B 0@50 L=10/1
        CANCELED 1#5 a B 30@47 TIMEOUT L=0/0
        CANCELED 1#6 b B 10@50 TIMEOUT L=0/0
        > 2 cancel d 0
        CANCELED 2#5 d S 30@60 USER L=0/0
    """,
    "the book stays crossed in other states; it is uncrossed when it opens": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50 L=30/1
        > 2 enter b S 30 @ 50
        ACCEPTED 2#2 b S 30@50 L=30/1
        > state CANCEL_ONLY instrument=1
        STATE_CHANGED instrument=1 CANCEL_ONLY COMMAND
        > 1 enter c B 10 @ 50
        REJECTED 1#3 c B 10@50 CANCEL_ONLY
        > 1 cancel a 10
        CANCELED 1#4 a B 20@50 USER left=10 L=10/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 10@50 left=-20
        TRADE 1#5 a B 10@50 OPENING_AUCTION with 2#3 b S
        LEVEL instrument=1 B 0@50 L=0/0
        LEVEL instrument=1 S 0@50 L=20/1
    """,
    "an auction of a halted market happens all the same": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50 L=30/1
        > 2 enter b S 30 @ 50
        ACCEPTED 2#2 b S 30@50 L=30/1
        > state HALTED
        STATE_CHANGED HALTED COMMAND
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        AUCTION instrument=1 30@50
        TRADE 1#3 a B 30@50 OPENING_AUCTION with 2#3 b S
        LEVEL instrument=1 B 0@50 L=0/0
        LEVEL instrument=1 S 0@50 L=0/0
        > 1 enter c B 30 @ 50
        REJECTED 1#4 c B 30@50 INSTRUMENT_HALTED
        > state OPEN
        STATE_CHANGED OPEN COMMAND
        > 1 enter d B 30 @ 50
        ACCEPTED 1#5 d B 30@50 L=30/1
    """,
    "instruments of a group, each with its own auction, by id": """
        > instrument 3 tick=1 lot=1 low=1 high=500 most=100 group=4
        INSTRUMENT_DEFINED instrument=3 currency=1 SYM3 1@1 left=100 low=1 high=500
        > instrument 2 tick=1 lot=1 low=1 high=500 most=100 group=4
        INSTRUMENT_DEFINED instrument=2 currency=1 SYM2 1@1 left=100 low=1 high=500
        > deposit 2 1000 stock=2 price=1
        BALANCE_CHANGED instrument=2 account=2 1000@1 left=1000
        > deposit 2 1000 stock=3 price=1
        BALANCE_CHANGED instrument=3 account=2 1000@1 left=1000
        > state AUCTION group=4
        STATE_CHANGED instrument=2 AUCTION COMMAND
        STATE_CHANGED instrument=3 AUCTION COMMAND
        > 1 enter a B 30 @ 50 instrument=3
        ACCEPTED 1#2 a B instrument=3 30@50 L=30/1
        > 2 enter b S 30 @ 50 instrument=3
        ACCEPTED 2#2 b S instrument=3 30@50 L=30/1
        > 1 enter c B 30 @ 60 instrument=2
        ACCEPTED 1#3 c B instrument=2 30@60 L=30/1
        > 2 enter d S 30 @ 60 instrument=2
        ACCEPTED 2#3 d S instrument=2 30@60 L=30/1
        > state OPEN group=4 key=morning
        STATE_CHANGED instrument=2 OPEN COMMAND
        AUCTION instrument=2 30@60
        TRADE 1#4 c B instrument=2 30@60 OPENING_AUCTION with 2#4 d S
        LEVEL instrument=2 B 0@60 L=0/0
        LEVEL instrument=2 S 0@60 L=0/0
        STATE_CHANGED instrument=3 OPEN COMMAND
        AUCTION instrument=3 30@50
        TRADE 1#5 a B instrument=3 30@50 OPENING_AUCTION with 2#5 b S
        LEVEL instrument=3 B 0@50 L=0/0
        LEVEL instrument=3 S 0@50 L=0/0
        CONTROL_DONE morning INSTRUMENT_STATE
    """,
    "an order that is held takes no part": """
        > parameter REVIEW_VALUE 5000 instrument=1
        PARAMETER_SET instrument=1 REVIEW_VALUE 5000,0,0
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 110 @ 50
        ACCEPTED 1#2 a B 110@50
        HELD 1 a B 110@50 left=110
        > 2 enter b S 10 @ 50
        ACCEPTED 2#2 b S 10@50 L=10/1
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
    """,
}
