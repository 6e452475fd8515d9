"""``python -m tests.mutants.campaign``: every mutant through the paths that must catch it.

Exit codes: 0 all caught, 1 one survived, 2 none was chosen, 3 one could not be judged.  A mutant is
caught when every path it names calls it a ``fail``; one whose paths could not tell (``invalid``) is checked once
more, alone, and that is said.  One that serves nothing at all fails any path, which proves nothing: it cannot be
judged.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.environment.processes import complete
from harness.environment.rundir import RunDirectory
from harness.report.results import left_by
from tests.mutants import document, target
from tests.mutants.families import IN_ORDER
from tests.mutants.mutant import Mutant

WITHIN_S = 600.0
PLAIN = ("forward-query", "forward-set-cookie")  # a GET that is served: each mutant passes one, whatever its fault
ERRORPATH = str(Path(sys.executable).with_name("errorpath"))


@dataclass(frozen=True)
class Outcome:
    """What the check said of one mutant: the verdict of each path, why where it was no fail, and the wall seconds."""

    mutant: Mutant
    verdicts: dict[str, str]
    reasons: dict[str, str]
    wall_s: float

    @property
    def caught_by(self) -> list[str]:
        """The paths that called it a fail."""
        return [path for path, verdict in self.verdicts.items() if verdict == "fail"]

    @property
    def survived(self) -> list[str]:
        """The paths that should have caught it and did not."""
        return [path for path in self.mutant.caught_by if self.verdicts.get(path) in ("pass", "n/a")]

    @property
    def crashed(self) -> bool:
        """Whether it serves nothing, not even what none of its paths is about."""
        plain = [path for path in PLAIN if path not in self.mutant.caught_by]
        return "fail" in self.verdicts.values() and not any(self.verdicts.get(path) == "pass" for path in plain)

    @property
    def undecided(self) -> list[str]:
        """The paths that should have caught it and could not tell."""
        named = self.mutant.caught_by
        if self.crashed:
            return list(named)
        return [path for path in named if path not in self.survived and self.verdicts.get(path) != "fail"]

    def line(self) -> str:
        """For the terminal."""
        said = f"caught by {', '.join(self.caught_by)}" if self.caught_by else "caught by nothing"
        for path in self.survived:
            said += f"; SURVIVED {path}"
        for path in self.undecided:
            why = "it serves nothing" if self.crashed else self.reasons.get(path, "no verdict")
            said += f"; UNDECIDED {path} ({why[:200]})"
        return f"{self.mutant.name:<34} {self.wall_s:6.1f} s  {said}"


def main() -> int:
    """Check the chosen mutants, print the table, write the document when it was all of them."""
    given = _arguments()
    mutants = chosen(given.words, given.sample, given.seed)
    if not mutants:
        print(f"no mutant has {' or '.join(given.words)} in its name or family; docs/mutants.md lists them")
        return 2
    if given.targets:
        for mutant in mutants:
            print(target.write(mutant, given.targets))
        return 0
    began = time.monotonic()
    with RunDirectory.create() as run:
        out = given.out or run.folder("mutants")
        outcomes = list(checked(mutants, run, out, given.jobs, whole=given.whole))
    survived = [outcome for outcome in outcomes if outcome.survived]
    undecided = [outcome for outcome in outcomes if outcome.undecided and not outcome.survived]
    caught = len(outcomes) - len(survived) - len(undecided)
    taken = time.monotonic() - began
    print(f"{caught} caught, {len(survived)} survived, {len(undecided)} undecided in {taken:.0f} s")
    if not survived and not undecided and len(mutants) == len(IN_ORDER):
        document.write(IN_ORDER)
        print(f"wrote {document.DOCUMENT.relative_to(target.ROOT)}")
    return 1 if survived else 3 if undecided else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument(
        "-k", dest="words", action="append", default=[], help="only those with this word in name or family"
    )
    parser.add_argument("--sample", type=int, default=0, help="only so many, of different families where possible")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1), help="checks at the same time")
    parser.add_argument("--whole", action="store_true", help="check the whole catalogue, not only the named paths")
    parser.add_argument("--targets", type=Path, default=None, help="only write the target files, there")
    parser.add_argument("--out", type=Path, default=None, help="keep the results of every check there")
    return parser.parse_args()


def chosen(words: Sequence[str], sample: int = 0, seed: int = 1) -> list[Mutant]:
    """The mutants with one of ``words`` in name or family; of them ``sample``, from different families first."""
    found = [one for one in IN_ORDER if not words or any(word in f"{one.family} {one.name}" for word in words)]
    if not sample:
        return found
    draw = random.Random(seed)  # noqa: S311 - a sample, and always the same for a seed
    draw.shuffle(found)
    seen: dict[str, int] = {}
    rank = {one.name: seen[one.family] for one in found if not seen.update({one.family: seen.get(one.family, 0) + 1})}
    return sorted(found, key=lambda one: rank[one.name])[:sample]


def checked(
    mutants: Sequence[Mutant], run: RunDirectory, out: Path, jobs: int, *, whole: bool = False
) -> Iterator[Outcome]:
    """Check mutants, ``jobs`` at a time; prints a line for each.  Those that could not be judged come last, again."""
    again = []
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        for outcome in pool.map(lambda one: check(one, run, out, whole=whole), mutants):
            print(outcome.line(), flush=True)
            if outcome.undecided and not outcome.survived:
                again.append(outcome.mutant)
            else:
                yield outcome
    for mutant in again:
        print(f"{mutant.name}: once more, alone", flush=True)
        outcome = check(mutant, run, out, whole=whole)
        print(outcome.line(), flush=True)
        yield outcome


def check(mutant: Mutant, run: RunDirectory, out: Path, *, whole: bool = False) -> Outcome:
    """One mutant through the paths it names, or through all."""
    folder = out.resolve() / mutant.name
    file = target.write(mutant, out.resolve())
    command = [ERRORPATH, "check", "--target", str(file), "--out", str(folder)]
    command += [] if whole else ["-n", "0", "--only", ",".join(dict.fromkeys((*mutant.caught_by, *PLAIN)))]
    began = time.monotonic()
    done = complete(command, run=run, name="check", within_s=WITHIN_S, cwd=target.ROOT)
    taken = time.monotonic() - began
    data = left_by(done.exit_code(), folder)
    if data is None:
        said = f"exit code {done.exit_code()}: {done.output()[-500:]}"
        return Outcome(mutant, {}, dict.fromkeys(mutant.caught_by, said), taken)
    verdicts = {path["id"]: path["verdict"] for path in data["paths"]}
    reasons = {path["id"]: path["actual"] for path in data["paths"] if path["verdict"] not in ("fail", "pass")}
    return Outcome(mutant, verdicts, reasons, taken)


if __name__ == "__main__":
    sys.exit(main())
