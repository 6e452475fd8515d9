"""``make bench``: measure, print, and write ``benchmarks/results/``.

Exit codes: 0 every target met, 1 one missed, 2 a program is missing.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import generator, links, proxy_against_nginx, whole_check
from harness.errors import UsageError

RESULTS = Path(__file__).parent / "results"
BENCHMARKS = {"proxy": proxy_against_nginx, "links": links, "generator": generator, "check": whole_check}


def main() -> int:
    """Run the benchmarks that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the median is quoted (default 5)")
    parser.add_argument("--seconds", type=int, default=3, help="of load in each round (default 3)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.only if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    try:
        met = [_run(name, arguments) for name in arguments.only or BENCHMARKS]
    except UsageError as exc:
        print(f"make bench: {exc}", file=sys.stderr)
        return 2
    return 0 if all(met) else 1


def _run(name: str, arguments: argparse.Namespace) -> bool:
    figures = BENCHMARKS[name].measure(rounds=arguments.rounds, seconds=arguments.seconds)
    machine = {"python": platform.python_version(), "system": platform.platform(), "when": time.strftime("%F")}
    data: dict[str, Any] = {"benchmark": name, **machine, "figures": [figure.to_json() for figure in figures]}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"\n{name} (medians of {arguments.rounds} rounds, side by side)")
    for figure in figures:
        print(f"  {figure}")
    return all(figure.met for figure in figures)


if __name__ == "__main__":
    sys.exit(main())
