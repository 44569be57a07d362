"""Cases of Rule amendment: REPLACE with OPTION_AMEND.

The language is that of ``tests/model/cases/script.py``, with the questions of ``play.py`` there.
"""

from __future__ import annotations

CASES: dict[str, str] = {
    "an amendment keeps the token, and the token names the new order": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 1 amend :a 80 @ 51
        REMOVED 1 a S 100@50 L=0/0
        REPLACED 1#3 a S 80@51 was a L=80/1
        > 1 amend :a 90 @ 51 show=30
        REMOVED 1 a S 80@51 L=0/0
        REPLACED 1#4 a S 90@51 was a L=30/1
        TERMS 1 a S 90@51 show=30
        > 1 enter a S 10 @ 60
        > 1 cancel a 0
        CANCELED 1#5 a S 90@51 USER L=0/0
    """,
    "an amendment that is refused leaves the order, whatever the reason": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 2 enter b B 100 @ 45 display=P
        ACCEPTED 2#2 b B 100@45 display=P L=100/1
        > 2 amend :b 100 @ 50 display=P
        CANCEL_REJECTED 2#3 b B POST_ONLY_WOULD_TRADE display=P
        > 2 amend :b 1000 @ 45 show=5
        CANCEL_REJECTED 2#4 b B INVALID_DISPLAY_QUANTITY display=P
        > 2 amend :b 1100 @ 45 show=10
        CANCEL_REJECTED 2#5 b B INVALID_DISPLAY_QUANTITY display=P
        > 2 amend :b 95 @ 45
        CANCEL_REJECTED 2#6 b B INVALID_QUANTITY display=P
        > 2 amend :b 6000 @ 45
        CANCEL_REJECTED 2#7 b B QUANTITY_TOO_LARGE display=P
        > 2 amend :b 100 @ 0
        CANCEL_REJECTED 2#8 b B INVALID_PRICE display=P
        > 2 amend :b 100 @ 1001
        CANCEL_REJECTED 2#9 b B PRICE_OUT_OF_RANGE display=P
        > 2 amend :b 100 @ 45 stop=1001
        CANCEL_REJECTED 2#10 b B INVALID_STOP_PRICE display=P
        > 2 amend :b 100 @ 45 min=10
        CANCEL_REJECTED 2#11 b B INVALID_MINIMUM_QUANTITY display=P
        > 2 amend :b 100 @ 45 reject=9
        CANCEL_REJECTED 2#12 b B INVALID_TIME_IN_FORCE display=P
        > 2 amend :b 100 @ 45 type=9
        CANCEL_REJECTED 2#13 b B INVALID_ORDER_TYPE display=P
        > 2 cancel b 0
        CANCELED 2#14 b B 100@45 USER display=P L=0/0
    """,
    "an amendment to what is filled or less cancels the rest": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 2 enter b B 40 @ 50
        ACCEPTED 2#2 b B 40@50
        TRADE 1#3 a S 40@50 left=60 L=60/1 with 2#3 b B
        > 1 amend :a 40 @ 51
        CANCELED 1#4 a S 60@50 USER L=0/0
        > 1 enter c S 100 @ 50
        ACCEPTED 1#5 c S 100@50 L=100/1
        > 1 amend :c 0 @ 51
        CANCELED 1#6 c S 100@50 USER L=0/0
    """,
    "an amendment needs no room for a token": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 1 enter b2 S 10 @ 70
        ACCEPTED 1#3 b2 S 10@70 L=10/1
        > 1 enter b3 S 10 @ 70
        ACCEPTED 1#4 b3 S 10@70 L=20/2
        > 1 enter b4 S 10 @ 70
        ACCEPTED 1#5 b4 S 10@70 L=30/3
        > 1 enter b5 S 10 @ 70
        ACCEPTED 1#6 b5 S 10@70 L=40/4
        > 1 enter b6 S 10 @ 70
        ACCEPTED 1#7 b6 S 10@70 L=50/5
        > 1 enter b7 S 10 @ 70
        REJECTED 1#8 b7 S 10@70 ORDER_POOL_FULL
        > 1 enter b8 S 10 @ 70
        REJECTED 1#9 b8 S 10@70 ORDER_POOL_FULL
        > 1 enter b9 S 10 @ 70
        REJECTED 1#10 b9 S 10@70 ORDER_POOL_FULL
        > 1 enter c1 S 10 @ 70
        REJECTED 1#11 c1 S 10@70 ORDER_POOL_FULL
        > 1 enter c2 S 10 @ 70
        REJECTED 1#12 c2 S 10@70 ORDER_POOL_FULL
        > 1 enter c3 S 10 @ 70
        REJECTED 1#13 c3 S 10@70 ORDER_POOL_FULL
        > 1 enter c4 S 10 @ 70
        REJECTED 1#14 c4 S 10@70 TOKEN_TABLE_FULL
        > 1 amend :a 90 @ 51
        REMOVED 1 a S 100@50 L=0/0
        REPLACED 1#15 a S 90@51 was a L=90/1
    """,
    "a modification to what is executed or less cancels the rest, if it says so": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 2 enter b B 40 @ 50
        ACCEPTED 2#2 b B 40@50
        TRADE 1#3 a S 40@50 left=60 L=60/1 with 2#3 b B
        > 1 modify a S 40
        > 1 modify a B 40 flags=4
        > 1 modify a T 40 flags=4
        CANCELED 1#4 a S 60@50 USER L=0/0
        > 1 enter c S 100 @ 50
        ACCEPTED 1#5 c S 100@50 L=100/1
        > 1 modify c S 5 flags=4
        CANCELED 1#6 c S 100@50 USER L=0/0
    """,
}
