"""Cases of kill switches, mass cancels, lost connections, timers and days.

The language is that of ``tests/model/cases/script.py``; before each case as in ``table.py``.
"""

from __future__ import annotations

CASES: dict[str, str] = {
    "the kill switch of an account: its orders go, new ones are refused until it is off": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 2 enter b B 10 @ 50
        ACCEPTED 2#2 b B 10@50 L=20/2
        > 1 enter c S 10 @ 60
        ACCEPTED 1#3 c S 10@60 L=10/1
        > kill ACCOUNT on account=1 key=stop
        KILL_SWITCHED account=1 ACCOUNT on
        CANCELED 1#4 a B 10@50 SUPERVISORY L=10/1
        CANCELED 1#5 c S 10@60 SUPERVISORY L=0/0
        CONTROL_DONE stop KILL 2@0
        > 1 enter d B 10 @ 50
        REJECTED 1#6 d B 10@50 KILL_SWITCH
        > 2 enter e B 10 @ 50
        ACCEPTED 2#3 e B 10@50 L=20/2
        > kill ACCOUNT off account=1
        KILL_SWITCHED account=1 ACCOUNT off
        > 1 enter f B 10 @ 50
        ACCEPTED 1#7 f B 10@50 L=30/3
    """,
    "the kill switch of a session: other sessions of the account go on": """
        > session 3 account=1
        SESSION_DEFINED 3 U3 1@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 3 enter b B 10 @ 50
        ACCEPTED 3#2 b B 10@50 L=20/2
        > kill SESSION on session=1
        KILL_SWITCHED 1 SESSION on
        CANCELED 1#3 a B 10@50 SUPERVISORY L=10/1
        > 1 enter c B 10 @ 50
        REJECTED 1#4 c B 10@50 KILL_SWITCH
        > 3 enter d B 10 @ 50
        ACCEPTED 3#3 d B 10@50 L=20/2
        > 3 replace d e 10 @ 51
        REMOVED 3 d B 10@50 L=10/1
        REPLACED 3#4 e B 10@51 was d L=10/1
    """,
    "the kill switch of the exchange: everything": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 2 enter b S 10 @ 60
        ACCEPTED 2#2 b S 10@60 L=10/1
        > kill EXCHANGE on
        KILL_SWITCHED EXCHANGE on
        CANCELED 1#3 a B 10@50 SUPERVISORY L=0/0
        CANCELED 2#3 b S 10@60 SUPERVISORY L=0/0
        > 2 enter c S 10 @ 60
        REJECTED 2#4 c S 10@60 KILL_SWITCH
        > kill EXCHANGE off
        KILL_SWITCHED EXCHANGE off
        > 2 enter d S 10 @ 60
        ACCEPTED 2#5 d S 10@60 L=10/1
    """,
    "kill switches of nobody": """
        > kill ACCOUNT on account=7
        CONTROL_REJECTED account=7 KILL UNKNOWN_ACCOUNT
        > kill SESSION on session=7
        CONTROL_REJECTED 7 KILL UNKNOWN_SESSION
    """,
    "kill switches hold over the night and work in halted instruments": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > kill ACCOUNT on account=1
        KILL_SWITCHED account=1 ACCOUNT on
        CANCELED 1#3 a B 10@50 SUPERVISORY L=0/0
        > state OPEN instrument=1
        STATE_CHANGED instrument=1 OPEN COMMAND
        > end
        SYSTEM 1#4 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > start 20260103
        DAY_STARTED 1700000000000000000@20260103
        SYSTEM 1#1 1700000000000000000@20260103 START_OF_DAY
        SYSTEM 2#1 1700000000000000000@20260103 START_OF_DAY
        > 1 enter b B 10 @ 50
        REJECTED 1#2 b B 10@50 KILL_SWITCH
    """,
    "the operator's mass cancel: filters of account, session, instrument, side": """
        > session 3 account=1
        SESSION_DEFINED 3 U3 1@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > instrument 2 tick=1 lot=10 low=2 high=1000 most=5000
        INSTRUMENT_DEFINED instrument=2 currency=1 SYM2 10@1 left=5000 low=2 high=1000
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 3 enter b B 10 @ 51
        ACCEPTED 3#2 b B 10@51 L=10/1
        > 1 enter c S 10 @ 60
        ACCEPTED 1#3 c S 10@60 L=10/1
        > 2 enter d B 10 @ 49
        ACCEPTED 2#2 d B 10@49 L=10/1
        > 1 enter e B 10 @ 50 instrument=2
        ACCEPTED 1#4 e B instrument=2 10@50 L=10/1
        > mass-cancel account=1 session=3
        CANCELED 3#3 b B 10@51 SUPERVISORY L=0/0
        > mass-cancel account=1 instrument=1 side=1
        CANCELED 1#5 c S 10@60 SUPERVISORY L=0/0
        > mass-cancel account=2 side=7 key=nothing
        CONTROL_DONE nothing MASS_CANCEL
        > mass-cancel instrument=2 key=two
        CANCELED 1#6 e B instrument=2 10@50 SUPERVISORY L=0/0
        CONTROL_DONE two MASS_CANCEL 1@0
        > mass-cancel instrument=2 key=two
        CONTROL_REJECTED instrument=2 two MASS_CANCEL DUPLICATE_KEY
        > mass-cancel key=rest
        CANCELED 1#7 a B 10@50 SUPERVISORY L=0/0
        CANCELED 2#3 d B 10@49 SUPERVISORY L=0/0
        CONTROL_DONE rest MASS_CANCEL 2@0
    """,
    "a client's mass cancel: his account's orders, also of other sessions": """
        > session 3 account=1
        SESSION_DEFINED 3 U3 1@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 3 enter b S 10 @ 60
        ACCEPTED 3#2 b S 10@60 L=10/1
        > 2 enter c B 10 @ 50
        ACCEPTED 2#2 c B 10@50 L=20/2
        > 3 mass-cancel side=0
        CANCELED 1#3 a B 10@50 USER L=10/1
        > 3 mass-cancel account=2
        CANCELED 3#3 b S 10@60 USER L=0/0
        > 5 mass-cancel
    """,
    "a client's mass cancel counts in his cancel ratio": """
        > parameter CANCEL_RATIO 600000 10 3 account=1
        PARAMETER_SET account=1 CANCEL_RATIO 600000,10,3
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 enter b B 10 @ 50
        ACCEPTED 1#3 b B 10@50 L=20/2
        > 1 enter c B 10 @ 50
        ACCEPTED 1#4 c B 10@50 L=30/3
        > 1 mass-cancel
        CANCELED 1#5 a B 10@50 USER L=20/2
        CANCELED 1#6 b B 10@50 USER L=10/1
        WARNING account=1 2@3 CANCEL_RATIO
        CANCELED 1#7 c B 10@50 USER L=0/0
        > 1 enter d B 10 @ 50
        ACCEPTED 1#8 d B 10@50 L=10/1
        > 1 cancel d 0
        CANCELED 1#9 d B 10@50 USER L=0/0
        > 1 enter e B 10 @ 50 t=10
        ACCEPTED 1#10 e B 10@50 L=10/1
        > 1 cancel e 0
        CANCELED 1#11 e B 10@50 USER L=0/0
    """,
    "the operator's cancels are not the client's": """
        > parameter CANCEL_RATIO 1 10 1 account=1
        PARAMETER_SET account=1 CANCEL_RATIO 1,10,1
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > mass-cancel account=1
        CANCELED 1#3 a B 10@50 SUPERVISORY L=0/0
        > 1 enter b B 10 @ 50
        ACCEPTED 1#4 b B 10@50 L=10/1
        > cancel-id :b 0
        CANCELED 1#5 b B 10@50 USER L=0/0
        > 1 enter c B 10 @ 50
        ACCEPTED 1#6 c B 10@50 L=10/1
        > 1 cancel-id :c 0
        CANCELED 1#7 c B 10@50 USER L=0/0
        WARNING account=1 1@3 CANCEL_RATIO
    """,
    "a lost connection: only of sessions that want it": """
        > parameter CANCEL_ON_DISCONNECT 1 session=1
        PARAMETER_SET 1 CANCEL_ON_DISCONNECT 1,0,0
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 2 enter b B 10 @ 50
        ACCEPTED 2#2 b B 10@50 L=20/2
        > 1 enter c S 10 @ 60
        ACCEPTED 1#3 c S 10@60 L=10/1
        > 1 disconnect
        CANCELED 1#4 a B 10@50 SYSTEM L=10/1
        CANCELED 1#5 c S 10@60 SYSTEM L=0/0
        > 2 disconnect
        > 5 disconnect
    """,
    "all connections lost: session by session": """
        > session 3 account=2
        SESSION_DEFINED 3 U3 2@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > parameter CANCEL_ON_DISCONNECT 1 session=1
        PARAMETER_SET 1 CANCEL_ON_DISCONNECT 1,0,0
        > parameter CANCEL_ON_DISCONNECT 1 session=3
        PARAMETER_SET 3 CANCEL_ON_DISCONNECT 1,0,0
        > 3 enter a B 10 @ 50
        ACCEPTED 3#2 a B 10@50 L=10/1
        > 1 enter b B 10 @ 50
        ACCEPTED 1#2 b B 10@50 L=20/2
        > 3 enter c B 10 @ 50
        ACCEPTED 3#3 c B 10@50 L=30/3
        > 2 enter d B 10 @ 50
        ACCEPTED 2#2 d B 10@50 L=40/4
        > 1 enter e B 10 @ 50
        ACCEPTED 1#3 e B 10@50 L=50/5
        > disconnect
        CANCELED 1#4 b B 10@50 SYSTEM L=40/4
        CANCELED 1#5 e B 10@50 SYSTEM L=30/3
        CANCELED 3#4 a B 10@50 SYSTEM L=20/2
        CANCELED 3#5 c B 10@50 SYSTEM L=10/1
    """,
    "cancel-after: refreshed it waits, then it strikes once": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 cancel-after 5 t=0.5
        > 1 cancel-after 5 t=3.5
        > timer t=8.9
        > timer t=9
        CANCELED 1#3 a B 10@50 SYSTEM L=0/0
        > 1 enter b B 10 @ 50
        ACCEPTED 1#4 b B 10@50 L=10/1
        > timer t=20
    """,
    "cancel-after is switched off, and takes no nonsense": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 cancel-after 5
        > 1 cancel-after 99998
        > 1 cancel-after -1
        > 1 cancel-after 0
        > 5 cancel-after 1
        > timer t=90
        > 1 cancel-after 99997
        > timer t=100086
        > timer t=100087
        CANCELED 1#3 a B 10@50 SYSTEM L=0/0
    """,
    "the timer: expiries first, then halts, then sessions by id": """
        > 2 enter a B 10 @ 50
        ACCEPTED 2#2 a B 10@50 L=10/1
        > 1 enter b B 10 @ 50
        ACCEPTED 1#2 b B 10@50 L=20/2
        > 1 enter c B 10 @ 50 tif=2
        ACCEPTED 1#3 c B 10@50 tif=2 L=30/3
        > state HALTED instrument=1 until=1
        STATE_CHANGED instrument=1 HALTED COMMAND until=1
        > 2 cancel-after 1
        > 1 cancel-after 1
        > timer t=5
        CANCELED 1#4 c B 10@50 TIMEOUT L=20/2
        STATE_CHANGED instrument=1 OPEN TIMER
        CANCELED 1#5 b B 10@50 SYSTEM L=10/1
        CANCELED 2#3 a B 10@50 SYSTEM L=0/0
    """,
    "cancel-after works in a halt and without a day": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > 1 cancel-after 5
        > state HALTED instrument=1
        STATE_CHANGED instrument=1 HALTED COMMAND
        > timer t=5
        CANCELED 1#3 a B 10@50 SYSTEM L=0/0
        > end
        SYSTEM 1#4 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > 1 cancel-after 5
        > timer t=20
    """,
    "the end of the day: every order by age; the last price is the new reference": """
        > parameter REFERENCE_PRICE 40 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 40,0,0
        > 1 enter a B 20 @ 50
        ACCEPTED 1#2 a B 20@50 L=20/1
        > 2 enter b S 10 @ 60 stop=45
        ACCEPTED 2#2 b S 10@60 type=3
        TERMS 2 b S 10@60 type=3 stop=45
        > 2 enter c S 10 @ 50
        ACCEPTED 2#3 c S 10@50
        TRADE 1#3 a B 10@50 left=10 L=10/1 with 2#4 c S
        > 1 enter d B 10 @ 45
        ACCEPTED 1#4 d B 10@45 L=10/1
        > end
        CANCELED 1#5 a B 10@50 TIMEOUT L=0/0
        CANCELED 2#5 b S 10@60 TIMEOUT type=3
        CANCELED 1#6 d B 10@45 TIMEOUT L=0/0
        PARAMETER_SET instrument=1 REFERENCE_PRICE 50,0,0
        SYSTEM 1#7 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#6 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > start 20260103
        DAY_STARTED 1700000000000000000@20260103
        SYSTEM 1#1 1700000000000000000@20260103 START_OF_DAY
        SYSTEM 2#1 1700000000000000000@20260103 START_OF_DAY
        > parameter PRICE_BAND 100000 instrument=1
        PARAMETER_SET instrument=1 PRICE_BAND 100000,0,0
        > 1 enter e B 10 @ 55
        ACCEPTED 1#2 e B 10@55 L=10/1
        > 1 enter f B 10 @ 56
        REJECTED 1#3 f B 10@56 PRICE_BAND
        > end
        CANCELED 1#4 e B 10@55 TIMEOUT L=0/0
        SYSTEM 1#5 1700000000000000000@20260103 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260103 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260103
    """,
    "a day without a trade leaves the reference price": """
        > parameter REFERENCE_PRICE 40 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 40,0,0
        > end
        SYSTEM 1#2 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > end
        CONTROL_REJECTED DAY_NOT_OPEN
        > start 20260103
        DAY_STARTED 1700000000000000000@20260103
        SYSTEM 1#1 1700000000000000000@20260103 START_OF_DAY
        SYSTEM 2#1 1700000000000000000@20260103 START_OF_DAY
        > start 20260104
        CONTROL_REJECTED DAY_ALREADY_OPEN
    """,
    "a trade at the reference price says nothing new": """
        > parameter REFERENCE_PRICE 40 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 40,0,0
        > 1 enter a B 10 @ 40
        ACCEPTED 1#2 a B 10@40 L=10/1
        > 2 enter b S 10 @ 40
        ACCEPTED 2#2 b S 10@40
        TRADE 1#3 a B 10@40 L=0/0 with 2#3 b S
        > end
        SYSTEM 1#4 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#4 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
    """,
    "a new day: orders of today, tokens and numbers begin anew": """
        > parameter DAILY_ORDERS 2 account=1
        PARAMETER_SET account=1 DAILY_ORDERS 2,0,0
        > 1 enter a B 10 @ 40
        ACCEPTED 1#2 a B 10@40 L=10/1
        > 1 replace a b 10 @ 41
        REMOVED 1 a B 10@40 L=0/0
        REPLACED 1#3 b B 10@41 was a L=10/1
        > 1 enter c B 10 @ 40
        REJECTED 1#4 c B 10@40 DAILY_ORDER_LIMIT
        > 1 replace b d 10 @ 42
        CANCEL_REJECTED 1#5 b B DAILY_ORDER_LIMIT
        > end
        CANCELED 1#6 b B 10@41 TIMEOUT L=0/0
        SYSTEM 1#7 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > start 20260103
        DAY_STARTED 1700000000000000000@20260103
        SYSTEM 1#1 1700000000000000000@20260103 START_OF_DAY
        SYSTEM 2#1 1700000000000000000@20260103 START_OF_DAY
        > 1 enter a B 10 @ 40
        ACCEPTED 1#2 a B 10@40 L=10/1
    """,
    "operators' commands need no day": """
        > end
        SYSTEM 1#2 1700000000000000000@20260102 END_OF_DAY
        SYSTEM 2#2 1700000000000000000@20260102 END_OF_DAY
        DAY_ENDED 1700000000000000000@20260102
        > deposit 1 5
        BALANCE_CHANGED account=1 currency=1 5@0 left=1000000000005
        > account 3
        ACCOUNT_DEFINED account=3
        > state CLOSED instrument=1
        STATE_CHANGED instrument=1 CLOSED COMMAND
        > parameter FEES 1 1 instrument=1
        PARAMETER_SET instrument=1 FEES 1,1,0
        > kill EXCHANGE on
        KILL_SWITCHED EXCHANGE on
        > mass-cancel
    """,
}
