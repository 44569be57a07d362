"""Cases of money and stock: freezing, fees, average cost, limits; see ``cases/play.py``.

The accounts 1 and 2 begin with 1,000,000,000,000 of money and 1,000,000 units of stock at a cost
of 50 each; account 9 gets the fees.
"""

from __future__ import annotations

CASES: dict[str, str] = {
    "a buy order freezes its limit price and the highest fee, a cancel returns it": """
        > parameter FEES 1000 2000 instrument=1
        PARAMETER_SET instrument=1 FEES 1000,2000,0
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        ? money 1: 1000000000000 frozen 5010
        > 1 cancel a 60
        CANCELED 1#3 a B 40@50 USER left=60 L=60/1
        ? money 1: 1000000000000 frozen 3006
        > 1 cancel a 0
        CANCELED 1#4 a B 60@50 USER L=0/0
        ? money 1: 1000000000000 frozen 0
    """,
    "a trade moves money, stock and both fees at once": """
        > parameter FEES 1000 2000 instrument=1
        PARAMETER_SET instrument=1 FEES 1000,2000,0
        > 1 enter a S 100 @ 60
        ACCEPTED 1#2 a S 100@60 L=100/1
        ? stock 1: 1000000 frozen 100 cost 50000000
        > 2 enter b B 100 @ 60
        ACCEPTED 2#2 b B 100@60
        TRADE 1#3 a S 100@60 L=0/0 with 2#3 b B
        ? money 1: 1000000005994 frozen 0
        ? money 2: 999999993988 frozen 0
        ? money 9: 18 frozen 0
        ? stock 1: 999900 frozen 0 cost 49995000
        ? stock 2: 1000100 frozen 0 cost 50006000
    """,
    "the maker is paid by a negative fee, which is no reason to freeze less": """
        > parameter FEES -500 1500 instrument=1
        PARAMETER_SET instrument=1 FEES -500,1500,0
        > 1 enter a B 1000 @ 40
        ACCEPTED 1#2 a B 1000@40 L=1000/1
        ? money 1: 1000000000000 frozen 40060
        > 2 enter b S 1000 @ 40
        ACCEPTED 2#2 b S 1000@40
        TRADE 1#3 a B 1000@40 L=0/0 with 2#3 b S
        ? money 1: 999999960020 frozen 0
        ? money 2: 1000000039940 frozen 0
        ? money 9: 40 frozen 0
    """,
    "fees are truncated towards zero, on both sides": """
        > parameter FEES -500 1500 instrument=1
        PARAMETER_SET instrument=1 FEES -500,1500,0
        > 1 enter a B 10 @ 199
        ACCEPTED 1#2 a B 10@199 L=10/1
        ? money 1: 1000000000000 frozen 1992
        > 2 enter b S 10 @ 199
        ACCEPTED 2#2 b S 10@199
        TRADE 1#3 a B 10@199 L=0/0 with 2#3 b S
        ? money 1: 999999998010 frozen 0
        ? money 2: 1000000001988 frozen 0
        ? money 9: 2 frozen 0
    """,
    "a taker's rate is never negative, nor the sum of both": """
        > parameter FEES 500 -1 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter FEES -501 500 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter FEES -500 500 instrument=1
        PARAMETER_SET instrument=1 FEES -500,500,0
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > parameter FEES 0 0 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INSTRUMENT_BUSY
    """,
    "what a better price saves is available again": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 2 enter b B 300 @ 70
        ACCEPTED 2#2 b B 300@70
        TRADE 1#3 a S 100@50 L=0/0 with 2#3 b B
        RESTED 2 b B 200@70 left=200 L=200/1
        ? money 2: 999999995000 frozen 14000
        > 2 cancel b 0
        CANCELED 2#4 b B 200@70 USER L=0/0
        ? money 2: 999999995000 frozen 0
    """,
    "a partly filled order keeps frozen what its rest needs": """
        > parameter FEES 0 3 instrument=1
        PARAMETER_SET instrument=1 FEES 0,3,0
        > 1 enter a B 1000 @ 333
        ACCEPTED 1#2 a B 1000@333 L=1000/1
        ? money 1: 1000000000000 frozen 333000
        > 2 enter b S 10 @ 333
        ACCEPTED 2#2 b S 10@333
        TRADE 1#3 a B 10@333 left=990 L=990/1 with 2#3 b S
        ? money 1: 999999996670 frozen 329670
        > 2 enter c S 990 @ 333
        ACCEPTED 2#4 c S 990@333
        TRADE 1#4 a B 990@333 L=0/0 with 2#5 c S
        ? money 1: 999999667000 frozen 0
    """,
    "funds are enough to the last unit, or they are not": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > parameter FEES 0 1000 instrument=1
        PARAMETER_SET instrument=1 FEES 0,1000,0
        > deposit 3 5004
        BALANCE_CHANGED account=3 currency=1 5004@0 left=5004
        > 3 enter a B 100 @ 50
        REJECTED 3#2 a B 100@50 INSUFFICIENT_FUNDS
        > deposit 3 1
        BALANCE_CHANGED account=3 currency=1 1@0 left=5005
        > 3 enter b B 100 @ 50
        ACCEPTED 3#3 b B 100@50 L=100/1
        ? money 3: 5005 frozen 5005
        > 3 enter c B 10 @ 2
        REJECTED 3#4 c B 10@2 INSUFFICIENT_FUNDS
        > withdraw 3 1
        CONTROL_REJECTED account=3 currency=1 WITHDRAW INSUFFICIENT_BALANCE
        > 3 cancel b 0
        CANCELED 3#5 b B 100@50 USER L=0/0
        > withdraw 3 5005
        BALANCE_CHANGED account=3 currency=1 -5005@0
        ? money 3: 0 frozen 0
    """,
    "a sell order freezes stock, a short sale freezes nothing": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 100 stock=1 price=40
        BALANCE_CHANGED instrument=1 account=3 100@40 left=100
        > 3 enter a S 60 @ 50
        ACCEPTED 3#2 a S 60@50 L=60/1
        ? stock 3: 100 frozen 60 cost 4000
        > 3 enter b S 50 @ 50
        REJECTED 3#3 b S 50@50 INSUFFICIENT_POSITION
        > 3 enter c S 40 @ 50
        ACCEPTED 3#4 c S 40@50 L=100/2
        > 3 enter d T 500 @ 51
        ACCEPTED 3#5 d T 500@51 L=500/1
        ? stock 3: 100 frozen 100 cost 4000
        > withdraw 3 10 stock=1
        CONTROL_REJECTED instrument=1 account=3 WITHDRAW INSUFFICIENT_BALANCE
        > 3 cancel a 10
        CANCELED 3#6 a S 50@50 USER left=10 L=50/2
        ? stock 3: 100 frozen 50 cost 4000
        > withdraw 3 50 stock=1
        BALANCE_CHANGED instrument=1 account=3 -50@0 left=50
        ? stock 3: 50 frozen 50 cost 2000
    """,
    "a short sale needs the permission": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > parameter SHORT_SALES 0 account=3
        PARAMETER_SET account=3 SHORT_SALES 0,0,0
        > 3 enter a T 10 @ 50
        REJECTED 3#2 a T 10@50 SHORT_SALE_NOT_ALLOWED
        > 3 enter b E 10 @ 50
        REJECTED 3#3 b E 10@50 SHORT_SALE_NOT_ALLOWED
        > parameter SHORT_SALES 1 account=3
        PARAMETER_SET account=3 SHORT_SALES 1,0,0
        > 3 enter c E 10 @ 50
        ACCEPTED 3#4 c E 10@50 L=10/1
    """,
    "a market buy freezes what the collar allows": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > parameter REFERENCE_PRICE 100 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 100,0,0
        > parameter COLLAR 50000 instrument=1
        PARAMETER_SET instrument=1 COLLAR 50000,0,0
        > deposit 3 1050
        BALANCE_CHANGED account=3 currency=1 1050@0 left=1050
        > 1 enter a S 20 @ 103
        ACCEPTED 1#2 a S 20@103 L=20/1
        > 1 enter b S 20 @ 106
        ACCEPTED 1#3 b S 20@106 L=20/1
        > 3 enter c B 20 market
        REJECTED 3#2 c B 20@0 INSUFFICIENT_FUNDS type=1
        > 3 enter d B 10 market
        ACCEPTED 3#3 d B 10@0 type=1
        TRADE 1#4 a S 10@103 left=10 L=10/1 with 3#4 d B
        ? money 3: 20 frozen 0
        > deposit 3 10000
        BALANCE_CHANGED account=3 currency=1 10000@0 left=10020
        > 3 enter e B 30 market
        ACCEPTED 3#5 e B 30@0 type=1
        TRADE 1#5 a S 10@103 L=0/0 with 3#6 e B
        TRADE 1#6 b S 20@106 L=0/0 with 3#7 e B
        ? money 3: 6870 frozen 0
    """,
    "the last price is the base of the collar; without a collar the highest price is": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > parameter REFERENCE_PRICE 100 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 100,0,0
        > parameter COLLAR 100000 instrument=1
        PARAMETER_SET instrument=1 COLLAR 100000,0,0
        > deposit 3 5000
        BALANCE_CHANGED account=3 currency=1 5000@0 left=5000
        > 1 enter a S 10 @ 200
        ACCEPTED 1#2 a S 10@200 L=10/1
        > 2 enter b B 10 @ 200
        ACCEPTED 2#2 b B 10@200
        TRADE 1#3 a S 10@200 L=0/0 with 2#3 b B
        > 1 enter c S 10 @ 220
        ACCEPTED 1#4 c S 10@220 L=10/1
        > 1 enter d S 10 @ 221
        ACCEPTED 1#5 d S 10@221 L=10/1
        > 3 enter e B 20 market
        ACCEPTED 3#2 e B 20@0 type=1
        TRADE 1#6 c S 10@220 L=0/0 with 3#3 e B
        CANCELED 3#4 e B 10@0 IMMEDIATE_OR_CANCEL type=1
        > parameter COLLAR 0 instrument=1
        PARAMETER_SET instrument=1 COLLAR 0,0,0
        > 3 enter f B 20 market
        REJECTED 3#5 f B 20@0 INSUFFICIENT_FUNDS type=1
        > deposit 3 100000
        BALANCE_CHANGED account=3 currency=1 100000@0 left=102800
        > 3 enter g B 20 market
        ACCEPTED 3#6 g B 20@0 type=1
        TRADE 1#7 d S 10@221 L=0/0 with 3#7 g B
        CANCELED 3#8 g B 10@0 IMMEDIATE_OR_CANCEL type=1
    """,
    "average cost: two purchases, a sale in proportion": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 100000
        BALANCE_CHANGED account=3 currency=1 100000@0 left=100000
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 3 enter b B 100 @ 50
        ACCEPTED 3#2 b B 100@50
        TRADE 1#3 a S 100@50 L=0/0 with 3#3 b B
        ? stock 3: 100 frozen 0 cost 5000
        > 1 enter c S 50 @ 60
        ACCEPTED 1#4 c S 50@60 L=50/1
        > 3 enter d B 50 @ 60
        ACCEPTED 3#4 d B 50@60
        TRADE 1#5 c S 50@60 L=0/0 with 3#5 d B
        ? stock 3: 150 frozen 0 cost 8000
        > 1 enter e B 40 @ 70
        ACCEPTED 1#6 e B 40@70 L=40/1
        > 3 enter f S 40 @ 70
        ACCEPTED 3#6 f S 40@70
        TRADE 1#7 e B 40@70 L=0/0 with 3#7 f S
        ? stock 3: 110 frozen 0 cost 5867
        > 1 enter g B 110 @ 10
        ACCEPTED 1#8 g B 110@10 L=110/1
        > 3 enter h S 110 @ 10
        ACCEPTED 3#8 h S 110@10
        TRADE 1#9 g B 110@10 L=0/0 with 3#9 h S
        ? stock 3: 0 frozen 0 cost 0
    """,
    "average cost: sold short and covered in parts": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 100000
        BALANCE_CHANGED account=3 currency=1 100000@0 left=100000
        > 1 enter a B 30 @ 50
        ACCEPTED 1#2 a B 30@50 L=30/1
        > 3 enter b T 30 @ 50
        ACCEPTED 3#2 b T 30@50
        TRADE 1#3 a B 30@50 L=0/0 with 3#3 b T
        ? stock 3: -30 frozen 0 cost -1500
        > 1 enter c B 40 @ 61
        ACCEPTED 1#4 c B 40@61 L=40/1
        > 3 enter d T 40 @ 61
        ACCEPTED 3#4 d T 40@61
        TRADE 1#5 c B 40@61 L=0/0 with 3#5 d T
        ? stock 3: -70 frozen 0 cost -3940
        > 1 enter e S 20 @ 40
        ACCEPTED 1#6 e S 20@40 L=20/1
        > 3 enter f B 20 @ 40
        ACCEPTED 3#6 f B 20@40
        TRADE 1#7 e S 20@40 L=0/0 with 3#7 f B
        ? stock 3: -50 frozen 0 cost -2815
        > 1 enter g S 50 @ 99
        ACCEPTED 1#8 g S 50@99 L=50/1
        > 3 enter h B 50 @ 99
        ACCEPTED 3#8 h B 50@99
        TRADE 1#9 g S 50@99 L=0/0 with 3#9 h B
        ? stock 3: 0 frozen 0 cost 0
    """,
    "average cost: through zero in one trade, both ways": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 100000
        BALANCE_CHANGED account=3 currency=1 100000@0 left=100000
        > deposit 3 20 stock=1 price=33
        BALANCE_CHANGED instrument=1 account=3 20@33 left=20
        ? stock 3: 20 frozen 0 cost 660
        > 1 enter a B 50 @ 40
        ACCEPTED 1#2 a B 50@40 L=50/1
        > 3 enter b T 50 @ 40
        ACCEPTED 3#2 b T 50@40
        TRADE 1#3 a B 50@40 L=0/0 with 3#3 b T
        ? stock 3: -30 frozen 0 cost -1200
        > 1 enter c S 100 @ 45
        ACCEPTED 1#4 c S 100@45 L=100/1
        > 3 enter d B 100 @ 45
        ACCEPTED 3#4 d B 100@45
        TRADE 1#5 c S 100@45 L=0/0 with 3#5 d B
        ? stock 3: 70 frozen 0 cost 3150
    """,
    "stock moves in and out at its cost; a deposit may cover a short position": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 30 stock=1 price=10
        BALANCE_CHANGED instrument=1 account=3 30@10 left=30
        ? stock 3: 30 frozen 0 cost 300
        > withdraw 3 20 stock=1
        BALANCE_CHANGED instrument=1 account=3 -20@0 left=10
        ? stock 3: 10 frozen 0 cost 100
        > withdraw 3 20 stock=1
        CONTROL_REJECTED instrument=1 account=3 WITHDRAW INSUFFICIENT_BALANCE
        > 1 enter a B 30 @ 40
        ACCEPTED 1#2 a B 30@40 L=30/1
        > 3 enter b T 30 @ 40
        ACCEPTED 3#2 b T 30@40
        TRADE 1#3 a B 30@40 L=0/0 with 3#3 b T
        ? stock 3: -20 frozen 0 cost -800
        > deposit 3 50 stock=1 price=7
        BALANCE_CHANGED instrument=1 account=3 50@7 left=30
        ? stock 3: 30 frozen 0 cost 210
    """,
    "a trader who buys from himself pays both fees and keeps what he has": """
        > parameter FEES 1000 2000 instrument=1
        PARAMETER_SET instrument=1 FEES 1000,2000,0
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 1 enter b B 100 @ 50
        ACCEPTED 1#3 b B 100@50
        TRADE 1#4 a S 100@50 L=0/0 with 1#5 b B
        ? money 1: 999999999985 frozen 0
        ? money 9: 15 frozen 0
        ? stock 1: 1000000 frozen 0 cost 50000000
    """,
    "a position limit counts what is held and what is still to be bought": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 1000000
        BALANCE_CHANGED account=3 currency=1 1000000@0 left=1000000
        > parameter POSITION_LIMIT 100 account=3
        PARAMETER_SET account=3 POSITION_LIMIT 100,0,0
        > deposit 3 50 stock=1 price=1
        BALANCE_CHANGED instrument=1 account=3 50@1 left=50
        > 3 enter a B 40 @ 50
        ACCEPTED 3#2 a B 40@50 L=40/1
        > 3 enter b B 20 @ 50
        REJECTED 3#3 b B 20@50 POSITION_LIMIT
        > 3 enter c B 10 @ 50
        ACCEPTED 3#4 c B 10@50 L=50/2
        > 3 cancel a 30
        CANCELED 3#5 a B 10@50 USER left=30 L=40/2
        > 3 enter d B 10 @ 50
        ACCEPTED 3#6 d B 10@50 L=50/3
    """,
    "a position limit bounds short positions too": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > parameter POSITION_LIMIT 100 account=3
        PARAMETER_SET account=3 POSITION_LIMIT 100,0,0
        > deposit 3 50 stock=1 price=1
        BALANCE_CHANGED instrument=1 account=3 50@1 left=50
        > 3 enter a S 50 @ 50
        ACCEPTED 3#2 a S 50@50 L=50/1
        > 3 enter b T 60 @ 50
        ACCEPTED 3#3 b T 60@50 L=110/2
        > 3 enter c T 50 @ 50
        REJECTED 3#4 c T 50@50 POSITION_LIMIT
        > 3 cancel b 0
        CANCELED 3#5 b T 60@50 USER L=50/1
        > 3 enter d T 50 @ 50
        ACCEPTED 3#6 d T 50@50 L=100/2
    """,
    "a daily limit counts replacements, not cancels, and ends with the day": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 1000000
        BALANCE_CHANGED account=3 currency=1 1000000@0 left=1000000
        > parameter DAILY_ORDERS 2 account=3
        PARAMETER_SET account=3 DAILY_ORDERS 2,0,0
        > 3 enter a B 10 @ 50
        ACCEPTED 3#2 a B 10@50 L=10/1
        > 3 replace a b 10 @ 51
        REMOVED 3 a B 10@50 L=0/0
        REPLACED 3#3 b B 10@51 was a L=10/1
        > 3 enter c B 10 @ 50
        REJECTED 3#4 c B 10@50 DAILY_ORDER_LIMIT
        > 3 replace b d 10 @ 52
        CANCEL_REJECTED 3#5 b B DAILY_ORDER_LIMIT
        > 3 cancel b 0
        CANCELED 3#6 b B 10@51 USER L=0/0
        > end
        SYSTEM 1#2 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 3#7 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > start 20260105
        DAY_STARTED 1700000000000000000@20260105
        SYSTEM 1#1 1700000000000000000@20260105 START_OF_DAY
        SYSTEM 2#1 1700000000000000000@20260105 START_OF_DAY
        SYSTEM 3#1 1700000000000000000@20260105 START_OF_DAY
        > 3 enter a B 10 @ 50
        ACCEPTED 3#2 a B 10@50 L=10/1
    """,
    "an open-order limit counts live orders": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 1000000
        BALANCE_CHANGED account=3 currency=1 1000000@0 left=1000000
        > parameter OPEN_ORDERS 2 account=3
        PARAMETER_SET account=3 OPEN_ORDERS 2,0,0
        > 3 enter a B 10 @ 50
        ACCEPTED 3#2 a B 10@50 L=10/1
        > 3 enter b B 10 @ 51
        ACCEPTED 3#3 b B 10@51 L=10/1
        > 3 enter c B 10 @ 52 tif=0
        REJECTED 3#4 c B 10@52 OPEN_ORDER_LIMIT
        > 3 replace a d 10 @ 52
        REMOVED 3 a B 10@50 L=0/0
        REPLACED 3#5 d B 10@52 was a L=10/1
        > 3 cancel d 0
        CANCELED 3#6 d B 10@52 USER L=0/0
        > 3 enter e B 10 @ 50
        ACCEPTED 3#7 e B 10@50 L=10/1
    """,
    "a rate limit lets a burst through, then one at a time": """
        > parameter SESSION_RATE 2 3 session=1
        PARAMETER_SET 1 SESSION_RATE 2,3,0
        > 1 enter a B 10 @ 50 t=1
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 enter b B 10 @ 50 t=1
        ACCEPTED 1#3 b B 10@50 L=20/2
        > 1 enter c B 10 @ 50 t=1
        ACCEPTED 1#4 c B 10@50 L=30/3
        > 1 enter d B 10 @ 50 t=1.499999999
        REJECTED 1#5 d B 10@50 RATE_LIMITED
        > 1 enter e B 10 @ 50 t=1.5
        ACCEPTED 1#6 e B 10@50 L=40/4
        > 1 replace e f 10 @ 51 t=1.5
        CANCEL_REJECTED 1#7 e B RATE_LIMITED
        > 1 cancel e 0
        CANCELED 1#8 e B 10@50 USER L=30/3
        > 2 enter a B 10 @ 50
        ACCEPTED 2#2 a B 10@50 L=40/4
    """,
    "an account's rate holds for all of its sessions": """
        > session 3 account=1
        SESSION_DEFINED 3 U3 1@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > parameter ACCOUNT_RATE 1 1 account=1
        PARAMETER_SET account=1 ACCOUNT_RATE 1,1,0
        > 1 enter a B 10 @ 50 t=1
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 3 enter a B 10 @ 50 t=1.5
        REJECTED 3#2 a B 10@50 RATE_LIMITED
        > 3 enter b B 10 @ 50 t=2
        ACCEPTED 3#3 b B 10@50 L=20/2
    """,
    "too many cancels warn once in a window": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 1000000
        BALANCE_CHANGED account=3 currency=1 1000000@0 left=1000000
        > parameter CANCEL_RATIO 500000 10 2 account=3
        PARAMETER_SET account=3 CANCEL_RATIO 500000,10,2
        > 3 enter a B 10 @ 50 t=20
        ACCEPTED 3#2 a B 10@50 L=10/1
        > 3 cancel a 0
        CANCELED 3#3 a B 10@50 USER L=0/0
        > 3 enter b B 10 @ 50
        ACCEPTED 3#4 b B 10@50 L=10/1
        > 3 cancel b 0
        CANCELED 3#5 b B 10@50 USER L=0/0
        WARNING account=3 2@2 CANCEL_RATIO
        > 3 enter c B 10 @ 50
        ACCEPTED 3#6 c B 10@50 L=10/1
        > 3 cancel c 0
        CANCELED 3#7 c B 10@50 USER L=0/0
        > 3 enter d B 10 @ 50 t=30
        ACCEPTED 3#8 d B 10@50 L=10/1
        > 3 enter e B 10 @ 50
        ACCEPTED 3#9 e B 10@50 L=20/2
        > 3 cancel d 0
        CANCELED 3#10 d B 10@50 USER L=10/1
        > 3 cancel e 0
        CANCELED 3#11 e B 10@50 USER L=0/0
        WARNING account=3 2@2 CANCEL_RATIO
    """,
    "limit prices stay within the band around the reference price": """
        > parameter REFERENCE_PRICE 100 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 100,0,0
        > parameter PRICE_BAND 100000 instrument=1
        PARAMETER_SET instrument=1 PRICE_BAND 100000,0,0
        > 1 enter a B 10 @ 89
        REJECTED 1#2 a B 10@89 PRICE_BAND
        > 1 enter b B 10 @ 90
        ACCEPTED 1#3 b B 10@90 L=10/1
        > 1 enter c S 10 @ 111
        REJECTED 1#4 c S 10@111 PRICE_BAND
        > 1 enter d S 10 @ 110
        ACCEPTED 1#5 d S 10@110 L=10/1
        > 1 replace d e 10 @ 111
        CANCEL_REJECTED 1#6 d S PRICE_BAND
        > parameter REFERENCE_PRICE 0 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 0,0,0
        > 1 enter f S 10 @ 111
        ACCEPTED 1#7 f S 10@111 L=10/1
    """,
    "a replacement may use what the replaced order had frozen": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 5000
        BALANCE_CHANGED account=3 currency=1 5000@0 left=5000
        > 3 enter a B 100 @ 50
        ACCEPTED 3#2 a B 100@50 L=100/1
        > 3 replace a b 90 @ 55
        REMOVED 3 a B 100@50 L=0/0
        REPLACED 3#3 b B 90@55 was a L=90/1
        ? money 3: 5000 frozen 4950
        > 3 replace b c 100 @ 51
        CANCEL_REJECTED 3#4 b B INSUFFICIENT_FUNDS
        > 3 replace b c 100 @ 50
        REMOVED 3 b B 90@55 L=0/0
        REPLACED 3#5 c B 100@50 was b L=100/1
        ? money 3: 5000 frozen 5000
        > deposit 3 100 stock=1 price=1
        BALANCE_CHANGED instrument=1 account=3 100@1 left=100
        > 3 enter d S 100 @ 60
        ACCEPTED 3#6 d S 100@60 L=100/1
        > 3 replace d e 110 @ 60
        CANCEL_REJECTED 3#7 d S INSUFFICIENT_POSITION
        > 3 replace d e 100 @ 61
        REMOVED 3 d S 100@60 L=0/0
        REPLACED 3#8 e S 100@61 was d L=100/1
        ? stock 3: 100 frozen 100 cost 100
    """,
    "a sell may become a short sale and back, if stock and permission allow": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 100 stock=1 price=1
        BALANCE_CHANGED instrument=1 account=3 100@1 left=100
        > 3 enter a S 100 @ 60
        ACCEPTED 3#2 a S 100@60 L=100/1
        > 3 modify a T 100
        MODIFIED 3#3 a T 100@60 left=100
        ? stock 3: 100 frozen 0 cost 100
        > 3 enter b S 50 @ 61
        ACCEPTED 3#4 b S 50@61 L=50/1
        > 3 modify a S 100
        > 3 modify a S 50
        MODIFIED 3#5 a S 50@60 left=50 L=50/1
        ? stock 3: 100 frozen 100 cost 100
        > parameter SHORT_SALES 0 account=3
        PARAMETER_SET account=3 SHORT_SALES 0,0,0
        > 3 modify a E 50
    """,
    "who may not trade": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > session 4 account=4
        SESSION_DEFINED 4 U4 4@0
        SYSTEM 4#1 1700000000000000000@20260102 START_OF_DAY
        > 4 enter a B 10 @ 50
        REJECTED 4#2 a B 10@50 UNKNOWN_ACCOUNT
        > parameter BLOCKED 1 account=3
        PARAMETER_SET account=3 BLOCKED 1,0,0
        > 3 enter a B 10 @ 50
        REJECTED 3#2 a B 10@50 ACCOUNT_BLOCKED
        > kill SESSION on session=3
        KILL_SWITCHED 3 SESSION on
        > 3 enter b B 10 @ 50
        REJECTED 3#3 b B 10@50 KILL_SWITCH
        > parameter BLOCKED 0 account=3
        PARAMETER_SET account=3 BLOCKED 0,0,0
        > kill SESSION off session=3
        KILL_SWITCHED 3 SESSION off
        > kill ACCOUNT on account=3
        KILL_SWITCHED account=3 ACCOUNT on
        > 3 enter c B 10 @ 50
        REJECTED 3#4 c B 10@50 KILL_SWITCH
        > kill ACCOUNT off account=3
        KILL_SWITCHED account=3 ACCOUNT off
        > kill EXCHANGE on
        KILL_SWITCHED EXCHANGE on
        > 3 enter d B 10 @ 50
        REJECTED 3#5 d B 10@50 KILL_SWITCH
        > kill EXCHANGE off
        KILL_SWITCHED EXCHANGE off
        > 3 enter e B 10 @ 50
        REJECTED 3#6 e B 10@50 INSUFFICIENT_FUNDS
    """,
    "the table of positions is full": """
        > instrument 2 tick=1 lot=1 low=1 high=100 most=100
        INSTRUMENT_DEFINED instrument=2 currency=1 SYM2 1@1 left=100 low=1 high=100
        > instrument 3 tick=1 lot=1 low=1 high=100 most=100
        INSTRUMENT_DEFINED instrument=3 currency=1 SYM3 1@1 left=100 low=1 high=100
        > instrument 4 tick=1 lot=1 low=1 high=100 most=100
        INSTRUMENT_DEFINED instrument=4 currency=1 SYM4 1@1 left=100 low=1 high=100
        > instrument 5 tick=1 lot=1 low=1 high=100 most=100
        INSTRUMENT_DEFINED instrument=5 currency=1 SYM5 1@1 left=100 low=1 high=100
        > instrument 6 tick=1 lot=1 low=1 high=100 most=100
        INSTRUMENT_DEFINED instrument=6 currency=1 SYM6 1@1 left=100 low=1 high=100
        > deposit 1 1 stock=2
        BALANCE_CHANGED instrument=2 account=1 1@0 left=1
        > deposit 1 1 stock=3
        BALANCE_CHANGED instrument=3 account=1 1@0 left=1
        > deposit 1 1 stock=4
        BALANCE_CHANGED instrument=4 account=1 1@0 left=1
        > deposit 1 1 stock=5
        BALANCE_CHANGED instrument=5 account=1 1@0 left=1
        > deposit 1 1 stock=6
        BALANCE_CHANGED instrument=6 account=1 1@0 left=1
        > deposit 2 1 stock=2
        BALANCE_CHANGED instrument=2 account=2 1@0 left=1
        > deposit 2 1 stock=3
        BALANCE_CHANGED instrument=3 account=2 1@0 left=1
        > deposit 2 1 stock=4
        BALANCE_CHANGED instrument=4 account=2 1@0 left=1
        > deposit 2 1 stock=5
        BALANCE_CHANGED instrument=5 account=2 1@0 left=1
        > deposit 2 1 stock=6
        BALANCE_CHANGED instrument=6 account=2 1@0 left=1
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 1 stock=2
        BALANCE_CHANGED instrument=2 account=3 1@0 left=1
        > deposit 3 1 stock=3
        BALANCE_CHANGED instrument=3 account=3 1@0 left=1
        > deposit 3 1 stock=4
        BALANCE_CHANGED instrument=4 account=3 1@0 left=1
        > 3 enter a T 10 @ 5 instrument=5
        ACCEPTED 3#2 a T instrument=5 10@5 L=10/1
        > 3 enter b T 10 @ 5 instrument=6
        REJECTED 3#3 b T instrument=6 10@5 POSITION_TABLE_FULL
        > deposit 3 1 stock=6
        CONTROL_REJECTED instrument=6 account=3 DEPOSIT POSITION_TABLE_FULL
        > 3 enter c T 10 @ 5 instrument=5
        ACCEPTED 3#4 c T instrument=5 10@5 L=20/2
    """,
}
