"""The clients' own texts of long client order ids, of which orders carry only a hash.

Who uses it: the order gateway. A token has room for 14 bytes; longer ids become ``~`` and a hash
(``terms.py``), and answers should show what the client sent. The newest ones are kept, and in a
file, so that they outlive the process: a line each, in the order in which they came. Invariant: a
text that is lost or damaged shows the hash in its place and nothing else: ids are found by hash.
"""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from pathlib import Path

from exchange.api.errors import ApiError
from exchange.api.orders.terms import client_order_id_of, token_of

log = logging.getLogger(__name__)

FILE = "client_order_ids"  # in the data directory
KEPT = 65_536  # texts; the file has at most twice as many lines
_LONG = b"~"


class ClientOrderIds:
    """``path``: the file; None: they do not outlive this object."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._texts: OrderedDict[bytes, str] = OrderedDict()
        self._lines = 0
        self._descriptor = -1
        if path is not None:
            try:
                self._load(path)
            except OSError as error:
                log.warning("long client order ids will be told as hashes: %s", error)

    def close(self) -> None:
        """Write no more. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def remember(self, client_order_id: str, token: bytes) -> None:
        """That ``token`` stands for ``client_order_id``, if the token does not say so itself."""
        if token[:1] != _LONG or token in self._texts:
            return
        self._add(client_order_id, token)
        if self._descriptor < 0:
            return
        try:
            if self._lines >= 2 * KEPT:
                self._rewrite()
            else:
                os.write(self._descriptor, client_order_id.encode("ascii") + b"\n")
                self._lines += 1
        except OSError as error:
            log.warning("long client order ids will be told as hashes: %s", error)
            self.close()

    def text(self, token: bytes) -> str | None:
        """The client's own text of a token, as far as it is known; None: it gave none."""
        known = self._texts.get(token) if token[:1] == _LONG else None
        return client_order_id_of(token) if known is None else known

    def _add(self, client_order_id: str, token: bytes) -> None:
        self._texts[token] = client_order_id
        if len(self._texts) > KEPT:
            self._texts.popitem(last=False)

    def _load(self, path: Path) -> None:
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        for line in lines:
            try:
                text = line.decode("ascii")
                self._add(text, token_of(text))
            except (UnicodeDecodeError, ApiError):
                continue  # a line that was torn when the machine stopped
        self._rewrite()

    def _rewrite(self) -> None:
        """The file has what is kept, and nothing else."""
        assert self._path is not None
        self.close()
        beside = self._path.with_name(self._path.name + ".new")
        beside.write_text("".join(f"{text}\n" for text in self._texts.values()), "ascii")
        beside.replace(self._path)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._lines = len(self._texts)
