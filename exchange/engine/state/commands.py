"""Every field of a command in the ring by name; ``command_at`` is the command's first word.

Where each field lies is in exchange/records.py. The second slot of a long command is at
``continuation_at``; what it holds depends on the kind.

Decision ENG-13.
"""

from __future__ import annotations

from exchange.engine.state.fields import reader
from exchange.records import (
    ADMIN_ACCOUNT,
    ADMIN_CURRENCY,
    ADMIN_GROUP,
    ADMIN_OPERATOR_0,
    ADMIN_OPERATOR_1,
    ADMIN_OPERATOR_UID,
    ADMIN_PARAMETER,
    ADMIN_SCOPE,
    ADMIN_VALUE_0,
    ADMIN_VALUE_1,
    ADMIN_VALUE_2,
    COMMAND_CAPACITY,
    COMMAND_CROSS_TYPE,
    COMMAND_DISPLAY,
    COMMAND_FIRM,
    COMMAND_FLAGS,
    COMMAND_INSTRUMENT,
    COMMAND_INTERMARKET_SWEEP,
    COMMAND_KIND,
    COMMAND_MINIMUM_QUANTITY,
    COMMAND_ORDER_TYPE,
    COMMAND_PRICE,
    COMMAND_QUANTITY,
    COMMAND_REJECT,
    COMMAND_SESSION,
    COMMAND_SIDE,
    COMMAND_TIME_IN_FORCE,
    COMMAND_TIMESTAMP_NS,
    COMMAND_TOKEN_0,
    COMMAND_TOKEN_TAIL,
    COMMAND_TOKEN_WORD,
    CONTINUATION_DISPLAY_QUANTITY,
    CONTINUATION_OPTIONS,
    CONTINUATION_ORDER_ID,
    CONTINUATION_STOP_PRICE,
    CONTINUATION_TOKEN_0,
    CONTINUATION_TOKEN_TAIL,
    SPECIFICATION_CURRENCY,
    SPECIFICATION_GROUP,
    SPECIFICATION_MAXIMUM_PRICE,
    SPECIFICATION_MAXIMUM_QUANTITY,
    SPECIFICATION_MINIMUM_PRICE,
)

# commands: by the command's first word
command_timestamp_ns = reader("commands", 1, COMMAND_TIMESTAMP_NS)
command_price = reader("commands", 1, COMMAND_PRICE)
command_quantity = reader("commands", 1, COMMAND_QUANTITY)
command_token_0 = reader("commands", 1, COMMAND_TOKEN_0)
command_token_word = reader("commands", 1, COMMAND_TOKEN_WORD)
command_token_tail = reader("commands", 1, COMMAND_TOKEN_TAIL)
command_instrument = reader("commands", 1, COMMAND_INSTRUMENT)
command_session = reader("commands", 1, COMMAND_SESSION)
command_kind = reader("commands", 1, COMMAND_KIND)
command_side = reader("commands", 1, COMMAND_SIDE)
command_time_in_force = reader("commands", 1, COMMAND_TIME_IN_FORCE)
command_minimum_quantity = reader("commands", 1, COMMAND_MINIMUM_QUANTITY)
command_firm = reader("commands", 1, COMMAND_FIRM)
command_display = reader("commands", 1, COMMAND_DISPLAY)
command_capacity = reader("commands", 1, COMMAND_CAPACITY)
command_intermarket_sweep = reader("commands", 1, COMMAND_INTERMARKET_SWEEP)
command_cross_type = reader("commands", 1, COMMAND_CROSS_TYPE)
command_flags = reader("commands", 1, COMMAND_FLAGS)
command_reject = reader("commands", 1, COMMAND_REJECT)
command_order_type = reader("commands", 1, COMMAND_ORDER_TYPE)

# continuation of an order's command, by its first word
continuation_stop_price = reader("commands", 1, CONTINUATION_STOP_PRICE)
continuation_display_quantity = reader("commands", 1, CONTINUATION_DISPLAY_QUANTITY)
continuation_options = reader("commands", 1, CONTINUATION_OPTIONS)
continuation_token_0 = reader("commands", 1, CONTINUATION_TOKEN_0)
continuation_token_tail = reader("commands", 1, CONTINUATION_TOKEN_TAIL)
continuation_order_id = reader("commands", 1, CONTINUATION_ORDER_ID)

# continuation of an operator's command, by its first word
admin_value_0 = reader("commands", 1, ADMIN_VALUE_0)
admin_value_1 = reader("commands", 1, ADMIN_VALUE_1)
admin_value_2 = reader("commands", 1, ADMIN_VALUE_2)
admin_operator_0 = reader("commands", 1, ADMIN_OPERATOR_0)
admin_operator_1 = reader("commands", 1, ADMIN_OPERATOR_1)
admin_operator_uid = reader("commands", 1, ADMIN_OPERATOR_UID)
admin_account = reader("commands", 1, ADMIN_ACCOUNT)
admin_currency = reader("commands", 1, ADMIN_CURRENCY)
admin_parameter = reader("commands", 1, ADMIN_PARAMETER)
admin_scope = reader("commands", 1, ADMIN_SCOPE)
admin_group = reader("commands", 1, ADMIN_GROUP)

# continuation of an INSTRUMENT, by its first word
specification_minimum_price = reader("commands", 1, SPECIFICATION_MINIMUM_PRICE)
specification_maximum_price = reader("commands", 1, SPECIFICATION_MAXIMUM_PRICE)
specification_maximum_quantity = reader("commands", 1, SPECIFICATION_MAXIMUM_QUANTITY)
specification_currency = reader("commands", 1, SPECIFICATION_CURRENCY)
specification_group = reader("commands", 1, SPECIFICATION_GROUP)
