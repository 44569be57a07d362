"""How large the account models of api and store are, and whether they can be.

Who uses it: api, connect_grpc and store, which make them; the matcher stage and ``check-config``,
which refuse capacities that they could not follow, before the data directory has them for good.

Decision ENG-15.
"""

from __future__ import annotations

from collections.abc import Iterator

from exchange.core.capacity import EngineCapacity
from exchange.read_model.accounts.layout import ORDER_WORDS, POSITION_WORDS
from exchange.read_model.accounts.sizes import place_tables
from exchange.read_model.accounts.types import AccountModelCapacity
from exchange.settings import Settings
from exchange.settings.capacities import engine_capacity


def api_account_capacity(settings: Settings, engine: EngineCapacity) -> AccountModelCapacity:
    """The sizes for api and connect_grpc: every live order, and the closed ones that they keep."""
    return AccountModelCapacity(
        accounts=engine.accounts,
        sessions=engine.sessions,
        instruments=engine.instruments,
        positions=engine.positions_seen,
        orders=engine.orders + settings.read_model.orders,
        fills=settings.read_model.fills + settings.read_model.fills % 2,
    )


def store_account_capacity(engine: EngineCapacity, batch_events: int) -> AccountModelCapacity:
    """The sizes of the store's account model, for batches of at most ``batch_events``.

    The connector for Redis has one of these, too.
    """
    return AccountModelCapacity(
        accounts=engine.accounts,
        sessions=engine.sessions,
        instruments=engine.instruments,
        positions=engine.positions_seen,
        orders=engine.orders + 2 * batch_events,
        fills=2,  # the store keeps none: they are in the tables
    )


def too_large(settings: Settings) -> Iterator[tuple[str, str]]:
    """The key of [capacity] that a process could not follow, and why."""
    engine = engine_capacity(settings)
    store = store_account_capacity(engine, settings.store.batch_events)
    redis = store_account_capacity(engine, settings.redis.batch_events)
    for process, runs, capacity in (
        ("api", settings.api.enabled, api_account_capacity(settings, engine)),
        ("connect_grpc", settings.grpc.enabled, api_account_capacity(settings, engine)),
        ("store", settings.store.dsn != "off", store),
        ("connect_redis", settings.redis.enabled, redis),
    ):
        if not runs:
            continue
        tracks = process != "api"
        try:
            place_tables(capacity, tracks)
        except ValueError as error:
            many_orders = capacity.orders * ORDER_WORDS > capacity.positions * POSITION_WORDS
            key = "live_orders" if many_orders else "positions"
            yield key, f"too many for the account model of {process}: {error}"
            return
