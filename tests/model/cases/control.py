"""Cases of operators' commands: money, stock, keys, definitions and parameters.

The language is that of ``tests/model/cases/script.py``; before each case as in ``table.py``.
"""

from __future__ import annotations

CASES: dict[str, str] = {
    "money: what is there can be taken out, what is frozen cannot": """
        > account 3
        ACCOUNT_DEFINED account=3
        > deposit 3 1000
        BALANCE_CHANGED account=3 currency=1 1000@0 left=1000
        > session 3 account=3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > 3 enter a B 10 @ 60
        ACCEPTED 3#2 a B 10@60 L=10/1
        > withdraw 3 401
        CONTROL_REJECTED account=3 currency=1 WITHDRAW INSUFFICIENT_BALANCE
        > withdraw 3 400
        BALANCE_CHANGED account=3 currency=1 -400@0 left=600
        > 3 cancel a 0
        CANCELED 3#3 a B 10@60 USER L=0/0
        > withdraw 3 600
        BALANCE_CHANGED account=3 currency=1 -600@0
        > withdraw 3 1
        CONTROL_REJECTED account=3 currency=1 WITHDRAW INSUFFICIENT_BALANCE
    """,
    "amounts that are none": """
        > deposit 1 0
        CONTROL_REJECTED account=1 currency=1 DEPOSIT INVALID_AMOUNT
        > deposit 1 -1
        CONTROL_REJECTED account=1 currency=1 DEPOSIT INVALID_AMOUNT
        > deposit 1 72057594037927937
        CONTROL_REJECTED account=1 currency=1 DEPOSIT INVALID_AMOUNT
        > withdraw 1 0
        CONTROL_REJECTED account=1 currency=1 WITHDRAW INVALID_AMOUNT
        > withdraw 1 72057594037927937
        CONTROL_REJECTED account=1 currency=1 WITHDRAW INVALID_AMOUNT
        > deposit 9 72057594037927936
        BALANCE_CHANGED account=9 currency=1 72057594037927936@0 left=72057594037927936
        > withdraw 9 72057594037927936
        BALANCE_CHANGED account=9 currency=1 -72057594037927936@0
        > deposit 7 10
        CONTROL_REJECTED account=7 currency=1 DEPOSIT UNKNOWN_ACCOUNT
        > deposit 1 10 currency=3
        CONTROL_REJECTED account=1 currency=3 DEPOSIT UNKNOWN_CURRENCY
        > withdraw 7 10
        CONTROL_REJECTED account=7 currency=1 WITHDRAW UNKNOWN_ACCOUNT
        > withdraw 1 10 currency=3
        CONTROL_REJECTED account=1 currency=3 WITHDRAW UNKNOWN_CURRENCY
        > deposit 1 10 stock=5
        CONTROL_REJECTED instrument=5 account=1 DEPOSIT UNKNOWN_INSTRUMENT
    """,
    "the largest amount at a time": """
        > deposit 9 72057594037927936
        BALANCE_CHANGED account=9 currency=1 72057594037927936@0 left=72057594037927936
        > deposit 9 72057594037927936
        BALANCE_CHANGED account=9 currency=1 72057594037927936@0 left=144115188075855872
        > deposit 9 72057594037927936
        BALANCE_CHANGED account=9 currency=1 72057594037927936@0 left=216172782113783808
        > withdraw 9 72057594037927936 key=x
        BALANCE_CHANGED account=9 currency=1 -72057594037927936@0 left=144115188075855872
        CONTROL_DONE x WITHDRAW
        > withdraw 9 72057594037927936 key=x
        CONTROL_REJECTED account=9 currency=1 x WITHDRAW DUPLICATE_KEY
    """,
    "stock: at a cost, in any number of units, never more than the bound": """
        > account 3
        ACCOUNT_DEFINED account=3
        > deposit 3 15 stock=1 price=40
        BALANCE_CHANGED instrument=1 account=3 15@40 left=15
        > deposit 3 5 stock=1
        BALANCE_CHANGED instrument=1 account=3 5@0 left=20
        > deposit 3 0 stock=1
        CONTROL_REJECTED instrument=1 account=3 DEPOSIT INVALID_AMOUNT
        > deposit 3 1099511627777 stock=1
        CONTROL_REJECTED instrument=1 account=3 DEPOSIT INVALID_AMOUNT
        > deposit 3 10 stock=1 price=-1
        CONTROL_REJECTED instrument=1 account=3 DEPOSIT INVALID_AMOUNT
        > deposit 3 10 stock=1 price=1001
        CONTROL_REJECTED instrument=1 account=3 DEPOSIT INVALID_AMOUNT
        > deposit 3 1099511627776 stock=1
        CONTROL_REJECTED instrument=1 account=3 DEPOSIT INVALID_AMOUNT
        > withdraw 3 21 stock=1
        CONTROL_REJECTED instrument=1 account=3 WITHDRAW INSUFFICIENT_BALANCE
        > withdraw 3 20 stock=1
        BALANCE_CHANGED instrument=1 account=3 -20@0
        > withdraw 9 1 stock=1
        CONTROL_REJECTED instrument=1 account=9 WITHDRAW INSUFFICIENT_BALANCE
    """,
    "frozen stock cannot be taken out": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3 account=3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > deposit 3 100 stock=1 price=40
        BALANCE_CHANGED instrument=1 account=3 100@40 left=100
        > 3 enter a S 70 @ 60
        ACCEPTED 3#2 a S 70@60 L=70/1
        > withdraw 3 40 stock=1
        CONTROL_REJECTED instrument=1 account=3 WITHDRAW INSUFFICIENT_BALANCE
        > withdraw 3 30 stock=1
        BALANCE_CHANGED instrument=1 account=3 -30@0 left=70
        > 3 cancel a 10
        CANCELED 3#3 a S 60@60 USER left=10 L=10/1
        > withdraw 3 60 stock=1
        BALANCE_CHANGED instrument=1 account=3 -60@0 left=10
    """,
    "stock delivered to somebody who is short": """
        > account 3
        ACCOUNT_DEFINED account=3
        > session 3 account=3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > 3 enter a T 50 @ 60
        ACCEPTED 3#2 a T 50@60 L=50/1
        > 1 enter b B 50 @ 60
        ACCEPTED 1#2 b B 50@60
        TRADE 3#3 a T 50@60 L=0/0 with 1#3 b B
        > withdraw 3 1 stock=1
        CONTROL_REJECTED instrument=1 account=3 WITHDRAW INSUFFICIENT_BALANCE
        > deposit 3 80 stock=1 price=70
        BALANCE_CHANGED instrument=1 account=3 80@70 left=30
        > withdraw 3 30 stock=1
        BALANCE_CHANGED instrument=1 account=3 -30@0
    """,
    "the same key is the same command: it happens once": """
        > deposit 1 100 key=monday
        BALANCE_CHANGED account=1 currency=1 100@0 left=1000000000100
        CONTROL_DONE monday DEPOSIT
        > deposit 1 100 key=monday
        CONTROL_REJECTED account=1 currency=1 monday DEPOSIT DUPLICATE_KEY
        > withdraw 1 100 key=monday
        CONTROL_REJECTED account=1 currency=1 monday WITHDRAW DUPLICATE_KEY
        > account 4 key=monday
        CONTROL_REJECTED account=4 monday ACCOUNT DUPLICATE_KEY
        > deposit 1 100 key=tuesday
        BALANCE_CHANGED account=1 currency=1 100@0 left=1000000000200
        CONTROL_DONE tuesday DEPOSIT
        > deposit 1 100
        BALANCE_CHANGED account=1 currency=1 100@0 left=1000000000300
        > deposit 1 100
        BALANCE_CHANGED account=1 currency=1 100@0 left=1000000000400
    """,
    "the key of a refused command may be used again": """
        > account 1 key=k
        CONTROL_REJECTED account=1 k ACCOUNT ACCOUNT_EXISTS
        > withdraw 9 5 key=k
        CONTROL_REJECTED account=9 currency=1 k WITHDRAW INSUFFICIENT_BALANCE
        > account 3 key=k
        ACCOUNT_DEFINED account=3
        CONTROL_DONE k ACCOUNT
        > account 4 key=k
        CONTROL_REJECTED account=4 k ACCOUNT DUPLICATE_KEY
    """,
    "accounts": """
        > account 3
        ACCOUNT_DEFINED account=3
        > account 3
        CONTROL_REJECTED account=3 ACCOUNT ACCOUNT_EXISTS
        > account 0
        CONTROL_REJECTED ACCOUNT ACCOUNT_OUT_OF_RANGE
        > account 11
        ACCOUNT_DEFINED account=11
        > account 12
        CONTROL_REJECTED account=12 ACCOUNT ACCOUNT_OUT_OF_RANGE
    """,
    "currencies": """
        > currency 2 fees=9 decimals=0 code=YEN
        CURRENCY_DEFINED account=9 currency=2 YEN
        > currency 2 fees=9
        CONTROL_REJECTED account=9 currency=2 CURRENCY CURRENCY_EXISTS
        > currency 0 fees=9
        CONTROL_REJECTED account=9 CURRENCY CURRENCY_OUT_OF_RANGE
        > currency 8 fees=9
        CONTROL_REJECTED account=9 currency=8 CURRENCY CURRENCY_OUT_OF_RANGE
        > currency 3 fees=5
        CONTROL_REJECTED account=5 currency=3 CURRENCY UNKNOWN_ACCOUNT
        > currency 3 fees=9 decimals=9
        CONTROL_REJECTED account=9 currency=3 CURRENCY INVALID_CURRENCY
        > currency 3 fees=9 decimals=-1
        CONTROL_REJECTED account=9 currency=3 CURRENCY INVALID_CURRENCY
        > currency 3 fees=5 decimals=9
        CONTROL_REJECTED account=5 currency=3 CURRENCY UNKNOWN_ACCOUNT
        > currency 3 fees=9 decimals=8
        CURRENCY_DEFINED account=9 currency=3 EUR
    """,
    "an instrument belongs to a currency that has room for its values": """
        > currency 2 fees=9 decimals=0
        CURRENCY_DEFINED account=9 currency=2 EUR
        > currency 3 fees=9 decimals=8
        CURRENCY_DEFINED account=9 currency=3 EUR
        > instrument 2 tick=1 lot=1 low=1 high=100 most=100 currency=2
        CONTROL_REJECTED instrument=2 INVALID_INSTRUMENT
        > instrument 2 tick=1 lot=1 low=1 high=100 most=100 currency=5
        CONTROL_REJECTED instrument=2 UNKNOWN_CURRENCY
        > instrument 2 tick=1 lot=1 low=1 high=100 most=100 currency=2 decimals=0 group=3
        INSTRUMENT_DEFINED instrument=2 currency=2 SYM2 1@1 left=100 low=1 high=100
        > instrument 3 tick=1 lot=1 low=1 high=268435456 most=268435456 currency=2 decimals=0
        INSTRUMENT_DEFINED instrument=3 currency=2 SYM3 1@1 left=268435456 low=1 high=268435456
        > instrument 4 tick=1 lot=1 low=1 high=268435456 most=268435457 currency=2 decimals=0
        CONTROL_REJECTED instrument=4 INVALID_INSTRUMENT
        > instrument 4 tick=1 lot=1 low=1 high=1000000 most=72058 currency=3
        CONTROL_REJECTED instrument=4 INVALID_INSTRUMENT
        > instrument 4 tick=1 lot=1 low=1 high=1000000 most=72057 currency=3
        INSTRUMENT_DEFINED instrument=4 currency=3 SYM4 1@1 left=72057 low=1 high=1000000
        > instrument 1 tick=1 lot=1 low=1 high=100 most=100 currency=5
        CONTROL_REJECTED instrument=1 INSTRUMENT_EXISTS
    """,
    "sessions belong to an account, which may be opened later": """
        > session 3 account=0
        CONTROL_REJECTED 3 ACCOUNT_OUT_OF_RANGE
        > session 3 account=12
        CONTROL_REJECTED 3 ACCOUNT_OUT_OF_RANGE
        > session 3 account=4
        SESSION_DEFINED 3 U3 4@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > session 3 account=1
        CONTROL_REJECTED 3 SESSION_EXISTS
        > 3 enter a B 10 @ 50
        REJECTED 3#2 a B 10@50 UNKNOWN_ACCOUNT
        > account 4
        ACCOUNT_DEFINED account=4
        > 3 enter b B 10 @ 50
        REJECTED 3#3 b B 10@50 INSUFFICIENT_FUNDS
        > deposit 4 500
        BALANCE_CHANGED account=4 currency=1 500@0 left=500
        > 3 enter c B 10 @ 50
        ACCEPTED 3#4 c B 10@50 L=10/1
    """,
    "a parameter of nothing, of nobody, of what does not exist": """
        > parameter 9 1
        CONTROL_REJECTED PARAMETER UNKNOWN_PARAMETER
        > parameter 0 1
        CONTROL_REJECTED PARAMETER UNKNOWN_PARAMETER
        > parameter COLLAR 1 instrument=6
        CONTROL_REJECTED instrument=6 PARAMETER UNKNOWN_INSTRUMENT
        > parameter BLOCKED 1 account=6
        CONTROL_REJECTED account=6 PARAMETER UNKNOWN_ACCOUNT
        > parameter SESSION_RATE 1 1 session=6
        CONTROL_REJECTED 6 PARAMETER UNKNOWN_SESSION
        > parameter COLLAR 1 instrument=65535
        CONTROL_REJECTED instrument=65535 PARAMETER UNKNOWN_INSTRUMENT
        > parameter COLLAR 1 5 5 instrument=1
        PARAMETER_SET instrument=1 COLLAR 1,0,0
    """,
    "values out of range, and the last ones in range": """
        > parameter FEES -100001 100000 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter FEES -10 9 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter FEES 10 -1 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter FEES 100000 100001 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter FEES -100000 100000 instrument=1
        PARAMETER_SET instrument=1 FEES -100000,100000,0
        > parameter REFERENCE_PRICE 1 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter REFERENCE_PRICE 1001 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter REFERENCE_PRICE 50
        CONTROL_REJECTED PARAMETER INVALID_PARAMETER
        > parameter REFERENCE_PRICE 1000 instrument=1
        PARAMETER_SET instrument=1 REFERENCE_PRICE 1000,0,0
        > parameter PRICE_BAND 1000001 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter PRICE_BAND -1 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter COLLAR 1000001 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter REVIEW_VALUE 2305843009213693953 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter REVIEW_VALUE 2305843009213693952 instrument=1
        PARAMETER_SET instrument=1 REVIEW_VALUE 2305843009213693952,0,0
    """,
    "more values out of range": """
        > parameter BREAKER 1000001 1 1 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter BREAKER 1 0 1 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter BREAKER 1 1 86401 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter BREAKER 1000000 86400 86400 instrument=1
        PARAMETER_SET instrument=1 BREAKER 1000000,86400,86400
        > parameter BREAKER 0 -7 7 instrument=1
        PARAMETER_SET instrument=1 BREAKER 0,-7,7
        > parameter DAILY_ORDERS 2147483648 account=1
        CONTROL_REJECTED account=1 PARAMETER INVALID_PARAMETER
        > parameter OPEN_ORDERS -1 account=1
        CONTROL_REJECTED account=1 PARAMETER INVALID_PARAMETER
        > parameter ACCOUNT_RATE 1000000001 1 account=1
        CONTROL_REJECTED account=1 PARAMETER INVALID_PARAMETER
        > parameter ACCOUNT_RATE 1 0 account=1
        CONTROL_REJECTED account=1 PARAMETER INVALID_PARAMETER
        > parameter SESSION_RATE 1 1000001 session=1
        CONTROL_REJECTED 1 PARAMETER INVALID_PARAMETER
        > parameter POSITION_LIMIT 1099511627777 account=1
        CONTROL_REJECTED account=1 PARAMETER INVALID_PARAMETER
        > parameter SELF_TRADE 5 0 account=1
        CONTROL_REJECTED account=1 PARAMETER INVALID_PARAMETER
        > parameter SELF_TRADE 0 2147483648 account=1
        CONTROL_REJECTED account=1 PARAMETER INVALID_PARAMETER
        > parameter SHORT_SALES 2 account=1
        CONTROL_REJECTED account=1 PARAMETER INVALID_PARAMETER
        > parameter BLOCKED -1 account=1
        CONTROL_REJECTED account=1 PARAMETER INVALID_PARAMETER
        > parameter CANCEL_ON_DISCONNECT 2 session=1
        CONTROL_REJECTED 1 PARAMETER INVALID_PARAMETER
        > parameter CANCEL_RATIO 1 1 0 account=1
        CONTROL_REJECTED account=1 PARAMETER INVALID_PARAMETER
    """,
    "fees change only while nothing is open in the instrument": """
        > 1 enter a B 10 @ 50
        ACCEPTED 1#2 a B 10@50 L=10/1
        > parameter FEES 0 10 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INSTRUMENT_BUSY
        > parameter FEES 0 -10 instrument=1
        CONTROL_REJECTED instrument=1 PARAMETER INVALID_PARAMETER
        > parameter FEES 0 10
        PARAMETER_SET FEES 0,10,0
        > 1 cancel a 0
        CANCELED 1#3 a B 10@50 USER L=0/0
        > parameter FEES 0 10 instrument=1
        PARAMETER_SET instrument=1 FEES 0,10,0
    """,
    "defaults are for what is defined later": """
        > parameter COLLAR 20000
        PARAMETER_SET COLLAR 20000,0,0
        > parameter OPEN_ORDERS 1
        PARAMETER_SET OPEN_ORDERS 1,0,0
        > parameter SESSION_RATE 1 1
        PARAMETER_SET SESSION_RATE 1,1,0
        > account 3
        ACCOUNT_DEFINED account=3
        > deposit 3 100000
        BALANCE_CHANGED account=3 currency=1 100000@0 left=100000
        > session 3 account=3
        SESSION_DEFINED 3 U3 3@0
        SYSTEM 3#1 1700000000000000000@20260102 START_OF_DAY
        > 3 enter a B 10 @ 50
        ACCEPTED 3#2 a B 10@50 L=10/1
        > 3 enter b B 10 @ 50
        REJECTED 3#3 b B 10@50 RATE_LIMITED
        > 3 enter c B 10 @ 50 t=1
        REJECTED 3#4 c B 10@50 OPEN_ORDER_LIMIT
        > 1 enter d B 10 @ 50
        ACCEPTED 1#2 d B 10@50 L=20/2
        > 1 enter e B 10 @ 50
        ACCEPTED 1#3 e B 10@50 L=30/3
    """,
    "a note is told as it is, whoever wrote it and whatever it says": """
        > note alice
        NOTED alice part=0
        > note a.name-of-16long ticket 4711: the client has asked for it key=k about=DEPOSIT part=2
        NOTED k DEPOSIT a.name-of-16long part=2 ticket_4711:_the_client_has_asked_for_it
        > note bob key=k about=DEPOSIT
        NOTED k DEPOSIT bob part=0
        > deposit 1 5 key=k
        BALANCE_CHANGED account=1 currency=1 5@0 left=1000000000005
        CONTROL_DONE k DEPOSIT
    """,
    "a command that must be long, and kinds that do not exist": """
        > kind 11
        CONTROL_REJECTED UNKNOWN_COMMAND
        > kind 12
        CONTROL_REJECTED UNKNOWN_COMMAND
        > kind 14
        CONTROL_REJECTED UNKNOWN_COMMAND
        > kind 18
        CONTROL_REJECTED UNKNOWN_COMMAND
        > kind 22
        CONTROL_REJECTED UNKNOWN_COMMAND
        > kind 8
        CONTROL_REJECTED UNKNOWN_COMMAND
        > kind 24
        CONTROL_REJECTED UNKNOWN_COMMAND
        > kind 0
        CONTROL_REJECTED UNKNOWN_COMMAND
    """,
}
