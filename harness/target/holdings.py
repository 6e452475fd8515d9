"""What a target holds at one moment: told by itself, and by the kernel.

Two witnesses, because each is blind to something: a task or a pool's slot is no file, and what a proxy says of itself
it may miscount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.contract.model import Gauges
from harness.errors import ContractViolation
from harness.target.metrics import Scrape
from harness.target.running import RunningTarget
from harness.traffic.exchange import Exchange

NAMED = ("tasks", "clients", "upstream", "descriptors")


@dataclass(frozen=True)
class Holdings:
    """Counts of what is held, by name: "sockets", "descriptors in /proc", and what the target tells."""

    counts: Mapping[str, float] = field(default_factory=dict)

    def more_than(self, before: Holdings) -> dict[str, float]:
        """What is held now beyond ``before``, by name."""
        grown = {name: count - before.counts.get(name, 0) for name, count in self.counts.items()}
        return {name: more for name, more in grown.items() if more > 0}

    def __str__(self) -> str:
        return ", ".join(f"{count:g} {name}" for name, count in self.counts.items())


def in_kernel(target: RunningTarget) -> dict[str, float]:
    """What /proc says of the process and its children: open sockets, and descriptors of any kind."""
    descriptors = target.descriptors()
    sockets = sum(1 for one in descriptors if one.startswith("socket:"))
    return {"sockets in /proc": sockets, "descriptors in /proc": len(descriptors)}


def told(gauges: Gauges, scraped: Exchange) -> dict[str, float]:
    """What the target tells of itself.  ContractViolation when a gauge that it promises is not there."""
    answered = scraped.status == 200 and scraped.complete
    samples = Scrape.read(scraped.text).samples if answered else {}
    found = {name: value for (name, labels), value in samples.items() if not labels}
    promised = {word: name for word in NAMED if (name := getattr(gauges, word))}
    missing = sorted(name for name in promised.values() if name not in found)
    if missing:
        raise ContractViolation(f"{', '.join(missing)} at {gauges.path}", f"{scraped.summary()} without")
    return {f"{word} told": found[name] for word, name in promised.items()}
