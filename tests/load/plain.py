"""A locustfile for tests: every user asks for the same path, with no session."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import harness.load.generator.options  # noqa: F401 - adds the flags
from harness.load import operations
from harness.load.generator.open_model import OpenModelUser
from harness.load.operations import Operation


class Plain(OpenModelUser):
    def work(self) -> Iterator[Operation]:
        return itertools.repeat(Operation("GET", "/anything", 1))

    def gaps_s(self) -> Iterator[float]:
        options = self.environment.parsed_options
        return operations.gaps_s(options.seed, self.name, options.rate, steady=options.arrivals == "steady")
