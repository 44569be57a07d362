"""Control commands.

dispatch.py           which function carries out which command; keys and refusals
definitions.py        INSTRUMENT and SESSION
deposits.py           DEPOSIT and WITHDRAW
parameters.py         PARAMETER
shares.py             what each member has of what all share
days.py               START_OF_DAY and END_OF_DAY
timer.py              TIMER, CANCEL_AFTER, DISCONNECT
transitions.py        what follows a change of state
idempotency_keys.py   the keys that were used
"""
