"""``docs/mutants.md``: the table of all mutants and of the paths that each is caught by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.mutants.mutant import Mutant
from tests.mutants.target import ROOT

DOCUMENT = ROOT / "docs" / "mutants.md"
HEAD = """\
# Mutants: proof that the checks can fail

Each row is the reference proxy with one fault of a kind a person would really make, and the error paths that each
call it a `fail`. The faults are small replacements at the proxy's seams, in `tests/mutants/families/`. A mutant that
serves nothing at all would fail any path, so it must serve a plain request besides.

    make mutants                               # all: each must be caught by every path named here; exit 1 if not
    make mutants ARGS="-k cors -k five-tries"  # those whose name or family has one of these words
    make mutants ARGS="--sample 6 --seed 1"    # a sample
    make mutants ARGS="--targets reports/mutants"   # only write the target files, to check one like any other target:
    errorpath check --target reports/mutants/five-tries.toml

Written by `make mutants` when all were caught; a test holds it against the mutants.

"""


def render(mutants: Sequence[Mutant]) -> str:
    """The whole document."""
    paths = {path for mutant in mutants for path in mutant.caught_by}
    lines = [HEAD, f"{len(mutants)} mutants; {len(paths)} error paths catch at least one of them.\n"]
    families = dict.fromkeys(mutant.family for mutant in mutants)
    for family in families:
        rows = [mutant for mutant in mutants if mutant.family == family]
        lines.append(f"\n## {family.capitalize()}\n\n| mutant | what is wrong | caught by |\n|---|---|---|\n")
        lines += [
            f"| {one.name} | {one.mistake} | {', '.join(f'`{path}`' for path in one.caught_by)} |\n" for one in rows
        ]
    return "".join(lines)


def of_rows(document: str) -> Mapping[str, str]:
    """The rows of a document, by the mutant's name."""
    rows = [line for line in document.splitlines() if line.startswith("| ") and "`" in line]
    return {row.split(" | ")[0].removeprefix("| "): row for row in rows}


def write(mutants: Sequence[Mutant], path: Path = DOCUMENT) -> None:
    """Write the document."""
    path.write_text(render(mutants), "utf-8")
