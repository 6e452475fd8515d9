"""What a target tells Prometheus: one scrape, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from harness.errors import ContractViolation

Labels = tuple[tuple[str, str], ...]  # sorted by name
TYPE = "text/plain"


@dataclass(frozen=True)
class Scrape:
    """Every sample of one exposition, by name and labels."""

    samples: Mapping[tuple[str, Labels], float]

    @classmethod
    def read(cls, text: str) -> Scrape:
        """From Prometheus' text format; ContractViolation where it is none, for the target wrote it."""
        try:
            families = list(text_string_to_metric_families(text))
        except ValueError as exc:
            raise ContractViolation("metrics in Prometheus' text format", f"{exc}: {text[:200]!r}") from exc
        return cls(
            {
                (sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in families
                for sample in family.samples
            }
        )

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have these labels; 0 where there is none."""
        wanted = set(labels.items())
        return sum(value for (one, its), value in self.samples.items() if one == name and wanted <= set(its))

    def labelled(self, name: str, label: str) -> dict[str, float]:
        """The samples of this name, summed by the value of one label."""
        found: dict[str, float] = {}
        for (one, its), value in self.samples.items():
            if one == name and label in dict(its):
                found[dict(its)[label]] = found.get(dict(its)[label], 0.0) + value
        return found

    def changed(self, before: Scrape, name: str, label: str) -> dict[str, float]:
        """By how much each series of this name, told apart by one label, has grown since ``before``."""
        earlier = before.labelled(name, label)
        grown = {key: value - earlier.get(key, 0.0) for key, value in self.labelled(name, label).items()}
        return {key: by for key, by in grown.items() if by}
