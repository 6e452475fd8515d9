"""What many rounds of the same scenarios say together: pure functions of their results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Case = tuple[str, str]

DISTURBED_MOST = 0.001  # of all verdicts: more would mean that on a busy machine nobody learns much


@dataclass
class Rounds:
    """Every scenario's records, round by round; ``unfinished``: rounds that left no results."""

    records: list[Mapping[Case, Mapping[str, Any]]] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)

    def add(self, results: Mapping[str, Any]) -> None:
        """Take in the data of one ``results.json``."""
        self.records.append({(r["id"], r["case"]): r for path in results["paths"] for r in path["cases"]})

    @property
    def cases(self) -> list[Case]:
        """Every scenario that was seen."""
        return sorted({case for one in self.records for case in one})

    def verdicts(self, case: Case) -> list[str]:
        """What was said of a scenario, round by round; "disturbed" where the machine stalled during a measurement."""
        return [_verdict(one.get(case)) for one in self.records]

    @property
    def judged(self) -> int:
        """Verdicts in all."""
        return sum(len(one) for one in self.records)

    @property
    def disturbed(self) -> int:
        """Measurements that a stall made void."""
        return sum(self.verdicts(case).count("disturbed") for case in self.cases)

    @property
    def too_often_disturbed(self) -> bool:
        """Whether stalls made more than `DISTURBED_MOST` of the verdicts void; one alone is no rate."""
        return self.disturbed > max(1.0, DISTURBED_MOST * self.judged)

    def differences(self) -> Iterator[str]:
        """A line for each scenario that was not judged alike in all rounds, or never; disturbed ones say nothing."""
        for case in self.cases:
            counts = Counter(self.verdicts(case))
            counts.pop("disturbed", None)
            if len(counts) != 1:
                yield f"{_name(case)}: {_counted(counts) or 'disturbed every time'}{self._why(case)}"

    def failures(self) -> Iterator[str]:
        """A line for each ``fail`` and each ``invalid`` that no stall explains."""
        for number, one in enumerate(self.records, 1):
            for case, record in one.items():
                if _verdict(record) in ("fail", "invalid"):
                    verdict, actual = record["verdict"], record["actual"]
                    yield f"round {number}: {verdict} {_name(case)}: expected {record['expected']}, got {actual}"

    def stalls(self) -> Iterator[str]:
        """A line for each scenario that was disturbed, with how often and the longest stall."""
        for case in self.cases:
            times = [one[case]["stall_s"] for one in self.records if _verdict(one.get(case)) == "disturbed"]
            if times:
                yield f"{_name(case)}: {len(times)} of {len(self.records)}, up to {max(times):.3f} s"

    def _why(self, case: Case) -> str:
        seen = [one[case]["actual"] for one in self.records if _verdict(one.get(case)) in ("fail", "invalid")]
        return f" ({seen[0][:200]})" if seen else ""


def _verdict(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "missing"
    return "disturbed" if record["disturbed"] else str(record["verdict"])


def _name(case: Case) -> str:
    return f"{case[0]} {case[1]}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def exit_code(rounds: Rounds, asked: int) -> int:
    """0 when every round said the same, that no promise was broken, and hardly ever that nothing can be said."""
    missing = len(rounds.records) < asked
    return int(missing or any(rounds.differences()) or any(rounds.failures()) or rounds.too_often_disturbed)
