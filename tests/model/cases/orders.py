"""Cases of icebergs, self-trade prevention, repricing, amending and refusing.

The language is that of ``tests/model/cases/script.py``, with the questions of ``play.py`` there.
"""

from __future__ import annotations

CASES: dict[str, str] = {
    "an iceberg shows a part, refreshes at the tail": """
        > 1 enter a S 100 @ 50 show=30
        ACCEPTED 1#2 a S 100@50 L=30/1
        TERMS 1 a S 100@50 show=30
        > 1 enter b S 10 @ 50
        ACCEPTED 1#3 b S 10@50 L=40/2
        > 2 enter c B 30 @ 50
        ACCEPTED 2#2 c B 30@50
        TRADE 1#4 a S 30@50 left=70 L=10/2 with 2#3 c B
        REFRESHED 1 a S 30@50 left=70 L=40/2
        > 2 enter d B 50 @ 50
        ACCEPTED 2#4 d B 50@50
        TRADE 1#5 b S 10@50 L=30/1 with 2#5 d B
        TRADE 1#6 a S 30@50 left=40 L=0/1 with 2#6 d B
        REFRESHED 1 a S 30@50 left=40 L=30/1
        TRADE 1#7 a S 10@50 left=30 L=20/1 with 2#7 d B
        > 2 enter e B 30 @ 50
        ACCEPTED 2#8 e B 30@50
        TRADE 1#8 a S 20@50 left=10 L=0/1 with 2#9 e B
        REFRESHED 1 a S 10@50 left=10 L=10/1
        TRADE 1#9 a S 10@50 L=0/0 with 2#10 e B
    """,
    "an iceberg that trades on entry shows a part of what is left": """
        > 1 enter a S 20 @ 50
        ACCEPTED 1#2 a S 20@50 L=20/1
        > 2 enter b B 100 @ 51 show=30
        ACCEPTED 2#2 b B 100@51
        TERMS 2 b B 100@51 show=30
        TRADE 1#3 a S 20@50 L=0/0 with 2#3 b B
        RESTED 2 b B 30@51 left=80 L=30/1
        > 1 enter c S 90 @ 51
        ACCEPTED 1#4 c S 90@51
        TRADE 2#4 b B 30@51 left=50 L=0/1 with 1#5 c S
        REFRESHED 2 b B 30@51 left=50 L=30/1
        TRADE 2#5 b B 30@51 left=20 L=0/1 with 1#6 c S
        REFRESHED 2 b B 20@51 left=20 L=20/1
        TRADE 2#6 b B 20@51 L=0/0 with 1#7 c S
        RESTED 1 c S 10@51 left=10 L=10/1
    """,
    "a cancel takes the hidden part first": """
        > 1 enter a S 100 @ 50 show=30
        ACCEPTED 1#2 a S 100@50 L=30/1
        TERMS 1 a S 100@50 show=30
        > 1 cancel a 50
        CANCELED 1#3 a S 50@50 USER left=50 L=30/1
        > 1 modify a S 40
        MODIFIED 1#4 a S 40@50 left=40 L=30/1
        > 1 modify a S 20
        MODIFIED 1#5 a S 20@50 left=20 L=20/1
        > 1 cancel a 10
        CANCELED 1#6 a S 10@50 USER left=10 L=10/1
    """,
    "a minimum quantity finds hidden parts": """
        > 1 enter a S 100 @ 50 show=10
        ACCEPTED 1#2 a S 100@50 L=10/1
        TERMS 1 a S 100@50 show=10
        > 2 enter b B 60 @ 50 tif=0 min=60
        ACCEPTED 2#2 b B 60@50 tif=0 min=60
        TRADE 1#3 a S 10@50 left=90 L=0/1 with 2#3 b B
        REFRESHED 1 a S 10@50 left=90 L=10/1
        TRADE 1#4 a S 10@50 left=80 L=0/1 with 2#4 b B
        REFRESHED 1 a S 10@50 left=80 L=10/1
        TRADE 1#5 a S 10@50 left=70 L=0/1 with 2#5 b B
        REFRESHED 1 a S 10@50 left=70 L=10/1
        TRADE 1#6 a S 10@50 left=60 L=0/1 with 2#6 b B
        REFRESHED 1 a S 10@50 left=60 L=10/1
        TRADE 1#7 a S 10@50 left=50 L=0/1 with 2#7 b B
        REFRESHED 1 a S 10@50 left=50 L=10/1
        TRADE 1#8 a S 10@50 left=40 L=0/1 with 2#8 b B
        REFRESHED 1 a S 10@50 left=40 L=10/1
    """,
    "what an iceberg may show": """
        > 1 enter a S 100 @ 50 show=-10
        REJECTED 1#2 a S 100@50 INVALID_DISPLAY_QUANTITY
        > 1 enter b S 100 @ 50 show=15
        REJECTED 1#3 b S 100@50 INVALID_DISPLAY_QUANTITY
        > 1 enter c S 100 @ 50 show=110
        REJECTED 1#4 c S 100@50 INVALID_DISPLAY_QUANTITY
        > 1 enter d S 100 market show=10
        REJECTED 1#5 d S 100@0 INVALID_DISPLAY_QUANTITY type=1
        > 1 enter e S 100 @ 50 show=10 tif=0
        REJECTED 1#6 e S 100@50 INVALID_DISPLAY_QUANTITY
        > 1 enter f S 1010 @ 50 show=10
        REJECTED 1#7 f S 1010@50 INVALID_DISPLAY_QUANTITY
        > 1 enter g S 1000 @ 50 show=10
        ACCEPTED 1#8 g S 1000@50 L=10/1
        TERMS 1 g S 1000@50 show=10
        > 1 enter h S 100 @ 50 show=100
        ACCEPTED 1#9 h S 100@50 L=110/2
        TERMS 1 h S 100@50 show=100
    """,
    "prevention: cancel resting": """
        > parameter SELF_TRADE 1 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 1,0,0
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > 1 enter b S 30 @ 51
        ACCEPTED 1#3 b S 30@51 L=30/1
        > 1 enter c B 40 @ 51
        ACCEPTED 1#4 c B 40@51
        SELF_TRADE_PREVENTED 1#5 a S 100@50 prevented=40 A for c L=0/0
        SELF_TRADE_PREVENTED 1#6 b S 30@51 prevented=30 A for c L=0/0
        RESTED 1 c B 40@51 left=40 L=40/1
        > 2 enter d S 10 @ 52
        ACCEPTED 2#2 d S 10@52 L=10/1
        > 1 enter e B 10 @ 52
        ACCEPTED 1#7 e B 10@52
        TRADE 2#3 d S 10@52 L=0/0 with 1#8 e B
    """,
    "prevention: cancel incoming": """
        > parameter SELF_TRADE 2 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 2,0,0
        > 2 enter a S 10 @ 50
        ACCEPTED 2#2 a S 10@50 L=10/1
        > 1 enter b S 100 @ 51
        ACCEPTED 1#2 b S 100@51 L=100/1
        > 1 enter c B 40 @ 51
        ACCEPTED 1#3 c B 40@51
        TRADE 2#3 a S 10@50 L=0/0 with 1#4 c B
        SELF_TRADE_PREVENTED 1#5 c B 30@51 prevented=30 R for b
        > 1 enter d B 20 @ 52
        ACCEPTED 1#6 d B 20@52
        SELF_TRADE_PREVENTED 1#7 d B 20@51 prevented=20 R for b
    """,
    "prevention: cancel both": """
        > parameter SELF_TRADE 3 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 3,0,0
        > 1 enter a S 100 @ 51
        ACCEPTED 1#2 a S 100@51 L=100/1
        > 1 enter b S 100 @ 52
        ACCEPTED 1#3 b S 100@52 L=100/1
        > 1 enter c B 40 @ 52
        ACCEPTED 1#4 c B 40@52
        SELF_TRADE_PREVENTED 1#5 a S 100@51 prevented=40 A for c L=0/0
        SELF_TRADE_PREVENTED 1#6 c B 40@51 prevented=40 R for a
        ? stock 1: 1000000 frozen 100 cost 50000000
        ? money 1: 1000000000000 frozen 0
    """,
    "prevention: decrement": """
        > parameter SELF_TRADE 4 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 4,0,0
        > 1 enter a S 30 @ 51
        ACCEPTED 1#2 a S 30@51 L=30/1
        > 1 enter b S 100 @ 52
        ACCEPTED 1#3 b S 100@52 L=100/1
        > 1 enter c B 40 @ 52
        ACCEPTED 1#4 c B 40@52
        SELF_TRADE_PREVENTED 1#5 a S 30@51 prevented=30 A for c L=0/0
        SELF_TRADE_PREVENTED 1#6 c B 30@51 left=10 prevented=30 R for a
        SELF_TRADE_PREVENTED 1#7 b S 10@52 left=90 prevented=10 A for c L=90/1
        SELF_TRADE_PREVENTED 1#8 c B 10@52 prevented=10 R for b
        ? stock 1: 1000000 frozen 90 cost 50000000
        > 1 enter d B 90 @ 52
        ACCEPTED 1#9 d B 90@52
        SELF_TRADE_PREVENTED 1#10 b S 90@52 prevented=90 A for d L=0/0
        SELF_TRADE_PREVENTED 1#11 d B 90@52 prevented=90 R for b
        > 1 enter e B 10 @ 50
        ACCEPTED 1#12 e B 10@50 L=10/1
        ? money 1: 1000000000000 frozen 500
    """,
    "prevention: a decrement does not count as executed": """
        > parameter SELF_TRADE 4 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 4,0,0
        > 1 enter a S 30 @ 51
        ACCEPTED 1#2 a S 30@51 L=30/1
        > 1 enter b B 10 @ 51
        ACCEPTED 1#3 b B 10@51
        SELF_TRADE_PREVENTED 1#4 a S 10@51 left=20 prevented=10 A for b L=20/1
        SELF_TRADE_PREVENTED 1#5 b B 10@51 prevented=10 R for a
        > 1 cancel a 20
        > 1 cancel a 10
        CANCELED 1#6 a S 10@51 USER left=10 L=10/1
    """,
    "prevention: an iceberg is decremented and refreshed": """
        > parameter SELF_TRADE 4 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 4,0,0
        > 1 enter a S 50 @ 51 show=20
        ACCEPTED 1#2 a S 50@51 L=20/1
        TERMS 1 a S 50@51 show=20
        > 2 enter b S 10 @ 51
        ACCEPTED 2#2 b S 10@51 L=30/2
        > 1 enter c B 30 @ 51
        ACCEPTED 1#3 c B 30@51
        SELF_TRADE_PREVENTED 1#4 a S 20@51 left=30 prevented=20 A for c L=10/2
        SELF_TRADE_PREVENTED 1#5 c B 20@51 left=10 prevented=20 R for a
        REFRESHED 1 a S 20@51 left=30 L=30/2
        TRADE 2#3 b S 10@51 L=20/1 with 1#6 c B
    """,
    "prevention: an iceberg is cancelled whole": """
        > parameter SELF_TRADE 1 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 1,0,0
        > 1 enter a S 50 @ 51 show=20
        ACCEPTED 1#2 a S 50@51 L=20/1
        TERMS 1 a S 50@51 show=20
        > 1 enter b B 30 @ 51
        ACCEPTED 1#3 b B 30@51
        SELF_TRADE_PREVENTED 1#4 a S 50@51 prevented=20 A for b L=0/0
        RESTED 1 b B 30@51 left=30 L=30/1
    """,
    "prevention works for a group; the aggressor's mode counts": """
        > parameter SELF_TRADE 1 5 account=1
        PARAMETER_SET account=1 SELF_TRADE 1,5,0
        > parameter SELF_TRADE 0 5 account=2
        PARAMETER_SET account=2 SELF_TRADE 0,5,0
        > 1 enter a S 10 @ 50
        ACCEPTED 1#2 a S 10@50 L=10/1
        > 2 enter b S 10 @ 50
        ACCEPTED 2#2 b S 10@50 L=20/2
        > 1 enter c B 10 @ 50
        ACCEPTED 1#3 c B 10@50
        SELF_TRADE_PREVENTED 1#4 a S 10@50 prevented=10 A for c L=10/1
        SELF_TRADE_PREVENTED 2#3 b S 10@50 prevented=10 A for c L=0/0
        RESTED 1 c B 10@50 left=10 L=10/1
        > 2 enter d B 10 @ 50
        ACCEPTED 2#4 d B 10@50 L=20/2
        > 1 enter e S 10 @ 50
        ACCEPTED 1#5 e S 10@50
        SELF_TRADE_PREVENTED 1#6 c B 10@50 prevented=10 A for e L=10/1
        SELF_TRADE_PREVENTED 2#5 d B 10@50 prevented=10 A for e L=0/0
        RESTED 1 e S 10@50 left=10 L=10/1
        > 2 enter f B 10 @ 50
        ACCEPTED 2#6 f B 10@50
        TRADE 1#7 e S 10@50 L=0/0 with 2#7 f B
    """,
    "prevention: a minimum quantity does not count what will not trade": """
        > parameter SELF_TRADE 1 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 1,0,0
        > 2 enter a S 10 @ 50
        ACCEPTED 2#2 a S 10@50 L=10/1
        > 1 enter b S 10 @ 51
        ACCEPTED 1#2 b S 10@51 L=10/1
        > 2 enter c S 10 @ 51
        ACCEPTED 2#3 c S 10@51 L=20/2
        > 1 enter d B 30 @ 51 tif=0 min=30
        ACCEPTED 1#3 d B 30@51 tif=0 min=30
        CANCELED 1#4 d B 30@51 IMMEDIATE_OR_CANCEL
        > 1 enter e B 30 @ 51 tif=0 min=20
        ACCEPTED 1#5 e B 30@51 tif=0 min=20
        TRADE 2#4 a S 10@50 L=0/0 with 1#6 e B
        SELF_TRADE_PREVENTED 1#7 b S 10@51 prevented=10 A for e L=10/1
        TRADE 2#5 c S 10@51 L=0/0 with 1#8 e B
        CANCELED 1#9 e B 10@51 IMMEDIATE_OR_CANCEL
    """,
    "prevention: with cancel incoming nothing after the first own order counts": """
        > parameter SELF_TRADE 2 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 2,0,0
        > 2 enter a S 10 @ 50
        ACCEPTED 2#2 a S 10@50 L=10/1
        > 1 enter b S 10 @ 51
        ACCEPTED 1#2 b S 10@51 L=10/1
        > 2 enter c S 10 @ 51
        ACCEPTED 2#3 c S 10@51 L=20/2
        > 1 enter d B 30 @ 51 tif=0 min=20
        ACCEPTED 1#3 d B 30@51 tif=0 min=20
        CANCELED 1#4 d B 30@51 IMMEDIATE_OR_CANCEL
        > 1 enter e B 30 @ 51 tif=0 min=10
        ACCEPTED 1#5 e B 30@51 tif=0 min=10
        TRADE 2#4 a S 10@50 L=0/0 with 1#6 e B
        SELF_TRADE_PREVENTED 1#7 e B 20@51 prevented=10 R for b
    """,
    "prevention: hidden parts come after the own order": """
        > parameter SELF_TRADE 2 0 account=1
        PARAMETER_SET account=1 SELF_TRADE 2,0,0
        > 2 enter a S 50 @ 51 show=20
        ACCEPTED 2#2 a S 50@51 L=20/1
        TERMS 2 a S 50@51 show=20
        > 1 enter b S 10 @ 51
        ACCEPTED 1#2 b S 10@51 L=30/2
        > 1 enter c B 50 @ 51 tif=0 min=30
        ACCEPTED 1#3 c B 50@51 tif=0 min=30
        CANCELED 1#4 c B 50@51 IMMEDIATE_OR_CANCEL
        > 1 enter d B 50 @ 51 tif=0 min=20
        ACCEPTED 1#5 d B 50@51 tif=0 min=20
        TRADE 2#3 a S 20@51 left=30 L=10/2 with 1#6 d B
        REFRESHED 2 a S 20@51 left=30 L=30/2
        SELF_TRADE_PREVENTED 1#7 d B 30@51 prevented=10 R for b
    """,
    "post-only moves behind the best opposite price if it may": """
        > 1 enter a S 10 @ 50
        ACCEPTED 1#2 a S 10@50 L=10/1
        > 2 enter b B 10 @ 55 display=P reprice=1
        ACCEPTED 2#2 b B 10@49 display=P L=10/1
        ? money 2: 1000000000000 frozen 490
        > 2 enter c B 10 @ 55 display=P reprice=0
        REJECTED 2#3 c B 10@55 POST_ONLY_WOULD_TRADE display=P
        > 1 cancel a 0
        CANCELED 1#3 a S 10@50 USER L=0/0
        > 1 enter d S 10 @ 48 display=P reprice=1
        ACCEPTED 1#4 d S 10@50 display=P L=10/1
    """,
    "post-only cannot move out of the allowed prices": """
        > 1 enter a S 10 @ 2
        ACCEPTED 1#2 a S 10@2 L=10/1
        > 2 enter b B 10 @ 5 display=P reprice=1
        REJECTED 2#2 b B 10@5 POST_ONLY_WOULD_TRADE display=P
        > 1 cancel a 0
        CANCELED 1#3 a S 10@2 USER L=0/0
        > parameter REFERENCE_PRICE 100 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 100,0,0
        > parameter PRICE_BAND 100000 instrument=1
        PARAMETER_SET instrument=1 PRICE_BAND 100000,0,0
        > 1 enter c S 10 @ 90
        ACCEPTED 1#4 c S 10@90 L=10/1
        > 2 enter d B 10 @ 95 display=P reprice=1
        REJECTED 2#3 d B 10@95 POST_ONLY_WOULD_TRADE display=P
        > 1 replace c e 10 @ 91
        REMOVED 1 c S 10@90 L=0/0
        REPLACED 1#5 e S 10@91 was c L=10/1
        > 2 enter f B 10 @ 95 display=P reprice=1
        ACCEPTED 2#4 f B 10@90 display=P L=10/1
    """,
    "a replacement may be repriced too": """
        > 1 enter a S 10 @ 50
        ACCEPTED 1#2 a S 10@50 L=10/1
        > 2 enter b B 10 @ 40
        ACCEPTED 2#2 b B 10@40 L=10/1
        > 2 replace b c 10 @ 60 display=P reprice=1
        REMOVED 2 b B 10@40 L=0/0
        REPLACED 2#3 c B 10@49 display=P was b L=10/1
        > 2 replace c d 10 @ 60 display=P
        CANCELED 2#4 c B 10@49 USER display=P L=0/0
    """,
    "stops need a second slot and a stop price": """
        > 1 enter a B 10 market type=2
        REJECTED 1#2 a B 10@0 INVALID_ORDER_TYPE type=2
        > 1 enter b B 10 @ 50 type=3
        REJECTED 1#3 b B 10@50 INVALID_ORDER_TYPE type=3
        > 1 enter c B 10 @ 50 stop=0
        REJECTED 1#4 c B 10@50 INVALID_STOP_PRICE type=3
        > 1 enter d B 10 market stop=1001
        REJECTED 1#5 d B 10@0 INVALID_STOP_PRICE type=2
        > 1 enter e B 10 market stop=50 tif=0 min=10
        REJECTED 1#6 e B 10@0 INVALID_MINIMUM_QUANTITY type=2
        > 1 enter f B 10 @ 50 stop=50 display=P
        REJECTED 1#7 f B 10@50 INVALID_DISPLAY type=3 display=P
    """,
    "a replacement may become a stop or an iceberg, and back": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 1 replace a b 100 @ 50 stop=60
        REMOVED 1 a B 100@50 L=0/0
        REPLACED 1#3 b B 100@50 type=3 was a
        TERMS 1 b B 100@50 type=3 stop=60
        > 1 replace b c 100 @ 50 show=20
        REMOVED 1 b B 100@50 type=3
        REPLACED 1#4 c B 100@50 was b L=20/1
        TERMS 1 c B 100@50 show=20
        > 1 replace c d 90 @ 50
        REMOVED 1 c B 100@50 L=0/0
        REPLACED 1#5 d B 90@50 was c L=90/1
        ? money 1: 1000000000000 frozen 4500
    """,
    "replace and modify by order id: only one's own session": """
        > session 3 account=1
        SESSION_DEFINED 3 U3 1@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 3 modify-id :a B 50
        > 3 replace-id :a x 50 @ 51
        > 1 modify-id :a B 50
        MODIFIED 1#3 a B 50@50 left=50 L=50/1
        > 1 replace-id :a b 50 @ 51
        REMOVED 1 a B 50@50 L=0/0
        REPLACED 1#4 b B 50@51 was a L=50/1
        > 1 replace-id :a c 50 @ 51
        > 1 replace-id :b b 50 @ 51
    """,
    "cancel by order id reaches the orders of one's account": """
        > session 3 account=1
        SESSION_DEFINED 3 U3 1@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > 2 cancel-id :a 0
        > 3 cancel-id :a 50
        CANCELED 1#3 a B 50@50 USER left=50 L=50/1
        > 1 cancel-id :a 0
        CANCELED 1#4 a B 50@50 USER L=0/0
    """,
    "a halted instrument refuses cancels of clients, not of the operator": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > 1 enter b B 100 @ 50
        REJECTED 1#3 b B 100@50 INSTRUMENT_HALTED
        > 1 cancel a 0
        CANCEL_REJECTED 1#4 a B INSTRUMENT_HALTED
        > 1 modify a B 50
        CANCEL_REJECTED 1#5 a B INSTRUMENT_HALTED
        > 1 replace a c 50 @ 50
        CANCEL_REJECTED 1#6 a B INSTRUMENT_HALTED
        > 1 cancel-id :a 0
        CANCEL_REJECTED 1#7 a B INSTRUMENT_HALTED
        > cancel-id :a 0
        CANCELED 1#8 a B 100@50 USER L=0/0
    """,
    "a cancel-only instrument takes cancels and reductions": """
        > 1 enter a B 100 @ 50
        ACCEPTED 1#2 a B 100@50 L=100/1
        > state CANCEL_ONLY instrument=1
        STATE_CHANGED instrument=1 CANCEL_ONLY COMMAND
        > 1 enter b B 100 @ 50
        REJECTED 1#3 b B 100@50 CANCEL_ONLY
        > 1 replace a c 50 @ 50
        CANCEL_REJECTED 1#4 a B CANCEL_ONLY
        > 1 modify a B 50
        MODIFIED 1#5 a B 50@50 left=50 L=50/1
        > 1 cancel a 0
        CANCELED 1#6 a B 50@50 USER L=0/0
    """,
    "a market order in a call phase rests at its protection price": """
        > state AUCTION instrument=1
        STATE_CHANGED instrument=1 AUCTION COMMAND
        > 1 enter a B 100 market
        ACCEPTED 1#2 a B 100@0 type=1
        TERMS 1 a B 100@1000 type=1 L=100/1
        > 1 enter b B 100 @ 50 tif=0
        ACCEPTED 1#3 b B 100@50 tif=0 L=100/1
        > 1 enter c B 100 @ 50 tif=0 min=100
        REJECTED 1#4 c B 100@50 NOT_IN_AUCTION
        > 1 cancel a 0
        CANCELED 1#5 a B 100@1000 USER type=1 L=0/0
        > 1 cancel b 0
        CANCELED 1#6 b B 100@50 USER L=0/0
    """,
    "a replacement is refused like an order and leaves the old one alone": """
        > 1 enter a S 100 @ 50
        ACCEPTED 1#2 a S 100@50 L=100/1
        > parameter BLOCKED 1 account=1
        PARAMETER_SET account=1 BLOCKED 1,0,0
        > 1 replace a b 50 @ 50
        CANCEL_REJECTED 1#3 a S ACCOUNT_BLOCKED
        > parameter BLOCKED 0 account=1
        PARAMETER_SET account=1 BLOCKED 0,0,0
        > 1 replace a b 50 @ 50
        REMOVED 1 a S 100@50 L=0/0
        REPLACED 1#4 b S 50@50 was a L=50/1
        > 1 enter c T 100 @ 50
        ACCEPTED 1#5 c T 100@50 L=150/2
        > parameter SHORT_SALES 0 account=1
        PARAMETER_SET account=1 SHORT_SALES 0,0,0
        > 1 replace c d 50 @ 50
        CANCEL_REJECTED 1#6 c T SHORT_SALE_NOT_ALLOWED
    """,
}
