"""Cases of the rules of shares: what each may have of what all use; see ``cases/play.py``.

The capacities are 6 orders, 12 tokens and 16 positions; sessions 1 and 2 are of accounts 1 and 2.
"""

from __future__ import annotations

CASES: dict[str, str] = {
    "what a rate refuses takes no token": """
        > parameter SHARES 1
        PARAMETER_SET SHARES 1,0,0
        > parameter SESSION_RATE 1 1 session=1
        PARAMETER_SET 1 SESSION_RATE 1,1,0
        > 1 enter a B 10 @ 50 reject=2
        REJECTED 1#2 a B 10@50 INVALID_PRICE
        > 1 enter b B 10 @ 50
        REJECTED 1#3 b B 10@50 RATE_LIMITED
        > 1 enter b B 10 @ 50 t=1
        ACCEPTED 1#4 b B 10@50 L=10/1
    """,
    "without the rules of shares it takes one": """
        > parameter SESSION_RATE 1 1 session=1
        PARAMETER_SET 1 SESSION_RATE 1,1,0
        > 1 enter a B 11 @ 50
        REJECTED 1#2 a B 11@50 INVALID_QUANTITY
        > 1 enter b B 10 @ 50
        REJECTED 1#3 b B 10@50 RATE_LIMITED
        > 1 enter b B 10 @ 50 t=1
    """,
    "a session has as many tokens as it leaves": """
        > parameter SHARES 1
        PARAMETER_SET SHARES 1,0,0
        > 1 enter a B 10 @ 50 reject=2
        REJECTED 1#2 a B 10@50 INVALID_PRICE
        > 1 enter b B 10 @ 50 reject=2
        REJECTED 1#3 b B 10@50 INVALID_PRICE
        > 1 enter c B 10 @ 50 reject=2
        REJECTED 1#4 c B 10@50 INVALID_PRICE
        > 1 enter d B 10 @ 50 reject=2
        REJECTED 1#5 d B 10@50 INVALID_PRICE
        > 1 enter e B 10 @ 50 reject=2
        REJECTED 1#6 e B 10@50 INVALID_PRICE
        > 1 enter f B 10 @ 50
        ACCEPTED 1#7 f B 10@50 L=10/1
        > 1 enter g B 10 @ 50
        REJECTED 1#8 g B 10@50 TOKEN_TABLE_FULL
        > 1 replace f h 10 @ 51
        REJECTED 1#9 h B 10@51 TOKEN_TABLE_FULL
        > 2 enter g B 10 @ 50
        ACCEPTED 2#2 g B 10@50 L=20/2
        > 2 enter h B 10 @ 50
        ACCEPTED 2#3 h B 10@50 L=30/3
        > 2 enter i B 10 @ 50
        ACCEPTED 2#4 i B 10@50 L=40/4
        > 2 enter j B 10 @ 50
        REJECTED 2#5 j B 10@50 TOKEN_TABLE_FULL
    """,
    "tokens that were used before the rules count": """
        > 1 enter a B 10 @ 50 reject=2
        REJECTED 1#2 a B 10@50 INVALID_PRICE
        > 1 enter b B 10 @ 50 reject=2
        REJECTED 1#3 b B 10@50 INVALID_PRICE
        > 1 enter c B 10 @ 50 reject=2
        REJECTED 1#4 c B 10@50 INVALID_PRICE
        > 1 enter d B 10 @ 50 reject=2
        REJECTED 1#5 d B 10@50 INVALID_PRICE
        > 1 enter e B 10 @ 50 reject=2
        REJECTED 1#6 e B 10@50 INVALID_PRICE
        > 1 enter f B 10 @ 50 reject=2
        REJECTED 1#7 f B 10@50 INVALID_PRICE
        > parameter SHARES 1
        PARAMETER_SET SHARES 1,0,0
        > 1 enter g B 10 @ 50
        REJECTED 1#8 g B 10@50 TOKEN_TABLE_FULL
        > parameter SHARES 0
        PARAMETER_SET SHARES 0,0,0
        > 1 enter g B 10 @ 50
        ACCEPTED 1#9 g B 10@50 L=10/1
    """,
    "limits of the account come before the token too": """
        > parameter SHARES 1
        PARAMETER_SET SHARES 1,0,0
        > parameter DAILY_ORDERS 1 account=1
        PARAMETER_SET account=1 DAILY_ORDERS 1,0,0
        > parameter OPEN_ORDERS 1 account=2
        PARAMETER_SET account=2 OPEN_ORDERS 1,0,0
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 enter b B 10 @ 50
        REJECTED 1#3 b B 10@50 DAILY_ORDER_LIMIT
        > 2 enter a B 10 @ 50
        ACCEPTED 2#2 a B 10@50 L=20/2
        > 2 enter b B 10 @ 50
        REJECTED 2#3 b B 10@50 OPEN_ORDER_LIMIT
        > 2 cancel a 0
        CANCELED 2#4 a B 10@50 USER L=10/1
        > 2 enter b B 10 @ 50
        ACCEPTED 2#5 b B 10@50 L=20/2
    """,
    "an account has as many live orders as it leaves": """
        > parameter SHARES 1
        PARAMETER_SET SHARES 1,0,0
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 enter b B 10 @ 50
        ACCEPTED 1#3 b B 10@50 L=20/2
        > 1 enter c B 10 @ 50
        ACCEPTED 1#4 c B 10@50 L=30/3
        > 1 enter d B 10 @ 50
        REJECTED 1#5 d B 10@50 ORDER_POOL_FULL
        > 2 enter a B 10 @ 50
        ACCEPTED 2#2 a B 10@50 L=40/4
        > 1 replace c e 10 @ 51
        REMOVED 1 c B 10@50 L=30/3
        REPLACED 1#6 e B 10@51 was c L=10/1
    """,
    "an empty position comes back": """
        > instrument 2 tick=1 lot=10 low=2 high=1000 most=5000
        INSTRUMENT_DEFINED instrument=2 currency=1 SYM2 10@1 left=5000 low=2 high=1000
        > parameter SHARES 1
        PARAMETER_SET SHARES 1,0,0
        > 1 enter a B 10 @ 50 instrument=2
        ACCEPTED 1#2 a B instrument=2 10@50 L=10/1
        > 1 cancel a 0
        CANCELED 1#3 a B instrument=2 10@50 USER L=0/0
        > 1 enter b B 10 @ 50 tif=0 instrument=2
        ACCEPTED 1#4 b B instrument=2 10@50 tif=0
        CANCELED 1#5 b B instrument=2 10@50 IMMEDIATE_OR_CANCEL
        > 2 enter c B 10 @ 50 instrument=2
        ACCEPTED 2#2 c B instrument=2 10@50 L=10/1
        ? stock 1 instrument=2: 0 frozen 0 cost 0
    """,
    "no new orders, but everything can be cancelled": """
        > 1 enter a B 20 @ 50
        ACCEPTED 1#2 a B 20@50 L=20/1
        > parameter ORDERS_STOPPED 1
        PARAMETER_SET ORDERS_STOPPED 1,0,0
        > 1 enter b B 10 @ 50
        REJECTED 1#3 b B 10@50 CANCEL_ONLY
        > 1 replace a c 10 @ 51
        CANCEL_REJECTED 1#4 a B CANCEL_ONLY
        > 1 modify a B 10
        MODIFIED 1#5 a B 10@50 left=10 L=10/1
        > 1 cancel a 0
        CANCELED 1#6 a B 10@50 USER L=0/0
        > parameter ORDERS_STOPPED 0
        PARAMETER_SET ORDERS_STOPPED 0,0,0
        > 1 enter d B 10 @ 50
        ACCEPTED 1#7 d B 10@50 L=10/1
    """,
    "parameters of the exchange are switches": """
        > parameter SHARES 2
        CONTROL_REJECTED PARAMETER INVALID_PARAMETER
        > parameter ORDERS_STOPPED -1
        CONTROL_REJECTED PARAMETER INVALID_PARAMETER
    """,
}
