"""``python -m tests.soak.hog SECONDS``: keep one core busy, until the time is over or whoever started it is gone."""

from __future__ import annotations

import os
import sys

from harness.clock import now

TURN = 100_000  # iterations between two looks, some milliseconds


def main() -> None:
    """Count."""
    parent, until = os.getppid(), now() + float(sys.argv[1])
    while now() < until and os.getppid() == parent:
        for _ in range(TURN):
            pass


if __name__ == "__main__":
    main()
