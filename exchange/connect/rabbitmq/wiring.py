"""The settings of [rabbitmq] as parameters; sink and queues of the stage connect_rabbitmq.

Who uses it: the registry of connectors, the check.

Decision CON-20.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from exchange.access.keys import TRADE, KeysDamaged, KeyStore
from exchange.client.types import ApiKey
from exchange.connect.rabbitmq.broker import BrokerParameters
from exchange.connect.rabbitmq.order_queue import OrderQueue, OrdersIn, OrdersParameters
from exchange.connect.rabbitmq.sink import RabbitmqParameters, RabbitmqSink
from exchange.connect.sink import SinkAway, SinkRefused
from exchange.runtime.run_file import read_run_file
from exchange.settings.sections import RabbitmqSection

if TYPE_CHECKING:
    from collections.abc import Callable

    from exchange.connect.directory import Directory
    from exchange.runtime.service import ServiceStage


def broker_of(section: RabbitmqSection, data_directory: Path) -> BrokerParameters:
    """The parameters in the settings; files are relative to the data directory."""

    def path(text: str) -> Path | None:
        return data_directory / text if text else None

    return BrokerParameters(
        section.url,
        path(section.password_file),
        path(section.ca_file),
        path(section.certificate_file),
        path(section.key_file),
    )


def parameters_of(section: RabbitmqSection, data_directory: Path) -> RabbitmqParameters:
    """The parameters in the settings; files are relative to the data directory."""
    return RabbitmqParameters(
        broker=broker_of(section, data_directory),
        exchange=section.exchange,
        trades=section.trades,
        reports=section.reports,
        stream=section.stream,
        stream_bytes=section.stream_bytes,
        window=section.window,
        confirm_timeout_s=section.confirm_timeout_ms / 1000,
    )


def make_sink(stage: ServiceStage, directory: Directory) -> RabbitmqSink:
    """The sink of the stage connect_rabbitmq."""
    parameters = parameters_of(stage.settings.rabbitmq, stage.data_directory)
    return RabbitmqSink(parameters, directory, stage.archive())


def key_finder(keys: KeyStore, key_id: str) -> Callable[[], ApiKey]:
    """Finds the API key ``key_id``, which must be allowed to trade; or raises SinkRefused."""

    def find() -> ApiKey:
        try:
            found = keys.find(key_id)
        except KeysDamaged as error:
            raise SinkRefused(str(error)) from None
        if found is None:
            raise SinkRefused(f"there is no API key {key_id}, or it was revoked")
        key, secret = found
        if TRADE not in key.permissions:
            raise SinkRefused(f"the API key {key_id} may read, but not trade")
        return ApiKey(key.id, secret.decode())

    return find


def api_url_finder(data_directory: Path) -> Callable[[], str]:
    """Finds where the process api listens; or raises SinkAway."""

    def find() -> str:
        state = read_run_file(data_directory)
        address = "" if state is None else state.addresses.get("api", "")
        if not address:
            raise SinkAway("the process api does not listen yet")
        return f"http://{address.replace('0.0.0.0', '127.0.0.1').replace('[::]', '[::1]')}"

    return find


def make_intake(stage: ServiceStage) -> OrdersIn:
    """What brings orders in; it has nothing to do where no queue is configured."""
    section, api = stage.settings.rabbitmq, stage.settings.api
    master_key_file = Path(api.master_key_file) if api.master_key_file else None
    keys = KeyStore(stage.data_directory, master_key_file)
    queues = tuple(
        OrderQueue(each.queue, key_finder(keys, each.key), section.orders_prefetch)
        for each in section.orders
    )
    return OrdersIn(
        OrdersParameters(
            broker=broker_of(section, stage.data_directory),
            queues=queues,
            api_url=api_url_finder(stage.data_directory),
            retry_maximum_s=section.retry_maximum_ms / 1000,
        )
    )
