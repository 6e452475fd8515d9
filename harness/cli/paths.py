"""``errorpath paths``: the catalogue."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from harness.contract.catalogue import CATALOGUE


def run(arguments: argparse.Namespace) -> int:
    """Print every error path, as a table or as JSON."""
    if arguments.json:
        print(json.dumps([asdict(path) for path in CATALOGUE], indent=1, ensure_ascii=False))
        return 0
    width = max(len(path.id) for path in CATALOGUE)
    family = ""
    for path in CATALOGUE:
        if path.family != family:
            family = path.family
            print(f"\n{family}")
        print(f"  {path.id:<{width}}  {path.kind}  {path.title}  [{path.source}]")
    print(f"\n{len(CATALOGUE)} error paths. G: documented in the guide. S: a standard's rule. W: write safety.")
    return 0
