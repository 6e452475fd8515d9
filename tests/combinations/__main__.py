"""``python -m tests.combinations``: the same verdicts wherever the servers come from.

Checks the reference proxy on four combinations of environment and Toxiproxy server and compares the verdicts: all
must be there, equal, and say something.  What a combination needs and this machine lacks is a failure, not a skip.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from harness.contract.catalogue import CATALOGUE
from harness.environment.processes import complete
from harness.environment.rundir import RunDirectory
from harness.report.results import left_by

COMBINATIONS = ("embedded/embedded", "embedded/binary", "containers/container", "containers/embedded")
FAMILIES = ("retry", "timeout", "troubleshooting", "recovery")
WITHIN_S = 600.0
ROOT = Path(__file__).resolve().parents[2]
ERRORPATH = str(Path(sys.executable).with_name("errorpath"))

Verdicts = dict[str, str]


def main() -> int:
    """Run every combination and compare; 1 when they differ or one of them could not tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", dest="workers", default="auto")
    parser.add_argument("--out", type=Path, default=None, help="keep the results there")
    parser.add_argument("--embedded", type=Path, help="results.json of a check of embedded/embedded, not done again")
    given = parser.parse_args()
    try:
        known = {"embedded/embedded": read(given.embedded)} if given.embedded else {}
    except (OSError, ValueError, LookupError, TypeError) as exc:
        parser.error(f"--embedded {given.embedded}: no results of the reference proxy on embedded/embedded ({exc})")
    with RunDirectory.create() as run:
        out = given.out or run.folder("combinations")
        verdicts = {
            name: known.get(name) or check(run, name, given.workers, out / name.replace("/", "-"))
            for name in COMBINATIONS
        }
    troubles = [f"{family}: no path is of this family" for family in FAMILIES if family not in families()]
    troubles += compared(verdicts)
    for trouble in troubles:
        print(trouble)
    bad = len({trouble.partition(" ")[0] for trouble in troubles})
    print(f"{len(COMBINATIONS) - bad} passed, {bad} failed")
    return 1 if troubles else 0


def families() -> set[str]:
    """Those of the catalogue."""
    return {path.family for path in CATALOGUE}


def paths() -> list[str]:
    """The error paths of the families."""
    return [path.id for path in CATALOGUE if path.family in FAMILIES]


def read(file: Path) -> Verdicts:
    """The verdicts of a check that was made already.  An exception of any kind when it was not this one."""
    data = json.loads(file.read_text("utf-8"))
    made = data["target"], data["environment"], data["toxiproxy"]
    if made != ("reference", "embedded", "embedded"):
        raise ValueError(f"they are of {' '.join(made)}")
    return {path["id"]: path["verdict"] for path in data["paths"]}


def check(run: RunDirectory, combination: str, workers: str, out: Path) -> Verdicts:
    """The verdicts of one combination."""
    env, toxiproxy = combination.split("/")
    command = [ERRORPATH, "check", "--env", env, "--toxiproxy", toxiproxy]
    command += ["-n", workers, "--only", ",".join(paths()), "--out", str(out.resolve())]
    print(f"\n== {combination} ==", flush=True)
    done = complete(command, run=run, name="check", within_s=WITHIN_S, cwd=ROOT)
    print(done.output(), flush=True)
    data = left_by(done.exit_code(), out)
    if data is None:
        print(f"it ended with {done.exit_code()} and left no results")
        return {}
    print(f"{data['environment']}/{data['toxiproxy']}: {data['versions']}")
    return {path["id"]: path["verdict"] for path in data["paths"]}


def compared(verdicts: dict[str, Verdicts]) -> list[str]:
    """What is wrong, a line each that begins with the combination; empty when all agree and say something."""
    first, *_ = verdicts.values()
    troubles = []
    for combination, found in verdicts.items():
        for path in paths():
            verdict = found.get(path, "no verdict")
            if verdict in ("invalid", "no verdict"):
                troubles.append(f"{combination} {path}: {verdict}")
            elif verdict != first.get(path):
                troubles.append(f"{combination} {path}: {verdict}, and elsewhere {first.get(path)}")
    return troubles


if __name__ == "__main__":
    sys.exit(main())
