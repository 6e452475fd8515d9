"""How long a test may wait for a run to be gone."""

from __future__ import annotations

import os

NOTHING_AFTER_S = 2.0


def gone_within_s() -> float:
    """2 s where there is a core for whoever wants one; so many times longer as more of them want it.

    The promise is about an idle machine, and a test's own machine runs four workers on two cores.
    """
    return NOTHING_AFTER_S * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
