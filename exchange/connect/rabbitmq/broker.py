"""A connection to RabbitMQ, what can be wrong with it, and the thread that its event loop runs in.

Who uses it: the sink, the check. The client library needs an event loop that always runs (it
answers heartbeats), while the connector's thread only comes by now and then: so the loop has a
thread of its own. Every call ends in a bounded time. A connection is never repaired: whoever has it
closes it and makes another.

Decision CON-20.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import aiormq
import yarl
from aiormq import exceptions as amqp

from exchange.connect.sink import SinkAway, SinkRefused

Result = TypeVar("Result")
TITLE = "RabbitMQ"
CONNECT_S = 10.0
CLOSE_S = 2.0
HEARTBEAT_S = 20
# they log what we tell ourselves, once
for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class BrokerParameters(NamedTuple):
    """Where RabbitMQ is. Files: None = there is none."""

    url: str
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


def _url_of(broker: BrokerParameters) -> yarl.URL:
    """The URL with the password of the file. Raises SinkRefused."""
    url = yarl.URL(broker.url)
    if broker.password_file is not None:
        try:
            password = broker.password_file.read_text().rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SinkRefused(f"password_file {broker.password_file}: {error}") from None
        url = url.with_password(password)
    return url.update_query(heartbeat=str(HEARTBEAT_S), name="open-exchange-core")


def _tls_of(broker: BrokerParameters) -> ssl.SSLContext | None:
    """How to talk TLS; None without TLS. Raises SinkRefused."""
    if not broker.url.startswith("amqps:"):
        return None
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
        if broker.certificate_file is not None:
            context.load_cert_chain(broker.certificate_file, broker.key_file)
    except (OSError, ssl.SSLError) as error:
        raise SinkRefused(f"the files for TLS cannot be used: {error}") from None
    return context


async def connect(broker: BrokerParameters) -> aiormq.Connection:
    """A new connection. Raises SinkAway, SinkRefused."""
    url, context = _url_of(broker), _tls_of(broker)
    with errors_of(broker):
        connection = aiormq.Connection(url, context=context)
        await asyncio.wait_for(connection.connect(), CONNECT_S)
        return connection


async def close_connection(connection: aiormq.Connection | None) -> None:
    """Close it, whatever state it is in; raises nothing."""
    if connection is None:
        return
    with contextlib.suppress(Exception):
        await asyncio.wait_for(connection.close(), CLOSE_S)


def _place(broker: BrokerParameters) -> str:
    url = yarl.URL(broker.url)
    return f"{url.host}:{url.port or (5671 if url.scheme == 'amqps' else 5672)}"


@contextlib.contextmanager
def errors_of(broker: BrokerParameters) -> Iterator[None]:
    """What the library raises, as SinkAway or SinkRefused."""
    place = _place(broker)
    try:
        yield
    except (amqp.AuthenticationError, amqp.ProbableAuthenticationError) as error:
        user = yarl.URL(broker.url).user or "guest"
        raise SinkRefused(f"{place} refuses user {user!r} and its password: {error}") from None
    except ssl.SSLCertVerificationError as error:
        raise SinkRefused(f"the certificate of {place}: {error}") from None
    except ssl.SSLError as error:
        raise SinkRefused(f"{place} and we find no common TLS: {error}") from None
    except amqp.ConnectionNotAllowed as error:
        raise SinkRefused(f"{place}, virtual host of {broker.url}: {error}") from None
    except amqp.ChannelAccessRefused as error:
        raise SinkRefused(f"{place}: the user may not do this: {error}") from None
    except (amqp.ChannelPreconditionFailed, amqp.ChannelLockedResource) as error:
        raise SinkRefused(f"{place}: {error}") from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # what waits at a close is cancelled by the library
        raise SinkAway(f"{place}: the connection has ended") from None
    except (TimeoutError, amqp.AMQPError, OSError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):  # the library's wrapping has only the text
            raise SinkRefused(f"the certificate of {place}: {error}") from None
        if "Connection.OpenOk" in str(error):  # the server closes instead of opening
            raise SinkRefused(
                f"{place}: the virtual host of {broker.url} is not there, or not for this user"
            ) from None
        text = str(error) or f"no answer ({type(error).__name__})"
        raise SinkAway(f"{place}: {text}") from None
    except RuntimeError as error:
        if not str(error).endswith(" closed"):  # the library's, of a connection that has ended
            raise
        raise SinkAway(f"{place}: {error}") from None
    except Exception as error:
        if type(error) is not Exception:  # with it the library rejects what waits at a close
            raise
        raise SinkAway(f"{place}: the connection has ended") from None


class LoopThread:
    """An event loop that runs in a thread of its own until the process ends or ``end``."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run ``work`` there, and wait for its result. It must end by itself."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def end(self) -> None:
        """End loop and thread. Nothing may run in it any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
