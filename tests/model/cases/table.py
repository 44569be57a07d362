"""Cases of the trading rules in the language of ``tests/model/cases/script.py``.

Before each case (PRELUDE there): sessions 1 and 2 of accounts 1 and 2, rich in money and stock;
instrument 1 (tick 1, lot 10, prices 2 to 1000, at most 5000); the day started, so each session has
had message 1. The capacities are 6 orders and 12 tokens.
"""

from __future__ import annotations

CASES: dict[str, str] = {
    "a limit order rests": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
    """,
    "two orders share a level, sides of sellers are one side of the book": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 2 enter b T 20 @ 50
        ACCEPTED 2#2 b T 20@50 L=120/2
        > 2 enter c E 30 @ 50
        ACCEPTED 2#3 c E 30@50 L=150/3
    """,
    "full fill at the resting price": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 2 enter b S 100 @ 48
        ACCEPTED 2#2 b S 100@48
        TRADE 1#3 a B 100@50 L=0/0 with 2#3 b S
    """,
    "partial fill of the maker keeps its priority": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 1 enter b S 100 @ 50
        ACCEPTED 1#3 b S 100@50 L=200/2
        > 2 enter c B 40 @ 50
        ACCEPTED 2#2 c B 40@50
        TRADE 1#4 a S 40@50 left=60 L=160/2 with 2#3 c B
        > 2 enter d B 70 @ 50
        ACCEPTED 2#4 d B 70@50
        TRADE 1#5 a S 60@50 L=100/1 with 2#5 d B
        TRADE 1#6 b S 10@50 left=90 L=90/1 with 2#6 d B
    """,
    "what is left of an aggressor rests": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 2 enter b B 150 @ 51
        ACCEPTED 2#2 b B 150@51
        TRADE 1#3 a S 100@50 L=0/0 with 2#3 b B
        RESTED 2 b B 50@51 left=50 L=50/1
    """,
    "best price first, then the next": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 enter b B 10 @ 52
        ACCEPTED 1#3 b B 10@52 L=10/1
        > 1 enter c B 10 @ 51
        ACCEPTED 1#4 c B 10@51 L=10/1
        > 2 enter d S 30 @ 51
        ACCEPTED 2#2 d S 30@51
        TRADE 1#5 b B 10@52 L=0/0 with 2#3 d S
        TRADE 1#6 c B 10@51 L=0/0 with 2#4 d S
        RESTED 2 d S 10@51 left=10 L=10/1
    """,
    "a session that trades with itself takes two numbers, the maker's first": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 enter b S 10 @ 50
        ACCEPTED 1#3 b S 10@50
        TRADE 1#4 a B 10@50 L=0/0 with 1#5 b S
    """,
    "immediate or cancel: nothing there": """
        > 1 enter a B 10 @ 50 tif=0
        ACCEPTED 1#2 a B 10@50 tif=0
        CANCELED 1#3 a B 10@50 IMMEDIATE_OR_CANCEL
    """,
    "immediate or cancel: a part": """
        > 1 enter a S 10 @ 50
        ACCEPTED 1#2 a S 10@50 L=10/1
        > 2 enter b B 30 @ 60 tif=0
        ACCEPTED 2#2 b B 30@60 tif=0
        TRADE 1#3 a S 10@50 L=0/0 with 2#3 b B
        CANCELED 2#4 b B 20@60 IMMEDIATE_OR_CANCEL
    """,
    "a market order takes every price and never rests": """
        > 1 enter a S 10 @ 50
        ACCEPTED 1#2 a S 10@50 L=10/1
        > 1 enter b S 10 @ 1000
        ACCEPTED 1#3 b S 10@1000 L=10/1
        > 2 enter c B 30 market
        ACCEPTED 2#2 c B 30@0 type=1
        TRADE 1#4 a S 10@50 L=0/0 with 2#3 c B
        TRADE 1#5 b S 10@1000 L=0/0 with 2#4 c B
        CANCELED 2#5 c B 10@0 IMMEDIATE_OR_CANCEL type=1
    """,
    "a market order to sell": """
        > 1 enter a B 20 @ 2
        ACCEPTED 1#2 a B 20@2 L=20/1
        > 2 enter b E 10 market tif=5
        ACCEPTED 2#2 b E 10@0 type=1 tif=5
        TRADE 1#3 a B 10@2 left=10 L=10/1 with 2#3 b E
    """,
    "minimum quantity not to be had": """
        > 1 enter a S 10 @ 50
        ACCEPTED 1#2 a S 10@50 L=10/1
        > 1 enter b S 100 @ 51
        ACCEPTED 1#3 b S 100@51 L=100/1
        > 2 enter c B 40 @ 50 tif=0 min=20
        ACCEPTED 2#2 c B 40@50 tif=0 min=20
        CANCELED 2#3 c B 40@50 IMMEDIATE_OR_CANCEL
    """,
    "minimum quantity reached over two levels": """
        > 1 enter a S 10 @ 50
        ACCEPTED 1#2 a S 10@50 L=10/1
        > 1 enter b S 10 @ 51
        ACCEPTED 1#3 b S 10@51 L=10/1
        > 2 enter c B 40 @ 51 tif=0 min=20
        ACCEPTED 2#2 c B 40@51 tif=0 min=20
        TRADE 1#4 a S 10@50 L=0/0 with 2#3 c B
        TRADE 1#5 b S 10@51 L=0/0 with 2#4 c B
        CANCELED 2#5 c B 20@51 IMMEDIATE_OR_CANCEL
    """,
    "fill or kill": """
        > 1 enter a S 10 @ 50
        ACCEPTED 1#2 a S 10@50 L=10/1
        > 2 enter b B 20 market tif=0 min=20
        ACCEPTED 2#2 b B 20@0 type=1 tif=0 min=20
        CANCELED 2#3 b B 20@0 IMMEDIATE_OR_CANCEL type=1
        > 2 enter c B 10 market tif=0 min=10
        ACCEPTED 2#4 c B 10@0 type=1 tif=0 min=10
        TRADE 1#3 a S 10@50 L=0/0 with 2#5 c B
    """,
    "post-only rests or is refused": """
        > 1 enter a S 10 @ 50
        ACCEPTED 1#2 a S 10@50 L=10/1
        > 2 enter b B 10 @ 50 display=P
        REJECTED 2#2 b B 10@50 POST_ONLY_WOULD_TRADE display=P
        > 2 enter c B 10 @ 49 display=P
        ACCEPTED 2#3 c B 10@49 display=P L=10/1
        > 1 enter d S 10 @ 49 display=P
        REJECTED 1#3 d S 10@49 POST_ONLY_WOULD_TRADE display=P
    """,
    "post-only makes no sense for market and immediate orders": """
        > 1 enter a B 10 market display=P
        REJECTED 1#2 a B 10@0 INVALID_DISPLAY type=1 display=P
        > 1 enter b B 10 @ 50 tif=0 display=P
        REJECTED 1#3 b B 10@50 INVALID_DISPLAY display=P
    """,
    "a used token is ignored, also after a reject, not in another session": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 enter a B 20 @ 51
        > 2 enter a B 10 @ 50
        ACCEPTED 2#2 a B 10@50 L=20/2
        > 1 enter b B 11 @ 50
        REJECTED 1#3 b B 11@50 INVALID_QUANTITY
        > 1 enter b B 10 @ 50
    """,
    "malformed tokens are refused every time": """
        > 1 enter BLANK B 10 @ 50
        REJECTED 1#2 BLANK B 10@50 INVALID_TOKEN
        > 1 enter BLANK B 10 @ 50
        REJECTED 1#3 BLANK B 10@50 INVALID_TOKEN
        > 1 enter NUL B 10 @ 50
        REJECTED 1#4 NUL B 10@50 INVALID_TOKEN
        > 1 enter HIGH B 11 @ 50
        REJECTED 1#5 HIGH B 11@50 INVALID_TOKEN
    """,
    "the token table is full": """
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
        > 1 enter g B 10 @ 50 reject=2
        REJECTED 1#8 g B 10@50 INVALID_PRICE
        > 1 enter h B 10 @ 50 reject=2
        REJECTED 1#9 h B 10@50 INVALID_PRICE
        > 1 enter i B 10 @ 50 reject=2
        REJECTED 1#10 i B 10@50 INVALID_PRICE
        > 1 enter j B 10 @ 50 reject=2
        REJECTED 1#11 j B 10@50 INVALID_PRICE
        > 1 enter k B 10 @ 50 reject=2
        REJECTED 1#12 k B 10@50 INVALID_PRICE
        > 1 enter l B 10 @ 50
        ACCEPTED 1#13 l B 10@50 L=10/1
        > 1 enter m B 11 @ 50
        REJECTED 1#14 m B 11@50 TOKEN_TABLE_FULL
        > 1 enter l B 10 @ 50
        > 1 replace l n 20 @ 51
        REJECTED 1#15 n B 20@51 TOKEN_TABLE_FULL
        > 1 cancel l 0
        CANCELED 1#16 l B 10@50 USER L=0/0
    """,
    "the order pool is full, also for orders that would not rest": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 enter b B 10 @ 50
        ACCEPTED 1#3 b B 10@50 L=20/2
        > 1 enter c B 10 @ 50
        ACCEPTED 1#4 c B 10@50 L=30/3
        > 1 enter d B 10 @ 50
        ACCEPTED 1#5 d B 10@50 L=40/4
        > 1 enter e B 10 @ 50
        ACCEPTED 1#6 e B 10@50 L=50/5
        > 1 enter f B 10 @ 50
        ACCEPTED 1#7 f B 10@50 L=60/6
        > 2 enter g S 10 @ 50 tif=0
        REJECTED 2#2 g S 10@50 ORDER_POOL_FULL
        > 1 replace f h 10 @ 51
        REMOVED 1 f B 10@50 L=50/5
        REPLACED 1#8 h B 10@51 was f L=10/1
        > 1 cancel h 0
        CANCELED 1#9 h B 10@51 USER L=0/0
        > 2 enter i S 10 @ 50 tif=0
        ACCEPTED 2#3 i S 10@50 tif=0
        TRADE 1#10 a B 10@50 L=40/4 with 2#4 i S
    """,
    "field checks, in order": """
        > 1 enter a B 0 @ 0 reject=13 instrument=9
        REJECTED 1#2 a B instrument=9 INSTRUMENT_HALTED
        > 1 enter b B 0 @ 0 instrument=9 side=9
        REJECTED 1#3 b 9 instrument=9 UNKNOWN_INSTRUMENT
        > 1 enter c B 0 @ 0 side=4 type=2
        REJECTED 1#4 c 4 INVALID_SIDE type=2
        > 1 enter d B 0 @ 0 type=2 display=x
        REJECTED 1#5 d B INVALID_ORDER_TYPE type=2 display=x
        > 1 enter e B 0 @ 0 tif=100000 display=x
        REJECTED 1#6 e B INVALID_TIME_IN_FORCE display=x
        > 1 enter f B 0 @ 0 display=x capacity=x
        REJECTED 1#7 f B INVALID_DISPLAY display=x
        > 1 enter g B 0 @ 0 capacity=x cross=O
        REJECTED 1#8 g B INVALID_CAPACITY
        > 1 enter h B 0 @ 0 cross=O
        REJECTED 1#9 h B CROSS_NOT_SUPPORTED
        > 1 enter i B 0 @ 0
        REJECTED 1#10 i B INVALID_QUANTITY
        > 1 enter j B 5010 @ 0
        REJECTED 1#11 j B 5010@0 QUANTITY_TOO_LARGE
        > 1 enter k B 10 @ 0 min=20
        REJECTED 1#12 k B 10@0 INVALID_PRICE
        > 1 enter l B 10 @ 1 min=20
        REJECTED 1#13 l B 10@1 PRICE_OUT_OF_RANGE
    """,
    "more field checks": """
        > 1 enter a B 10 @ 1001 min=20
        REJECTED 1#2 a B 10@1001 PRICE_OUT_OF_RANGE
        > 1 enter b B 10 @ 50 min=10
        REJECTED 1#3 b B 10@50 INVALID_MINIMUM_QUANTITY
        > 1 enter c B 10 @ 50 tif=0 min=11
        REJECTED 1#4 c B 10@50 INVALID_MINIMUM_QUANTITY
        > 1 enter d B 10 @ 50 type=1
        REJECTED 1#5 d B 10@50 INVALID_PRICE type=1
        > 1 enter e B -10 @ 50
        REJECTED 1#6 e B -10@50 INVALID_QUANTITY
        > 1 enter f B 15 @ 50
        REJECTED 1#7 f B 15@50 INVALID_QUANTITY
        > 1 enter g B 10 @ -50
        REJECTED 1#8 g B 10@-50 INVALID_PRICE
        > 1 enter h B 5000 @ 1000 firm=9 capacity=R sweep=Y display=A
        ACCEPTED 1#9 h B 5000@1000 display=A firm=9 capacity=R sweep=Y L=5000/1
    """,
    "a price between two ticks": """
        > instrument 2 tick=5 lot=1 low=10 high=100 most=1
        INSTRUMENT_DEFINED instrument=2 currency=1 SYM2 1@5 left=1 low=10 high=100
        > 1 enter a B 1 @ 12 instrument=2
        REJECTED 1#2 a B instrument=2 1@12 INVALID_PRICE
        > 1 enter b B 1 @ 5 instrument=2
        REJECTED 1#3 b B instrument=2 1@5 PRICE_OUT_OF_RANGE
        > 1 enter c B 1 @ 15 instrument=2
        ACCEPTED 1#4 c B instrument=2 1@15 L=1/1
    """,
    "instruments do not trade with each other": """
        > instrument 2 tick=1 lot=10 low=2 high=1000 most=5000
        INSTRUMENT_DEFINED instrument=2 currency=1 SYM2 10@1 left=5000 low=2 high=1000
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 enter b T 10 @ 50 instrument=2
        ACCEPTED 1#3 b T instrument=2 10@50 L=10/1
    """,
    "an unknown session is nobody": """
        > 5 enter a B 10 @ 50
        > 5 cancel a 0
        > 5 replace a b 10 @ 50
    """,
    "cancel all": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 1 cancel a 0
        CANCELED 1#3 a B 100@50 USER L=0/0
        > 1 cancel a 0
    """,
    "cancel down keeps priority and counts what has traded": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 1 enter b B 100 @ 50
        ACCEPTED 1#3 b B 100@50 L=200/2
        > 2 enter c S 30 @ 50
        ACCEPTED 2#2 c S 30@50
        TRADE 1#4 a B 30@50 left=70 L=170/2 with 2#3 c S
        > 1 cancel a 55
        CANCELED 1#5 a B 50@50 USER left=20 L=120/2
        > 1 cancel a 50
        > 1 cancel a 1000
        > 2 enter d S 30 @ 50
        ACCEPTED 2#4 d S 30@50
        TRADE 1#6 a B 20@50 L=100/1 with 2#5 d S
        TRADE 1#7 b B 10@50 left=90 L=90/1 with 2#6 d S
    """,
    "cancel to less than what has traded cancels the rest": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 2 enter c S 30 @ 50
        ACCEPTED 2#2 c S 30@50
        TRADE 1#3 a B 30@50 left=70 L=70/1 with 2#3 c S
        > 1 cancel a 39
        CANCELED 1#4 a B 70@50 USER L=0/0
    """,
    "another session's token is not mine": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 2 cancel a 0
        > 2 modify a B 50
        > 2 replace a b 50 @ 50
        > 2 cancel missing 0
    """,
    "cancel by order id": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > cancel-id :a 40
        CANCELED 1#3 a B 60@50 USER left=40 L=40/1
        > cancel-id :a 0
        CANCELED 1#4 a B 40@50 USER L=0/0
        > cancel-id :a 0
        > cancel-id 0 0
        > cancel-id -7 0
    """,
    "replace loses priority and may change the price": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 2 enter b B 100 @ 50
        ACCEPTED 2#2 b B 100@50 L=200/2
        > 1 replace a c 100 @ 50
        REMOVED 1 a B 100@50 L=100/1
        REPLACED 1#3 c B 100@50 was a L=200/2
        > 2 enter d S 110 @ 50
        ACCEPTED 2#3 d S 110@50
        TRADE 2#4 b B 100@50 L=100/1 with 2#5 d S
        TRADE 1#4 c B 10@50 left=90 L=90/1 with 2#6 d S
        > 1 replace c e 30 @ 60
        REMOVED 1 c B 90@50 L=0/0
        REPLACED 1#5 e B 20@60 was c L=20/1
    """,
    "a replacement trades at once": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 2 enter b S 30 @ 55
        ACCEPTED 2#2 b S 30@55 L=30/1
        > 1 replace a c 100 @ 56
        REMOVED 1 a B 100@50 L=0/0
        REPLACED 1#3 c B 100@56 was a
        TRADE 2#3 b S 30@55 L=0/0 with 1#4 c B
        RESTED 1 c B 70@56 left=70 L=70/1
        > 1 cancel c 40
        CANCELED 1#5 c B 60@56 USER left=10 L=10/1
    """,
    "replace of a dead order and used tokens are ignored": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 1 enter b B 100 @ 50
        ACCEPTED 1#3 b B 100@50 L=200/2
        > 1 replace a a 50 @ 50
        > 1 replace a b 50 @ 50
        > 1 cancel a 0
        CANCELED 1#4 a B 100@50 USER L=100/1
        > 1 replace a c 50 @ 50
        > 1 enter c B 10 @ 50
        ACCEPTED 1#5 c B 10@50 L=110/2
    """,
    "replace with a malformed token changes nothing": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 1 replace a BLANK 50 @ 77
        REJECTED 1#3 BLANK S 50@77 INVALID_TOKEN
        > 1 cancel a 0
        CANCELED 1#4 a S 100@50 USER L=0/0
    """,
    "an invalid replace cancels the order and keeps the token free": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 1 replace a b 100 @ 1001
        CANCELED 1#3 a S 100@50 USER L=0/0
        > 1 enter b S 100 @ 50
        ACCEPTED 1#4 b S 100@50 L=100/1
        > 1 replace b c 95 @ 50
        CANCELED 1#5 b S 100@50 USER L=0/0
        > 1 enter c S 100 @ 50
        ACCEPTED 1#6 c S 100@50 L=100/1
        > 1 replace c d 100 @ 50 display=x
        CANCELED 1#7 c S 100@50 USER L=0/0
        > 1 enter d S 100 @ 50
        ACCEPTED 1#8 d S 100@50 L=100/1
        > 1 replace d e 100 @ 50 min=10
        CANCELED 1#9 d S 100@50 USER L=0/0
        > 1 enter e S 100 @ 50
        ACCEPTED 1#10 e S 100@50 L=100/1
        > 1 replace e f 100 @ 50 reject=2
        CANCELED 1#11 e S 100@50 USER L=0/0
    """,
    "a replace to no more than has traded cancels the rest": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 2 enter b S 40 @ 50
        ACCEPTED 2#2 b S 40@50
        TRADE 1#3 a B 40@50 left=60 L=60/1 with 2#3 b S
        > 1 replace a c 40 @ 50
        CANCELED 1#4 a B 60@50 USER L=0/0
    """,
    "replace to post-only that would trade cancels": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 2 enter b S 40 @ 60
        ACCEPTED 2#2 b S 40@60 L=40/1
        > 1 replace a c 100 @ 59 display=P
        REMOVED 1 a B 100@50 L=0/0
        REPLACED 1#3 c B 100@59 display=P was a L=100/1
        > 1 replace c d 100 @ 60 display=P
        CANCELED 1#4 c B 100@59 USER display=P L=0/0
    """,
    "replace to an immediate or market order": """
        > 1 enter a B 100 @ 50 firm=9 capacity=P
        ACCEPTED 1#2 a B 100@50 firm=9 capacity=P L=100/1
        > 1 replace a b 70 market
        REMOVED 1 a B 100@50 L=0/0
        REPLACED 1#3 b B 70@0 type=1 firm=9 capacity=P was a
        CANCELED 1#4 b B 70@0 IMMEDIATE_OR_CANCEL type=1
        > 1 enter c S 100 @ 50
        ACCEPTED 1#5 c S 100@50 L=100/1
        > 1 replace c d 70 @ 49 tif=0 min=70
        REMOVED 1 c S 100@50 L=0/0
        REPLACED 1#6 d S 70@49 tif=0 min=70 was c
        CANCELED 1#7 d S 70@49 IMMEDIATE_OR_CANCEL
    """,
    "modify down keeps priority": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 1 enter b B 100 @ 50
        ACCEPTED 1#3 b B 100@50 L=200/2
        > 1 modify a B 45
        MODIFIED 1#4 a B 40@50 left=40 L=140/2
        > 2 enter c S 50 @ 50
        ACCEPTED 2#2 c S 50@50
        TRADE 1#5 a B 40@50 L=100/1 with 2#3 c S
        TRADE 1#6 b B 10@50 left=90 L=90/1 with 2#4 c S
    """,
    "modify the kind of sell": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 1 modify a T 100
        MODIFIED 1#3 a T 100@50 left=100
        > 1 modify a E 60
        MODIFIED 1#4 a E 60@50 left=60 L=60/1
        > 1 modify a E 60
        > 1 modify a B 50
        > 1 modify a 4 50
        > 1 modify a S 70
        > 1 modify a S 0
        > 1 modify a S 9
    """,
    "modify counts what has traded": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 2 enter b S 30 @ 50
        ACCEPTED 2#2 b S 30@50
        TRADE 1#3 a B 30@50 left=70 L=70/1 with 2#3 b S
        > 1 modify a B 30
        > 1 modify a B 101
        > 1 modify a B 50
        MODIFIED 1#4 a B 20@50 left=20 L=20/1
    """,
    "good till time expires at the next full second": """
        > 1 enter a B 100 @ 50 tif=2 t=0.5
        ACCEPTED 1#2 a B 100@50 tif=2 L=100/1
        > 1 enter b B 100 @ 50 tif=2 t=1
        ACCEPTED 1#3 b B 100@50 tif=2 L=200/2
        > timer t=2.999999999
        > timer t=3
        CANCELED 1#4 a B 100@50 TIMEOUT L=100/1
        CANCELED 1#5 b B 100@50 TIMEOUT L=0/0
        > timer t=9
    """,
    "expiry by second, then by age": """
        > 1 enter a B 10 @ 50 tif=9 t=0
        ACCEPTED 1#2 a B 10@50 tif=9 L=10/1
        > 1 enter b B 10 @ 50 tif=5 t=0
        ACCEPTED 1#3 b B 10@50 tif=5 L=20/2
        > 1 enter c B 10 @ 50 tif=9 t=0
        ACCEPTED 1#4 c B 10@50 tif=9 L=30/3
        > 1 enter d B 10 @ 50 tif=7 t=0
        ACCEPTED 1#5 d B 10@50 tif=7 L=40/4
        > 1 cancel c 0
        CANCELED 1#6 c B 10@50 USER L=30/3
        > timer t=20
        CANCELED 1#7 b B 10@50 TIMEOUT L=20/2
        CANCELED 1#8 d B 10@50 TIMEOUT L=10/1
        CANCELED 1#9 a B 10@50 TIMEOUT L=0/0
    """,
    "the longest good till time; a replacement has its own": """
        > 1 enter a B 10 @ 50 tif=99997 t=0
        ACCEPTED 1#2 a B 10@50 tif=99997 L=10/1
        > 1 enter b B 10 @ 50 tif=3 t=0
        ACCEPTED 1#3 b B 10@50 tif=3 L=20/2
        > 1 replace b c 10 @ 50 tif=6
        REMOVED 1 b B 10@50 L=10/1
        REPLACED 1#4 c B 10@50 tif=6 was b L=20/2
        > timer t=3
        > timer t=6
        CANCELED 1#5 c B 10@50 TIMEOUT L=10/1
        > timer t=99997
        CANCELED 1#6 a B 10@50 TIMEOUT L=0/0
    """,
    "an order past its time trades until a timer comes": """
        > 1 enter a B 10 @ 50 tif=1 t=0
        ACCEPTED 1#2 a B 10@50 tif=1 L=10/1
        > 2 enter b S 10 @ 50 t=5
        ACCEPTED 2#2 b S 10@50
        TRADE 1#3 a B 10@50 L=0/0 with 2#3 b S
        > timer t=6
    """,
    "end of day cancels in the order of entry, then remembers the last price": """
        > instrument 3 tick=1 lot=1 low=1 high=100 most=100
        INSTRUMENT_DEFINED instrument=3 currency=1 SYM3 1@1 left=100 low=1 high=100
        > 2 enter a T 10 @ 60 instrument=3
        ACCEPTED 2#2 a T instrument=3 10@60 L=10/1
        > 1 enter b S 10 @ 61
        ACCEPTED 1#2 b S 10@61 L=10/1
        > 1 enter c S 10 @ 60
        ACCEPTED 1#3 c S 10@60 L=10/1
        > 1 enter d B 10 @ 40
        ACCEPTED 1#4 d B 10@40 L=10/1
        > 1 enter e B 10 @ 41
        ACCEPTED 1#5 e B 10@41 L=10/1
        > 2 enter f B 30 @ 60
        ACCEPTED 2#3 f B 30@60
        TRADE 1#6 c S 10@60 L=0/0 with 2#4 f B
        RESTED 2 f B 20@60 left=20 L=20/1
        > end
        CANCELED 2#5 a T instrument=3 10@60 TIMEOUT L=0/0
        CANCELED 1#7 b S 10@61 TIMEOUT L=0/0
        CANCELED 1#8 d B 10@40 TIMEOUT L=0/0
        CANCELED 1#9 e B 10@41 TIMEOUT L=0/0
        CANCELED 2#6 f B 20@60 TIMEOUT L=0/0
        PARAMETER_SET instrument=1 REFERENCE_PRICE 60,0,0
        SYSTEM 1#10 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#7 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > timer t=100
    """,
    "closed: tokens are consumed, numbers go on; a new day forgets both": """
        > end
        SYSTEM 1#2 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > end
        CONTROL_REJECTED DAY_NOT_OPEN
        > 1 enter a B 10 @ 50
        REJECTED 1#3 a B 10@50 MARKET_CLOSED
        > 1 enter a B 10 @ 50
        > 1 enter b B 10 @ 50 reject=2
        REJECTED 1#4 b B 10@50 INVALID_PRICE
        > start 20260105
        DAY_STARTED 1700000000000000000@20260105
        SYSTEM 1#1 1700000000000000000@20260105 START_OF_DAY
        SYSTEM 2#1 1700000000000000000@20260105 START_OF_DAY
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
    """,
    "a day starts once": """
        > start 20260103
        CONTROL_REJECTED DAY_ALREADY_OPEN
    """,
    "sessions are defined once and within the capacity": """
        > session 1
        CONTROL_REJECTED 1 SESSION_EXISTS
        > session 0
        CONTROL_REJECTED SESSION_OUT_OF_RANGE
        > session 8
        CONTROL_REJECTED 8 SESSION_OUT_OF_RANGE
        > session 7
        SESSION_DEFINED 7 U7 7@0
        SYSTEM 7#1 1700000000000000000@20260102 START_OF_DAY
        > end
        SYSTEM 1#2 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 7#2 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > session 6
        SESSION_DEFINED 6 U6 6@0
    """,
    "instruments are defined once, within the capacity, within the limits": """
        > instrument 1 tick=0 lot=10 low=2 high=1000 most=5000
        CONTROL_REJECTED instrument=1 INSTRUMENT_EXISTS
        > instrument 0 tick=1 lot=10 low=2 high=1000 most=5000
        CONTROL_REJECTED INSTRUMENT_OUT_OF_RANGE
        > instrument 8 tick=1 lot=10 low=2 high=1000 most=5000
        CONTROL_REJECTED instrument=8 INSTRUMENT_OUT_OF_RANGE
        > instrument 2 tick=0 lot=10 low=2 high=1000 most=5000
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=1 lot=0 low=2 high=1000 most=5000
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=10 lot=1 low=0 high=1000 most=5000
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=10 lot=1 low=20 high=10 most=5000
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=1 lot=1 low=1 high=1073741824 most=5000
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=262144 lot=1 low=262144 high=140737488617472 most=5000
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=1 lot=10 low=1 high=10 most=9
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=1 lot=10 low=1 high=10 most=1099511627777
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=1 lot=10 low=1 high=10 most=10 decimals=9
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=3 lot=10 low=4 high=12 most=10
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=3 lot=10 low=3 high=11 most=10
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=262144 lot=1 low=262144 high=140737488355328 most=513
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=262144 lot=1 low=262144 high=140737488355328 most=512
        INSTRUMENT_DEFINED instrument=2 currency=1 SYM2 1@262144 left=512 low=262144 high=140737488355328
        > instrument 7 tick=1 lot=1 low=1 high=1073741823 most=67108864 decimals=3
        CONTROL_REJECTED instrument=7 INVALID_INSTRUMENT
        > instrument 7 tick=1 lot=1 low=1 high=1073741823 most=67108864 decimals=2 currency=2
        CONTROL_REJECTED instrument=7 UNKNOWN_CURRENCY
        > currency 2 fees=9 decimals=8
        CURRENCY_DEFINED account=9 currency=2 EUR
        > instrument 7 tick=1 lot=1 low=1 high=1073741823 most=67108865 decimals=8 currency=2
        CONTROL_REJECTED instrument=7 INVALID_INSTRUMENT
        > instrument 7 tick=1 lot=1 low=1 high=1073741823 most=67108864 decimals=8 currency=2
        INSTRUMENT_DEFINED instrument=7 currency=2 SYM7 1@1 left=67108864 low=1 high=1073741823
        > instrument 6 tick=1 lot=1 low=1 high=1073741823 most=67108864 decimals=7 currency=2
        CONTROL_REJECTED instrument=6 INVALID_INSTRUMENT
    """,  # noqa: E501
    "unknown commands": """
        > kind 0
        CONTROL_REJECTED UNKNOWN_COMMAND
        > kind 99
        CONTROL_REJECTED UNKNOWN_COMMAND
    """,
}
