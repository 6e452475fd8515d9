"""Every user asks for the same path, with no session: what a generator, or a server, can do at most.

``locust -f locustfiles/one_path.py --host http://127.0.0.1:3000 --base "" --path /api/proxy/health``
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import harness.load.generator.options  # noqa: F401 - adds the flags
from harness.load import operations
from harness.load.generator.open_model import OpenModelUser
from harness.load.operations import Operation


class OnePath(OpenModelUser):
    """A user who wants one thing."""

    def work(self) -> Iterator[Operation]:
        """It, again and again."""
        return itertools.repeat(Operation("GET", self.environment.parsed_options.path, 1))

    def gaps_s(self) -> Iterator[float]:
        """By the seed, the user's name and the rate."""
        options = self.environment.parsed_options
        return operations.gaps_s(options.seed, self.name, options.rate, steady=options.arrivals == "steady")
