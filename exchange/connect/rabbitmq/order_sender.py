"""Sends orders to the process api, and comes back when the outcome of each is known.

Who uses it: ``order_queue.py``. It is an ordinary client of the REST interface on this machine: the
same rights, limits, errors and idempotency. What is only a matter of time (429, 503, 504, no
connection) is waited for and sent again, for ever; what no time mends is an answer, or an error.

Decision CON-23.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from exchange.client.rest import PREFIX, RestClient
from exchange.client.types import ApiKey, NotReached, RequestFailed
from exchange.connect.rabbitmq.order_messages import PLACE, Answer, OrderRequest
from exchange.connect.sink import SinkAway, SinkRefused

log = logging.getLogger(__name__)

BATCH = 20  # orders in one request: POST /orders/batch
AGAIN = (429, 503, 504)  # it may be carried out later, or has been
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
FAULTS = 3  # times that an order which makes the api fail is sent


class _Batch(msgspec.Struct):
    orders: list[Answer]


class OrderSender:
    """One account's sender; ``queue``: for logs. Use it as ``async with``."""

    def __init__(self, url: Callable[[], str], key: ApiKey, queue: str) -> None:
        self._url = url
        self._key = key
        self._queue = queue
        self._rest: RestClient | None = None
        self._rest_url = ""
        self._told = False  # the log knows that orders wait

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        if self._rest is not None:
            await self._rest.close()
            self._rest = None

    async def answers(self, requests: list[OrderRequest]) -> list[Answer]:
        """The outcome of each of ``requests``, which are carried out in this order.

        Raises SinkRefused: the key may not do this (any more).
        """
        found: list[Answer] = []
        while len(found) < len(requests):
            places = 0
            for request in requests[len(found) : len(found) + BATCH]:
                if request.action != PLACE:
                    break
                places += 1
            begin = len(found)
            if places:
                found += await self._placed(requests[begin : begin + places])
            else:
                found.append(await self._one(requests[begin]))
            if self._told:
                self._told = False
                log.info("orders of the queue %s are entered again", self._queue)
        return found

    async def _placed(self, requests: list[OrderRequest]) -> list[Answer]:
        """Orders in one request; one by one where it is refused as a whole."""
        body = msgspec.json.encode({"orders": [request.body for request in requests]})
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                raw = await self._send("POST", "/orders/batch", None, body)
            except RequestFailed as error:
                if error.status not in AGAIN:
                    return [await self._one(request) for request in requests]
                pause_s = await self._pause(error, pause_s)
                continue
            found = msgspec.json.decode(raw, type=_Batch).orders
            late = next((answer for answer in found if answer.status in AGAIN), None)
            if late is None:
                return found
            # the same again: what has been entered is answered with the order
            busy = RequestFailed(late.code, late.message, late.status)
            pause_s = await self._pause(busy, pause_s)

    async def _one(self, request: OrderRequest) -> Answer:
        body = b"" if request.body is None else msgspec.json.encode(request.body)
        pause_s, faults = FIRST_PAUSE_S, 0
        while True:
            try:
                raw = await self._send(request.method, request.path, request.query, body)
                return Answer(200, 0, "success", msgspec.json.decode(raw))
            except RequestFailed as error:
                faults += error.status not in AGAIN and (error.status >= 500 or not error.status)
                if error.status not in AGAIN and faults in (0, FAULTS):
                    return _refused(error)
                pause_s = await self._pause(error, pause_s)

    async def _send(
        self, method: str, path: str, query: dict[str, str] | None, body: bytes
    ) -> msgspec.Raw:
        """One request, as soon as the api is there. Raises RequestFailed, SinkRefused."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                rest = await self._client()
                return await rest.request(method, PREFIX + path, query=query, body=body)
            except (NotReached, SinkAway) as error:
                pause_s = await self._pause(error, pause_s)
            except RequestFailed as error:
                if error.status in (401, 403):
                    raise SinkRefused(
                        f"the API key {self._key.id} may not enter orders: {error}"
                    ) from None
                raise

    async def _client(self) -> RestClient:
        """A client of the api where it listens now. Raises SinkAway."""
        url = self._url()
        if self._rest is None or url != self._rest_url:
            await self.close()
            self._rest = await RestClient(url, self._key, patience_s=0.0).__aenter__()
            self._rest_url = url
        return self._rest

    async def _pause(self, error: Exception, pause_s: float) -> float:
        """Wait before it is tried again; the next pause."""
        wait_s = pause_s
        if isinstance(error, RequestFailed):
            wait_s = max(pause_s, float(error.retry_after_s))
        if not self._told and getattr(error, "status", 0) != 429:
            self._told = True
            log.warning("orders of the queue %s wait: %s", self._queue, error)
        await asyncio.sleep(wait_s)
        return min(2 * pause_s, LONGEST_PAUSE_S)


def _refused(error: RequestFailed) -> Answer:
    data: Any = error.data
    known = data if isinstance(data, dict) else {}
    return Answer(
        error.status,
        error.code,
        error.message,
        known if "order_id" in known else None,
        known.get("field"),
    )
