"""Parameter SHARES: how much of what all members share each of them has at that moment.

While the rules of shares hold, the counts are carried along with what they count; without them
nothing is counted, so that a state from a snapshot and one from the whole journal are the same.

Decision ENG-14.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.book.tokens import session_of_key
from exchange.engine.money.accounts import account_row
from exchange.engine.money.positions import account_of_name, drop_empty_positions, note_empty
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    MAX_ACCOUNTS,
    MAX_SESSIONS,
    POSITION_MASK,
    POSITION_WORDS,
    TOKENS_USED,
)
from exchange.engine.state.memory import get
from exchange.engine.state.rows import (
    add_to_account_positions,
    add_to_session_tokens,
    position_name_of,
    set_account_positions,
    set_session_tokens,
    token_key_1,
)


@engine_function
def _count_tokens(view: Any) -> None:
    """Today's tokens of each session."""
    for session in range(get(view.scalars, MAX_SESSIONS)):
        set_session_tokens(view, session, 0)
    for entry in range(1, get(view.scalars, TOKENS_USED) + 1):
        add_to_session_tokens(view, session_of_key(token_key_1(view, entry)), 1)


@engine_function
def _count_positions(view: Any) -> None:
    """The rows of each account's positions; the empty ones go into the list of those that go."""
    for account in range(1, get(view.scalars, MAX_ACCOUNTS)):
        set_account_positions(view, account_row(account), 0)
    for row in range(get(view.scalars, POSITION_MASK) + 1):
        position_at = row * POSITION_WORDS
        name = position_name_of(view, position_at)
        if name != 0:
            add_to_account_positions(view, account_row(account_of_name(name)), 1)
            note_empty(view, position_at)


@engine_function
def count_shares(view: Any) -> None:
    """The rules of shares hold from now on (SHARES is set): count anew, drop empty positions."""
    _count_tokens(view)
    _count_positions(view)
    drop_empty_positions(view)
