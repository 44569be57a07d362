"""The package ``exchange.client``: its names, and what importing one of its modules costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import exchange.client
from exchange.client.stream import Stream


@pytest.mark.parametrize("name", exchange.client.__all__)
def test_every_name_is_there(name):
    assert getattr(exchange.client, name).__name__ == name
    assert name in dir(exchange.client)


def test_a_name_is_the_one_of_its_module():
    assert exchange.client.Stream is Stream


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        exchange.client.Nothing  # noqa: B018


def test_order_entry_does_not_import_the_asyncio_client():
    program = "import sys, exchange.client.order_entry; print('aiohttp' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
