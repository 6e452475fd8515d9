"""What a Prometheus server would have kept: samples of every series, at the times of its scrapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.target.metrics import Labels, Scrape

Sample = tuple[float, float]  # seconds, value

NAME = "__name__"


@dataclass(frozen=True)
class Span:
    """A state of the target that lasted ``seconds``: every scrape in that time saw ``scrape``."""

    scrape: Scrape
    seconds: float


@dataclass(frozen=True)
class History:
    """Series by their labels, the name among them as ``__name__``; a scrape every ``every_s`` seconds from 0 on."""

    series: dict[Labels, list[Sample]]
    every_s: float
    end_s: float

    @classmethod
    def of(cls, spans: Sequence[Span], every_s: float) -> History:
        """The history of a target that was in these states, one after the other."""
        series: dict[Labels, list[Sample]] = {}
        at, begins = 0.0, 0.0
        for span in spans:
            begins += span.seconds
            while at < begins:
                for (name, labels), value in span.scrape.samples.items():
                    series.setdefault(((NAME, name), *labels), []).append((at, value))
                at += every_s
        return cls(series, every_s, at - every_s)

    def times(self) -> list[float]:
        """When it was scraped."""
        return [number * self.every_s for number in range(round(self.end_s / self.every_s) + 1)]
