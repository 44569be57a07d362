"""The scraper beside a benchmark, against a server whose counter goes up, back, or is cut off."""

from __future__ import annotations

import contextlib
import http.server
import os
import threading
from collections.abc import Callable, Iterator

import pytest

from scripts.benchmarks.result import BenchmarkFailed
from scripts.benchmarks.scraper import processed, scraping

TEXT = b'# HELP x\nexchange_orders_processed_total %d\nexchange_configuration_info{hash="a"} 1.0\n'


@contextlib.contextmanager
def serving(body: Callable[[int], bytes]) -> Iterator[tuple[str, threading.Event]]:
    """The URL, and an event that is set at the second answer; ``body``: of answer 1, 2, ..."""
    answered = 0
    twice = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal answered
            answered += 1
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body(answered))
            if answered == 2:
                twice.set()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/metrics", twice
        finally:
            server.shutdown()
            thread.join()


def test_it_counts_its_scrapes() -> None:
    with (
        serving(lambda number: TEXT % number) as (url, twice),
        scraping(url, os.getpid()) as scraped,
    ):
        assert twice.wait(120)
    assert scraped[0].scrapes >= 2 and scraped[0].size_bytes == len(TEXT % 1)
    assert scraped[0].slowest_s > 0 and scraped[0].cpu_ms > 0


def test_a_counter_that_goes_back_is_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        serving(lambda number: TEXT % (9 - number)) as (url, twice),
        pytest.raises(BenchmarkFailed, match="the scraper failed"),
        scraping(url, os.getpid()),
    ):
        assert twice.wait(120)
    assert "a counter went back from 8.0 to 7.0" in capfd.readouterr().err


def test_half_an_answer_is_none() -> None:
    assert processed(TEXT % 5) == 5
    for text in (b"", (TEXT % 5)[:40], (TEXT % 5)[10:]):
        with pytest.raises(ValueError, match="no whole answer"):
            processed(text)
