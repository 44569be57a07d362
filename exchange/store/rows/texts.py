"""Names of numbers, and the numbered texts that columns refer to.

Who uses it: everything in this package that makes rows.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


def name_of(names: type[IntEnum], number: int) -> str:
    """The lower-case name of ``number``, or the number itself when it has none."""
    try:
        return names(number).name.lower()
    except ValueError:
        return str(number)


class Texts:
    """Every text that a column can have, by number; only grows. Shared by all tables of an
    encoder."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._parts: list[bytes] = []
        self._joined = np.zeros(0, np.uint8)
        self._places = np.zeros(1, np.int64)

    def number(self, text: str | bytes) -> int:
        """The number of ``text``, which gets one if it has none."""
        encoded = text.encode() if isinstance(text, str) else text
        found = self._numbers.get(encoded)
        if found is None:
            found = self._numbers[encoded] = len(self._parts)
            self._parts.append(encoded)
        return found

    def text(self, number: int) -> str:
        """The text that ``number`` stands for."""
        return self._parts[number].decode()

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """(all texts joined, their places), see ``kernel.write_rows``."""
        if len(self._places) != len(self._parts) + 1:
            # writable, as the empty array is: the kernel is compiled for one type
            self._joined = np.frombuffer(bytearray(b"".join(self._parts)), np.uint8)
            self._places = np.zeros(len(self._parts) + 1, np.int64)
            np.cumsum([len(part) for part in self._parts], out=self._places[1:])
        return self._joined, self._places

    def mark(self) -> int:
        """Number of texts so far, for ``forget``."""
        return len(self._parts)

    def forget(self, mark: int) -> None:
        """Take away the texts since ``mark``: those of one batch."""
        assert mark <= len(self._parts)
        if mark == len(self._parts):
            return
        for part in self._parts[mark:]:
            del self._numbers[part]
        del self._parts[mark:]
        self._places = np.zeros(0, np.int64)  # as many others may come in their place
