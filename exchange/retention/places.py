"""Where segments that leave the disk may be shipped to.

Who uses it: the daemon before its start, which has no time for the compiler's packages yet, and
``exchange check-config``. Decision SUR-9.
"""

from __future__ import annotations

from pathlib import Path


def shipping_refusal(data_dir: Path, directory: str) -> str | None:
    """Why segments cannot be shipped to ``directory`` ([archive]), None when they can.

    There they would look like the exchange's own files, and take the disk that they leave.
    """
    data = Path(data_dir).resolve()
    target = (data / directory).resolve()
    if not directory or not (target.is_relative_to(data) or data.is_relative_to(target)):
        return None
    return (
        f"{directory!r} is {target}; it must be neither the data directory {data}, nor inside of "
        "it, nor contain it"
    )
