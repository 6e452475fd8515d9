"""A mutant's target file: the reference's, with another program."""

from __future__ import annotations

import json
from pathlib import Path

from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "targets" / "reference.toml"
NAME = 'name = "reference"\n'
COMMAND = 'command = ["{python}", "-m", "proxy_under_test"]\n'


def text(mutant: Mutant) -> str:
    """The target file.  ValueError when the reference's has changed so that nothing can be put in its place."""
    reference = REFERENCE.read_text("utf-8")
    if NAME not in reference or COMMAND not in reference:
        raise ValueError(f"{REFERENCE} names its program in another way")
    command = f'command = ["{{python}}", "-m", "tests.mutants", "{mutant.name}"]\ncwd = {json.dumps(str(ROOT))}\n'
    target = reference.replace(NAME, f'name = "{mutant.name}"\n').replace(COMMAND, command)
    comment = f"# {mutant.mistake}\n"
    return comment + "".join(line for line in target.splitlines(keepends=True) if not line.startswith("#"))


def write(mutant: Mutant, folder: Path) -> Path:
    """Write the target file below ``folder``; where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{mutant.name}.toml"
    path.write_text(text(mutant), "utf-8")
    return path
