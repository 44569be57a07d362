"""Counts what keeps the house in order: ``python -m tests.tools.house [--list] [NAME ...]``.

Each check has a name, a count and its places. tests/unit/test_house.py says which must be zero.
"""

from __future__ import annotations

import argparse
import json
import sys

from tests.tools.house.checks import CHECKS
from tests.tools.house.shape import folder_sizes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.house", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CHECKS))
    parser.add_argument("--list", action="store_true", help="with the places")
    parser.add_argument("--json", action="store_true", help="one JSON object, with the places")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(CHECKS)
    if unknown:
        parser.error(f"no check {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}")
    found = {name: CHECKS[name]() for name in arguments.names or CHECKS}
    if arguments.json:
        answer = {
            name: {"count": len(places), "places": [place._asdict() for place in places]}
            for name, places in found.items()
        }
        json.dump(answer, sys.stdout, indent=1)
        print()
        return 0
    for name, places in found.items():
        summary = (CHECKS[name].__doc__ or "").splitlines()[0]
        print(f"{len(places):5}  {name}: {summary}")
        for place in places if arguments.list else ():
            print(f"         {place}")
    folder, files = folder_sizes().most_common(1)[0]
    print(f"{files:5}  files in the largest folder, {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
