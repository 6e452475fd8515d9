"""``make soak``: the whole suite N times, in random order, with four workers a core and a CPU hog beside it.

Exit code 0 when every round gave every scenario the same verdict and accused the reference of nothing; else 1, with
what differed; 130 after Ctrl-C, with what the finished rounds say.  A measurement that a stall of the machine
disturbed is ``invalid``, is counted, and is not repeated; more than one in a thousand of them are too many.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.cli.signals import ended_by_signals
from harness.clock import now
from harness.environment.processes import complete
from harness.environment.rundir import RunDirectory
from harness.errors import HarnessError, Interrupted
from harness.report.results import left_by
from tests.soak.rounds import DISTURBED_MOST, Rounds, exit_code

ROOT = Path(__file__).resolve().parents[2]
ROUND_S = 900.0  # at most; one takes two or three minutes on two cores


def main() -> int:
    """Run the rounds, tell what they say together."""
    given, rounds = _arguments(), Rounds()
    ended_by = None
    try:
        with ended_by_signals(), RunDirectory.create() as run:
            out: Path = (given.out or run.folder("soak")).resolve()
            for number in range(1, given.rounds + 1):
                with hog() if given.hog else _nothing():
                    _round(rounds, run, given, number, out / str(number))
    except Interrupted as exc:
        ended_by = exc.exit_code
        print(f"\n{type(exc).__name__.lower()}; the rounds that were finished:", flush=True)
    code = _tell(rounds, given.rounds)
    return code if ended_by is None else ended_by


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("-n", dest="rounds", type=int, default=20, help="how often (default: 20)")
    parser.add_argument("--workers", type=int, default=4 * (os.cpu_count() or 1), help="default: 4 a core")
    parser.add_argument("--seed", type=int, default=1, help="of the first round's order; the next has the next")
    parser.add_argument("--only", default="", help="only these error paths or families")
    parser.add_argument("--speed", default="20", help="default: 20")
    parser.add_argument("--no-hog", dest="hog", action="store_false", help="without the CPU hog")
    parser.add_argument("--out", type=Path, default=None, help="keep every round's results there")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error(f"-n {given.rounds}: write how many rounds, at least 1")
    return given


@contextmanager
def hog() -> Iterator[None]:
    """Keep one core busy, for as long as a round may take at most."""
    busy = subprocess.Popen([sys.executable, "-m", "tests.soak.hog", str(ROUND_S)], cwd=ROOT, start_new_session=True)
    try:
        yield
    finally:
        busy.kill()
        busy.wait()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _round(rounds: Rounds, run: RunDirectory, given: argparse.Namespace, number: int, out: Path) -> None:
    seed = given.seed + number - 1
    command = [sys.executable, "-m", "pytest", "scenarios", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    command += ["-p", "tests.soak.shuffled", "-n", str(given.workers), "--dist", "worksteal"]
    command += ["--speed", given.speed, "--seed", str(seed), "--out", str(out)]
    command += ["--only", given.only] if given.only else []
    began = now()
    code, said = _ended(command, run)
    data = left_by(code, out)
    if data is None:
        rounds.unfinished.append(said)
        print(f"round {number}: no results\n{said[-2000:]}", flush=True)
        return
    rounds.add(data)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in data["summary"].items() if count)
    print(f"round {number} (seed {seed}): {counts} in {now() - began:.1f} s", flush=True)


def _ended(command: list[str], run: RunDirectory) -> tuple[int | None, str]:
    """Run it; its exit code and what it said.

    One that takes too long is ended, and with it, by its wardens, all that it started; it has no exit code.
    """
    try:
        done = complete(command, run=run, name="round", within_s=ROUND_S, cwd=ROOT)
        return done.exit_code(), done.output()
    except HarnessError as exc:
        return None, str(exc)


def _tell(rounds: Rounds, asked: int) -> int:
    for title, lines in (
        ("Judged differently", rounds.differences()),
        ("Accused, or not judged for another reason than a stall", rounds.failures()),
        ("Disturbed by a stall of this machine", rounds.stalls()),
    ):
        told = list(lines)
        print(f"\n{title}: {len(told)}")
        for line in told:
            print(f"  {line}")
    rate = rounds.disturbed / max(1, rounds.judged)
    print(f"\n{len(rounds.records)} of {asked} rounds, {rounds.judged} verdicts, {rate:.2%} disturbed", end="")
    print(f", more than {DISTURBED_MOST:.1%}" if rounds.too_often_disturbed else "")
    return exit_code(rounds, asked)


if __name__ == "__main__":
    sys.exit(main())
